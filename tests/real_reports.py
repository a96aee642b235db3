"""Real reports for tests: NSYSGAP_TRACES names a folder with h200/ and public/ holding .sqlite.xz files."""

from __future__ import annotations

import lzma
import os
from pathlib import Path

import pytest


def real_reports() -> list[Path]:
    """Every real report there is, by name; none where NSYSGAP_TRACES is not set."""
    folder = os.environ.get("NSYSGAP_TRACES")
    return sorted(Path(folder).glob("*/*.sqlite.xz")) if folder else []


def require_report(name: str, into: Path) -> Path:
    """An unpacked copy of a real report; skips the test without it, fails it with NSYSGAP_REQUIRE_ALL=1."""
    found = [path for path in real_reports() if path.name.startswith(name)]
    if not found:
        if os.environ.get("NSYSGAP_REQUIRE_ALL") == "1":
            pytest.fail(f"NSYSGAP_TRACES holds no report {name}")
        pytest.skip(f"needs the real report {name}: set NSYSGAP_TRACES")
    target = into / found[0].name.removesuffix(".xz")
    target.write_bytes(lzma.decompress(found[0].read_bytes()))
    return target
