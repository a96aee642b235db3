"""The only part that knows what an Nsight Systems report looks like: opening, probing, reading, diagnosing."""

from nsysgap.report.read import read_trace
from nsysgap.report.source import open_source

__all__ = ["open_source", "read_trace"]
