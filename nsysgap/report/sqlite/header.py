"""What the first 100 bytes of a SQLite file say (https://www.sqlite.org/fileformat2.html)."""

from __future__ import annotations

from pathlib import Path

SQLITE_MAGIC = b"SQLite format 3\x00"
HEADER_BYTES = 100
WAL_MODE = 2  # in bytes 18 and 19: the versions to write and to read the file with


def page_size(head: bytes) -> int:
    """Bytes of a page: 1 stands for what two bytes cannot hold."""
    size = int.from_bytes(head[16:18], "big")
    return 65536 if size == 1 else size


def in_wal_mode(file: Path) -> bool:
    """Whether SQLite would put a -wal and a -shm file beside the report, even to read it."""
    with file.open("rb") as opened:
        return WAL_MODE in opened.read(HEADER_BYTES)[18:20]
