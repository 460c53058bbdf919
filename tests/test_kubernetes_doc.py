"""docs/kubernetes.md says what is so: its manifests are good, its commands and names are there."""

from __future__ import annotations

import re
from pathlib import Path

from click.testing import CliRunner

from events.cli import lint, rbac
from events.cli.install import PARTS
from events.cli.main import COMMANDS

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs/kubernetes.md").read_text()
FIRST = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)[0]


def test_the_first_manifests_have_nothing_wrong() -> None:
    done = CliRunner().invoke(lint.command, ["-"], input=FIRST)

    assert done.exit_code == 0, done.output
    assert "no errors, no warnings" in done.output


def test_the_first_sensor_gets_what_it_needs() -> None:
    done = CliRunner().invoke(rbac.command, ["-"], input=FIRST)

    assert (done.exit_code, done.stderr) == (0, "")
    assert "- workflows\n" in done.stdout


def test_files_commands_and_parts_that_are_named_are_there() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", TEXT)
    commands = re.findall(r"pointsman (\w+)(?= [-\w])", TEXT)

    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
    assert set(commands) <= set(COMMANDS)
    assert set(re.findall(r"--part ([\w-]+)", TEXT)) == set(PARTS)


def test_links_within_the_document_lead_somewhere() -> None:
    headings = {
        re.sub(r"[^\w -]", "", line[3:]).lower().replace(" ", "-")
        for line in TEXT.splitlines()
        if line.startswith("## ")
    }

    assert set(re.findall(r"\]\(#([^)]+)\)", TEXT)) <= headings
