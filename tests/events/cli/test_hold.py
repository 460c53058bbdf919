"""A sensor that runs is held, and released, when the command says so."""

import json
import urllib.request
from pathlib import Path

from tests.support.up import LOGGING, RunningUp, eventually, free_port, pointsman, running


def send(up: RunningUp) -> None:
    request = urllib.request.Request(up.url("/push"), b"{}", {"Content-Type": "application/json"})
    assert urllib.request.urlopen(request).status == 200


def say(up: RunningUp, *arguments: str) -> str:
    done = pointsman(*arguments, "--state", str(up.state), cwd=up.folder)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_what_comes_after_a_hold_waits_until_the_release(tmp_path: Path) -> None:
    manifest = tmp_path / "all.yaml"
    manifest.write_text(LOGGING % free_port())
    with running(manifest, folder=tmp_path / "up") as up:
        for number in range(1, 4):
            assert say(up, "hold", "sensor", "build") == "default/build is held.\n"
            send(up)

            def waits() -> bool:
                [shown] = json.loads(say(up, "get", "sensors", "-o", "json"))["items"]
                return bool(shown["unread"] == 1)

            eventually(waits)
            assert len(up.outcomes()) == number - 1
            assert say(up, "hold", "sensor", "build") == "default/build is held.\n"
            assert say(up, "release", "sensor", "build") == "default/build goes on.\n"
            eventually(lambda number=number: len(up.outcomes()) == number)
