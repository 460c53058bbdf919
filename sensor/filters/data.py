"""Step 6 · data filters: a path into the event's data, a type, a comparator, values (spec §1.3.2)."""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Callable, Sequence

from events.errors import EvaluationError, ExpressionError
from events.expressions import gjson, gotemplate, regex
from events.expressions.gjson_text import number_of, unescape
from events.expressions.golang.numbers import parse_float
from events.expressions.golang.quoting import quote
from events.models.event import Event
from events.models.sensor import DataFilter
from events.models.values import Verdict, VerdictKind
from sensor.filters.clauses import PASSED, Clause, Group, all_of, any_of, error, on_data

__all__ = ["compile_filter"]

_ORDER: dict[str, Callable[[float, float], bool]] = {
    "": operator.eq,
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_TRUE = frozenset(("1", "t", "T", "TRUE", "true", "True"))
_FALSE = frozenset(("0", "f", "F", "FALSE", "false", "False"))


def compile_filter(filters: Sequence[DataFilter], logical_operator: str) -> Group:
    """All data filters of a dependency. No data passes; data that is no JSON is an error."""
    clauses = [_clause(f, f"data[{i}]") for i, f in enumerate(filters)]
    if not clauses:
        return Group(lambda event: PASSED, [])
    checks = [clause.check for clause in clauses]
    check = any_of(checks, PASSED) if logical_operator == "or" else all_of(checks)
    return Group(on_data(check, "data"), clauses, reads_data=True)


def _clause(spec: DataFilter, position: str) -> Clause:
    clause = f"{position} {spec.path}"
    path = gjson.compile(spec.path)
    template = _template(spec.template)
    try:
        compare: Callable[[gjson.Result | str], bool] | EvaluationError = _comparison(spec)
    except EvaluationError as problem:
        compare = problem  # reported for each event, after the path was looked up, as in the reference
    wants, fails = _words(spec)

    def check(event: Event) -> Verdict:
        result = path.get(event.document)
        if not result.exists:
            return error(clause, f"path '{spec.path}' does not exist")
        try:
            value: gjson.Result | str = result
            if isinstance(template, ExpressionError):
                return error(clause, template.message, _shown(result))
            if template is not None:
                value = _transformed(template.render({"Input": result.string()}))
            if isinstance(compare, EvaluationError):
                raise compare
            if compare(value):
                return PASSED
        except EvaluationError as problem:
            return error(clause, problem, _shown(result))
        seen = value if isinstance(value, str) else _shown(value)
        return Verdict(VerdictKind.FAILED, clause, fails, seen)

    def look(event: Event) -> object:
        result = path.get(event.document)
        if isinstance(template, gotemplate.Template):
            with contextlib.suppress(
                EvaluationError
            ):  # it has just passed; a template may say something else each time
                return _transformed(template.render({"Input": result.string()}))
        return _shown(result)

    return Clause(clause, wants, check, look)


def _template(text: str) -> gotemplate.Template | ExpressionError | None:
    """A template that does not compile is an error for each event that meets it, as in the reference; lint finds it before."""
    try:
        return gotemplate.compile(text) if text else None
    except ExpressionError as problem:
        return problem


def _shown(result: gjson.Result) -> object:
    return result.string() if result.type in ("String", "Number", "JSON") else result.value()


def _transformed(text: str) -> str:
    """The output as it is compared: quoted in Go's way and read back as JSON text, as in the reference (its quirk 8)."""
    if text in ("", "<no value>"):
        raise EvaluationError("the template gave nothing")
    return text if text.isprintable() else unescape(quote(text)[1:-1])


def _words(spec: DataFilter) -> tuple[str, str]:
    """What is said of a value that passes, and of one that fails."""
    values = ", ".join(repr(v) for v in spec.value)
    if spec.type != "string":
        return f"is {spec.comparator or '='} {values}", f"is not {spec.comparator or '='} {values}"
    words = (f"matches {values}", f"does not match {values}")
    return words if spec.comparator != "!=" else (words[1], words[0])


def _comparison(spec: DataFilter) -> Callable[[gjson.Result | str], bool]:
    if not spec.value:
        raise EvaluationError("no values specified")
    if spec.type == "string":
        return _strings(spec)
    if spec.type == "number":
        return _numbers(spec)
    if spec.type == "bool":
        return _bools(spec)
    raise EvaluationError(f"unsupported type '{spec.type}'", hint="string, number or bool")


def _strings(spec: DataFilter) -> Callable[[gjson.Result | str], bool]:
    tests: list[Callable[[str], bool] | EvaluationError] = []
    for value in spec.value:
        try:
            tests.append(_search(value, spec.comparator))
        except EvaluationError as problem:
            tests.append(problem)
            break  # values after a bad one are never reached

    def compare(value: gjson.Result | str) -> bool:
        text = value if isinstance(value, str) else value.string()
        for test in tests:
            if isinstance(test, EvaluationError):
                raise test
            if test(text):
                return True
        return False

    return compare


def _search(value: str, comparator: str) -> Callable[[str], bool]:
    try:
        found = regex.pattern(value).found_in
    except ExpressionError as problem:
        raise EvaluationError(problem.message) from None
    if comparator not in ("", "=", "!="):
        return lambda text: False
    return found if comparator != "!=" else lambda text: not found(text)


def _numbers(spec: DataFilter) -> Callable[[gjson.Result | str], bool]:
    compare_two = _ORDER.get(spec.comparator)
    values: list[float | EvaluationError] = []
    for value in spec.value:
        number = parse_float(value)
        if number is None:
            values.append(EvaluationError(f"'{value}' is not a number"))
            break
        values.append(number)

    def compare(value: gjson.Result | str) -> bool:
        seen = number_of(value) if isinstance(value, str) else value.number()
        for wanted in values:
            if isinstance(wanted, EvaluationError):
                raise wanted
            if compare_two is not None and compare_two(seen, wanted):
                return True
        return False

    return compare


def _bools(spec: DataFilter) -> Callable[[gjson.Result | str], bool]:
    values: list[bool | EvaluationError] = []
    for value in spec.value:
        if value not in _TRUE and value not in _FALSE:
            values.append(EvaluationError(f"'{value}' is neither true nor false"))
            break
        values.append(value in _TRUE)

    def compare(value: gjson.Result | str) -> bool:
        seen = value.lower() in ("1", "t", "true") if isinstance(value, str) else value.boolean()
        for wanted in values:
            if isinstance(wanted, EvaluationError):
                raise wanted
            if seen == wanted:
                return True
        return False

    return compare
