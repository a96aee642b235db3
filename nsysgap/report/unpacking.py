"""Unpacking .gz, .xz and .zst reports into a temporary folder, within bounds: a few bytes may stand for terabytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from nsysgap.errors import NsysgapError
from nsysgap.report.sqlite.header import HEADER_BYTES, SQLITE_MAGIC, promised_bytes

COMPRESSED = {".gz": b"\x1f\x8b", ".xz": b"\xfd7zXZ\x00", ".zst": b"\x28\xb5\x2f\xfd"}
NO_ROOM = 28
PIECE = 1 << 20
PACKED_PIECE = 1 << 11  # what .zst makes of it comes at once: up to some 60 MB
MEMORY = 1 << 28  # of .xz and .zst: their own tools use less unless told otherwise
# Reports pack to a tenth, those of one kernel over and over to a fiftieth.
LARGEST_RATIO = 200
FREE = 1 << 30  # below which the ratio does not matter
PACK_AGAIN = "Copy or compress it again."


def unpack(path: Path, suffix: str, target: Path) -> Path:
    """Unpack a file; the target. Raises NsysgapError for what is cut off, damaged, or larger than a report can be."""
    try:
        with path.open("rb") as packed, target.open("wb") as unpacked:
            bound = _Bound(path, target.parent)
            for piece in _decompressed(path, packed, suffix):
                bound.check(piece)
                unpacked.write(piece)
    except OSError as error:
        if error.errno == NO_ROOM:
            raise _no_room(path, target.parent) from None
        raise NsysgapError(f"{path} is not a whole {suffix} file ({error}).", PACK_AGAIN) from None
    except (MemoryError, NsysgapError):
        raise
    except Exception as error:
        if type(error).__module__.split(".")[0] not in {"zlib", "_lzma", "lzma", "zstandard", "gzip", "builtins"}:
            raise
        raise NsysgapError(f"{path} is not a whole {suffix} file ({error}).", PACK_AGAIN) from None
    return target


def _no_room(path: Path, folder: Path) -> NsysgapError:
    return NsysgapError(f"No room to unpack {path} into {folder.parent}.", "Set TMPDIR to a larger disk.")


class _Bound:
    """How much a file may unpack to: what a report's own header says, what its disk has free, what packing can save."""

    def __init__(self, path: Path, folder: Path) -> None:
        self.path, self.folder = path, folder
        self.most = max(path.stat().st_size * LARGEST_RATIO, FREE)
        self.done = 0
        self.head = b""

    def check(self, piece: bytes) -> None:
        """Raise NsysgapError if this piece is one too many."""
        if len(self.head) < HEADER_BYTES:
            self.head += piece[:HEADER_BYTES]
            if len(self.head) >= HEADER_BYTES and self.head.startswith(SQLITE_MAGIC):
                self._check_room(promised_bytes(self.head))
        self.done += len(piece)
        if self.done > self.most:
            raise NsysgapError(
                f"{self.path} unpacks to more than {LARGEST_RATIO} times its size: no report does.",
                "Unpack it by hand if you trust it, and name the unpacked file.",
            )

    def _check_room(self, promised: int) -> None:
        import shutil

        if promised > shutil.disk_usage(self.folder).free:
            raise _no_room(self.path, self.folder)


def _decompressed(path: Path, packed: IO[bytes], suffix: str) -> Iterator[bytes]:
    if suffix == ".zst":
        return _zst(path, packed)
    if suffix == ".xz":
        return _xz(packed)
    import gzip

    unpacked = cast("IO[bytes]", gzip.GzipFile(fileobj=packed))
    return iter(lambda: unpacked.read(PIECE), b"")


def _xz(packed: IO[bytes]) -> Iterator[bytes]:
    """All streams of an .xz file, a bounded piece at a time; zeros may lie between them."""
    import lzma

    rest = packed.read(PACKED_PIECE)
    while rest:
        stream = lzma.LZMADecompressor(memlimit=MEMORY)
        while not stream.eof:
            if stream.needs_input and not rest and not (rest := packed.read(PACKED_PIECE)):
                raise EOFError("it ends within a stream")
            yield stream.decompress(rest, PIECE)
            rest = b""
        rest = stream.unused_data.lstrip(b"\0")
        while not rest and (more := packed.read(PACKED_PIECE)):
            rest = more.lstrip(b"\0")


def _zst(path: Path, packed: IO[bytes]) -> Iterator[bytes]:
    """All frames of a .zst file; its own readers stop after the first, and take a cut one for whole."""
    try:
        import zstandard
    except ImportError:
        raise NsysgapError(f"Reading {path} needs zstandard.", "pip install zstandard, or: zstd -d FILE.") from None
    decompressor = zstandard.ZstdDecompressor(max_window_size=MEMORY)
    frame = decompressor.decompressobj()
    while rest := packed.read(PACKED_PIECE):
        while rest:
            if frame.eof:
                frame = decompressor.decompressobj()
            yield frame.decompress(rest)
            rest = frame.unused_data
    if not frame.eof:
        raise EOFError("it ends within a frame")
