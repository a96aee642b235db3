"""The only part that knows what an Nsight Systems report looks like: opening, probing, reading, diagnosing."""

from nsysgap.report.opening import open_source
from nsysgap.report.read import read_trace

__all__ = ["open_source", "read_trace"]
