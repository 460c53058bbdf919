"""The folder with recorded cases and real payloads, which lies beside the checkout where the product is developed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("POINTSMAN_SHARED", Path(__file__).resolve().parents[2].parent / "shared"))

needs_shared = pytest.mark.skipif(
    not (SHARED / "conformance").is_dir(), reason="the recorded cases (../shared) are not there"
)
