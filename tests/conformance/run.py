"""Run recorded cases: ``python tests/conformance/run.py FILE…``

Each line of a case file is one case (see ``../shared/conformance/*/README.md``). A file of ``formats/`` says how one kind of
case is run (``formats/README.md``). Cases of kinds that are not built yet are named and not counted.
Where we differ on purpose, a rule of ``deliberate.py`` gives the outcome that we promise instead; that is then what must match.

Prints up to 20 failing ids with want/got, hits per rule, then ``N passed, M failed`` alone on the last line; exit 1 if any failed.
"""

from __future__ import annotations

import argparse
import collections
import importlib
import json
import pkgutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from events import logs
from tests.conformance import deliberate, formats

Case = dict[str, Any]


@dataclass
class Report:
    """What became of the cases of some files."""

    passed: int = 0
    failed: list[tuple[str, Any, Any]] = field(default_factory=list)
    waiting: collections.Counter[str] = field(default_factory=collections.Counter)
    rules: collections.Counter[str] = field(default_factory=collections.Counter)

    @property
    def total(self) -> int:
        return self.passed + len(self.failed)


def load_formats() -> list[ModuleType]:
    """The modules of ``formats/``, in order of their names."""
    names = sorted(m.name for m in pkgutil.iter_modules(formats.__path__) if not m.name.startswith("_"))
    return [importlib.import_module(f"tests.conformance.formats.{name}") for name in names]


def read_cases(path: Path) -> list[Case]:
    """The cases of one file, each knowing the file that it came from (``_file``) and its folder (``_folder``)."""
    lines = path.read_bytes().split(b"\n")
    return [{**json.loads(line), "_file": path.name, "_folder": str(path.parent)} for line in lines if line.strip()]


def run_cases(cases: list[Case]) -> Report:
    """Run the cases, each against its recording or against the rule that replaces it."""
    report = Report()
    known = load_formats()
    for case in cases:
        module = next((m for m in known if m.matches(case)), None)
        waits = module.waits(case) if module is not None and hasattr(module, "waits") else None
        if module is None or waits:
            report.waiting[waits or f"{case.get('op') or case.get('kind') or case['_file']}: not built yet"] += 1
            continue
        inputs = {k: v for k, v in case.items() if k not in ("id", *module.RECORDED)}
        rule = deliberate.find(module.NAME, inputs)
        want = module.want(case) if rule is None else rule.outcome(inputs)
        if rule is not None:
            report.rules[rule.name] += 1
        try:
            got = module.run(case)
            same = module.same(case, want, got)
        except Exception as error:  # whatever the product raises: this case fails, the others are still told
            got, same = f"raised {type(error).__name__}: {error}", False
        if same:
            report.passed += 1
        else:
            report.failed.append((case["id"], want, got))
    return report


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--show", type=int, default=20, help="how many failures to print (default 20)")
    options = parser.parse_args()
    logs.configure("critical")
    cases = [case for path in options.files for case in read_cases(path)]
    report = run_cases(cases)
    for identifier, want, got in report.failed[: options.show]:
        print(f"FAILED {identifier}\n  want {want!r:.600}\n  got  {got!r:.600}")
    for reason, count in sorted(report.waiting.items()):
        print(f"not run: {count} × {reason}")
    for name, count in sorted(report.rules.items()):
        print(f"rule {name}: {count} hits")
    print(f"{report.passed} passed, {len(report.failed)} failed")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
