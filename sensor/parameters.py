"""Step 8 · parameters: values from events, written into what a trigger sends (spec §1.7, §1.8). Pure."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from events.errors import EvaluationError, ExpressionError
from events.expressions import gjson, gotemplate, sjson
from events.expressions.document import Document
from events.models.event import Event
from events.models.sensor import ParameterSource, TriggerParameter
from sensor.eventdata import as_document

__all__ = ["Parameter", "Seed", "Value", "apply", "compile_parameters", "payload", "resolve"]

Events = Mapping[str, Event]
"""The events of a Round by dependency name."""

STRING = "String"


@dataclass(frozen=True, slots=True)
class Seed:
    """What makes random and time functions of templates give the same again when a submission is repeated."""

    seed: bytes = b""


@dataclass(frozen=True, slots=True)
class Value:
    """A resolved value: its text, and the JSON type that it had (``String``, ``Number``, ``JSON``, ``True``, ``Null`` …)."""

    text: str
    type: str = STRING


def _template(text: str) -> gotemplate.Template | ExpressionError | None:
    """A template that does not compile counts as one that fails for each event, as in the reference: key and default are
    still looked at. Lint finds it before.
    """
    try:
        return gotemplate.compile(text) if text else None
    except ExpressionError as error:
        return error


class Parameter:
    """A parameter, compiled."""

    __slots__ = (
        "context_path",
        "context_template",
        "data_path",
        "data_template",
        "dest",
        "is_member",
        "operation",
        "simple",
        "src",
    )

    def __init__(self, spec: TriggerParameter) -> None:
        src = spec.src or ParameterSource()
        self.src = src
        self.dest = spec.dest
        self.operation = spec.operation
        self.context_path = gjson.compile(src.context_key) if src.context_key else None
        self.context_template = _template(src.context_template)
        self.data_path = gjson.compile(src.data_key) if src.data_key else None
        self.data_template = _template(src.data_template)
        self.simple = _simple_segments(spec.dest) if spec.operation in ("", "overwrite") else None
        self.is_member = "." not in spec.dest and not spec.dest.isdigit() and _simple_segments(spec.dest) is not None

    def is_raw(self, value: Value) -> bool:
        """Whether the value is inserted as JSON instead of as a string."""
        return value.type != STRING and self.src.use_raw_data


def compile_parameters(specs: Sequence[TriggerParameter]) -> list[Parameter]:
    """Compile a list."""
    return [Parameter(spec) for spec in specs]


def resolve(parameter: Parameter, events: Events, seed: Seed = Seed()) -> Value | None:
    """The parameter's value, or None when its event is absent and it has no default. Rows of spec §1.7 are numbered."""
    src = parameter.src
    event = events.get(src.dependency_name)
    if event is None:  # 1, 2
        return None if src.value is None else Value(src.value)
    has_data = parameter.data_path is not None or parameter.data_template is not None
    has_context = parameter.context_path is not None or parameter.context_template is not None
    if not (has_data or has_context):  # 3, 4
        return Value(src.value if src.value is not None else whole_event(event))
    # 6: any data selector replaces the context selectors completely.
    path = parameter.data_path if has_data else parameter.context_path
    template = parameter.data_template if has_data else parameter.context_template
    problem = "nothing found"
    try:
        document = as_document(event) if has_data else Document(context_json(event))
    except EvaluationError as error:  # 7
        if src.value is not None:
            return Value(src.value)
        raise EvaluationError(f"parameter from '{src.dependency_name}' cannot be resolved: {error}") from None
    if isinstance(template, ExpressionError):
        problem = template.message
    elif template is not None:  # 8
        try:
            text = template.render({"Input": decoded(document)}, seed=seed.seed)
        except EvaluationError as error:
            problem = str(error)
        else:
            if text not in ("", "<no value>"):
                return Value(text)
            problem = "the template gave nothing"
    if path is not None:  # 9
        result = path.get(document)
        if result.exists:
            return Value(_text(result), result.type)
        problem = f"key '{src.data_key if has_data else src.context_key}' does not exist in the event"
    if src.value is not None:  # 10
        return Value(src.value)
    raise EvaluationError(f"parameter from '{src.dependency_name}' cannot be resolved: {problem}")  # 11


def decoded(document: Document) -> Any:
    """The value as templates see it: of members of one name the first counts, as for paths."""
    return document.value if document.unique else document.get("@this").value()


def _text(result: gjson.Result) -> str:
    return "null" if result.type == "Null" else result.string()


def context_json(event: Event) -> bytes:
    """The context as the reference renders it: the time has whole seconds."""
    context = event.context
    context["time"] = _whole_seconds(context["time"])
    return orjson.dumps(context)


def whole_event(event: Event) -> str:
    """The event as JSON, its data in base64 (row 4)."""
    data = base64.b64encode(event.data or b"").decode()
    return '{"context":' + context_json(event).decode() + ',"data":"' + data + '"}'


def _whole_seconds(time: str) -> str:
    """RFC 3339 in UTC without a fraction, as Kubernetes writes times; what is no time stays as it is."""
    head, dot, tail = time.partition(".")
    try:
        moment = datetime.fromisoformat(head + tail.lstrip("0123456789") if dot else time)
    except ValueError:
        return time
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment.tzinfo else time


def apply(parameters: Sequence[Parameter], events: Events, document: str, seed: Seed = Seed()) -> str:
    """Write the values into a JSON text, one after the other; bytes outside the written places stay as they are."""
    for parameter in parameters:
        value = resolve(parameter, events, seed)
        if value is None:
            continue
        text, raw = value.text, parameter.is_raw(value)
        operation = parameter.operation
        if operation in ("append", "prepend"):
            current = gjson.get(document, parameter.dest)
            if current.exists:
                # Joined without a separator; objects and lists count as their raw text.
                text = current.string() + text if operation == "append" else text + current.string()
                raw = False
        elif operation not in ("", "overwrite"):
            raise EvaluationError(f"unknown parameter operation '{operation}'", hint="append, prepend or overwrite")
        document = _write(document, parameter.dest, text, raw)
    return document


def apply_to_object(parameters: Sequence[Parameter], events: Events, text: str, seed: Seed = Seed()) -> dict[str, Any]:
    """Write the values into an object given as JSON text: the same as ``apply``, faster when all places are plain.

    Raises EvaluationError when the result is no object.
    """
    target = orjson.loads(text)
    for index, parameter in enumerate(parameters):
        if parameter.simple is None:
            return _decoded(apply(parameters[index:], events, orjson.dumps(target).decode(), seed))
        value = resolve(parameter, events, seed)
        if value is None:
            continue
        if parameter.is_raw(value) or not _set_plain(target, parameter.simple, value.text):
            rest = _write(orjson.dumps(target).decode(), parameter.dest, value.text, parameter.is_raw(value))
            return _decoded(apply(parameters[index + 1 :], events, rest, seed))
    return _decoded(target)


def _decoded(result: str | dict[str, Any]) -> dict[str, Any]:
    if isinstance(result, str):
        try:
            result = orjson.loads(result.encode("utf-8", "replace"))
        except orjson.JSONDecodeError as error:
            raise EvaluationError(f"the parameters make the object invalid JSON: {error}") from None
    if not isinstance(result, dict):
        raise EvaluationError("the parameters make the object something else than an object")
    return result


def _simple_segments(dest: str) -> list[str] | None:
    """The segments of a path in which no character has a meaning of its own, else None."""
    if not dest or not dest.replace(".", "").replace("-", "").replace("_", "").isalnum() or not dest.isascii():
        return None
    segments = dest.split(".")
    return None if "" in segments or "-1" in segments else segments


def _set_plain(target: Any, segments: list[str], text: str) -> bool:
    """Set a string at a place whose parents are there; False leaves the work to sjson."""
    for segment in segments[:-1]:
        if isinstance(target, dict) and segment in target:
            target = target[segment]
        elif isinstance(target, list) and segment.isdigit() and int(segment) < len(target):
            target = target[int(segment)]
        else:
            return False
    last = segments[-1]
    if isinstance(target, dict):
        target[last] = text
        return True
    if isinstance(target, list) and last.isdigit() and int(last) < len(target):
        target[int(last)] = text
        return True
    return False


def _write(document: str, dest: str, text: str, raw: bool) -> str:
    return sjson.set_raw(document, dest, text) if raw else sjson.set_value(document, dest, text)


def payload(parameters: Sequence[Parameter], events: Events, seed: Seed = Seed()) -> str | None:
    """The body made of ``payload`` parameters; None when there are none. An empty ``dest`` is the whole body at once.

    A value that is absent is left out, where the reference crashes (its quirk 16). ``operation`` is ignored.
    """
    if _are_members(parameters):
        values = [(parameter, resolve(parameter, events, seed)) for parameter in parameters]
        members = {p.dest: (value.text, p.is_raw(value)) for p, value in values if value is not None}
        return sjson.new_object(members) if members else None
    document: str | None = None
    for parameter in parameters:
        value = resolve(parameter, events, seed)
        if value is None:
            continue
        if not parameter.dest:
            return value.text
        document = _write(document or "", parameter.dest, value.text, parameter.is_raw(value))
    return document or None


def _are_members(parameters: Sequence[Parameter]) -> bool:
    """Whether each is written to a member of its own at the top, under a plain name: then the body is put together at once."""
    names = {parameter.dest for parameter in parameters if parameter.is_member}
    return len(names) == len(parameters)
