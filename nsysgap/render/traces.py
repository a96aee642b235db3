"""A picture for trace viewers, in each format there is."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO

from nsysgap.render.chrome import write_chrome
from nsysgap.render.compress import GzipWriter
from nsysgap.render.perfetto import write_perfetto
from nsysgap.tracks import Viewed

TRACE_ENDINGS = {".json": "json", ".json.gz": "json.gz", ".pftrace": "pftrace", ".perfetto-trace": "pftrace"}


def write_trace(viewed: Viewed, form: str, file: IO[bytes], advance: Callable[[int], None] = lambda _: None) -> None:
    """Write a picture as json, json.gz or pftrace; `advance` is called with the number of slices written."""
    if form == "pftrace":
        write_perfetto(viewed, file, advance)
    elif form == "json":
        write_chrome(viewed, file, advance)
    else:
        with GzipWriter(file) as packed:
            write_chrome(viewed, packed, advance)
