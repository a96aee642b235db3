"""Files that nsys writes and nsysgap does not read: what to make instead."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from nsysgap.errors import NsysgapError
from nsysgap.report import open_source


@pytest.mark.parametrize(
    ("name", "what", "hint"),
    [
        ("report.qdstrm", "a raw capture", "QdstrmImporter"),
        ("report.h5", "HDF5", "--type sqlite"),
        ("report.arrow", "Arrow stream", "--type sqlite"),
        ("report.jsonl", "JSON Lines", "--type sqlite"),
        ("report.txt", "a text export", "--type sqlite"),
        ("REPORT.QDSTRM", "a raw capture", "QdstrmImporter"),
        ("report.jsonl.gz", "JSON Lines", "--type sqlite"),
    ],
)
def test_what_to_export_instead(tmp_path: Path, name: str, what: str, hint: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(b"not SQLite") if name.endswith(".gz") else b"not SQLite")
    with pytest.raises(NsysgapError) as failed, open_source(path):
        pass
    assert what in str(failed.value)
    assert hint in (failed.value.hint or "")


@pytest.mark.parametrize(("magic", "what"), [(b"\x89HDF\r\n\x1a\n", "HDF5"), (b"ARROW1\0\0", "Arrow stream")])
def test_what_it_begins_with_tells_it_too(tmp_path: Path, magic: bytes, what: str) -> None:
    path = tmp_path / "report"
    path.write_bytes(magic + b"\0" * 100)
    with pytest.raises(NsysgapError, match=what), open_source(path):
        pass
