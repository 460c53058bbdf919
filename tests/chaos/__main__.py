"""``python -m tests.chaos [--tier short|nightly] [--only ROW] [--seed X] [--kills N] [--rate R] [--seconds S]``: the chaos suite.

Each row prints its seed, its counts and the bound on its failure rate; the exit status is 1 when one fails.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

from tests.chaos.suite import ROWS, carry_out


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--tier", choices=("short", "nightly"), default="short")
    parser.add_argument("--only", action="append", choices=ROWS, metavar="ROW", help=f"one of {', '.join(ROWS)}")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--kills", type=int, help="kills with events in flight (row kills)")
    parser.add_argument("--rate", type=float, help="events a second")
    parser.add_argument("--seconds", type=float, help="at least so long")
    parser.add_argument("--scale", type=float, default=1.0, help="counts of the tier times this")
    parser.add_argument(
        "--kube-apiserver", action="store_true", help="submit to a real one (KUBEBUILDER_ASSETS; row kills)"
    )
    parser.add_argument("--folder", type=Path, help="keep all journals, logs and states there")
    given = parser.parse_args()
    seed = secrets.randbelow(1 << 31) if given.seed is None else given.seed
    folder = given.folder or Path(tempfile.mkdtemp(prefix="pointsman-chaos-"))
    failed = False
    for row in given.only or ROWS:
        report = asyncio.run(
            carry_out(
                row, given.tier, folder / row, seed,
                scale=given.scale, rate=given.rate, seconds=given.seconds, kills=given.kills,
                kube=given.kube_apiserver,
            )
        )  # fmt: skip
        print(report, flush=True)
        failed = failed or bool(report.failures)
    if failed:
        print(f"journals, logs and states: {folder}")
    elif given.folder is None:
        shutil.rmtree(folder)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
