"""Gains: how much a CUDA graph saves on four models of real shape, from launch-bound to GPU-bound.

Way of launching: each model with random weights, eager and then as one torch.cuda.graph replayed,
`--steps` times each, waited for each time:
- "llama": Llama 3 8B's shape in bfloat16, batch 1, 512 tokens read at once (needs 18 GB);
- "resnet50": ResNet-50 in float16, batch 1, 224 x 224;
- "bert": BERT-large in float16, batch 1, 128 tokens;
- "train": a whole training step (forward, backward, AdamW) of a 12-layer GPT, 8 x 512 tokens, under
  bfloat16 autocast.
A model that the GPU cannot hold is skipped with a sentence.

A report of it must show, per model, ranges "way: MODEL, eager" and "way: MODEL, graph" of `--steps`
ranges "step":
- the same kernels in both, in the second one as graph nodes under one cudaGraphLaunch;
- the more of the eager step the GPU is idle, the more the graph saves: a model whose GPU is busy all
  the time (train, and llama on most GPUs) gains next to nothing.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from common.llama import LLAMA_3_8B, build, fill, make_llama
from common.models import make_bert_large, make_gpt, make_resnet50
from common.options import chosen, positive
from common.program import Program, run_program
from common.torchgpu import (
    Captured,
    attempt,
    describe,
    import_torch,
    lacks,
    largest_difference,
    on_side_stream,
    phase,
    summary,
    time_calls,
)

if TYPE_CHECKING:
    import argparse

MODELS = ("llama", "resnet50", "bert", "train")
SOURCE = {
    "llama": (45.0, 32.0),
    "resnet50": (3.2, 1.8),
    "bert": (12.0, 8.0),
    "train": (820.0, 780.0),
}
"""ms eager and with a graph in the source's table of expected gains; its GPU is not named."""
SIZES = (
    ("--batch", 1, "inputs of llama, resnet50 and bert at once"),
    ("--llama-tokens", 512, "tokens that llama reads"),
    ("--bert-tokens", 128, "tokens that bert reads"),
    ("--train-batch", 8, "sequences of a training step"),
    ("--train-tokens", 512, "tokens of each"),
    ("--train-layers", 12, "layers of the model that is trained"),
)
TRAIN_HIDDEN, TRAIN_WORDS = 1024, 32000
WARM_UP = 3
SAME = 1e-2
"""Eager and graph run the same kernels: equal, but for sums whose order is not fixed."""
SAME_LOSS = 5e-2
"""AdamW's first steps have the size of the learning rate whatever the gradient: a rounding that turns
a gradient's sign moves the weight the other way, and the losses drift apart (1 % in 8 steps).
"""


def needed_bytes(name: str, options: argparse.Namespace) -> int:
    """Return about how much GPU memory a model takes: its weights, and what grows with its input."""
    trained = options.train_batch * options.train_tokens * options.train_layers / (8 * 512 * 12)
    return {
        "llama": int(16e9 + 2e9 * options.batch * options.llama_tokens / 512),
        "resnet50": int(0.8e9 + 0.2e9 * options.batch),
        "bert": int(1.5e9 + 0.5e9 * options.batch * options.bert_tokens / 128),
        "train": int(3e9 + 6e9 * trained),
    }[name]


def forward(torch: Any, name: str, options: argparse.Namespace) -> tuple[Any, Any]:
    """Return a model of inference and its input."""
    if name == "llama":
        model = make_llama(torch, LLAMA_3_8B, options.batch, options.llama_tokens, torch.bfloat16)
        shape = (options.batch, options.llama_tokens)
        tokens = torch.randint(0, LLAMA_3_8B.vocabulary, shape, device="cuda")
        return model.prefill, tokens
    if name == "resnet50":
        model = build(torch, lambda: make_resnet50(torch), torch.float16, "cuda")
        return model, torch.randn(options.batch, 3, 224, 224, device="cuda", dtype=torch.float16)
    model = build(torch, lambda: make_bert_large(torch), torch.float16, "cuda")
    fill(torch, model, 1024)
    return model, torch.randint(0, 30522, (options.batch, options.bert_tokens), device="cuda")


def measure_forward(torch: Any, name: str, options: argparse.Namespace) -> dict[str, object]:
    """Measure a model of inference both ways."""
    steps = options.steps
    with torch.no_grad():
        model, given = forward(torch, name, options)
        for _ in range(WARM_UP):
            expected = model(given)
        eager = time_calls(torch, lambda _: model(given), steps, f"way: {name}, eager")
        captured = Captured(torch, lambda: model(given))
        captured.replay()
        graph = time_calls(torch, lambda _: captured.replay(), steps, f"way: {name}, graph")
        error = largest_difference(captured.output, expected, f"{name} as a graph", SAME)
    return _figures(name, eager, graph, captured.costs) | {"max_relative_error": round(error, 6)}


class Training:
    """A GPT, its optimizer, and one step of training on a fixed batch."""

    def __init__(self, torch: Any, options: argparse.Namespace) -> None:
        """Make everything; AdamW is `capturable`, so its step counts on the GPU."""
        self.torch = torch

        def make() -> Any:
            return make_gpt(torch, options.train_layers, TRAIN_HIDDEN, TRAIN_WORDS)

        self.model = fill(torch, build(torch, make, torch.float32, "cuda"), TRAIN_HIDDEN)
        self.model.train()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4, capturable=True, fused=True)
        shape = (options.train_batch, options.train_tokens)
        self.tokens = torch.randint(0, TRAIN_WORDS, shape, device="cuda")
        self.targets = torch.randint(0, TRAIN_WORDS, shape, device="cuda")

    def step(self) -> Any:
        """Forward, backward, update: the loss before the update."""
        torch = self.torch
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cuda", torch.bfloat16, cache_enabled=False):
            logits = self.model(self.tokens)
        loss = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), self.targets.flatten())
        loss.backward()
        self.optimizer.step()
        return loss.detach()


def measure_training(torch: Any, options: argparse.Namespace) -> dict[str, object]:
    """Measure a training step both ways, from the same weights; compare the loss of the last."""
    losses: list[Any] = []
    times: list[list[float]] = []
    costs: dict[str, Any] = {}
    for way in ("eager", "graph"):
        training = Training(torch, options)
        last: list[Any] = [None]
        if way == "graph":
            captured = Captured(torch, training.step)
            costs, run = captured.costs, captured.replay
        else:
            on_side_stream(torch, training.step)  # as many steps as before a capture
            run = training.step

        def step(_: int, run: Any = run, last: list[Any] = last) -> None:
            last[0] = run()

        times.append(time_calls(torch, step, options.steps, f"way: train, {way}"))
        losses.append(last[0].clone())
        del training, run, step, last
        torch.cuda.empty_cache()
    del captured
    error = largest_difference(losses[1], losses[0], "the loss of the graph", SAME_LOSS)
    return _figures("train", times[0], times[1], costs) | {"max_relative_error": round(error, 6)}


def _figures(name: str, eager: list[float], graph: list[float], costs: dict[str, Any]) -> dict[str, object]:
    before, after = summary(eager), summary(graph)
    return {
        "eager": before,
        "graph": after,
        "gain": round(before["p50_us"] / after["p50_us"], 3),
        "source_ms": SOURCE[name],
        **costs,
    }


def measure(options: argparse.Namespace) -> dict[str, object]:
    """Measure every model asked for that fits."""
    asked = chosen("model", options.model, MODELS)
    torch = import_torch()
    found: dict[str, dict[str, Any]] = {}
    for name in asked:
        sentence = lacks(torch, needed_bytes(name, options))
        if sentence:
            found[name] = {"skipped": sentence}
            continue
        with phase(torch, f"model: {name}"):
            found[name] = attempt(partial(_measure_model, torch, name, options), torch)
        torch.cuda.empty_cache()
    wall = sum(float(one["graph"]["mean_us"]) for one in found.values() if "graph" in one)
    return {
        "workload": "torch_gains",
        "steps": options.steps,
        "sizes": {name[2:]: getattr(options, name[2:].replace("-", "_")) for name, _, _ in SIZES},
        "wall_s_measured": round(wall * options.steps / 1e6, 9),
        "models": found,
    } | describe(torch)


def _measure_model(torch: Any, name: str, options: argparse.Namespace) -> dict[str, object]:
    if name == "train":
        return measure_training(torch, options)
    return measure_forward(torch, name, options)


def add_options(parser: argparse.ArgumentParser) -> None:
    """--steps, --model, and the sizes of the inputs."""
    parser.add_argument("--steps", type=positive, default=30, help="runs of each model and way (%(default)s)")
    parser.add_argument("--model", default="all", help=f"all, or some of {', '.join(MODELS)}")
    for name, size, what in SIZES:
        parser.add_argument(name, type=positive, default=size, help=f"{what} (%(default)s)")


TORCH_GAINS = Program("torch_gains", add_options, measure)

if __name__ == "__main__":
    sys.exit(run_program(TORCH_GAINS, __doc__))
