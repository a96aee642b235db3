"""Answers as data: JSON documents, and rows as CSV and Parquet."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nsysgap.errors import NsysgapError

if TYPE_CHECKING:
    import pandas as pd

Json = dict[str, Any]


def dump_json(document: Json | Sequence[Json]) -> str:
    """The document as text, the same for the same input. Lone surrogates and control characters are escaped."""
    return json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False, default=_plain)


def json_bytes(documents: Sequence[Json]) -> bytes:
    """The document of one answer, or the list of several."""
    return (dump_json(documents[0] if len(documents) == 1 else documents) + "\n").encode()


def csv_bytes(frames: Sequence[pd.DataFrame]) -> bytes:
    """The rows of several answers below one head; what is not valid Unicode is replaced."""
    return str(_joined(frames).to_csv(index=False)).encode("utf-8", "replace")


def parquet_bytes(frames: Sequence[pd.DataFrame]) -> bytes:
    """The rows of several answers as a Parquet file. Raises NsysgapError without pyarrow."""
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise NsysgapError("Writing Parquet needs pyarrow.", "pip install 'nsysgap[parquet]'") from None
    sink = io.BytesIO()
    _joined(frames).to_parquet(sink, index=False)
    return sink.getvalue()


def _joined(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    import pandas as pd

    return pd.concat(frames, ignore_index=True)


def _plain(value: Any) -> Any:
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{type(value).__name__} is no JSON value")
