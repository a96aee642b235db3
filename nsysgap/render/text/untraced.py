"""What the events cannot tell, said in words: untraced time, the range of % idle, and the hardware's evidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.text import Text

from nsysgap.kernel_names import short_kernel_name
from nsysgap.units import count, duration, printable

Document = Mapping[str, Any]
NAMED = 3


def untraced_lines(devices: Sequence[Document]) -> Iterable[Text]:
    """One paragraph for each GPU with untraced time or with samples of SMs Active."""
    for device in devices:
        said = [*_untraced(device), *_evidence(device)]
        if said:
            head = f"GPU {device['device']} {device.get('which', '')}".strip() + ": " if len(devices) > 1 else ""
            yield Text(head + " ".join(said))


def _untraced(device: Document) -> Iterable[str]:
    untraced = device["untraced"]
    if untraced is None:
        return
    low, high = untraced["idle_percent"]
    yield f"Untraced: {duration(untraced['untraced_ns'])} in sync calls without any recorded work."
    kernels = untraced["kernels"]
    likely = sum(
        kernel["untraced_ns"] for kernel in kernels if kernel["likely"] and kernel["kind"] in ("kernel", "graph")
    )
    if 2 * likely > untraced["untraced_ns"]:
        yield (
            "The GPU probably worked unseen, as with kernels launched by kernels (CUDA dynamic parallelism): nearly "
            "every run shows it, and no sync had returned."
        )
    elif kernels and all(kernel["kind"] in ("memcpy", "memset") for kernel in kernels):  # which launch no kernels
        yield "The GPU may have worked on what nsys cannot record, or the calls returned late."
    else:
        yield (
            "The GPU may have worked unseen, as with kernels launched by kernels (CUDA dynamic parallelism), or the "
            "calls returned late."
        )
    if untraced["kernels"]:
        yield f"It follows {_kernels(untraced['kernels'])}."
    if f"{low:.1f}" != f"{high:.1f}":  # no range where both ends print alike
        yield f"So the GPU was idle {low:.1f} % of the window if that time was busy, {high:.1f} % if it was idle."


def _kernels(kernels: Sequence[Document]) -> str:
    named = [
        f"{printable(short_kernel_name(kernel['name']), 60)} ({_runs(kernel)}, {duration(kernel['untraced_ns'])})"
        for kernel in kernels[:NAMED]
    ]
    more = len(kernels) - NAMED
    return ", ".join(named) + (f" and {count(more)} other names" if more > 0 else "")


def _runs(kernel: Document) -> str:
    """ "43 of 1,051 runs"."""
    return f"{count(kernel['dark_runs'])} of {count(kernel['runs'])} {'run' if kernel['runs'] == 1 else 'runs'}"


def _evidence(device: Document) -> Iterable[str]:
    means = device["sm_active_percent"]
    if means is None:
        return
    parts = [f"{value:.0f} % of {part} time" for part, value in means.items() if value is not None]
    if parts:
        yield f"Hardware counter: SMs active in {_listed(parts)} ({count(device['sm_active_samples'])} samples)."


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
