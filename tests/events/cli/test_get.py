"""``pointsman get``: from the state folder of an ``up`` that runs, and of one that has ended."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from eventbus.ledger import Entry, EventRecord, open_ledger
from events.cli.deliveries import change, read_sample
from events.cli.printing import age, as_yaml, plain, table
from events.cli.state import StateFolder
from events.kube.local import open_store
from tests.support.up import ROOT, RunningUp, eventually, moved, pointsman, running

DEEP = "[" * 900 + "]" * 900


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningUp]:
    """One that runs, with a Workflow for delivery d-1 (whose payload is deep) and none for d-2."""
    folder = tmp_path_factory.mktemp("get")
    moved(ROOT / "examples" / "01-github-push", folder / "manifests")
    with running(folder / "manifests", folder=folder) as one:
        sample = read_sample("github", "push")
        deep = sample.replace("{", f'{{"deep":{DEEP},', 1)
        for number, payload in enumerate((deep, change(sample, [("ref", "refs/heads/other")])), 1):
            to = ("--to", one.url("/push"), "--secret", "open-sesame", "--delivery-id", f"d-{number}")
            assert pointsman("send", "github", "push", *to, "--payload", "-", cwd=folder, input=payload).returncode == 0
            eventually(lambda: len(one.outcomes()) == number)  # noqa: B023 - it is asked at once
        yield one


def get(up: RunningUp, *arguments: str) -> str:
    done = pointsman("get", *arguments, "--state", "state", cwd=up.folder)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def rows(text: str) -> list[list[str]]:
    """The cells of a table: columns are three spaces or more apart."""
    return [[cell.strip() for cell in line.split("   ") if cell.strip()] for line in text.splitlines()]


def test_events_are_a_table_in_the_order_in_which_they_came(up: RunningUp) -> None:
    header, first, second = rows(get(up, "events"))
    assert header == ["NAMESPACE", "ID", "SOURCE", "EVENT", "TYPE", "AGE", "OUTCOME"]
    assert [first[0], *first[2:5], first[6]] == ["default", "github", "push", "github", "submitted"]
    assert second[6] == "filtered"


def test_wide_says_what_each_trigger_did_and_why(up: RunningUp) -> None:
    header, first, second = rows(get(up, "events", "-o", "wide"))
    [workflow] = up.workflows()
    assert header[-2:] == ["DELIVERY", "DETAIL"]
    assert first[-2:] == ["d-1", f"default/ci/start-ci: Workflow/default/{workflow['metadata']['name']}"]
    assert second[-2] == "d-2"
    assert "refs/heads/main" in second[-1]
    assert "refs/heads/other" in second[-1]


def test_an_event_by_its_id_with_its_data_while_up_runs(up: RunningUp) -> None:
    _, second = up.events()
    [shown] = yaml.safe_load_all(get(up, "events", second["id"], "-o", "yaml"))
    assert (shown["id"], shown["deliveryId"], shown["source"], shown["subject"]) == (
        second["id"], "d-2", "github", "push",
    )  # fmt: skip
    assert shown["data"]["body"]["ref"] == "refs/heads/other"
    [outcome] = shown["outcomes"]
    assert (outcome["sensor"], outcome["trigger"], outcome["outcome"]) == ("default/ci", "start-ci", "filtered")


def test_the_beginning_of_an_id_is_enough_and_the_last_can_be_asked_for(up: RunningUp) -> None:
    first, second = (event["id"] for event in up.events())
    assert get(up, "events", second[:8], "-o", "name") == f"{second}\n"
    assert get(up, "events", "--limit", "1", "-o", "name") == f"{second}\n"
    assert get(up, "events", "--limit", "5", "-o", "name") == f"{first}\n{second}\n"


async def test_a_beginning_that_several_ids_have_is_told(tmp_path: Path) -> None:
    folder = await recorded(tmp_path, "aab", "aac", "aa-long", bus="_bindings")
    done = pointsman("get", "events", "aa", "--state", "state", cwd=folder)
    assert (done.returncode, done.stderr.count("aab"), done.stderr.count("aac")) == (2, 1, 1)
    assert "aab" in pointsman("get", "events", "aab", "--state", "state", cwd=folder).stdout


@pytest.mark.parametrize("kind", ["events", "workflows", "deadletters"])
def test_an_empty_name_is_refused_and_does_not_stand_for_all(tmp_path: Path, kind: str) -> None:
    done = pointsman("get", kind, "", cwd=tmp_path)
    assert done.returncode == 2
    assert "it is empty; leave it out for all" in done.stderr


async def test_a_post_that_no_binding_waits_for_says_so(tmp_path: Path) -> None:
    folder = await recorded(tmp_path, "e1", bus="_bindings")
    assert "no binding in namespace ci" in pointsman("get", "events", "--state", "state", cwd=folder).stdout


async def recorded(folder: Path, *ids: str, bus: str) -> Path:
    with StateFolder(folder / "state").opened():
        pass
    async with open_ledger(folder / "state") as ledger:
        await ledger.record([EventRecord(i, "ci", bus, "ci", "", "t", "") for i in ids], [])
    return folder


def test_a_long_cell_does_not_push_the_others_apart(capsys: pytest.CaptureFixture[str]) -> None:
    table(["ID", "NAME"], [["x" * 64, "one"], ["y", "two"]], headers=True, what="things")
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "x" * 64 + "   one"
    assert lines[2] == "y    two"


@pytest.mark.parametrize("output", ["yaml", "json"])
def test_all_events_are_a_list_however_deep_they_are(output: str, up: RunningUp) -> None:
    text = get(up, "events", "-o", output)
    assert [text.index(f"d-{n}") for n in (1, 2)] == sorted(text.index(f"d-{n}") for n in (1, 2))
    shown = "".join(text.split())
    assert DEEP in shown if output == "json" else "deep:" + "-" * 899 + "[]" in shown


def test_workflows_are_a_table(up: RunningUp) -> None:
    [workflow] = up.workflows()
    header, row = rows(get(up, "workflows"))
    assert header == ["NAMESPACE", "NAME", "TEMPLATE", "PHASE", "AGE", "STARTED BY"]
    assert [*row[:4], row[5]] == ["default", workflow["metadata"]["name"], "ci", "-", "default/ci/start-ci"]
    assert "repository=https://github.com/acme/rocket.git,revision=" in get(up, "workflows", "-o", "wide")


@pytest.mark.parametrize("output", ["yaml", "json"])
def test_a_workflow_is_printed_as_it_was_stored(output: str, up: RunningUp) -> None:
    [workflow] = up.workflows()
    read: Any = yaml.safe_load if output == "yaml" else json.loads
    assert read(get(up, "workflows", workflow["metadata"]["name"], "-o", output)) == workflow
    assert read(get(up, "workflows", "-o", output)) == {"apiVersion": "v1", "kind": "List", "items": [workflow]}


def test_names_alone_for_scripts(up: RunningUp) -> None:
    [workflow] = up.workflows()
    assert get(up, "workflows", "-o", "name") == f"workflow.argoproj.io/{workflow['metadata']['name']}\n"
    assert get(up, "events", "-o", "name").split() == [e["id"] for e in up.events()]
    assert len(get(up, "events", "--no-headers").splitlines()) == 2


def test_singular_and_short_names_do_as_well(up: RunningUp) -> None:
    assert get(up, "wf", "-o", "name") == get(up, "workflow", "-o", "name") == get(up, "workflows", "-o", "name")
    assert get(up, "event", "-o", "name") == get(up, "events", "-o", "name")


def test_another_namespace_has_none(up: RunningUp) -> None:
    done = pointsman("get", "workflows", "-n", "other", "--state", "state", cwd=up.folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "No workflows found.\n")


@pytest.mark.parametrize(("kind", "singular"), [("events", "event"), ("workflows", "workflow")])
def test_a_name_that_is_not_there_is_exit_code_1(kind: str, singular: str, up: RunningUp) -> None:
    done = pointsman("get", kind, "nope", "-o", "yaml", "--state", "state", cwd=up.folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"error: there is no {singular} 'nope' in this state folder\n"


# -- state folders that are none -------------------------------------------------------------------------------------


def refused(folder: Path, code: int) -> str:
    done = pointsman("get", "events", "--state", "state", cwd=folder)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_a_folder_that_is_missing_or_no_state_folder_is_exit_code_2(tmp_path: Path) -> None:
    sentence = "error: state is no state folder (`pointsman up` makes one; --state names another)\n"
    assert refused(tmp_path, 2) == sentence
    (tmp_path / "state").write_text("a file")
    assert refused(tmp_path, 2) == sentence
    (tmp_path / "state").unlink()
    (tmp_path / "state").mkdir()
    assert refused(tmp_path, 2) == sentence


def test_a_state_folder_of_another_version_is_not_read(tmp_path: Path) -> None:
    state(tmp_path, version="99")
    assert "state folder state is of version 99, this program reads version 1" in refused(tmp_path, 2)


def test_a_damaged_database_is_told(tmp_path: Path) -> None:
    (state(tmp_path) / "ledger.db").write_text("no database, but long enough to be looked at" * 100)
    assert refused(tmp_path, 1) == "error: state/ledger.db cannot be read: file is not a database\n"


def test_nothing_recorded_yet(tmp_path: Path) -> None:
    state(tmp_path)
    assert pointsman("get", "events", "--state", "state", cwd=tmp_path).stderr == "No events found.\n"


def state(folder: Path, *, version: str = "1") -> Path:
    path = folder / "state"
    path.mkdir()
    (path / "version").write_text(f"{version}\n")
    return path


async def test_what_a_sender_wrote_does_not_steer_the_terminal(tmp_path: Path) -> None:
    path = state(tmp_path)
    hostile = "\x1b[2Jx\ny\x9b\u202e\ud800"
    workflow = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": "w", "namespace": "default"},
        "spec": {"workflowTemplateRef": "no object", "arguments": {"parameters": [{"name": "p", "value": hostile[:-1]}, 7]}},
    }  # fmt: skip
    async with open_ledger(path) as ledger, open_store(path, {}) as store:
        event = EventRecord("e", "default", "default", "s", "n", "t", "2026-01-01T00:00:00Z", delivery=hostile)
        await ledger.record([event], [Entry("e", "default/ci", "t", "d", "filtered", detail=hostile)])
        await store.create(workflow)

    for kind in ("events", "workflows"):
        done = pointsman("get", kind, "-o", "wide", "--state", "state", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert len(done.stdout.splitlines()) == 2
        assert done.stdout.replace("\n", "").isprintable()
        assert "\\x1b[2Jx\\ny" in done.stdout


# -- printing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ago", "shown"),
    [
        (-5, "0s"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (7199, "119m"),
        (7200, "2h"),
        (172_799, "47h"),
        (172_800, "2d"),
    ],
)
def test_ages_are_short(ago: int, shown: str) -> None:
    assert age(time.time() - ago - 0.1 * (ago > 0)) == shown


async def test_the_age_of_an_event_is_that_of_its_own_time(tmp_path: Path) -> None:
    """It may be recorded long after it came: when its sensor was held."""
    came = time.gmtime(time.time() - 3 * 3600 - 60)
    times = [
        time.strftime("%Y-%m-%dT%H:%M:%S.123456789Z", came),
        "",
        "yesterday",
        time.strftime("%Y-%m-%dT%H:%M:%S", came),
    ]
    with StateFolder(tmp_path / "state").opened():
        pass
    async with open_ledger(tmp_path / "state") as ledger:
        await ledger.record([EventRecord(f"e{n}", "ci", "b", "s", "n", "t", own) for n, own in enumerate(times)], [])
    found = rows(pointsman("get", "events", "--state", "state", cwd=tmp_path).stdout)
    ages = {row[1]: row[5] for row in found[1:]}
    assert ages.pop("e0") == "3h"
    assert len(ages) == 3
    assert all(age.endswith("s") for age in ages.values())


def test_yaml_keeps_order_and_long_lines() -> None:
    assert as_yaml({"b": "x " * 200, "a": "ü"}) == f"b: '{'x ' * 200}'\na: ü\n"


def test_an_empty_cell_is_a_dash(capsys: pytest.CaptureFixture[str]) -> None:
    table(["A", "B", "C"], [["1", "", "x"]], headers=True, what="things")
    assert capsys.readouterr().out == "A   B   C\n1   -   x\n"


def test_plain_text_stays_as_it_is() -> None:
    assert plain("grüße 👍 → x") == "grüße 👍 → x"
