"""What a wheel installs: exactly the four packages, and the data that they need."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from events import bundled
from events.cli import demo, install
from events.errors import SpecError
from events.version import __version__

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_exactly_four_packages_are_installed() -> None:
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]

    assert sorted(wheel["packages"]) == ["eventbus", "events", "eventsource", "sensor"]
    assert all(target.startswith("events/_bundled/") for target in wheel["force-include"].values())


def test_what_the_demo_runs_is_in_the_wheel_and_in_a_checkout() -> None:
    included = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    read = [f"{demo.EXAMPLE}/{file.name}" for file in (ROOT / demo.EXAMPLE).glob("*.yaml")]

    assert {name: included.get(name) for name in read} == {name: f"events/_bundled/{name}" for name in read}
    assert all((ROOT / name).is_file() for name in included)
    assert bundled.find(demo.EXAMPLE).samefile(ROOT / demo.EXAMPLE)


def test_what_install_prints_is_in_the_wheel_and_in_a_checkout() -> None:
    read = [install.INSTALLATION, install.NAMESPACED, *(file for file, _ in install.PARTS.values())]
    included = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]

    assert {name: included.get(name) for name in read} == {name: f"events/_bundled/{name}" for name in read}
    assert all(bundled.find(name).samefile(ROOT / name) for name in read)


def test_the_image_is_made_of_all_that_the_wheel_is_made_of() -> None:
    """What .dockerignore lets through, and the Dockerfile copies."""
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*wheel["packages"], *wheel["force-include"], "pyproject.toml", "README.md", "LICENSE"}
    let_through = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copied = re.findall(r"^COPY ((?:\S+ )+)\S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)

    for sources in (let_through, [name for names in copied for name in names.split()]):
        assert [name for name in sorted(needed) if not any(f"{name}/".startswith(f"{s}/") for s in sources)] == []


def test_manifests_and_image_are_of_this_version() -> None:
    for file in ("manifests/base/deployment.yaml", "Dockerfile"):
        assert set(re.findall(r"\bpointsman:(\d[\w.]*)", (ROOT / file).read_text())) == {__version__}


def test_a_file_that_an_installation_lacks_is_named() -> None:
    with pytest.raises(SpecError, match=r"this installation lacks 'examples/none' \(install pointsman again\)"):
        bundled.find("examples/none")


def test_every_dependency_says_what_it_is_for() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    section = text.partition("dependencies = [")[2].partition("\n]")[0]
    lines = [line for line in section.splitlines() if line.strip()]

    assert len(lines) == len(PROJECT["project"]["dependencies"])
    assert all("# " in line for line in lines)


def test_no_test_folder_shadows_a_package() -> None:
    """With an ``__init__.py`` under tests/ the folder tests/events would hide the package events."""
    assert list((ROOT / "tests").rglob("__init__.py")) == []
