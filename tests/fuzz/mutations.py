"""Ways to break a report: each takes chance and a base, and leaves the broken file in a folder."""

from __future__ import annotations

import gzip
import lzma
import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import zstandard

from fuzz.corpus import bases

LIMITS = (-(1 << 63), -1, 0, 1, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 61, (1 << 63) - 1)
ODD = (*LIMITS, None, 1.5, float("inf"), "", "text", "\x1b[31m\u202e", b"\xff\x00", "9" * 40)
BOMB_BYTES = 64 << 20
HEADER_BYTES = 100
PTRMAP_PAGE = 2


@dataclass
class Broken:
    """A case: the file, how it was made, and what goes on with it while it is read (None for nothing)."""

    path: Path
    kind: str
    base: str
    meanwhile: Callable[[], threading.Thread] | None = None


def page_size(data: bytes | bytearray) -> int:
    """The size of a page, by the file's header."""
    size = int.from_bytes(data[16:18], "big")
    return 65536 if size == 1 else size


def pages_aimed_at(chance: random.Random, data: bytearray) -> None:
    """One to four bytes where a page says what it is, how many cells it has, where they are, and how long."""
    size = page_size(data)
    for _ in range(chance.choice((1, 1, 2, 4))):
        page = chance.randrange(len(data) // size)
        begin = page * size + (HEADER_BYTES if page == 0 else 0)
        place = chance.choice(
            (
                chance.randrange(12),  # kind, free block, number of cells, content, right child
                12 + chance.randrange(24),  # cell pointers
                _cell(data, begin, chance),  # payload's and row's varints, the record's header
            )
        )
        _change(chance, data, min(begin + place, len(data) - 1))


def _cell(data: bytearray, begin: int, chance: random.Random) -> int:
    """Somewhere in the first bytes of one of a page's cells, from the page's beginning."""
    cells = int.from_bytes(data[begin + 3 : begin + 5], "big")
    head = 12 if data[begin] in {2, 5} else 8
    pointer = begin + head + 2 * chance.randrange(max(1, min(cells, 4_000)))
    offset = int.from_bytes(data[pointer : pointer + 2], "big") - (begin % page_size(data))
    return max(0, offset) + chance.randrange(14)


def _change(chance: random.Random, data: bytearray, place: int) -> None:
    data[place] = chance.choice((data[place] ^ (1 << chance.randrange(8)), chance.randrange(256), 0, 255))


def header(chance: random.Random, data: bytearray) -> None:
    """The file's header: page size, reserved bytes, number of pages, free list, versions, encoding."""
    for _ in range(chance.choice((1, 2))):
        _change(chance, data, chance.choice((16, 17, 18, 19, 20, 28, 31, 35, 39, 47, 52, 55, 59, 63, 92, 96)))


def pointer_maps(chance: random.Random, data: bytearray) -> None:
    """The page that says which page belongs to which, where the file has one."""
    size = page_size(data)
    _change(chance, data, min(len(data) - 1, (PTRMAP_PAGE - 1) * size + chance.randrange(min(size, 200))))


def overflow(chance: random.Random, data: bytearray) -> None:
    """Links of overflow pages: a page of texts gets another number of its next page."""
    size = page_size(data)
    candidates = [page for page in range(1, len(data) // size) if data[page * size] == 0] or [1]
    begin = chance.choice(candidates) * size
    data[begin : begin + 4] = chance.choice((0, 1, 3, begin // size + 1, 1 << 31)).to_bytes(4, "big")


def anywhere(chance: random.Random, data: bytearray) -> None:
    """Bytes anywhere, a stretch of zeroes, or an end cut off."""
    way = chance.randrange(4)
    if way == 0:
        del data[chance.randrange(len(data)) :]
    elif way == 1:
        begin = chance.randrange(len(data))
        data[begin : begin + chance.randrange(1, 5_000)] = b""
    else:
        for _ in range(chance.choice((1, 3, 30))):
            _change(chance, data, chance.randrange(len(data)))


def values(chance: random.Random, path: Path) -> None:
    """Values of any kind in any column, rows doubled, removed, tables renamed or gone."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for _ in range(chance.choice((1, 2, 5))):
            table = chance.choice(tables)
            columns = [row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')]
            if not columns:
                continue
            column, value = chance.choice(columns), chance.choice(ODD)
            where = chance.choice(("1", "rowid % 7 = 0", f"rowid = {chance.randrange(1, 60)}"))
            statement, given = chance.choice(
                (
                    (f'UPDATE "{table}" SET "{column}" = ? WHERE {where}', (value,)),
                    (f'UPDATE "{table}" SET "{column}" = ? WHERE {where}', (value,)),
                    (f'UPDATE "{table}" SET "{column}" = - "{column}" WHERE {where}', ()),
                    (f'INSERT INTO "{table}" SELECT * FROM "{table}" WHERE {where}', ()),
                    (f'DELETE FROM "{table}" WHERE {where}', ()),
                    (f'ALTER TABLE "{table}" DROP COLUMN "{column}"', ()),
                )
            )
            with suppress(sqlite3.Error):  # such as the last column, which cannot go
                connection.execute(statement, given)


def payloads(chance: random.Random, path: Path) -> None:
    """NVTX payloads: bytes of blobs changed, and schemas that do not fit them."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for rowid, blob in connection.execute(
            "SELECT rowid, binaryData FROM NVTX_EVENTS WHERE binaryData IS NOT NULL"
        ).fetchall():
            data = bytearray(blob)
            for _ in range(chance.choice((0, 1, 4))):
                _change(chance, data, chance.randrange(len(data)))
            kept = data[: chance.choice((len(data), chance.randrange(len(data))))]
            connection.execute("UPDATE NVTX_EVENTS SET binaryData = ? WHERE rowid = ?", (bytes(kept), rowid))
        table = chance.choice(("NVTX_PAYLOAD_SCHEMAS", "NVTX_PAYLOAD_SCHEMA_ENTRIES"))
        column = chance.choice([row[1] for row in connection.execute(f"PRAGMA table_info({table})")])
        where = chance.choice(("rowid % 2", "rowid % 5 = 0"))
        with suppress(sqlite3.Error):
            connection.execute(f'UPDATE {table} SET "{column}" = ? WHERE {where}', (chance.choice(ODD),))


PACKED: dict[str, Callable[[bytes], bytes]] = {
    ".gz": lambda data: gzip.compress(data, 1, mtime=0),
    ".xz": lambda data: lzma.compress(data, preset=0),
    ".zst": lambda data: zstandard.ZstdCompressor(level=1).compress(data),
}


def container(chance: random.Random, path: Path) -> Path:
    """Packed, then truncated, doubled, with a byte changed, with a foreign ending, or a bomb of zeroes."""
    ending = chance.choice(list(PACKED))
    pack, data = PACKED[ending], path.read_bytes()
    way = chance.randrange(6)
    packed = bytearray(pack(data if way != 5 else data[:200] + bytes(BOMB_BYTES)))
    if way == 0:
        del packed[chance.randrange(len(packed)) :]
    elif way == 1:
        packed += pack(data)
    elif way == 2:
        _change(chance, packed, chance.randrange(len(packed)))
    elif way == 3:
        ending = chance.choice([*PACKED, ""])
    elif way == 4:
        packed += chance.randbytes(20)
    path.unlink()
    path = path.with_name(path.name + ending)
    path.write_bytes(packed)
    return path


def changing(chance: random.Random, path: Path) -> Callable[[], threading.Thread]:
    """Begins what another program does to the file while it is read: cut, grown, overwritten or replaced."""
    after, way = chance.random() * 0.12, chance.randrange(5)
    place = chance.randrange(path.stat().st_size)
    noise = bytes(chance.randrange(256) for _ in range(200))
    other = bases()[chance.choice(list(bases()))]

    def change() -> None:
        time.sleep(after)
        with suppress(OSError):
            if way == 0:
                os.truncate(path, place)
            elif way == 1:
                with path.open("ab") as file:
                    file.write(noise)
            elif way in {2, 3}:
                with path.open("r+b") as file:
                    file.seek(place)
                    file.write(noise)
            else:
                path.with_suffix(".new").write_bytes(other)
                path.with_suffix(".new").replace(path)

    def begin() -> threading.Thread:
        changer = threading.Thread(target=change, daemon=True)
        changer.start()
        return changer

    return begin


BYTES: dict[str, Callable[[random.Random, bytearray], None]] = {
    "pages": pages_aimed_at,
    "header": header,
    "pointer-maps": pointer_maps,
    "overflow": overflow,
    "bytes": anywhere,
}
KINDS = (*BYTES, "pages", "pages", "values", "values", "payloads", "container", "changing")


def broken(seed: int, folder: Path) -> Broken:
    """The case of a seed, always the same but for how fast it is read while it changes."""
    chance = random.Random(seed)
    kind, base = chance.choice(KINDS), chance.choice([*bases(), *[name for name in bases() if name != "naive"]])
    base = {"pointer-maps": "built-vacuumed", "payloads": "built-stacks"}.get(kind, base)
    path = folder / "report.sqlite"
    data = bytearray(bases()[base])
    if kind in BYTES:
        BYTES[kind](chance, data)
    path.write_bytes(data)
    if kind == "values":
        values(chance, path)
    elif kind == "payloads":
        payloads(chance, path)
    elif kind == "container":
        path = container(chance, path)
    return Broken(path, kind, base, changing(chance, path) if kind == "changing" else None)
