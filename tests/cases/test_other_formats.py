"""Files that nsys writes and nsysgap does not read: what to make instead."""

from __future__ import annotations

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
    ],
)
def test_what_to_export_instead(tmp_path: Path, name: str, what: str, hint: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"not SQLite")
    with pytest.raises(NsysgapError) as failed, open_source(path):
        pass
    assert what in str(failed.value)
    assert hint in (failed.value.hint or "")
