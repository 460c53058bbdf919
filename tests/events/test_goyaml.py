from itertools import pairwise

import pytest

from events import goyaml
from events.errors import SpecError


@pytest.mark.parametrize(
    "text", ["0x" + "9" * 40, "0b" + "1" * 80, "0o" + "7" * 40, "-0x" + "f" * 20, "9" * 400, "1e999", "-1e999"]
)
def test_a_number_that_none_can_hold_is_a_text(text: str) -> None:
    assert goyaml.load(f"a: {text}") == {"a": text}


def test_more_than_64_bits_are_a_float() -> None:
    assert goyaml.load("[18446744073709551616, 18446744073709551615]") == [float(2**64), 2**64 - 1]


@pytest.mark.parametrize("text", ["", "# nothing", "---\n---\na: 1", "---\n...\n---\na: 1"])
def test_an_empty_first_document_is_the_first(text: str) -> None:
    assert goyaml.load(text) is None


def test_of_all_documents_the_empty_ones_are_left_out() -> None:
    assert [document.value for document in goyaml.load_all("---\n---\na: 1\n---\n# no\n---\n2")] == [{"a": 1}, 2]


def test_values_are_counted_with_their_aliases() -> None:
    text = "a: &a [1, 1]\nb: [*a, *a]"
    assert goyaml.load(text, max_values=12) == {"a": [1, 1], "b": [[1, 1], [1, 1]]}
    with pytest.raises(SpecError):
        goyaml.load(text, max_values=10)


@pytest.mark.parametrize(
    "text", ["[" * 65_000, "{a: " * 20_000, "- " * 32_000, "? " * 32_000, "[" * 2_000 + "]" * 2_000]
)
def test_what_is_too_deep_is_refused_before_it_is_read(text: str) -> None:
    for given in (text, text.encode(), text.encode("utf-16")):
        with pytest.raises(SpecError):
            goyaml.load(given)


def test_a_wide_document_is_not_deep() -> None:
    assert goyaml.load("[" + "[]," * 5_000 + "]") == [[]] * 5_000
    assert goyaml.load("[" * 200 + "]" * 200)[0][0] != []


def test_merges_are_counted() -> None:
    layers = [f"{c}: &{c} {{<<: [{', '.join(['*' + b] * 9)}]}}" for b, c in pairwise("abcdefghijkl")]
    with pytest.raises(SpecError, match="too many values"):
        goyaml.load("a: &a {}\n" + "\n".join(layers), max_values=10_000)
