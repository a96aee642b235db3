"""Results as data: the JSON contract "nsysgap.gaps/1", and gaps as rows for CSV and Parquet."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

Json = dict[str, Any]


def dump_json(document: Json | Sequence[Json]) -> str:
    """The document as text, the same for the same input. Lone surrogates and control characters are escaped."""
    return json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False, default=_plain)


def _plain(value: Any) -> Any:
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{type(value).__name__} is no JSON value")


def as_json(value: Any) -> Any:
    """Nested results as plain JSON values: dataclasses become objects."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): as_json(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(one) for one in value]
    return value.item() if hasattr(value, "item") else value
