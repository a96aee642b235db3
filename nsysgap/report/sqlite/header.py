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


def promised_bytes(head: bytes) -> int:
    """How long the file should be."""
    return page_size(head) * int.from_bytes(head[28:32], "big")


def unfinished(file: Path) -> Path | None:
    """The -wal or -journal beside a file whose contents belong to it; None where the file is whole.

    SQLite looks beside the file that a link leads to. A journal that begins with a zero was kept after it was done
    with, as by journal_mode = PERSIST.
    """
    if file.is_symlink():  # links among the folders before it do not matter, and this is asked with every read
        file = file.resolve()
    for suffix in ("-wal", "-journal"):
        beside = file.with_name(file.name + suffix)
        try:
            with beside.open("rb", buffering=0) as opened:
                first = opened.read(1)
        except OSError:  # most often there is none; a name may be too long for one
            continue
        if first and (suffix == "-wal" or first != b"\0"):
            return beside
    return None


def in_wal_mode(file: Path) -> bool:
    """Whether SQLite would put a -wal and a -shm file beside the report, even to read it."""
    with file.open("rb") as opened:
        return WAL_MODE in opened.read(HEADER_BYTES)[18:20]
