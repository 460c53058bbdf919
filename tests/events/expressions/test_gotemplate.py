"""Templates: what they print, what they refuse, and that they end."""

from datetime import UTC, datetime

import pytest

from events.errors import EvaluationError, ExpressionError
from events.expressions import gotemplate

DATA = {
    "Input": {
        "ref": "refs/heads/Main",
        "count": 12345678901,
        "rate": 4.5,
        "yes": True,
        "null": None,
        "names": ["b", "a"],
        "map": {"k": "v", "a": 1},
        "people": [{"name": "x"}, {}],
    }
}


def render(text: str) -> str:
    return gotemplate.compile(text).render(DATA)


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("plain", "plain"),
        ('{{ .Input.ref | trimPrefix "refs/heads/" | lower }}', "main"),
        ("{{ .Input.count }}", "1.2345678901e+10"),
        ("{{ .Input.count | int64 }}", "12345678901"),
        ("{{ .Input.map }} {{ .Input.names }}", "map[a:1 k:v] [b a]"),
        ("{{ .Input.nope.deeper }}!", "<no value>!"),
        ("a {{- 1 -}} b", "a1b"),
        ("a{{/* nothing */}}b", "ab"),
        ("{{ `raw\\n` }}{{ 'a' }} {{ 0x10 }} {{ 1_000 }} {{ 1e3 }}", "raw\\n97 16 1000 1000"),
        ("{{ if .Input.null }}a{{ else if .Input.yes }}b{{ else }}c{{ end }}", "b"),
        ("{{ with .Input.null }}a{{ else with .Input.map }}{{ .k }}{{ end }}", "v"),
        ("{{ range $i, $n := .Input.names }}{{ $i }}{{ $n }} {{ end }}", "0b 1a "),
        ("{{ range $k, $v := .Input.map }}{{ $k }}={{ $v }};{{ end }}", "a=1;k=v;"),
        (
            "{{ range 4 }}{{ if eq . 1 }}{{ continue }}{{ end }}{{ if eq . 3 }}{{ break }}{{ end }}{{ . }}{{ end }}",
            "02",
        ),
        ("{{ range .Input.nope }}x{{ else }}none{{ end }}", "none"),
        ("{{ $x := 1 }}{{ if true }}{{ $x = add $x 1 }}{{ $x := 9 }}{{ end }}{{ $x }}", "2"),
        ('{{ define "t" }}<{{ . }}>{{ end }}{{ template "t" 1 }}{{ template "t" }}', "<1><<no value>>"),
        ('{{ block "b" .Input.map }}{{ .k }}{{ end }}', "v"),
        ("{{ (index .Input.people 0).name }}", "x"),
        ('{{ or .Input.null (print "x" 1 2) }}{{ and 1 0 }}', "x1 20"),
        ("{{ eq .Input.rate 4.5 }} {{ lt 1 2 }} {{ ne .Input.ref nil }}", "true true true"),
        (
            '{{ printf "%05d|%-4s|%.2f|%q|%x|%v|%T" 42 "a" 3.14159 "b" "c" nil 1.5 }}',
            '00042|a   |3.14|"b"|63|<nil>|float64',
        ),
        ('{{ printf "%d %d" 1 }}{{ printf "%d" "x" }}{{ printf "" 1 }}', "1 %!d(MISSING)%!d(string=x)%!(EXTRA int=1)"),
        ('{{ html "<a>" }} {{ js "\'" }} {{ urlquery "a b&" }}', "&lt;a&gt; \\' a+b%26"),
        ('{{ (toDate "2006-01-02" "2026-03-04").Weekday }}', "Wednesday"),
    ],
)
def test_prints_what_go_prints(text: str, printed: str) -> None:
    assert render(text) == printed


@pytest.mark.parametrize(
    "text",
    [
        "{{",
        "{{ 1",
        "{{ .Input",
        "{{ end }}",
        "{{ if }}x{{ end }}",
        "{{ if 1 }}",
        "{{ nope 1 }}",
        "{{ $x }}",
        "{{ break }}",
        "{{ 1 | 2 }}",
        "{{ (1 }}",
        "{{ 1) }}",
        '{{ "a }}',
        "{{ 08 }}",
        "{{ 1i }}",
        "{{/* x }}",
        "{{ template x }}",
        "{{ @ }}",
    ],
)
def test_does_not_compile(text: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        gotemplate.compile(text)
    assert raised.value.language == "template"


@pytest.mark.parametrize("name", ["env", "expandenv", "getHostByName", "genPrivateKey", "genCA", "bcrypt"])
def test_functions_outside_the_sandbox_are_named(name: str) -> None:
    with pytest.raises(ExpressionError, match=f'"{name}" is not available: '):
        gotemplate.compile("{{ " + name + ' "x" }}')


@pytest.mark.parametrize(
    "text",
    [
        "{{ .Input.null.x }}",
        "{{ keys .Input.null }}",
        "{{ .Input.ref.x }}",
        "{{ upper 1 }}",
        "{{ upper .Input.nope }}",
        "{{ upper }}",
        "{{ repeat .Input.rate .Input.ref }}",
        "{{ eq 1 1.0 }}",
        "{{ lt .Input.names 1 }}",
        "{{ index .Input.names 2 }}",
        "{{ len .Input.rate }}",
        "{{ range .Input.ref }}{{ end }}",
        "{{ range .Input.people }}{{ .name.x }}{{ end }}",
        '{{ fail "no" }}',
        '{{ template "nope" }}',
        "{{ nil }}",
        "{{ 1 2 }}",
        "{{ div 1 0 }}",
        "{{ now }}",
    ],
)
def test_fails_when_run(text: str) -> None:
    template = gotemplate.compile(text)
    with pytest.raises(EvaluationError):
        template.render(DATA)


def test_mistakes_that_are_not_reached_do_not_count() -> None:
    assert render('{{ if false }}{{ upper 1 2 }}{{ template "nope" }}{{ end }}ok') == "ok"


def test_data_stays_as_it_was() -> None:
    assert render('{{ $_ := set .Input.map "new" 1 }}{{ .Input.map.new }}') == "1"
    assert "new" not in DATA["Input"]["map"]


def test_random_values_follow_from_the_seed() -> None:
    template = gotemplate.compile("{{ uuidv4 }} {{ randAlphaNum 8 }} {{ shuffle .Input.ref }}")
    first = template.render(DATA, seed=b"event 1")
    assert template.render(DATA, seed=b"event 1") == first
    assert template.render(DATA, seed=b"event 2") != first


def test_the_time_is_given() -> None:
    moment = datetime(2026, 3, 4, 12, 30, tzinfo=UTC)
    text = '{{ now | date "2006-01-02 15:04" }} {{ (now).Unix }}'
    assert gotemplate.compile(text).render({}, now=moment) == f"2026-03-04 12:30 {int(moment.timestamp())}"
    assert gotemplate.compile(text, now=lambda: moment).render({}).startswith("2026-03-04 12:30")


def test_bytes_that_are_no_text_become_replacement_characters() -> None:
    assert render('{{ b64dec "/w==" }}é') == "\ufffdé"
    assert render('{{ trunc 1 "é" }}{{ b64dec "qQ==" }}') == "é"


@pytest.mark.parametrize(
    "text",
    [
        "{{ range until 9999 }}{{ range until 9999 }}{{ end }}{{ end }}",
        "{{ range 9223372036854775807 }}{{ end }}",
        '{{ define "r" }}{{ template "r" . }}{{ end }}{{ template "r" . }}',
        '{{ $d := dict }}{{ $_ := set $d "d" $d }}{{ $d }}',
        '{{ $d := dict }}{{ $_ := set $d "d" $d }}{{ toJson $d }}',
        '{{ $x := "xxxxxxxxxx" }}' + "{{ $x = print $x $x }}" * 60,
        '{{ $x := list "x" }}' + "{{ $x = list $x $x $x $x }}" * 30 + "{{ $x }}",
        '{{ repeat 2000000000 "x" }}',
        "{{ until 2000000000 }}",
        '{{ printf "%999999d%999999[1]d%999999[1]d%999999[1]d%999999[1]d" 1 }}',
        '{{ regexReplaceAll "x.*z|x" (repeat 120000 "x") "" }}',
    ],
)
def test_hostile_templates_are_stopped(text: str) -> None:
    with pytest.raises(EvaluationError) as raised:
        gotemplate.compile(text).render(DATA)
    assert raised.value.reason in ("LimitReached", "EvaluationFailed")


@pytest.mark.parametrize(
    "text",
    [
        "{{ if 1 }}" * 3000,
        "{{ " + "(" * 9000,
        '{{ block "b" . }}' * 3000,
        "{{ 1" + " | print" * 5000 + " }}",
        "x" * 70_000,
    ],
)
def test_hostile_nesting_does_not_compile(text: str) -> None:
    with pytest.raises(ExpressionError):
        gotemplate.compile(text)


def test_deeply_nested_data_prints() -> None:
    nested: object = []
    for _ in range(1000):
        nested = [nested]
    assert gotemplate.compile("{{ .Input }}").render({"Input": nested}) == "[" * 1001 + "]" * 1001
    assert gotemplate.compile("{{ toJson .Input }}").render({"Input": nested}) == "[" * 1001 + "]" * 1001
