"""Tokens to a tree, by precedence climbing (spec: argo-workflows-events.md §4.3).

The grammar is that of the reference, with what is odd in it: after ``??`` no other operator may follow; a literal number or
``true`` takes no postfix; ``a?.b["c"]`` ends the reach of ``?.`` before the bracket.
"""

from __future__ import annotations

import math
from typing import TypeVar

from events.errors import ExpressionError
from events.expressions.expr import lexer as lex
from events.expressions.expr.ast import (
    ArrayNode,
    BinaryNode,
    BoolNode,
    BuiltinNode,
    BytesNode,
    CallNode,
    ChainNode,
    ConditionalNode,
    FloatNode,
    IdentifierNode,
    IntegerNode,
    LetNode,
    MapNode,
    MemberNode,
    NilNode,
    Node,
    PairNode,
    PointerNode,
    PredicateNode,
    SequenceNode,
    SliceNode,
    StringNode,
    UnaryNode,
    height,
)
from events.expressions.expr.dialect import Dialect
from events.expressions.expr.grammar import BINARY, COMPARISONS, NEGATABLE, RIGHT, UNARY, builtin_names, predicates

__all__ = ["MAX_DEPTH", "MAX_NODES", "MAX_TEXT", "parse"]

MAX_NODES = 10_000
"""Nodes of one expression, as in the reference."""
MAX_DEPTH = 100
"""Nesting of parentheses, calls, conditions …; no bound in the reference."""
MAX_TEXT = 32_768
"""Characters of one expression."""

N = TypeVar("N", bound=Node)


def parse(text: str, dialect: Dialect, overridden: frozenset[str] = frozenset()) -> Node:
    """The tree of ``text``. ``overridden`` are built-in names that the environment redefines.

    Raises ``ExpressionError``.
    """
    if len(text) > MAX_TEXT:
        raise lex.syntax_error(f"expression is longer than {MAX_TEXT} characters", text[:80], MAX_TEXT)
    parser = _Parser(text, dialect, overridden)
    tree = parser.parse()
    depth = height(tree, 2 * MAX_NODES)
    if depth > 2 * MAX_DEPTH:
        raise lex.syntax_error("expression is nested too deeply", text, 0)
    return tree


class _Parser:
    def __init__(self, text: str, dialect: Dialect, overridden: frozenset[str]) -> None:
        self.text = text.encode("utf-8", "replace").decode() if not text.isascii() else text
        self.dialect = dialect
        self.predicates = {n: a for n, a in predicates(dialect).items() if n not in overridden}
        self.builtins = builtin_names(dialect) - overridden
        self.lexer = lex.Lexer(self.text, dialect)
        self.current = self.lexer.next()
        self.stashed: lex.Token | None = None
        self.in_predicate = 0
        self.depth = 0
        self.nodes = 0

    # -- tokens

    def error(self, message: str = "", token: lex.Token | None = None) -> ExpressionError:
        token = token or self.current
        return lex.syntax_error(message or f"unexpected token {token}", self.text, token.position)

    def advance(self) -> None:
        if self.stashed is not None:
            self.current, self.stashed = self.stashed, None
        else:
            self.current = self.lexer.next()

    def at(self, kind: str, value: str) -> bool:
        return self.current.kind == kind and self.current.value == value

    def expect(self, kind: str, value: str | None = None) -> None:
        if self.current.kind != kind or (value is not None and self.current.value != value):
            raise self.error()
        self.advance()

    def make(self, node: N, token: lex.Token) -> N:
        """Count the node and note where it stands."""
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise self.error("compilation failed: expression exceeds maximum allowed nodes")
        node.position = token.position
        return node

    # -- expressions

    def parse(self) -> Node:
        node = self.sequence() if self.dialect.sequences else self.expression(0)
        if self.current.kind != lex.EOF:
            raise self.error()
        return node

    def sequence(self) -> Node:
        """``a; b``; a semicolon may end the text."""
        if not self.dialect.sequences:
            return self.expression(0)
        start = self.current
        nodes = [self.expression(0)]
        while self.at(lex.OPERATOR, ";"):
            self.advance()
            if self.current.kind == lex.EOF:
                break
            nodes.append(self.expression(0))
        return nodes[0] if len(nodes) == 1 else self.make(SequenceNode(nodes), start)

    def expression(self, precedence: int) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error("expression is nested too deeply")
        node = self._expression(precedence)
        self.depth -= 1
        return node

    def _expression(self, precedence: int) -> Node:
        if precedence == 0 and self.current.kind == lex.OPERATOR:
            if self.current.value == "let":
                return self.let()
            if self.current.value == "if":
                return self.conditional_block()
        left = self.operators(self.primary(), precedence)
        return self.conditional(left) if precedence == 0 else left

    def operators(self, left: Node, precedence: int) -> Node:
        previous = ""
        while self.current.kind == lex.OPERATOR:
            operator = self.current
            negated = operator.value == "not"
            if negated:
                self.advance()
                if self.dialect.negation_is_strict:
                    if self.current.value not in NEGATABLE:
                        raise self.error()
                    if BINARY[self.current.value] < precedence:
                        self.stashed, self.current = self.current, operator
                        break
                operator = self.current
            binds = BINARY.get(operator.value, -1) if operator.kind == lex.OPERATOR else -1
            if binds < precedence:
                break
            self.advance()
            if operator.value == "|":
                name = self.current
                self.expect(lex.IDENTIFIER)
                left = self.call(name, [left], piped=True)
            elif previous == "??" and operator.value != "??":
                raise self.error(
                    f"Operator ({operator.value}) and coalesce expressions (??) cannot be mixed. "
                    "Wrap either by parentheses.",
                    operator,
                )
            elif operator.value in COMPARISONS and self.dialect.chained_comparison:
                left = self.comparison(left, operator, binds)
            else:
                right = self.expression(binds if operator.value in RIGHT else binds + 1)
                left = self.make(BinaryNode(operator.value, left, right), operator)
                if negated:
                    left = self.make(UnaryNode("not", left), operator)
            previous = operator.value
        return left

    def comparison(self, left: Node, operator: lex.Token, precedence: int) -> Node:
        """``a < b < c``: each neighbour compared, joined by and."""
        root: Node | None = None
        while True:
            right = self.expression(precedence + 1)
            compared = self.make(BinaryNode(operator.value, left, right), operator)
            root = compared if root is None else self.make(BinaryNode("&&", root, compared), operator)
            left, operator = right, self.current
            if not (operator.kind == lex.OPERATOR and operator.value in COMPARISONS):
                return root
            self.advance()

    def let(self) -> Node:
        self.advance()
        name = self.current
        self.expect(lex.IDENTIFIER)
        self.expect(lex.OPERATOR, "=")
        value = self.expression(0)
        self.expect(lex.OPERATOR, ";")
        return self.make(LetNode(name.value, value, self.sequence()), name)

    def conditional_block(self) -> Node:
        start = self.current
        self.advance()
        condition = self.expression(0)
        then = self.block()
        self.expect(lex.OPERATOR, "else")
        if self.at(lex.OPERATOR, "if"):
            otherwise = self.expression(0)
        else:
            otherwise = self.block()
        return self.make(ConditionalNode(condition, then, otherwise), start)

    def block(self) -> Node:
        self.expect(lex.BRACKET, "{")
        node = self.sequence()
        self.expect(lex.BRACKET, "}")
        return node

    def conditional(self, node: Node) -> Node:
        while self.at(lex.OPERATOR, "?"):
            self.advance()
            if self.at(lex.OPERATOR, ":"):
                self.advance()
                then = node
            else:
                then = self.expression(0)
                self.expect(lex.OPERATOR, ":")
            otherwise = self.expression(0)
            node = self.make(ConditionalNode(node, then, otherwise), self.current)
        return node

    # -- operands

    def primary(self) -> Node:
        token = self.current
        if token.kind == lex.OPERATOR:
            if token.value in UNARY:
                self.advance()
                return self.postfix(self.make(UnaryNode(token.value, self.expression(UNARY[token.value])), token))
            if token.value in ("#", "."):
                if not self.in_predicate:
                    raise self.error()
                return self.postfix(self.pointer(token))
            if token.value == "::":
                self.advance()
                name = self.current
                self.expect(lex.IDENTIFIER)
                return self.postfix(self.call(name, [], piped=False))
        if self.at(lex.BRACKET, "("):
            self.advance()
            node = self.sequence()
            self.expect(lex.BRACKET, ")")
            return self.postfix(node)
        return self.secondary(token)

    def pointer(self, token: lex.Token) -> Node:
        name = ""
        if token.value == "#":
            self.advance()
            if self.current.kind == lex.IDENTIFIER:
                name = self.current.value
                self.advance()
        return self.make(PointerNode(name), token)

    def secondary(self, token: lex.Token) -> Node:
        match token.kind:
            case lex.IDENTIFIER:
                self.advance()
                if token.value in ("true", "false"):
                    return self.make(BoolNode(token.value == "true"), token)
                if token.value == "nil":
                    return self.make(NilNode(), token)
                if self.at(lex.BRACKET, "("):
                    return self.postfix(self.call(token, [], piped=False))
                return self.postfix(self.make(IdentifierNode(token.value), token))
            case lex.NUMBER:
                self.advance()
                return self.make(self.number(token), token)
            case lex.STRING:
                self.advance()
                string = self.make(StringNode(token.value), token)
                return self.postfix(string) if self.dialect.sequences else string
            case lex.BYTES:
                self.advance()
                return self.postfix(self.make(BytesNode(token.value.encode("latin-1")), token))
            case lex.BRACKET if token.value == "[":
                return self.postfix(self.array(token))
            case lex.BRACKET if token.value == "{":
                return self.postfix(self.map(token))
            case _:
                raise self.error()

    def number(self, token: lex.Token) -> Node:
        digits = token.value.replace("_", "").lower()
        try:
            if digits.startswith("0x"):
                if not self.dialect.sequences and "x" not in token.value:
                    raise ValueError(digits)
                value = int(digits, 16)
            elif "." in digits or "e" in digits:
                number = float(digits)
                if math.isinf(number):
                    raise ValueError(digits)
                return FloatNode(number)
            elif digits.startswith(("0b", "0o")) and self.dialect.sequences:
                value = int(digits, 0)
            else:
                value = int(digits, 10) if len(digits) <= 64 or not digits.strip("0") else 1 << 64
        except ValueError:
            raise self.error(f"invalid number literal: {digits}", token) from None
        if value >= 1 << 63:
            raise self.error("integer literal is too large", token)
        return IntegerNode(value)

    def array(self, token: lex.Token) -> Node:
        self.advance()
        nodes: list[Node] = []
        while not self.at(lex.BRACKET, "]"):
            if nodes:
                self.expect(lex.OPERATOR, ",")
                if self.at(lex.BRACKET, "]"):
                    break
            nodes.append(self.expression(0))
        self.advance()
        return self.make(ArrayNode(nodes), token)

    def map(self, token: lex.Token) -> Node:
        self.advance()
        pairs: list[PairNode] = []
        while not self.at(lex.BRACKET, "}"):
            if pairs:
                self.expect(lex.OPERATOR, ",")
                if self.at(lex.BRACKET, "}"):
                    break
            key: Node
            if self.current.kind in (lex.NUMBER, lex.STRING, lex.IDENTIFIER):
                key = self.make(StringNode(self.current.value), self.current)
                self.advance()
            elif self.at(lex.BRACKET, "("):
                key = self.expression(0)
            else:
                raise self.error(
                    "a map key must be a quoted string, a number, a identifier, or an expression enclosed in "
                    f"parentheses (unexpected token {self.current})"
                )
            self.expect(lex.OPERATOR, ":")
            pairs.append(self.make(PairNode(key, self.expression(0)), token))
        self.advance()
        return self.make(MapNode(pairs), token)

    # -- calls

    def call(self, name: lex.Token, arguments: list[Node], *, piped: bool) -> Node:
        """``name(…)``, where a pipe gave the first of the ``arguments``."""
        if name.value in self.predicates:
            return self.predicate_call(name, arguments)
        if name.value in self.builtins:
            return self.make(BuiltinNode(name.value, self.arguments(arguments)), name)
        callee = self.make(IdentifierNode(name.value), name)
        return self.make(CallNode(callee, self.arguments(arguments)), name)

    def predicate_call(self, name: lex.Token, arguments: list[Node]) -> Node:
        self.expect(lex.BRACKET, "(")
        parameters = self.predicates[name.value][len(arguments) :]
        for index, parameter in enumerate(parameters):
            if self.at(lex.BRACKET, ")"):
                if parameter.endswith("?"):
                    break
                raise self.error(f"expected at least {len(parameters)} arguments")
            if not self.dialect.sequences and parameter.endswith("?") and not self.at(lex.OPERATOR, ","):
                break
            if index > 0:
                self.expect(lex.OPERATOR, ",")
            arguments.append(self.predicate() if parameter.startswith("predicate") else self.expression(0))
        if self.dialect.sequences and self.at(lex.OPERATOR, ","):
            self.advance()
        self.expect(lex.BRACKET, ")")
        return self.make(BuiltinNode(name.value, arguments), name)

    def predicate(self) -> Node:
        start = self.current
        braces = self.at(lex.BRACKET, "{")
        if braces:
            self.advance()
        self.in_predicate += 1
        node = self.sequence() if braces else self.expression(0)
        if not braces and self.at(lex.OPERATOR, ";"):
            raise self.error("wrap predicate with brackets { and }")
        self.in_predicate -= 1
        if braces:
            self.expect(lex.BRACKET, "}")
        return self.make(PredicateNode(node), start)

    def arguments(self, arguments: list[Node]) -> list[Node]:
        given = len(arguments)
        self.expect(lex.BRACKET, "(")
        while not self.at(lex.BRACKET, ")"):
            if len(arguments) > given:
                self.expect(lex.OPERATOR, ",")
            if self.dialect.sequences and self.at(lex.BRACKET, ")"):
                break
            arguments.append(self.expression(0))
        self.advance()
        return arguments

    # -- what follows an operand

    def postfix(self, node: Node) -> Node:
        while self.current.kind in (lex.OPERATOR, lex.BRACKET):
            token = self.current
            if token.value in (".", "?."):
                self.advance()
                if token.value == "?." and self.dialect.optional_index and self.at(lex.BRACKET, "["):
                    node = self.index(node, self.current, optional=True)
                else:
                    node = self.member(node, optional=token.value == "?.")
            elif token.kind == lex.BRACKET and token.value == "[":
                node = self.index(node, token, optional=False)
            else:
                break
        return node

    def member(self, node: Node, *, optional: bool) -> Node:
        name = self.current
        self.advance()
        if name.kind != lex.IDENTIFIER and not (name.kind == lex.OPERATOR and name.value.isalpha()):
            raise self.error("expected name", name)
        in_chain = isinstance(node, ChainNode)
        if isinstance(node, ChainNode):
            node = node.node
        property = self.make(StringNode(name.value), name)
        member = self.make(MemberNode(node, property, optional), name)
        node = member
        if self.at(lex.BRACKET, "("):
            member.method = True
            node = self.make(CallNode(member, self.arguments([])), name)
        return self.make(ChainNode(node), name) if in_chain or optional else node

    def index(self, node: Node, token: lex.Token, *, optional: bool) -> Node:
        self.advance()
        start: Node | None = None
        if not self.at(lex.OPERATOR, ":"):
            start = self.expression(0)
            if not self.at(lex.OPERATOR, ":"):
                self.expect(lex.BRACKET, "]")
                member = self.make(MemberNode(node, start, optional), token)
                return self.make(ChainNode(member), token) if optional else member
        self.advance()
        stop = None if self.at(lex.BRACKET, "]") else self.expression(0)
        self.expect(lex.BRACKET, "]")
        return self.make(SliceNode(node, start, stop), token)
