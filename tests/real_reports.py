"""Real reports for tests: NSYSGAP_TRACES and NSYSGAP_CASES name folders with .sqlite.xz files.

NSYSGAP_TRACES holds h200/ and public/ (and more), reports as they were recorded; NSYSGAP_CASES small reports that
rebuild public bug reports, and damaged/, files that are broken in one way each.
"""

from __future__ import annotations

import lzma
import os
from pathlib import Path

import pytest


def real_reports() -> list[Path]:
    """Every real report by name; none where NSYSGAP_TRACES is not set."""
    return _packed("NSYSGAP_TRACES", "*/*.sqlite.xz")


def case_reports() -> list[Path]:
    """Every case, by name, those of damaged/ among them; none where NSYSGAP_CASES is not set."""
    return _packed("NSYSGAP_CASES", "**/*.sqlite.xz")


def require_report(name: str, into: Path) -> Path:
    """An unpacked copy of a real report; skips the test without it, fails it with NSYSGAP_REQUIRE_ALL=1."""
    return _unpack([path for path in real_reports() if path.name.startswith(name)], name, into, "NSYSGAP_TRACES")


def case_report(name: str, into: Path) -> Path:
    """An unpacked copy of a case, "mpi_wait" or "damaged/empty-leaf"; skips or fails as require_report does."""
    wanted = f"/{name}.sqlite.xz"
    return _unpack([path for path in case_reports() if path.as_posix().endswith(wanted)], name, into, "NSYSGAP_CASES")


def _packed(variable: str, pattern: str) -> list[Path]:
    folder = os.environ.get(variable)
    return sorted(Path(folder).glob(pattern)) if folder else []


def _unpack(packed: list[Path], name: str, into: Path, variable: str) -> Path:
    if not packed:
        if os.environ.get("NSYSGAP_REQUIRE_ALL") == "1":
            pytest.fail(f"{variable} holds no report {name}")
        pytest.skip(f"needs the report {name}: set {variable}")
    target = into / packed[0].name.removesuffix(".xz")
    target.write_bytes(lzma.decompress(packed[0].read_bytes()))
    return target
