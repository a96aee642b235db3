"""What a GPU is called wherever people read of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nsysgap.units import printable


def gpu_label(row: Mapping[str, Any]) -> str:
    """A GPU's number, and what else it takes to name it: "0", "0 MIG-1234", from a row with "device" and "which"."""
    return printable(f"{row['device']} {row.get('which', '')}".strip(), 24)
