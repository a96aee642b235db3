"""The real nsys for tests: NSYSGAP_NSYS names it (tests/install-nsys.sh installs one)."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from browser import missing


def require_nsys() -> str:
    """The path of nsys; skips the test without one, fails it with NSYSGAP_REQUIRE_ALL=1."""
    named = os.environ.get("NSYSGAP_NSYS") or shutil.which("nsys")
    if named and os.access(named, os.X_OK):
        return named
    if os.environ.get("NSYSGAP_REQUIRE_ALL") == "1":
        pytest.fail("NSYSGAP_NSYS names no nsys: run tests/install-nsys.sh FOLDER first")
    pytest.skip("needs nsys: tests/install-nsys.sh FOLDER, then NSYSGAP_NSYS=FOLDER/bin/nsys")


def nvtx_include() -> str:
    """The folder of NVTX's headers, which come with nsys; skips or fails as `require_nsys` does."""
    place = Path(require_nsys()).resolve().parents[1]
    header = next(place.rglob("nvtx3/nvToolsExt.h"), None)
    if header is None:
        missing(f"{place}/**/nvtx3/nvToolsExt.h")
    return str(header.parents[1])
