"""Ranks: data-parallel training of a small model, in which one rank keeps the others waiting.

One process a GPU (RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT as torchrun sets them).
Each step is a range "step N" of the ranges "load", "forward", "backward" (whose gradients
DistributedDataParallel sums over the ranks with NCCL's AllReduce), "optimizer" and "read" (the loss
is read by the host). What the late rank does more is known beforehand:

- `--late even`: nothing;
- `--late host`: rank `--rank` works `--extra-us` longer on the host in "load";
- `--late gpu`: rank `--rank` runs further products on the GPU in "forward", about `--extra-us` of them;
- `--late stretch`: as "host", but only in the steps `--first` to `--last`;
- `--late rotating`: as "host", in turn: step N on rank N modulo the number of ranks.

The JSON line of each rank holds its time per step. Needs PyTorch and as many GPUs as ranks.

Reports of it (a report a rank) must show, with `nsysgap ranks`: for "host" and "gpu" that rank as the
straggler with that cause, for "stretch" those steps as slow, for "rotating" that the last one rotates,
for "even" nobody. (Of two ranks one always arrives last in half of the collectives or more: with two
the last two forms show by the share alone.)
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from time import perf_counter
from typing import Any

LATE = ("even", "host", "gpu", "stretch", "rotating")
WIDTH, LAYERS, BATCH = 2048, 6, 256
WARM_UP = 4
PRODUCT = 4096
"""Rows and columns of the further products on the GPU."""


def spin(seconds: float) -> None:
    """Work on the host for that long."""
    end = perf_counter() + seconds
    while perf_counter() < end:
        pass


def is_late(options: argparse.Namespace, rank: int, ranks: int, step: int) -> bool:
    """Whether this rank has more to do in this step."""
    if options.late == "rotating":
        return step % ranks == rank
    if rank != options.rank or options.late == "even":
        return False
    return bool(options.late != "stretch" or options.first <= step <= options.last)


class Training:
    """The model, its optimizer, and one step on data of this rank."""

    def __init__(self, torch: Any, local: int) -> None:
        """Make everything on the rank's own GPU; the first random numbers are the same on all ranks."""
        self.torch = torch
        self.device = torch.device("cuda", local)
        torch.manual_seed(0)
        layers: list[Any] = []
        for _ in range(LAYERS):
            layers += [torch.nn.Linear(WIDTH, WIDTH), torch.nn.GELU()]
        model = torch.nn.Sequential(*layers).to(self.device)
        self.model = torch.nn.parallel.DistributedDataParallel(model, device_ids=[local])
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=1e-3)
        self.more = torch.randn(PRODUCT, PRODUCT, device=self.device, dtype=torch.bfloat16)
        self.product_s = self._product_seconds()

    def _product_seconds(self) -> float:
        """Return what one further product takes."""
        torch = self.torch
        for timed in (False, True):
            torch.cuda.synchronize()
            start = perf_counter()
            for _ in range(20):
                self.more @ self.more
            torch.cuda.synchronize()
            if timed:
                return (perf_counter() - start) / 20
        raise AssertionError

    def step(self, number: int, host_s: float, gpu_s: float) -> float:
        """Train one step; return the loss."""
        torch, nvtx = self.torch, self.torch.cuda.nvtx
        with nvtx.range(f"step {number}"):
            with nvtx.range("load"):
                spin(host_s)
                given = torch.randn(BATCH, WIDTH, device=self.device)
            with nvtx.range("forward"):
                for _ in range(round(gpu_s / self.product_s)):
                    self.more @ self.more
                loss = self.model(given).square().mean()
            with nvtx.range("backward"):
                self.optimizer.zero_grad(set_to_none=True)
                loss.backward()
            with nvtx.range("optimizer"):
                self.optimizer.step()
            with nvtx.range("read"):
                return float(loss)


def measure(torch: Any, options: argparse.Namespace) -> dict[str, object]:
    """Train; return the record of this rank."""
    rank, ranks, local = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
    torch.cuda.set_device(local)
    torch.distributed.init_process_group("nccl")
    training = Training(torch, local)
    extra_s = 1e-6 * options.extra_us
    times: list[float] = []
    loss = 0.0
    for number in range(WARM_UP + options.steps):
        late = is_late(options, rank, ranks, number)
        on_gpu = options.late == "gpu"
        start = perf_counter()
        loss = training.step(number, extra_s if late and not on_gpu else 0.0, extra_s if late and on_gpu else 0.0)
        times.append(1e6 * (perf_counter() - start))
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()
    measured = sorted(times[WARM_UP:])
    return {
        "workload": "ranks",
        "late": options.late,
        "rank": rank,
        "ranks": ranks,
        "steps": options.steps,
        "step_us": round(measured[(len(measured) - 1) // 2], 1),
        "loss": round(loss, 6),
        "gpu": torch.cuda.get_device_name(local),
        "torch": torch.__version__,
    }


def main() -> int:
    """Train and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--late", choices=LATE, default="even")
    parser.add_argument("--rank", type=int, default=1, help="the late rank")
    parser.add_argument("--extra-us", type=float, default=4000, help="what it has more to do")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--first", type=int, default=20, help="stretch: the first slow step")
    parser.add_argument("--last", type=int, default=25, help="stretch: the last slow step")
    options = parser.parse_args()
    try:
        import torch
    except ImportError as error:
        print(f"ranks: {error}: pip install torch", file=sys.stderr)
        return 1
    missing = [name for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK") if name not in os.environ]
    if missing:
        print(f"ranks: {', '.join(missing)} not set: torchrun --nproc-per-node=2 ranks.py", file=sys.stderr)
        return 1
    if not torch.cuda.is_available() or torch.cuda.device_count() <= int(os.environ["LOCAL_RANK"]):
        print(f"ranks: rank {os.environ['RANK']} has no GPU of its own on this machine", file=sys.stderr)
        return 1
    print(json.dumps(measure(torch, options)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
