"""Programs and data of 64 KiB that were made to be slow, deep, large or odd, for every language. What they do is checked by
``tests/events/expressions/test_hostile.py``, how long they take by ``benchmarks/hostile.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from events.expressions import conditions, cron, expr, gojson, gotemplate, govaluate, regex, sjson
from events.expressions.document import Document
from events.models.base import parse
from events.models.event import Event
from events.models.sensor import Filters
from sensor.eventdata import as_document
from sensor.filters import compile_filters
from sensor.scripts import ScriptWorker

__all__ = ["EVALUATORS", "IN_WORKER", "Case", "cases"]

SIZE = 65_536
NOW = datetime(2026, 3, 4, 12, 30, tzinfo=UTC)

Evaluate = Callable[[str, bytes, ScriptWorker], object]


@dataclass(frozen=True)
class Case:
    """One program on one document. ``patient``: the program is an honest one, so that no limit may refuse the data."""

    language: str
    name: str
    program: str
    data: bytes
    patient: bool = False

    def run(self, scripts: ScriptWorker) -> object:
        """Compile and evaluate, as the sensor would."""
        return EVALUATORS[self.language](self.program, self.data, scripts)

    def __str__(self) -> str:
        return f"{self.language}: {self.name}"


def event(data: bytes, content_type: str = "application/json") -> Event:
    """An event with these data."""
    return Event("1", "github", "github", "push", "2026-01-01T00:00:00Z", data, content_type)


# -- how each language is run ----------------------------------------------------------------------------------------


def _gjson(program: str, data: bytes, _: ScriptWorker) -> object:
    result = Document(data).get(program)
    return result.exists, result.string(), result.number(), result.boolean(), result.value(), result.raw


def _sjson(program: str, data: bytes, _: ScriptWorker) -> object:
    return sjson.set_value(Document(data).text, program, "x")


def _govaluate(program: str, data: bytes, _: ScriptWorker) -> object:
    return govaluate.compile(program)(_variables(data))


def _conditions(program: str, data: bytes, _: ScriptWorker) -> object:
    return conditions.compile(program, ["a", "b", "c-d"])({"a", "c-d"})


def _selector(program: str, data: bytes, _: ScriptWorker) -> object:
    value = expr.prepare(program, functions=expr.HELPERS)({"payload": Document(data).value, "metadata": {}})
    return expr.to_parameter(value)


def _source_filter(program: str, data: bytes, _: ScriptWorker) -> object:
    selector = expr.prepare(program, dialect=expr.V1_15, functions=expr.HELPERS)
    return selector(expr.expand({"payload": gojson.decode(data)}))


def _template(program: str, data: bytes, _: ScriptWorker) -> object:
    return gotemplate.compile(program).render({"Input": Document(data).value})


def _cel(program: str, data: bytes, scripts: ScriptWorker) -> object:
    return _filter({"cel": program}, data, scripts)


def _jq(program: str, data: bytes, scripts: ScriptWorker) -> object:
    return scripts.jq_transform(program, data)


def _lua(program: str, data: bytes, scripts: ScriptWorker) -> object:
    return scripts.lua_transform(program, data)


def _lua_filter(program: str, data: bytes, scripts: ScriptWorker) -> object:
    return scripts.lua_filter(program, data)


def _cron(program: str, data: bytes, _: ScriptWorker) -> object:
    schedule = cron.compile(program)
    return schedule.next_fire(NOW), schedule.previous_fire(NOW)


def _regex(program: str, data: bytes, _: ScriptWorker) -> object:
    return regex.pattern(program).found_in(Document(data).text)


def _data_filter(program: str, data: bytes, scripts: ScriptWorker) -> object:
    path, _, value = program.partition("\n")
    return _filter({"data": [{"path": path, "type": "string", "value": [value]}]}, data, scripts)


def _exprs_filter(program: str, data: bytes, scripts: ScriptWorker) -> object:
    fields = [{"path": "body", "name": "body"}, {"path": "body.#", "name": "n"}]
    return _filter({"exprs": [{"expr": program, "fields": fields}]}, data, scripts)


def _filter(filters: dict[str, Any], data: bytes, scripts: ScriptWorker) -> object:
    return compile_filters(parse(Filters, filters, "filters"), "", scripts)(event(data))


def _yaml(program: str, data: bytes, _: ScriptWorker) -> object:
    return as_document(event(data, "application/yaml")).get(program).string()


def _request(program: str, data: bytes, _: ScriptWorker) -> object:
    return gojson.compact(data), gojson.normalise(data, {"x": "y"})


def _variables(data: bytes) -> dict[str, Any]:
    value = Document(data).get("@this").value()
    return {"body": value, **value} if isinstance(value, dict) else {"body": value}


EVALUATORS: dict[str, Evaluate] = {
    "gjson": _gjson,
    "sjson": _sjson,
    "govaluate": _govaluate,
    "conditions": _conditions,
    "expr (bindings)": _selector,
    "expr (sources)": _source_filter,
    "template": _template,
    "cel": _cel,
    "jq": _jq,
    "lua": _lua,
    "lua filter": _lua_filter,
    "cron": _cron,
    "regex": _regex,
    "data filter": _data_filter,
    "exprs filter": _exprs_filter,
    "yaml": _yaml,
    "request": _request,
}
IN_WORKER = ("jq", "lua", "lua filter", "cel")


# -- data --------------------------------------------------------------------------------------------------------------


def fill(unit: str, before: str = "", after: str = "", size: int = SIZE) -> str:
    """``unit`` as often as it fits between two texts."""
    return before + unit * ((size - len(before) - len(after)) // len(unit)) + after


def nest(before: str, inner: str, after: str, size: int = SIZE) -> str:
    """``inner`` in as many layers as fit."""
    times = (size - len(inner)) // (len(before) + len(after))
    return before * times + inner + after * times


SHORT = 16 * 1024  # as long as a template may be; an expression may be longer
fill_short, nest_short = partial(fill, size=SHORT), partial(nest, size=SHORT)


def _body(text: str) -> bytes:
    return b'{"body":' + text.encode() + b"}"


DATA: dict[str, bytes] = {
    "text": _body('"' + "a" * (SIZE - 20) + '"'),
    "text of two letters": _body(fill("abaababbaabbab", '"', '"')),
    "escapes": _body(fill("\\u0000", '"', '"')),
    "lone surrogates": _body(fill("\\ud800", '"', '"')),
    "quotes": _body(fill('\\"', '"', '"')),
    "html": _body(fill("<&>", '"', '"')),
    "spaces": _body("[" + " " * (SIZE - 20) + "]"),
    "numbers": _body(fill("1,", "[", "1]")),
    "fractions": _body(fill("1.5e-7,", "[", "1]")),
    "minus zeros": _body(fill("-0,", "[", "-0]")),
    "empty lists": _body(fill("[],", "[", "[]]")),
    "empty objects": _body(fill("{},", "[", "{}]")),
    "nulls": _body(fill("null,", "[", "null]")),
    "members": _body("{" + ",".join(f'"k{n}":{n}' for n in range(4_800)) + "}"),
    "one name": _body(fill('"a":1,', "{", '"a":2}')),
    "objects": _body("[" + ",".join(f'{{"id":{n},"name":"n{n}"}}' for n in range(2_600)) + "]"),
    "long name": _body('{"' + "k" * (SIZE - 20) + '":1}'),
}
"""Valid JSON objects of 64 KiB that every honest program must answer."""

ODD_DATA: dict[str, bytes] = {
    "deep lists": _body(nest("[", "", "]")),
    "deep objects": _body(nest('{"a":', "1", "}")),
    "deep at the top": nest('{"body":', "1", "}").encode(),
    "digits": _body("9" * (SIZE - 20)),
    "fraction of digits": _body("0." + "9" * (SIZE - 20)),
    "beyond a double": _body(fill("1e999,", "[", "1]")),
    "no object": fill("1,", "[", "1]").encode(),
    "open lists": b"[" * SIZE,
    "open text": b'{"body":"' + b"a" * SIZE,
    "open quotes": b'{"body":"' + b'\\"' * (SIZE // 2),
    "no UTF-8": b'{"body":"' + b"\xff" * (SIZE - 20) + b'"}',
    "cut UTF-8": b'{"body":"' + b"\xe2\x82" * (SIZE // 2) + b'"}',
    "surrogates in UTF-8": b'{"body":"' + b"\xed\xa0\x80" * (SIZE // 3) + b'"}',
    "zeros": b"\x00" * SIZE,
    "commas": b"{" + b"," * SIZE + b"}",
    "words": b'{"body":' + b"nul" * (SIZE // 3) + b"}",
}
"""Data that may be no JSON, or that a language may not hold."""

HONEST: dict[str, tuple[str, ...]] = {
    "gjson": ("body.0.id", "body.#(id>100)#.name", "body|@ugly", "body.#", "*.k?9"),
    "sjson": ("body.0.id", "new", "body.-1"),
    "govaluate": ("body == 'x' || !(body =~ '^a+b')",),
    "expr (bindings)": (
        "payload.body == 'x'",
        "type(payload.body) == 'string' && payload.body matches '^(a|b)+c$'",
        "type(payload.body) == 'array' ? len(filter(payload.body, # != nil)) : 0",
        "payload.body in [payload, payload.body]",
    ),
    "expr (sources)": ("payload.body == 'x' || payload.body != nil",),
    "template": ("{{ .Input.body }}", "{{ toJson .Input | len }}", '{{ printf "%v" .Input.body | upper | trunc 20 }}'),
    "cel": ("body != 'x' && size(data) > 0",),
    "jq": ("{n: (.body | length? // 0)}", "."),
    "lua": ("return {t = type(event.body)}", "return event"),
    "lua filter": ("return event.body ~= nil",),
    "data filter": ("body\n^(a|b)*$", "body.#.id\n1", "body\naaab"),
    "exprs filter": ("body != 'x' && n >= 0",),
    "yaml": ("body",),
    "request": ("",),
}
"""Programs that no data may make slow."""


# -- programs ----------------------------------------------------------------------------------------------------------

SMALL = b'{"body":{"ref":"main","list":[1,2,3],"text":"aaab"},"a":"x","b":2}'
LONG = DATA["text of two letters"]
LIST = DATA["numbers"]

PROGRAMS: dict[str, dict[str, tuple[str, bytes]]] = {
    "regex": {
        "nested repeats": ("(a+a+)+$|(b*)*c", LONG),
        "exploding states": ("[ab]*a[ab]{250}c", LONG),
        "exploding states, too many": ("[ab]*a[ab]{900}c", LONG),
        "captured repeats": ("((a|b)*?(a|ba)+)+c", LONG),
        "optional letters": (fill("a?"), LONG),
        "optional letters in the limit": (fill("a?", size=3_072), LONG),
        "counted letters in the limit": (fill("a{0,9}", size=3_072), LONG),
        "classes in the limit": (fill(r"\pL", size=3_072), LONG),
        "groups": (nest("(", "a", ")"), LONG),
        "open groups": ("(" * SIZE, LONG),
        "alternatives": (fill("a|b|", after="c"), LONG),
        "letters": ("a" * SIZE, LONG),
        "repeat of repeats": ("((a{0,30}){0,30}){0,30}", LONG),
        "large class": ("[" + "".join(chr(0x100 + 2 * n) for n in range(2_000)) + "]{9}", LONG),
        "brackets": ("[" * SIZE, LONG),
        "backslashes": ("\\" * (SIZE + 1), LONG),
        "any text": ("(.*)(.*)(.*)(.*)(.*)[^ab]", LONG),
    },
    "data filter": {
        "exploding states": ("body\n[ab]*a[ab]{250}c", LONG),
        "too large for the text": ("body\n[ab]*a[ab]{900}c", LONG),
        "stars in the path": ("*" * SIZE + "\na", LONG),
        "globs in the path": (fill("*a", after="b") + "\na", DATA["long name"]),
        "queries": (fill("#(id>1)#|") + "\na", DATA["objects"]),
        "nested queries": (nest("#(a", "", ")") + "\na", DATA["objects"]),
    },
    "gjson": {
        "open brackets": ("[" * SIZE, SMALL),
        "multipaths": (nest("[", "body", "]"), SMALL),
        "many members": ("{" + fill("body,") + "}", LONG),
        "many copies": ("[" + fill("@this,") + "]", LIST),
        "modifiers": (fill("@reverse|"), LIST),
        "pretty again and again": (fill("@pretty|@ugly|"), LIST),
        "tostr grows": (fill("@tostr|"), SMALL),
        "flatten": (fill("@flatten|"), LIST),
        "globs": (fill("*?"), DATA["long name"]),
        "query with globs": ('body.#(name%"' + fill("*n") + '")#', DATA["objects"]),
        "queries in queries": (nest("#(", "", ")"), DATA["objects"]),
        "tilde queries": ("body.#(id==~true)#|" + fill("#(id==~false)#|"), DATA["objects"]),
        "backslashes": ("\\" * SIZE, SMALL),
        "dots": ("." * SIZE, SMALL),
        "digits": ("9" * SIZE, LIST),
        "json literal": ("!" + "[" * SIZE, SMALL),
        "dig": (fill("@dig:a|"), ODD_DATA["deep objects"]),
        "keys and values": (fill("@values|@keys|"), DATA["members"]),
        "join": ("@join:" + "{" * SIZE, DATA["objects"]),
    },
    "sjson": {
        "dots": ("." * SIZE, SMALL),
        "names": (fill("a."), SMALL),
        "indices": (fill("0."), SMALL),
        "far index": ("body.list.99999", SMALL),
        "farther index": ("body.list.99999999999", SMALL),
        "appends": (fill("-1."), SMALL),
        "backslashes": ("\\" * SIZE, SMALL),
        "wildcards": ("*" * SIZE, SMALL),
        "brackets": ("[" * SIZE, SMALL),
        "into deep data": ("body." + fill("a.", size=4_000) + "b", ODD_DATA["deep objects"]),
    },
    "govaluate": {
        "parentheses": (nest("(", "1", ")"), SMALL),
        "open parentheses": ("(" * SIZE, SMALL),
        "minus signs": ("-" * SIZE + "1", SMALL),
        "sum": (fill("1+", after="1"), SMALL),
        "powers": (fill("9**", after="9"), SMALL),
        "joined texts": (fill("a+", after="a"), LONG),
        "comparisons": (fill("b==1||", after="b==1"), SMALL),
        "list": (fill("1,", after="1"), SMALL),
        "in a list": ("b in (" + fill("1,", after="1") + ")", SMALL),
        "ternaries": (fill("b?b:", after="b"), SMALL),
        "open text": ("'" * (SIZE + 1), SMALL),
        "digits": ("9" * SIZE, SMALL),
        "date": ("'" + fill("2014-01-02 ") + "' > 1", SMALL),
        "patterns": (fill("body =~ '[ab]*a[ab]{20}c' || ", after="false"), LONG),
        "patterns of the data": (fill("body =~ body || ", after="false"), LONG),
        "patterns of eight sizes": (" || ".join(f"body =~ '[ab]*a[ab]{{{n}}}c'" for n in range(20, 28)), LONG),
        "escapes": ("[" + "\\]" * (SIZE // 2) + "]", SMALL),
        "accessors": ("body" + ".a" * (SIZE // 2), SMALL),
        "shifts": (fill("1<<", after="99999"), SMALL),
    },
    "exprs filter": {
        "comparisons of the data": (fill("body == body && ", after="true"), LONG),
        "comparisons of lists": (fill("body == body && ", after="true"), LIST),
        "lists that hold the data": (fill("body in (body, n) && ", after="true"), LIST),
        "joined data": (fill("body + ", after="body"), LONG),
    },
    "conditions": {
        "parentheses": (nest("(", "a", ")"), SMALL),
        "open parentheses": ("(" * SIZE, SMALL),
        "and": (fill("a&&", after="b"), SMALL),
        "or": (fill("a||", after="b"), SMALL),
        "pairs": (fill("(a&&b)||", after="a"), SMALL),
        "one long name": ("x" * SIZE, SMALL),
        "underscores": ("_" * SIZE, SMALL),
        "spaces": (" " * SIZE, SMALL),
        "ampersands": ("&" * SIZE, SMALL),
    },
    "cron": {
        "stars": ("*" * SIZE, SMALL),
        "fields": (fill("* "), SMALL),
        "list of minutes": (fill("1,", after="1") + " * * * *", SMALL),
        "ranges": (fill("0-59,", after="1") + " * * * *", SMALL),
        "digits": ("9" * SIZE + " * * * *", SMALL),
        "no moment": ("0 0 31 2 *", SMALL),
        "rare moment": ("0 0 29 2 1", SMALL),
        "rare moment in another zone": ("TZ=America/New_York 30 2 29 2 0", SMALL),
        "long zone": ("TZ=" + "A" * SIZE + " * * * * *", SMALL),
        "zone outside": ("TZ=../../../etc/passwd * * * * *", SMALL),
        "steps": ("*/" + "9" * SIZE + " * * * *", SMALL),
    },
    "template": {
        "actions": (fill_short("{{.}}"), SMALL),
        "the data again and again": (fill_short("{{.Input.body}}"), LONG),
        "a list again and again": (fill_short("{{.Input.body}}"), LIST),
        "parentheses": ("{{" + nest("(", "1", ")", SHORT - 8) + "}}", SMALL),
        "ifs": (fill_short("{{if 1}}"), SMALL),
        "pipes": ("{{1" + fill_short("|print", size=SHORT - 8) + "}}", SMALL),
        "braces": ("{" * SHORT, SMALL),
        "comment": ("{{/*" + "*" * (SHORT - 8), SMALL),
        "loops over the data": ("{{range .Input.body}}{{range $.Input.body}}x{{end}}{{end}}", LIST),
        "recursion": ('{{define "r"}}{{template "r" .}}{{template "r" .}}{{end}}{{template "r" .}}', SMALL),
        "doubling": ('{{$x := "xxxxxxxx"}}' + "{{$x = print $x $x}}" * 60, SMALL),
        "widths": ('{{printf "' + fill_short("%9999d", size=SHORT - 20) + '" 1}}', SMALL),
        "patterns": ('{{regexFindAll "(a|b)*?" .Input.body -1 | len}}', LONG),
        "slow patterns": (fill_short('{{regexMatch "[ab]*a[ab]{200}c" .Input.body}}'), LONG),
        "patterns that look at all": ('{{regexReplaceAll "a.*c|b" .Input.body "$0$0"}}', LONG),
        "repeats": ("{{repeat 65536 .Input.body}}", LONG),
        "replaced by all": ('{{replace "a" .Input.body .Input.body}}', LONG),
        "sorted": (fill_short("{{sortAlpha .Input.body}}"), LIST),
        "without": (fill_short("{{without .Input.body 1}}"), LIST),
        "uniq": ("{{uniq .Input.body | len}}", DATA["objects"]),
        "deep equal": (fill_short("{{deepEqual .Input .Input}}"), DATA["objects"]),
        "json and back": ("{{.Input" + fill_short("|toJson|fromJson", size=SHORT - 20) + "}}", LIST),
        "wrapped": ("{{wrap 1 .Input.body}}", LONG),
        "camel case": ("{{camelcase .Input.body}}{{snakecase .Input.body}}{{kebabcase .Input.body}}", LONG),
        "versions": ("{{semverCompare .Input.body .Input.body}}", DATA["text"]),
        "long division": ("{{div 1 0}}{{mod 1 0}}", SMALL),
        "base32": ("{{.Input.body" + "|b32enc" * 9_000 + "}}", LONG),
        "hashes": (fill_short("{{sha256sum .Input.body}}"), LONG),
        "bcrypt": (fill_short('{{bcrypt "x"}}'), SMALL),
        "random": ("{{randAlphaNum 999999999}}", SMALL),
        "dates": ("{{date .Input.body now}}", LONG),
        "numbers": ("{{" + "9" * (SHORT - 8) + "}}", SMALL),
        "chained fields": ("{{.Input" + ".a" * 32_000 + "}}", SMALL),
    },
    "expr (bindings)": {
        "parentheses": (nest_short("(", "1", ")"), SMALL),
        "open brackets": ("[" * SHORT, SMALL),
        "minus signs": ("-" * SHORT + "1", SMALL),
        "not": (fill_short("not ", after="true"), SMALL),
        "sum": (fill_short("1+", after="1"), SMALL),
        "members": ("payload" + ".a" * 32_000, SMALL),
        "optional members": (fill_short("?.a", "payload"), SMALL),
        "coalescing": (fill_short("payload?:", after="1"), SMALL),
        "ternaries": (fill_short("1?:", after="1"), SMALL),
        "lets": (fill_short("let a=1;", after="a"), SMALL),
        "list": ("[" + fill_short("1,", after="1") + "]", SMALL),
        "map": ("{" + fill_short("a:1,", after="b:1") + "}", SMALL),
        "comparisons": (fill_short("payload.body==payload.body&&", after="true"), LIST),
        "loops in loops": ("filter(payload.body, any(payload.body, # == -1))", LIST),
        "pairs": ("map(payload.body, map(payload.body, #))", LIST),
        "range": ("1..999999999", SMALL),
        "doubling": ("reduce(1..60, [#acc, #acc], 1)", SMALL),
        "doubling text": ("reduce(1..60, #acc + #acc, payload.body)", LONG),
        "repeat": ("repeat(payload.body, 999999)", LONG),
        "powers": (fill_short("9**", after="9"), SMALL),
        "patterns": (fill_short('payload.body matches "[ab]*a[ab]{20}c"||', after="false"), LONG),
        "the data as pattern": ("payload.body matches payload.body", LONG),
        "pattern made of data": ("payload.body matches (payload.body[0:9] + '(a|b)*c')", LONG),
        "split": ('len(split(payload.body, ""))', LONG),
        "replace": ('replace(payload.body, "a", payload.body)', LONG),
        "sort": ("sort(payload.body)[0]", LIST),
        "group": ("len(groupBy(payload.body, .id))", DATA["objects"]),
        "json and back": ("len(toJSON(fromJSON(toJSON(payload))))", DATA["objects"]),
        "jsonpath": ('jsonpath(toJson(payload), "$' + ".." * 500 + '*")', SMALL),
        "jsonpath of everything": ('len(jsonpath(toJson(payload), "$..*"))', DATA["members"]),
        "jsonpath filter": ('jsonpath(toJson(payload), "$.body[?(@.id>1)].name")', DATA["objects"]),
        "sprig": ("sprig.wrap(1, payload.body)", LONG),
        "sprig again and again": (fill_short("sprig.upper(payload.body)==''||", after="true"), LONG),
        "open text": ('"' * (SHORT + 1), SMALL),
        "digits": ("9" * SHORT, SMALL),
        "durations": ('duration("' + "9h" * 32_000 + '")', SMALL),
        "dates": ("date(payload.body)", LONG),
        "surrogates": ('"\\ud800" matches "\\udc00"', SMALL),
        "shapes": ("payload matches 'a'", SMALL),
    },
    "expr (sources)": {
        "parentheses": (nest_short("(", "1", ")"), SMALL),
        "members": ("payload" + ".a" * 32_000, SMALL),
        "loops in loops": ("filter(payload.body, {any(payload.body, {# == -1})})", LIST),
        "comparisons": (fill_short("payload.body==payload.body&&", after="true"), LIST),
        "range": ("1..999999999", SMALL),
        "the data as pattern": ("payload.body matches payload.body", LONG),
        "patterns": (fill_short('payload.body matches "[ab]*a[ab]{20}c"||', after="false"), LONG),
        "not": ("!" * SHORT + "true", SMALL),
        "dotted names": ("a", b'{"' + b"a." * (SHORT // 2) + b'b":1}'),
    },
    "cel": {
        "parentheses": (nest("(", "true", ")"), SMALL),
        "members": ("body" + ".a" * 32_000 + " == 1", SMALL),
        "or": (fill("body.a == 1 || ", after="true"), SMALL),
        "macros": ("body.all(a, body.all(b, a + b > 0))", LIST),
        "patterns": ("body.matches('[ab]*a[ab]{900}c')", LONG),
        "doubling": ("(body + body + body + body).size() > 0", LONG),
        "text": ("'" + "x" * SIZE + "' == body", SMALL),
        "minus signs": ("-" * SIZE + "1 == 1", SMALL),
    },
    "jq": {
        "parentheses": (nest("(", "1", ")"), SMALL),
        "open brackets": ("[" * SIZE, SMALL),
        "pipes": (fill(".|", after="."), SMALL),
        "commas": ("[" + fill(".,", after=".") + "]", SMALL),
        "recursion": ("[recurse(.)]", SMALL),
        "combinations": ("[range(1000)] | [combinations(9)]", SMALL),
        "patterns": ('{x: (.body | test("(a+)+$|(b*)*c"))}', LONG),
        "replaced": ('{x: (.body | gsub("";"x"))}', LONG),
        "sorted": ("{x: (.body | sort_by(.id) | length)}", DATA["objects"]),
        "names": ("{" + fill("a:1,", after="b:1") + "}", SMALL),
        "definitions": (fill("def f: f; ", after="f"), SMALL),
        "large index": ("{x: (.y[99999999] = 1)}", SMALL),
        "exploded": ("{x: (.body | explode | implode | length)}", LONG),
        "paths": ("{x: [paths] | length}", DATA["members"]),
        "limit of a stream": ("{x: [limit(3; repeat(.body))] | length}", LONG),
        "dates": ('{x: (.body | strptime("%Y"))}', LONG),
        "text": ('"' + "\\(1)" * 16_000 + '"', SMALL),
    },
    "lua": {
        "parentheses": ("return " + nest("(", "1", ")", SIZE - 8), SMALL),
        "tables": ("return " + nest("{", "", "}", SIZE - 8), SMALL),
        "operators": ("return " + fill("1+", after="1", size=SIZE - 8), SMALL),
        "joined": ("return {" + fill("event.body..", after="''", size=SIZE - 20) + "}", LONG),
        "locals": (fill("local a=1 "), SMALL),
        "functions": (nest("(function() ", "", " end)()"), SMALL),
        "loop": ("while true do end", SMALL),
        "doubling": ("local s = event.body while true do s = s .. s end", LONG),
        "pattern": ("return {(event.body):find(('.-'):rep(9) .. 'c')}", LONG),
        "replacement": ("return {(event.body):gsub('.', event.body)}", LONG),
        "format": ("return {('%99d'):rep(99999):format(1)}", SMALL),
        "open comment": ("--[[" + "[" * (SIZE - 8), SMALL),
        "long comment": ("--[" + "=" * (SIZE - 8), SMALL),
        "quotes": ("'" * SIZE, SMALL),
        "dots": ("." * SIZE, SMALL),
        "sort": ("table.sort(event.body, function() return true end) return event", LIST),
        "deep result": ("local t = {} for i = 1, 1e5 do t = {t} end return t", SMALL),
        "cycle": ("local t = {} t.t = t return t", SMALL),
    },
    "yaml": {
        "brackets": ("a", b"[" * SIZE),
        "braces": ("a", b"{" * SIZE),
        "dashes": ("a", b"- " * (SIZE // 2)),
        "indents": ("a", b"".join(b" " * n + b"a:\n" for n in range(350))),
        "laughs": (
            "a",
            b"a: &a [x,x,x,x,x,x,x,x,x]\n"
            + b"".join(b"%c: &%c [%s]\n" % (n + 1, n + 1, b",".join([b"*%c" % n] * 9)) for n in range(97, 110)),
        ),
        "merged": (
            "a",
            b"a: &a {x: 1}\n" + b"".join(b"b%d: {<<: [%s]}\n" % (n, b",".join([b"*a"] * 90)) for n in range(180)),
        ),
        "laughing merges": (
            "a",
            b"a: &a {}\n"
            + b"".join(b"%c: &%c {<<: [%s]}\n" % (n + 1, n + 1, b",".join([b"*%c" % n] * 9)) for n in range(97, 110)),
        ),
        "cycle": ("a", b"a: &a [*a]\n" + b"# " * 30_000),
        "anchors": ("a", b"".join(b"- &a%d x\n" % n for n in range(6_000))),
        "members": ("k1", b"".join(b"k%d: v\n" % n for n in range(6_000))),
        "quotes": ("a", b'"' + b"\\" * SIZE),
        "folded": ("a", b"a: >\n" + b" x\n\n" * 16_000),
        "documents": ("a", b"---\n" * 16_000),
        "tags": ("a", b"!" * SIZE),
        "numbers": ("a", b"a: [" + b"0x" * 30_000 + b"]"),
        "long number": ("a", b"a: " + b"9" * SIZE),
        "base 60": ("a", b"a: " + b"1:" * 32_000 + b"1"),
        "date": ("a", b"a: 9999-99-99T99:99:99Z\nb: 2001-12-14t21:59:43.10-05:00\n"),
        "binary": ("a", b"a: !!binary " + b"=" * SIZE),
        "question marks": ("a", b"? " * (SIZE // 2)),
    },
}


def _honest() -> Iterator[Case]:
    for language, programs in HONEST.items():
        for program in programs:
            for name, data in DATA.items():
                yield Case(language, f"{program[:30]!r} on {name}", program, data, patient=True)
            for name, data in ODD_DATA.items():
                yield Case(language, f"{program[:30]!r} on {name}", program, data)


def cases() -> list[Case]:
    """All of them."""
    hostile = [
        Case(language, name, program, data)
        for language, programs in PROGRAMS.items()
        for name, (program, data) in programs.items()
    ]
    return [*hostile, *_honest()]
