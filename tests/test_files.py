"""Temporary folders: gone with their context."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from nsysgap.files import temporary_folder


def test_a_file_that_is_made_while_its_folder_is_removed_goes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a transfer that was broken off may do once."""
    remove = shutil.rmtree
    made: list[Path] = []

    def removing(folder: Path, **more: Any) -> None:
        remove(folder, **more)
        if not made:
            folder.mkdir()
            made.append(folder / "late")
            made[0].write_bytes(b"part of a report")

    monkeypatch.setattr(shutil, "rmtree", removing)
    with temporary_folder() as folder:
        assert folder.is_dir()
    assert made == [folder / "late"]
    assert not folder.exists()
