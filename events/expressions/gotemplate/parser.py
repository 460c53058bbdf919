"""From tokens to the syntax tree: https://pkg.go.dev/text/template#hdr-Actions.

Functions and variables must be known here; whether arguments fit is seen at run time, as in Go. Nesting is bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import NoReturn

from events.errors import ExpressionError
from events.expressions.golang.numbers import parse_float, parse_int
from events.expressions.golang.quoting import unquote, unquote_char
from events.expressions.gotemplate.lexer import LANGUAGE, Kind, Token, tokenize
from events.expressions.gotemplate.nodes import (
    Action,
    Bool,
    Branch,
    Break,
    Chain,
    Command,
    Continue,
    Definition,
    Dot,
    Field,
    Identifier,
    If,
    Nil,
    Number,
    Operand,
    Pipeline,
    Range,
    Statement,
    String,
    TemplateCall,
    Text,
    Variable,
    With,
)

__all__ = ["MAIN", "MAX_DEPTH", "parse"]

MAX_DEPTH = 100
"""Levels of actions, parentheses and pipeline stages within each other."""
MAIN = "param"
"""The name of the template that a text is; it may call itself, or be defined in the text instead."""

_OPERANDS = frozenset(
    {
        Kind.BOOL,
        Kind.CHAR,
        Kind.DOT,
        Kind.FIELD,
        Kind.IDENTIFIER,
        Kind.NUMBER,
        Kind.NIL,
        Kind.RAW_STRING,
        Kind.STRING,
        Kind.VARIABLE,
        Kind.LEFT_PAREN,
    }
)
_NOT_EXECUTABLE = (Bool, Dot, Nil, Number, String)


def parse(text: str, functions: Container[str], refused: dict[str, str]) -> dict[str, Definition]:
    """The templates that a text defines; its own is ``MAIN``.

    ``functions`` are known, ``refused`` are known but not available, with the reason. Raises ``ExpressionError``.
    """
    return _Parser(text, functions, refused).parse()


class _Scope:
    """The variables of the template that is being read."""

    def __init__(self, level: int = 0) -> None:
        self.visible: list[Variable] = [Variable("$", 0)]
        self.slots = 1
        self.level = level  # where the template begins, within others
        self.depth = 0
        self.ranges = 0

    def declare(self, name: str, of_range: bool) -> Variable:
        variable = Variable(name, self.slots, of_range=of_range)
        self.slots += 1
        self.visible.append(variable)
        return variable

    def find(self, name: str) -> Variable | None:
        return next((v for v in reversed(self.visible) if v.name == name), None)


class _Parser:
    """Reads the tokens from left to right; ``next`` is the index of the token to come."""

    def __init__(self, text: str, functions: Container[str], refused: dict[str, str]) -> None:
        self.text = text
        self.functions = functions
        self.refused = refused
        self.tokens = tokenize(text)
        self.next = 0
        self.level = 0
        self.scope = _Scope()
        self.definitions: dict[str, Definition] = {}

    # --- tokens ---

    def take(self) -> Token:
        token = self.tokens[self.next]
        if token.kind is not Kind.END:
            self.next += 1
        return token

    def peek(self) -> Token:
        """The next token that is no space."""
        while self.tokens[self.next].kind is Kind.SPACE:
            self.next += 1
        return self.tokens[self.next]

    def take_significant(self) -> Token:
        self.peek()
        return self.take()

    def expect(self, kind: Kind, where: str) -> Token:
        token = self.take_significant()
        if token.kind is not kind:
            self.unexpected(token, where)
        return token

    def error(self, message: str, token: Token | None = None) -> ExpressionError:
        at = (token or self.tokens[self.next]).at
        line = self.text.count("\n", 0, at) + 1
        return ExpressionError(f"line {line}: {message}", language=LANGUAGE, text=self.text, position=at)

    def fail(self, message: str, token: Token | None = None) -> NoReturn:
        raise self.error(message, token)

    def unexpected(self, token: Token, where: str) -> NoReturn:
        name = "end of the template" if token.kind is Kind.END else f'"{token.text:.40}"'
        self.fail(f"unexpected {name} in {where}", token)

    def enter(self) -> None:
        """One level deeper."""
        self.level += 1
        self.scope.depth = max(self.scope.depth, self.level - self.scope.level)
        if self.level > MAX_DEPTH:
            self.fail(f"nested deeper than {MAX_DEPTH} levels")

    # --- templates ---

    def parse(self) -> dict[str, Definition]:
        body: list[Statement] = []
        while self.tokens[self.next].kind is not Kind.END:
            if self.at_define():
                self.definition()
                continue
            statement = self.statement()
            if isinstance(statement, str):
                self.fail(f"unexpected {{{{{statement}}}}}")
            body.append(statement)
        self.define(MAIN, body, self.scope)
        return self.definitions

    def at_define(self) -> bool:
        if self.tokens[self.next].kind is not Kind.LEFT:
            return False
        start = self.next
        self.take()
        token = self.take_significant()
        if token.kind is Kind.KEYWORD and token.text == "define":
            return True
        self.next = start
        return False

    def definition(self) -> None:
        name = self.template_name("define clause")
        self.expect(Kind.RIGHT, "define clause")
        self.named_body(name, "define clause")

    def named_body(self, name: str, where: str) -> None:
        """The body of a template of its own, up to its end."""
        outer, self.scope = self.scope, _Scope(self.level)
        body, end = self.statements()
        if end != "end":
            self.fail(f"unexpected {{{{{end}}}}} in {where}")
        self.define(name, body, self.scope)
        self.scope = outer

    def define(self, name: str, body: list[Statement], scope: _Scope) -> None:
        """Keep a template; an empty one never replaces another, two others are an error."""
        known = self.definitions.get(name)
        if known is None or _is_empty(known.body):
            self.definitions[name] = Definition(tuple(body), scope.slots, scope.depth)
        elif not _is_empty(tuple(body)):
            self.fail(f'multiple definition of template "{name}"')

    def template_name(self, where: str) -> str:
        token = self.take_significant()
        if token.kind not in (Kind.STRING, Kind.RAW_STRING):
            self.unexpected(token, where)
        return self.unquoted(token)

    # --- statements ---

    def statements(self) -> tuple[list[Statement], str]:
        """Statements up to ``end`` or ``else``, and which of them it was."""
        self.enter()
        found: list[Statement] = []
        while self.peek().kind is not Kind.END:
            statement = self.statement()
            if isinstance(statement, str):
                self.level -= 1
                return found, statement
            found.append(statement)
        raise self.error("unexpected end of the template: an {{end}} is missing")

    def statement(self) -> Statement | str:
        token = self.take_significant()
        if token.kind is Kind.TEXT:
            return Text(token.text)
        if token.kind is not Kind.LEFT:
            self.unexpected(token, "input")
        keyword = self.peek()
        if keyword.kind is not Kind.KEYWORD:
            return Action(self.pipeline("command", Kind.RIGHT))
        self.take()
        reader = _KEYWORDS.get(keyword.text)
        if reader is None:
            self.unexpected(keyword, "command")
        return reader(self)

    def if_(self) -> Statement:
        return If(*self.branches("if"))

    def with_(self) -> Statement:
        return With(*self.branches("with"))

    def branches(self, keyword: str) -> tuple[tuple[Branch, ...], tuple[Statement, ...]]:
        """All conditions of an ``if`` or ``with`` and its ``else``. Variables are seen in what follows, too."""
        visible = len(self.scope.visible)
        branches: list[Branch] = []
        otherwise: list[Statement] = []
        while True:
            pipeline = self.pipeline(keyword, Kind.RIGHT)
            body, end = self.statements()
            branches.append(Branch(pipeline, tuple(body)))
            if end == f"else {keyword}":
                continue
            if end == "else":
                otherwise, end = self.statements()
            if end != "end":
                self.fail(f"expected end; found {{{{{end}}}}}")
            del self.scope.visible[visible:]
            return tuple(branches), tuple(otherwise)

    def range_(self) -> Statement:
        visible = len(self.scope.visible)
        pipeline = self.pipeline("range", Kind.RIGHT)
        self.scope.ranges += 1
        body, end = self.statements()
        self.scope.ranges -= 1
        otherwise: list[Statement] = []
        if end == "else":
            otherwise, end = self.statements()
        if end != "end":
            self.fail(f"expected end; found {{{{{end}}}}}")
        del self.scope.visible[visible:]
        return Range(pipeline, tuple(body), tuple(otherwise))

    def break_(self) -> Statement:
        self.expect(Kind.RIGHT, "{{break}}")
        if not self.scope.ranges:
            self.fail("{{break}} outside {{range}}")
        return Break()

    def continue_(self) -> Statement:
        self.expect(Kind.RIGHT, "{{continue}}")
        if not self.scope.ranges:
            self.fail("{{continue}} outside {{range}}")
        return Continue()

    def end_(self) -> str:
        self.expect(Kind.RIGHT, "end")
        return "end"

    def else_(self) -> str:
        token = self.peek()
        if token.kind is Kind.KEYWORD and token.text in ("if", "with"):
            self.take()
            return f"else {token.text}"
        self.expect(Kind.RIGHT, "else")
        return "else"

    def template_(self) -> Statement:
        name = self.template_name("template clause")
        if self.peek().kind is Kind.RIGHT:
            self.take()
            return TemplateCall(name, None)
        return TemplateCall(name, self.pipeline("template clause", Kind.RIGHT))

    def block_(self) -> Statement:
        name = self.template_name("block clause")
        pipeline = self.pipeline("block clause", Kind.RIGHT)
        self.named_body(name, "block clause")
        return TemplateCall(name, pipeline)

    # --- pipelines ---

    def pipeline(self, where: str, end: Kind) -> Pipeline:
        self.enter()
        level = self.level
        names, assigns = self.declared_names(where)
        # A name counts as known from here on, but its value is still that of an outer variable, if there is one.
        self.scope.visible.extend(Variable(name, None) for name in names if self.scope.find(name) is None)
        commands: list[Command] = []
        while True:
            token = self.take_significant()
            if token.kind is end:
                break
            if token.kind not in _OPERANDS:
                self.unexpected(token, where)
            self.next -= 1
            if commands:
                self.enter()
            commands.append(self.command())
            if len(commands) > 1 and isinstance(commands[-1].operands[0], _NOT_EXECUTABLE):
                self.fail(f"non executable command in pipeline stage {len(commands)}")
        if not commands:
            self.fail(f"missing value for {where}")
        self.level = level - 1
        return Pipeline(tuple(commands), tuple(self.variable(name, where, assigns) for name in names), assigns)

    def variable(self, name: str, where: str, assigns: bool) -> Variable:
        known = self.scope.find(name) if assigns else None
        return known or self.scope.declare(name, where == "range")

    def declared_names(self, where: str) -> tuple[list[str], bool]:
        """``$x :=``, ``$x =``, and for a range ``$i, $x :=``; nothing when the pipeline starts with a value."""
        names: list[str] = []
        while self.peek().kind is Kind.VARIABLE:
            start = self.next
            name = self.take().text
            following = self.peek().kind
            if following in (Kind.ASSIGN, Kind.DECLARE):
                self.take()
                return [*names, name], following is Kind.ASSIGN
            if following is not Kind.COMMA:
                self.next = start
                break
            self.take()
            names.append(name)
            if where != "range" or len(names) == 2:
                self.fail(f"too many declarations in {where}")
            if self.peek().kind not in (Kind.VARIABLE, Kind.RIGHT, Kind.RIGHT_PAREN):
                self.fail("range can only initialize variables")
        return names, False

    def command(self) -> Command:
        operands: list[Operand] = []
        while True:
            self.peek()
            operand = self.operand()
            if operand is not None:
                operands.append(operand)
            token = self.take()
            if token.kind is Kind.SPACE:
                continue
            if token.kind in (Kind.RIGHT, Kind.RIGHT_PAREN):
                self.next -= 1
            elif token.kind is not Kind.PIPE:
                self.unexpected(token, "operand")
            break
        if not operands:
            self.fail("empty command")
        return Command(tuple(operands))

    def operand(self) -> Operand | None:
        term = self.term()
        names: list[str] = []
        while term is not None and self.tokens[self.next].kind is Kind.FIELD:
            names.append(self.take().text[1:])
        if not names:
            return term
        if isinstance(term, Field):
            return Field((*term.names, *names))
        if isinstance(term, Variable):
            return Variable(term.name, term.slot, tuple(names), term.of_range)
        if isinstance(term, (Pipeline, Identifier)):
            return Chain(term, tuple(names))
        raise self.error("unexpected . after a constant")

    def term(self) -> Operand | None:
        token = self.take_significant()
        kind = token.kind
        if kind is Kind.IDENTIFIER:
            return self.function(token)
        if kind is Kind.DOT:
            return Dot()
        if kind is Kind.NIL:
            return Nil()
        if kind is Kind.BOOL:
            return Bool(token.text == "true")
        if kind is Kind.VARIABLE:
            variable = self.scope.find(token.text)
            if variable is None:
                self.fail(f'undefined variable "{token.text}"', token)
            return variable
        if kind is Kind.FIELD:
            return Field((token.text[1:],))
        if kind in (Kind.NUMBER, Kind.CHAR):
            return self.number(token)
        if kind is Kind.LEFT_PAREN:
            return self.pipeline("parenthesized pipeline", Kind.RIGHT_PAREN)
        if kind in (Kind.STRING, Kind.RAW_STRING):
            return String(self.unquoted(token))
        if token.kind is not Kind.END:
            self.next -= 1
        return None

    def function(self, token: Token) -> Identifier:
        if token.text in self.refused:
            self.fail(f'function "{token.text}" is not available: {self.refused[token.text]}', token)
        if token.text not in self.functions:
            self.fail(f'function "{token.text}" not defined', token)
        return Identifier(token.text)

    def unquoted(self, token: Token) -> str:
        try:
            return unquote(token.text)
        except ValueError:
            self.fail("invalid syntax of a quoted text", token)

    def number(self, token: Token) -> Number:
        text = token.text
        if token.kind is Kind.CHAR:
            return self.character(token)
        if text.endswith("i"):
            self.fail("complex numbers are not supported", token)
        integer = parse_int(text, base=0)
        unsigned = parse_int(text, base=0, signed=False)
        if integer is not None or unsigned is not None:
            value = integer if integer is not None else unsigned or 0
            return Number(text, integer, 0 if integer == 0 else unsigned, float(value), _looks_float(text))
        floating = parse_float(text) if not text.startswith(("0o", "0b")) else None
        if floating is None:
            self.fail(f'illegal number syntax: "{text:.80}"', token)
        if not any(c in ".eEpP" for c in text):
            self.fail(f'integer overflow: "{text:.80}"', token)
        whole = int(floating) if floating.is_integer() else None
        fits = whole is not None and -(2**63) <= whole < 2**63
        unsigned = whole if whole is not None and 0 <= whole < 2**64 else None
        return Number(text, whole if fits else None, unsigned, floating, True)

    def character(self, token: Token) -> Number:
        try:
            raw, end = unquote_char(token.text, 1, "'")
            code = ord(raw.decode()) if len(raw) > 1 or raw[0] < 0x80 else raw[0]
        except (ValueError, IndexError, TypeError):
            self.fail("invalid syntax of a character constant", token)
        if end != len(token.text) - 1 or token.text == "'''":
            self.fail(f"malformed character constant: {token.text:.80}", token)
        return Number(token.text, code, code, float(code), False)


def _looks_float(text: str) -> bool:
    """Whether a number that is an integer is a float where any type will do: ``1e3``, but not ``0xE``."""
    return any(c in ".eEpP" for c in text) and text[:2].lower() != "0x"


def _is_empty(body: tuple[Statement, ...]) -> bool:
    return all(isinstance(statement, Text) and not statement.value.strip() for statement in body)


_KEYWORDS: dict[str, Callable[[_Parser], Statement | str]] = {
    "if": _Parser.if_,
    "with": _Parser.with_,
    "range": _Parser.range_,
    "break": _Parser.break_,
    "continue": _Parser.continue_,
    "end": _Parser.end_,
    "else": _Parser.else_,
    "template": _Parser.template_,
    "block": _Parser.block_,
}
