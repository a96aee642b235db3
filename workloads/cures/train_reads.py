"""Cure: the loss of a training step read each step -> read every tenth.

Forward, backward and SGD of a small MLP on a batch of 8,192 rows: some 30 kernels that keep the GPU busy. Before:
`.item()` each step. After: the losses stay on the GPU and ten are read together.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from common.cure import Cure, Form, run_cure

WIDTH, ROWS, EVERY = 2048, 8192, 10


def make(torch: Any, form: str, steps: int) -> Form:
    """Return a form."""
    torch.manual_seed(0)
    torch.backends.cuda.matmul.allow_tf32 = True
    model = torch.nn.Sequential(
        torch.nn.Linear(WIDTH, WIDTH), torch.nn.ReLU(), torch.nn.Linear(WIDTH, WIDTH), torch.nn.ReLU(),
        torch.nn.Linear(WIDTH, 1),
    ).cuda()  # fmt: skip
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    rows, wanted = torch.randn(ROWS, WIDTH, device="cuda"), torch.randn(ROWS, 1, device="cuda")
    losses: list[float] = []
    kept: list[Any] = []
    every = 1 if form == "before" else EVERY

    def step(_: int) -> None:
        with torch.enable_grad():
            optimizer.zero_grad()
            loss = (model(rows) - wanted).square().mean()
            loss.backward()
            optimizer.step()
        kept.append(loss.detach())
        if len(kept) == every:
            losses.extend(torch.stack(kept).tolist() if every > 1 else [kept[0].item()])
            kept.clear()

    def finish() -> Any:
        losses.extend(one.item() for one in kept)
        kept.clear()
        return torch.tensor(losses[:steps])

    return Form(step, finish)


CURE = Cure("train_reads", make, tolerance=1e-2)

if __name__ == "__main__":
    sys.exit(run_cure(CURE, __doc__))
