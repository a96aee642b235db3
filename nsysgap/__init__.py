"""nsysgap: why was the GPU idle? Exact answers from Nsight Systems reports.

    >>> import nsysgap
    >>> report = nsysgap.open_report("report.sqlite")
    >>> report.gaps(top=5)
    >>> report.steps().figure()
    >>> nsysgap.open_fleet("report_rank*.sqlite").verdict
    >>> nsysgap.compare("before.sqlite", "after.sqlite").verdict

Importing this package imports nothing heavy: pandas, NumPy and SQLAlchemy come with the first report.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nsysgap.errors import NsysgapError
from nsysgap.version import __version__

if TYPE_CHECKING:
    from nsysgap.api import Report, open_report
    from nsysgap.api_compare import Checked, Comparison, check, compare
    from nsysgap.api_fleet import Fleet, open_fleet
    from nsysgap.api_steps import Steps

__all__ = [
    "Checked",
    "Comparison",
    "Fleet",
    "NsysgapError",
    "Report",
    "Steps",
    "__version__",
    "check",
    "compare",
    "open_fleet",
    "open_report",
]


def __getattr__(name: str) -> Any:
    if name in {"Report", "open_report"}:
        from nsysgap import api

        return getattr(api, name)
    if name in {"Fleet", "open_fleet"}:
        from nsysgap import api_fleet

        return getattr(api_fleet, name)
    if name in {"Checked", "Comparison", "check", "compare"}:
        from nsysgap import api_compare

        return getattr(api_compare, name)
    if name == "Steps":
        from nsysgap import api_steps

        return api_steps.Steps
    raise AttributeError(f"module 'nsysgap' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
