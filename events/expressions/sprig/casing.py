"""sprig's functions that rewrite words: camelcase, snakecase, initials, swapcase …

They follow https://pkg.go.dev/github.com/huandu/xstrings v1.5 and https://pkg.go.dev/github.com/Masterminds/goutils v1.1.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from itertools import pairwise

from events.expressions.golang.functions import Context, Function, by_name
from events.expressions.golang.limits import check_slow_text
from events.expressions.golang.texts import is_letter, is_space, lower_char, title_char, upper_char
from events.expressions.golang.values import as_bytes

__all__ = ["FUNCTIONS"]

_NO_SPACES = {code: None for code in range(256) if is_space(chr(code))}
_CONNECTORS = "-_"


def _is_connector(char: str) -> bool:
    return char in _CONNECTORS or is_space(char)


def _is_upper(char: str) -> bool:
    return unicodedata.category(char) == "Lu"


def _is_letter_of_word(char: str) -> bool:
    """A letter, except of Chinese, which makes no words."""
    return is_letter(char) and not (
        "\u3400" <= char <= "\u4d85" or "\u4e00" <= char <= "\u9fcc" or "\U00020000" <= char <= "\U0002b81d"
    )


def _camelcase(text: str) -> str:
    """``http_server`` → ``HttpServer``: connectors go, except at the start and doubled ones."""
    check_slow_text(text)
    start = next((i for i, char in enumerate(text) if not _is_connector(char)), len(text))
    if start == len(text):
        return text + text[-1:]  # the last connector comes twice, as in the reference
    parts = [text[:start]]
    all_upper = _is_upper(text[start])
    current = upper_char(text[start])
    for char in text[start + 1 :]:
        previous, current = current, char
        if _is_connector(current) and _is_connector(previous):
            parts.append(previous)
            continue
        if _is_connector(previous):
            all_upper = _is_upper(current)
            current = upper_char(current)
            continue
        if all_upper:
            if _is_upper(current):
                current = lower_char(current)
            else:
                all_upper = False
        parts.append(previous)
    return "".join(parts) + current


def _snakecase(text: str) -> str:
    return _joined_words(text, "_")


def _kebabcase(text: str) -> str:
    return _joined_words(text, "-")


_NUMBER, _UPPER, _ALPHABET, _CONNECTOR, _PUNCTUATION, _OTHER, _END = range(7)


def _category(char: str) -> int:
    kind = unicodedata.category(char)
    if _is_connector(char):
        return _CONNECTOR
    if kind[0] == "P":
        return _PUNCTUATION
    if kind == "Lu":
        return _UPPER
    if _is_letter_of_word(char):
        return _ALPHABET
    return _NUMBER if kind[0] == "N" else _OTHER


def _words(text: str) -> Iterator[tuple[int, str]]:
    """The words of a text with their kind. ``HTTPStatus`` is two: ``HTTP``, ``Status``."""
    at = 0
    while at < len(text):
        kind = _category(text[at])
        end = at + 1
        if kind == _UPPER:
            end = _end_of_upper(text, at)
        else:
            while end < len(text) and _continues(kind, text[end]):
                end += 1
        yield kind, text[at:end]
        at = end
    while True:
        yield _END, ""


def _continues(kind: int, char: str) -> bool:
    """Whether a word of this kind goes on with ``char``; connectors that are punctuation go on with it, too."""
    if kind == _PUNCTUATION:
        return unicodedata.category(char)[0] == "P"
    if kind == _OTHER:
        return _category(char) in (_OTHER, _UPPER) and not _is_letter_of_word(char)
    return _category(char) == kind


def _end_of_upper(text: str, at: int) -> int:
    end = at + 1
    if end < len(text) and _is_upper(text[end]):
        while end < len(text) and _is_upper(text[end]):
            end += 1
        return end - 1 if end < len(text) and _is_letter_of_word(text[end]) else end
    while end < len(text) and _category(text[end]) == _ALPHABET:
        end += 1
    return end


def _joined_words(text: str, connector: str) -> str:
    """Words in lower case with a connector between; a number belongs to the word before it or to the letters after it."""
    if not text:
        return ""
    check_slow_text(text)
    words = _words(text)
    parts: list[str] = []

    def put(kind: int, word: str) -> None:
        if kind in (_UPPER, _CONNECTOR):
            word = "".join(connector if _is_connector(c) else lower_char(c) if _is_upper(c) else c for c in word)
        parts.append(word)

    def put_number_run(kind: int, word: str) -> tuple[int, str]:
        while kind in (_ALPHABET, _NUMBER):
            put(kind, word)
            kind, word = next(words)
        if kind not in (_END, _PUNCTUATION, _CONNECTOR):
            parts.append(connector)
        return kind, word

    (kind, word), following = next(words), next(words)
    while following[0] != _END:
        if kind != _CONNECTOR:
            put(kind, word)
        previous, last = kind, word
        kind, word = following
        if previous == _NUMBER:
            kind, word = put_number_run(kind, word)
        elif previous == _CONNECTOR:
            put(previous, last)
        elif previous != _PUNCTUATION:
            if kind != _NUMBER:
                if kind not in (_CONNECTOR, _PUNCTUATION):
                    parts.append(connector)
            else:
                after = next(words)
                if after[0] != _END:
                    number = word
                    kind, word = after
                    if kind != _ALPHABET:
                        put(_NUMBER, number)
                        if kind not in (_CONNECTOR, _PUNCTUATION):
                            parts.append(connector)
                    else:
                        parts.append(connector)
                        put(_NUMBER, number)
                        kind, word = put_number_run(kind, word)
        following = next(words)
    put(kind, word)
    return "".join(parts)


def _untitle(text: str) -> str:
    """The first letter of each word in lower case."""
    check_slow_text(text)
    return "".join(lower_char(char) if is_space(before) else char for before, char in pairwise(" " + text))


def _swapcase(text: str) -> str:
    """Upper becomes lower, lower becomes upper (title case at the start of a word)."""
    check_slow_text(text)
    parts: list[str] = []
    after_space = True
    for char in text:
        kind = unicodedata.category(char)
        if kind in ("Lu", "Lt"):
            parts.append(lower_char(char))
            after_space = False
        elif kind == "Ll":
            parts.append(title_char(char) if after_space else upper_char(char))
            after_space = False
        else:
            parts.append(char)
            after_space = is_space(char)
    return "".join(parts)


def _initials(text: str) -> str:
    """The first byte of each word, each read as a character of its own (so ``É`` gives ``Ã``, as in the reference)."""
    check_slow_text(text)
    chars = as_bytes(text).decode("latin-1")
    return "".join(char for before, char in pairwise(" " + chars) if is_space(before) and not is_space(char))


def _nospace(text: str) -> str:
    """Without white space; a text that had some is read byte by byte (so ``é `` gives ``Ã©``, as in the reference)."""
    chars = as_bytes(text).decode("latin-1")
    kept = chars.translate(_NO_SPACES)
    return text if len(kept) == len(chars) else kept


def _shuffle(context: Context, text: str) -> str:
    check_slow_text(text)
    return "".join(context.random.sample(text, len(text)))


FUNCTIONS = by_name(
    [
        Function("camelcase", _camelcase, ("string",)),
        Function("initials", _initials, ("string",)),
        Function("kebabcase", _kebabcase, ("string",)),
        Function("nospace", _nospace, ("string",)),
        Function("shuffle", _shuffle, ("string",), needs_context=True),
        Function("snakecase", _snakecase, ("string",)),
        Function("swapcase", _swapcase, ("string",)),
        Function("untitle", _untitle, ("string",)),
    ]
)
