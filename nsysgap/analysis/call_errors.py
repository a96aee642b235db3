"""What the error codes of CUDA calls mean, and what to do about them."""

from __future__ import annotations

from nsysgap.analysis.relations.calls import LAUNCHES, CallKind
from nsysgap.tables import Trace
from nsysgap.units import count

# cudaError_t and CUresult share these numbers.
MEANINGS = {
    1: "invalid value",
    2: "out of memory",
    9: "invalid configuration: the launch asks for more threads or shared memory than the GPU has",
    35: "the driver is older than the CUDA runtime",
    98: "invalid device function: the code was not compiled for this GPU",
    100: "no CUDA device",
    101: "invalid device ordinal",
    200: "invalid kernel image",
    209: "no kernel image for this GPU: compile for its architecture",
    218: "invalid PTX",
    222: "unsupported PTX version: the driver is too old for the PTX",
    400: "invalid resource handle",
    700: "illegal address: run the program under compute-sanitizer",
    701: "too many resources requested for launch",
    702: "launch timeout",
    716: "misaligned address: run the program under compute-sanitizer",
    717: "invalid address space: run the program under compute-sanitizer",
    719: "launch failure: run the program under compute-sanitizer",
    999: "unknown error",
}


# After these nothing that was launched runs, or nothing can be: without GPU work in the report they are why.
_FATAL = frozenset((2, 35, 100, 200, 209, 218, 222, 700, 702, 716, 717, 719))
NAMED = 2


def fatal_errors(trace: Trace) -> str:
    """The calls that returned such an error, the most frequent first: "cuInit returned 100, no CUDA device"."""
    failed = [(number, name, code) for (name, code), number in trace.errors.items() if code in _FATAL]
    ordered = sorted(failed, key=lambda error: (-error[0], error[1:]))
    return "; ".join(f"{name} returned {code}, {MEANINGS[code]}" for _, name, code in ordered[:NAMED])


def launch_errors(trace: Trace, calls: CallKind = LAUNCHES) -> str:
    """The error codes that these calls returned, the most frequent first: "21 x 222, unsupported PTX version: ..."."""
    codes: dict[int, int] = {}
    for (name, code), number in trace.errors.items():
        if name in calls:
            codes[code] = codes.get(code, 0) + number
    ordered = sorted(codes.items(), key=lambda item: (-item[1], item[0]))
    return "; ".join(
        f"{count(number)} x {code}, {MEANINGS.get(code, 'see cudaError_t')}" for code, number in ordered[:3]
    )
