"""Cure: a loader's batches in pageable memory -> in pinned memory.

Each step takes a batch as a loader hands it over, 8 MB of inputs and the labels, copies both to the GPU and runs a
small network on them; the host waits once, at the end. Before: ordinary tensors. After: pinned ones, copied without
waiting. The host's filling of the buffers is in neither form.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from common.cure import Cure, Form, run_cure

ROWS, WIDTH, BATCHES = 2048, 1024, 5


def make(torch: Any, form: str, steps: int) -> Form:
    """Return a form."""
    del steps
    torch.manual_seed(0)
    batches = [(torch.randn(ROWS, WIDTH), torch.randint(0, 10, (ROWS,))) for _ in range(BATCHES)]
    if form == "after":
        batches = [(rows.pin_memory(), labels.pin_memory()) for rows, labels in batches]
    first, last = (torch.randn(*shape, device="cuda") / WIDTH**0.5 for shape in ((WIDTH, WIDTH), (WIDTH, 10)))
    total = torch.zeros((), device="cuda", dtype=torch.float64)

    def step(number: int) -> None:
        rows, labels = (one.to("cuda", non_blocking=form == "after") for one in batches[number % BATCHES])
        found = torch.relu(rows @ first) @ last
        total.add_(torch.nn.functional.cross_entropy(found, labels).double())

    return Form(step, lambda: total.reshape(1))


CURE = Cure("pinned_loader", make)

if __name__ == "__main__":
    sys.exit(run_cure(CURE, __doc__))
