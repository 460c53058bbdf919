"""Static types of a tree, and the errors that they tell before anything runs (spec: argo-workflows-events.md §4.1).

The environment's values give the types: an entry of the payload may be anything, the payload itself is what it is now. The
first thing that is wrong is an ``ExpressionError``, also in a branch that would not run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise

from events.errors import ExpressionError
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
    PointerNode,
    PredicateNode,
    SequenceNode,
    SliceNode,
    StringNode,
    UnaryNode,
)
from events.expressions.expr.checking import BinaryRules
from events.expressions.expr.dialect import Dialect
from events.expressions.expr.lexer import syntax_error
from events.expressions.expr.signatures import Signature, signatures
from events.expressions.expr.types import (
    ANY,
    ANYS,
    BOOL,
    BYTES,
    FLOAT,
    GROUPS,
    INT,
    MAP,
    NIL,
    STRING,
    UNKNOWN,
    FuncType,
    GoType,
    Nature,
    func,
    known,
    slice_of,
)

__all__ = ["check"]

_LITERALS: dict[type[Node], Nature] = {
    NilNode: NIL,
    IntegerNode: known(INT),
    FloatNode: known(FLOAT),
    BoolNode: known(BOOL),
    StringNode: known(STRING),
    BytesNode: known(BYTES),
}
_BODY = func(ANY, out=ANY)


def check(tree: Node, text: str, dialect: Dialect, env: Mapping[str, Nature]) -> Nature:
    """Note the nature of each node of ``tree`` and return that of the whole. Raises ``ExpressionError``."""
    return _Checker(text, dialect, env).visit(tree)


class _Checker:
    def __init__(self, text: str, dialect: Dialect, env: Mapping[str, Nature]) -> None:
        self.text = text
        self.dialect = dialect
        self.env = env
        self.functions = signatures(dialect)
        self.binary = BinaryRules(dialect)
        self.variables: list[tuple[str, Nature]] = []
        self.scopes: list[tuple[Nature, dict[str, Nature]]] = []

    def error(self, node: Node, message: str) -> ExpressionError:
        return syntax_error(message, self.text, node.position)

    def visit(self, node: Node) -> Nature:
        nature = _LITERALS.get(type(node)) or _VISITS[type(node)](self, node)
        node.nature = nature
        return nature

    # -- names

    def identifier(self, node: IdentifierNode) -> Nature:
        for name, nature in reversed(self.variables):
            if name == node.value:
                return nature
        if node.value == "$env":
            return UNKNOWN if self.dialect.typed_env else known(MAP)
        return self.name(node, node.value, strict=True, builtins=True)

    def name(self, node: Node, name: str, *, strict: bool, builtins: bool) -> Nature:
        """What a name of the environment, or of a built-in function, stands for."""
        found = self.env.get(name)
        if found is not None:
            return found
        if builtins and name in self.functions:
            signature = self.functions[name]
            return Nature(signature.type, builtin=signature)
        if strict and self.dialect.typed_env:
            raise self.error(node, f"unknown name {name}")
        return UNKNOWN

    def let(self, node: LetNode) -> Nature:
        if node.name in self.env:
            raise self.error(node, f"cannot redeclare {node.name}")
        if node.name in self.functions:
            raise self.error(node, f"cannot redeclare builtin {node.name}")
        if any(name == node.name for name, _ in self.variables):
            raise self.error(node, f"cannot redeclare variable {node.name}")
        self.variables.append((node.name, self.visit(node.value)))
        nature = self.visit(node.body)
        self.variables.pop()
        return nature

    def pointer(self, node: PointerNode) -> Nature:
        if not self.scopes:
            raise self.error(node, "cannot use pointer accessor outside predicate")
        collection, variables = self.scopes[-1]
        if not node.name:
            return UNKNOWN if collection.unknown else self.element(collection)
        if node.name not in variables:
            raise self.error(node, f"unknown pointer #{node.name}")
        return variables[node.name]

    # -- operators

    def unary(self, node: UnaryNode) -> Nature:
        nature = self.visit(node.node)
        if node.operator in ("!", "not"):
            if nature.is_bool or nature.unknown:
                return known(BOOL)
        elif self.binary.is_number(nature):
            return nature
        elif nature.unknown:
            return UNKNOWN
        raise self.error(node, f"invalid operation: {node.operator} (mismatched type {nature})")

    def operators(self, node: BinaryNode) -> Nature:
        """A binary operator; a chain of left operands is walked without recursion."""
        chain = [node]
        while isinstance(chain[-1].left, BinaryNode):
            chain.append(chain[-1].left)
        left = self.visit(chain[-1].left)
        for step in reversed(chain):
            right = self.visit(step.right)
            try:
                left = self.binary.result(step, left, right)
            except ValueError as error:
                raise self.error(step, str(error)) from None
            step.nature = left
        return left

    def conditional(self, node: ConditionalNode) -> Nature:
        condition = self.visit(node.condition)
        if not condition.is_bool and not condition.unknown:
            raise self.error(node.condition, f"non-bool expression (type {condition}) used as condition")
        then, otherwise = self.visit(node.then), self.visit(node.otherwise)
        if then.nil or otherwise.nil:
            return otherwise if then.nil else then
        if not self.dialect.typed_elements:
            return known(then.type) if otherwise.unknown or then.assignable_to(otherwise) else UNKNOWN
        if not then.assignable_to(otherwise):
            return UNKNOWN
        if then.is_array and otherwise.is_array:
            a, b = then.element(), otherwise.element()
            if not (a.assignable_to(b) and b.assignable_to(a)):
                return known(ANYS)
        return then

    def sequence(self, node: SequenceNode) -> Nature:
        return [self.visit(part) for part in node.nodes][-1]

    # -- literals

    def array(self, node: ArrayNode) -> Nature:
        natures = [self.visit(part) for part in node.nodes]
        same = all(a.kind == b.kind for a, b in pairwise(natures))
        if same:
            return Nature(ANYS, elem=natures[-1] if natures else UNKNOWN)
        return known(ANYS)

    def map(self, node: MapNode) -> Nature:
        for pair in node.pairs:
            self.visit(pair.key)
            self.visit(pair.value)
        return known(MAP)

    # -- members

    def chain(self, node: ChainNode) -> Nature:
        return self.visit(node.node)

    def member(self, node: MemberNode) -> Nature:
        name = node.property.value if isinstance(node.property, StringNode) else None
        if isinstance(node.node, IdentifierNode) and node.node.value == "$env":
            if not self.dialect.typed_env:
                self.visit(node.property)
            if name is None:
                return UNKNOWN
            return self.name(node, name, strict=not node.optional, builtins=not self.dialect.typed_env)
        base, key = self.visit(node.node), self.visit(node.property)
        if base.unknown:
            return UNKNOWN
        if base.nil:
            raise self.error(node, f"type nil has no field {name or key}")
        assert base.type is not None
        if name is not None and name in base.type.methods:
            return Nature(base.type.methods[name])
        if base.is_map:
            return self.entry(node, base, key)
        if base.is_array:
            if not self.binary.is_integer(key) and not key.unknown:
                raise self.error(node.property, f"array elements can only be selected using an integer (got {key})")
            return self.element(base)
        if name is not None:
            raise self.error(node, f"type {base} has no {'method' if node.method else 'field'} {name}")
        raise self.error(node, f"type {base}[{key}] is undefined")

    def entry(self, node: MemberNode, base: Nature, key: Nature) -> Nature:
        assert base.type is not None
        accepted = key.assignable_to(known(base.type.key)) or key.unknown
        if not accepted and not (key.nil and not self.dialect.typed_env):
            raise self.error(node.property, f"cannot use {key} to get an element from {base}")
        return base.element()

    def slice(self, node: SliceNode) -> Nature:
        nature = self.visit(node.node)
        if nature.unknown and self.dialect.typed_env:
            return UNKNOWN
        if not (nature.unknown or nature.is_string or nature.is_array):
            raise self.error(node, f"cannot slice {nature}")
        for bound in (node.start, node.stop):
            if bound is not None:
                found = self.visit(bound)
                if not self.binary.is_integer(found) and not found.unknown:
                    raise self.error(bound, f"non-integer slice index {found}")
        return nature

    # -- calls

    def call(self, node: CallNode) -> Nature:
        if isinstance(node.callee, IdentifierNode) and node.callee.value == "$env":
            raise self.error(node, "$env is not callable")
        callee = self.visit(node.callee)
        if callee.unknown:
            return UNKNOWN
        name = "function"
        if isinstance(node.callee, IdentifierNode):
            name = node.callee.value
        elif isinstance(node.callee, MemberNode) and isinstance(node.callee.property, StringNode):
            name = node.callee.property.value
        if callee.builtin is not None:
            return self.function(callee.builtin, node, node.arguments)
        if callee.nil:
            raise self.error(node, f"{name} is nil; cannot call nil as function")
        if not isinstance(callee.type, FuncType):
            raise self.error(node, f"{callee} is not callable")
        problem = self.arguments(name, callee.type, node, node.arguments)
        if problem is not None:
            raise self.error(*problem)
        return known(callee.type.outs[0])

    def function(self, signature: Signature, node: Node, arguments: list[Node]) -> Nature:
        """A call of a built-in function: by its own check, or the first overload that fits."""
        if signature.check is not None:
            types = [self.visit(argument) for argument in arguments]
            try:
                return known(signature.check([_checked_type(nature) for nature in types]))
            except ValueError as error:
                raise self.error(node, str(error)) from None
        problem: tuple[Node, str] = (node, f"no matching overload for {signature.name}")
        for overload in signature.overloads:
            found = self.arguments(signature.name, overload, node, arguments)
            if found is None:
                return known(overload.outs[0])
            problem = found
        raise self.error(*problem)

    def arguments(self, name: str, fn: FuncType, node: Node, arguments: list[Node]) -> tuple[Node, str] | None:
        """Why ``fn`` cannot be called with these arguments, or None."""
        if len(fn.outs) > 2:
            return node, f"func {name} returns more then two values"
        natures = [self.visit(argument) for argument in arguments]
        if len(arguments) < len(fn.ins) - fn.variadic:
            return node, f"not enough arguments to call {name}"
        if len(arguments) > len(fn.ins) and not fn.variadic:
            return node, f"too many arguments to call {name}"
        for index, (argument, nature) in enumerate(zip(arguments, natures, strict=True)):
            wanted = fn.parameter(index)
            if nature.nil:
                if wanted.kind not in ("ptr", "interface") and self.dialect.typed_env:
                    return argument, f"cannot use nil as argument (type {wanted}) to call {name}"
                continue
            if self.binary.is_integer(nature) and (wanted is FLOAT or self.binary.is_integer(known(wanted))):
                continue
            if not nature.unknown and not nature.assignable_to(known(wanted)):
                return argument, f"cannot use {nature} as argument (type {wanted}) to call {name} "
        return None

    def builtin(self, node: BuiltinNode) -> Nature:
        rule = _PREDICATES.get(node.name)
        if rule is None or (node.name in ("sum", "sortBy") and not self.dialect.sequences):
            if node.name == "get":
                return self.get(node)
            return self.function(self.functions[node.name], node, node.arguments)
        first = node.arguments[0]
        collection = self.visit(first)
        if not collection.is_array and not collection.unknown:
            raise self.error(first, f"builtin {node.name} takes only array (got {collection})")
        body = UNKNOWN
        if len(node.arguments) > 1:
            variables = {"index": known(INT)} if node.name in ("map", "reduce") else {}
            if node.name == "reduce":
                variables["acc"] = UNKNOWN
            self.scopes.append((collection, variables))
            self.visit(node.arguments[1])
            self.scopes.pop()
            body = self.predicate_result(node)
        if len(node.arguments) > 2:
            extra = self.visit(node.arguments[2])
            if node.name == "sortBy" and not extra.is_string and not extra.unknown:
                raise self.error(node.arguments[2], f"sortBy order argument must be a string (got {extra})")
        return self.predicate_nature(rule, node, collection, body)

    def predicate_result(self, node: BuiltinNode) -> Nature:
        body = node.arguments[1].nature.result or UNKNOWN
        if body.nil:
            raise self.error(node.arguments[1], "predicate should has one input and one output param")
        if node.name in _TESTS and not body.is_bool and not body.unknown:
            raise self.error(node.arguments[1], f"predicate should return boolean (got {body})")
        return body

    def predicate_nature(self, rule: str, node: BuiltinNode, collection: Nature, body: Nature) -> Nature:
        """What a predicate function gives, by its rule in ``_PREDICATES``."""
        element = UNKNOWN if collection.unknown else self.element(collection)
        match rule:
            case "bool":
                return known(BOOL)
            case "int":
                return known(INT)
            case "element":
                return element
            case "elements":
                return known(ANYS) if collection.unknown else self.list_of(element)
            case "mapped":
                return self.list_of(body)
            case "collection":
                return collection
            case "sum":
                return known(body.declared) if len(node.arguments) > 1 else element
            case "groups":
                return Nature(GROUPS)
            case _:
                return body

    def element(self, collection: Nature) -> Nature:
        return collection.element() if self.dialect.typed_elements else known(collection.declared.elem)

    def list_of(self, element: Nature) -> Nature:
        if self.dialect.typed_elements:
            return Nature(ANYS, elem=element)
        return known(slice_of(element.declared))

    def predicate(self, node: PredicateNode) -> Nature:
        return Nature(_BODY, result=self.visit(node.node))

    def get(self, node: BuiltinNode) -> Nature:
        if len(node.arguments) != 2:
            raise self.error(node, f"invalid number of arguments (expected 2, got {len(node.arguments)})")
        owner, key = node.arguments
        if isinstance(owner, IdentifierNode) and owner.value == "$env":
            if self.dialect.typed_env:
                self.visit(key)
            if isinstance(key, StringNode):
                return self.env.get(key.value, UNKNOWN if self.dialect.typed_env else NIL)
            return UNKNOWN
        base = self.visit(owner)
        if base.unknown and not self.dialect.typed_env:
            return UNKNOWN
        found = self.visit(key)
        if base.unknown:
            return UNKNOWN
        if base.is_array:
            if not self.binary.is_integer(found) and not found.unknown:
                raise self.error(key, f"non-integer slice index {found}")
            return self.element(base)
        if base.is_map:
            if not found.assignable_to(known(base.declared.key)) and not found.unknown:
                raise self.error(key, f"cannot use {found} to get an element from {base}")
            return base.element()
        raise self.error(owner, f"type {base} does not support indexing")


def _checked_type(nature: Nature) -> GoType:
    """A type as the checks of ``signatures`` see it: nil has none."""
    return _NO_TYPE if nature.nil else nature.declared


_NO_TYPE = GoType("%!s(<nil>)", "invalid")

_TESTS = frozenset({"all", "none", "any", "one", "filter", "count", "find", "findLast", "findIndex", "findLastIndex"})
_PREDICATES = {
    **dict.fromkeys(("all", "none", "any", "one"), "bool"),
    **dict.fromkeys(("count", "findIndex", "findLastIndex"), "int"),
    **dict.fromkeys(("find", "findLast"), "element"),
    "filter": "elements",
    "map": "mapped",
    "sum": "sum",
    "groupBy": "groups",
    "sortBy": "collection",
    "reduce": "body",
}
_VISITS: dict[type[Node], Callable[..., Nature]] = {
    IdentifierNode: _Checker.identifier,
    UnaryNode: _Checker.unary,
    BinaryNode: _Checker.operators,
    ChainNode: _Checker.chain,
    MemberNode: _Checker.member,
    SliceNode: _Checker.slice,
    CallNode: _Checker.call,
    BuiltinNode: _Checker.builtin,
    PredicateNode: _Checker.predicate,
    PointerNode: _Checker.pointer,
    LetNode: _Checker.let,
    SequenceNode: _Checker.sequence,
    ConditionalNode: _Checker.conditional,
    ArrayNode: _Checker.array,
    MapNode: _Checker.map,
}
