"""What a reader of the log gets to see."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from events import logs


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("eventbus")
    before = (root.handlers[:], root.level, ours.handlers[:], ours.level)
    yield
    root.handlers[:], level, ours.handlers[:], of_ours = before
    root.setLevel(level)
    ours.setLevel(of_ours)
    structlog.reset_defaults()


def lines(level: str) -> list[dict[str, object]]:
    stream = io.StringIO()
    logs.configure(level, style="json", stream=stream)
    bus = logging.getLogger("eventbus.somewhere")
    bus.info("a %s", "detail")
    bus.warning("careful")
    try:
        raise ValueError("why")
    except ValueError:
        bus.exception("it failed")
    logging.getLogger("library").warning("chatter")
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize(("level", "seen"), [("info", 3), ("warning", 2), ("error", 1)])
def test_the_bus_speaks_in_lines_like_all_others(level: str, seen: int) -> None:
    found = lines(level)
    assert [line["msg"] for line in found] == ["a detail", "careful", "it failed"][-seen:]
    assert [line["level"] for line in found] == ["info", "warning", "error"][-seen:]
    assert "ValueError: why" in str(found[-1]["exception"])


def test_for_people_values_are_json_and_fields_keep_their_order() -> None:
    stream = io.StringIO()
    logs.configure("info", style="text", stream=stream)
    structlog.get_logger().info("submitted", target="Workflow/ci/x", about={"a": None, "b": [True]})
    line = stream.getvalue()
    assert '{"a":null,"b":[true]}' in line
    assert line.index("target=") < line.index("about=")


def test_libraries_speak_in_the_same_form_when_it_is_serious() -> None:
    stream = io.StringIO()
    logs.configure("info", style="json", stream=stream)
    logging.getLogger("some.library").error("no luck with %s", "this")
    logging.getLogger("eventbus.x").error("refused", extra={"fields": {"event_id": "e1"}})
    found = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["msg"], line.get("logger"), line.get("event_id")) for line in found] == [
        ("no luck with this", "some.library", None),
        ("refused", None, "e1"),
    ]


@pytest.mark.parametrize("error", [OSError(28, "no space left on device"), BrokenPipeError(), ValueError("closed")])
def test_a_line_that_cannot_be_written_breaks_nothing(error: Exception) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise error

        def flush(self) -> None:
            raise error

    logs.configure(style="json", stream=Full())
    structlog.get_logger("x").error("lost")
    logging.getLogger("eventbus.somewhere").error("lost, too")
    logging.getLogger("library").error("lost, too")
