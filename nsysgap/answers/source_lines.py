"""The program's source at hand: the text of a line, if its file lies in the folder that the user named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from nsysgap.errors import NsysgapError

LARGEST_FILE = 10_000_000


def source_lines(rows: Sequence[Mapping[str, Any]], folder: str) -> list[str | None]:
    """The text of each row's `line` of `file`, None where the file or line is not there.

    A file is looked for by the longest end of its path that exists in `folder`; nothing outside it is read. Raises
    NsysgapError if `folder` is none.
    """
    base = Path(folder)
    if not base.is_dir():
        raise NsysgapError(f"{folder} is not a folder.", "Name the folder that holds the program: --source DIR")
    return [_line(base.resolve(), row["file"], row["line"]) if row["file"] and row["line"] else None for row in rows]


def _line(base: Path, file: str, line: int) -> str | None:
    text = _text_of(base, file)
    return text[line - 1].strip() if text is not None and 0 < line <= len(text) else None


@lru_cache(maxsize=256)
def _text_of(base: Path, file: str) -> tuple[str, ...] | None:
    parts = [part for part in PurePosixPath(file).parts if part != "/"]
    if ".." in parts or "\x00" in file:
        return None
    for first in range(len(parts)):
        path = base.joinpath(*parts[first:])
        try:
            real = path.resolve()
            if real.is_relative_to(base) and real.is_file() and real.stat().st_size <= LARGEST_FILE:
                return tuple(real.read_text(encoding="utf-8", errors="replace").splitlines())
        except (OSError, ValueError):
            continue
    return None
