"""Loaded by Python itself into each process of the product that a row starts: this folder comes first on its PYTHONPATH.

Applies the patches that the environment names (``CHAOS_PATCHES=name,name=value``) to modules of the product right after their
import. A patch that finds nothing to patch ends the process: a test must not pass because it tests nothing.
"""

from __future__ import annotations

import os
import sys

if os.environ.get("CHAOS_PATCHES"):
    import importlib.abc
    import importlib.util
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    import chaos_patches

    class Loader(importlib.abc.Loader):
        """The real loader, and the patches after it."""

        def __init__(self, real: importlib.abc.Loader, apply: list[chaos_patches.Applied]) -> None:
            self._real = real
            self._apply = apply

        def create_module(self, spec: ModuleSpec) -> ModuleType | None:
            return self._real.create_module(spec)

        def exec_module(self, module: ModuleType) -> None:
            self._real.exec_module(module)
            for name, patch in self._apply:
                try:
                    patch(module)
                except Exception as error:
                    sys.stderr.write(f"chaos: the patch {name} does not fit {module.__name__}: {error!r}\n")
                    os._exit(96)

    class Finder(importlib.abc.MetaPathFinder):
        """Finds the modules that are to be patched, by asking those that come after it."""

        def __init__(self, wanted: dict[str, list[chaos_patches.Applied]]) -> None:
            self._wanted = wanted

        def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
            apply = self._wanted.pop(name, None)
            if apply is None:
                return None
            spec = importlib.util.find_spec(name)
            if spec is not None and spec.loader is not None:
                spec.loader = Loader(spec.loader, apply)
            return spec

    sys.meta_path.insert(0, Finder(chaos_patches.wanted(os.environ["CHAOS_PATCHES"])))
