"""Baselines: the figures per iteration of captures as a small, versioned JSON document, made to be committed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nsysgap.analysis.comparing.captures import FIGURES, Capture
from nsysgap.errors import NsysgapError
from nsysgap.figures import Document
from nsysgap.fleet.names import is_url, report_name
from nsysgap.fleet.paths import is_local_pattern
from nsysgap.fleet.remote import fetched
from nsysgap.version import __version__

SCHEMA = "nsysgap.baseline/1"
LARGEST = 16_000_000
HINT = "Write it again: nsysgap check REPORT... --save-baseline FILE"


def baseline_document(captures: Sequence[Capture]) -> Document:
    """The document of a side: no names of kernels, no paths, nothing of the machine but its GPU's model."""
    return {
        "schema": SCHEMA,
        "nsysgap_version": __version__,
        "captures": [
            {
                "report": report_name(capture.path),
                "loop": capture.loop,
                "iterations": capture.iterations,
                "chosen": capture.chosen,
                "gpus": list(capture.gpus),
                "gpu_count": capture.gpu_count,
                "graph_trace": capture.graph_trace,
                "longest_gap_ns": capture.longest_gap,
                "figures": dict(capture.figures),
                **({"role": capture.role} if capture.role else {}),
            }
            for capture in captures
        ],
    }


def is_baseline(path: str) -> bool:
    """Whether a file is a JSON document, by its first character; reports are none. A URL's ending tells it.

    Raises NsysgapError where it cannot be read.
    """
    if is_url(path):
        return path.endswith(".json")
    try:
        if Path(path).is_dir() or is_local_pattern(path):
            return False
        with Path(path).open("rb") as file:
            return file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")
    except OSError as error:
        hint = "Name a report, or what nsysgap check --save-baseline wrote."
        raise NsysgapError(f"{path} cannot be read ({error.strerror}).", hint) from None


def read_baseline(path: str) -> tuple[Capture, ...]:
    """The captures of a baseline. Raises NsysgapError for anything that is not a whole document of this version."""
    try:
        with fetched(path) as local, Path(local).open("rb") as file:
            document = json.loads(file.read(LARGEST))
    except OSError as error:
        raise NsysgapError(f"{path} cannot be read ({error.strerror}).", HINT) from None
    except (ValueError, RecursionError):
        raise NsysgapError(f"{path} is no JSON document.", HINT) from None
    schema = document.get("schema") if isinstance(document, Mapping) else None
    if schema != SCHEMA:
        is_what = f"a document '{schema}'" if isinstance(schema, str) else "no document of nsysgap"
        raise NsysgapError(f"{path} is {is_what}, not a baseline {SCHEMA}.", HINT)
    try:
        captures = tuple(_capture(row) for row in document["captures"])
    except (KeyError, TypeError, ValueError):
        captures = ()
    if not captures:
        raise NsysgapError(f"{path} is not a whole baseline.", HINT)
    return captures


def _capture(row: Mapping[str, Any]) -> Capture:
    figures = {name: _whole(row["figures"][name]) for name in FIGURES}
    iterations, gpus = _whole(row["iterations"]), _whole(row["gpu_count"])
    if iterations is None or gpus is None:
        raise TypeError
    return Capture(
        path=str(row["report"]),
        loop=None if row["loop"] is None else str(row["loop"]),
        iterations=iterations,
        figures=figures,
        steps=(),
        ops={},
        gpus=tuple(str(name) for name in row["gpus"]),
        gpu_count=gpus,
        graph_trace=None if row["graph_trace"] is None else str(row["graph_trace"]),
        longest_gap=_whole(row["longest_gap_ns"]),
        chosen=bool(row["chosen"]),
        role=str(row.get("role", "")),
    )


def _whole(value: Any) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise TypeError
