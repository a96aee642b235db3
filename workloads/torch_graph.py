"""Graphs in PyTorch: three ways to replay a decode loop, beside eager, token by token.

Way of launching: a Llama-like model with random weights decodes `--tokens` tokens with static
buffers for keys and values, at each batch size of `--batch`; the host waits for every token.
- "eager": every operator launches its kernels;
- "graph" (pattern A): torch.cuda.graph with static inputs: warm-up on a side stream, capture; per
  token copy the inputs in, replay, clone the output out;
- "compile" (pattern B): torch.compile(mode="reduce-overhead"), which fuses and captures by itself;
- "buckets" (pattern C): one graph per length of `--buckets`; a token takes the next longer one.
Eager, graph and compile attend to the longest bucket. With `--model mlp` it is 12 layers of Linear,
GELU and LayerNorm (width 1024) in place of the decode loop.

A report of it must show, per way and batch, a range "way: NAME, batch B" of `--tokens` ranges "step":
- eager: hundreds of launches a step, and a GPU that mostly waits for the next (`host`, `launch`);
- graph and buckets: one cudaGraphLaunch a step beside the copies in and out; time between the nodes
  is `in_graph`; between the steps the host's few calls;
- compile: fewer and other kernels (Triton's), in a graph of its own;
- in the ranges "capture": launch calls that own no op, since they were captured, not executed.
"""

from __future__ import annotations

import sys
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

from common.llama import SMALL, Shape, build, fill, make_llama, small_shape
from common.options import chosen, positive
from common.program import Program, run_program
from common.torchgpu import (
    Captured,
    attempt,
    describe,
    import_torch,
    lacks,
    largest_difference,
    phase,
    summary,
    time_calls,
)

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

WAYS = ("eager", "graph", "buckets", "compile")
MODELS = ("llama", "mlp")
WARM_UP = 10
TOLERANCE = 2e-2
"""Largest difference from eager over the largest logit: float16 has 11 bits, and the compiler sums
in another order.
"""
MLP_LAYERS, MLP_WIDTH = 12, 1024


class Decode:
    """The decode loop of one batch size, in every way: functions of the token's number."""

    def __init__(self, shape: Shape, torch: Any, batch: int, tokens: int, buckets: list[int]) -> None:
        """Make the model and the tokens to feed; may run out of GPU memory."""
        self.torch, self.buckets, self.longest = torch, buckets, buckets[-1]
        self.model = make_llama(torch, shape, batch, self.longest, torch.float16)
        ids = torch.randint(0, shape.vocabulary, (tokens, batch, 1), device="cuda")
        self.feed = list(ids)
        self.places = [torch.tensor([i], device="cuda") for i in range(tokens)]
        self.token, self.position = ids[0].clone(), self.places[0].clone()
        self.graphs: dict[int, Captured] = {}

    def reset(self) -> None:
        """Forget keys and values."""
        self.model.forget()

    def eager(self, i: int) -> Any:
        """Decode token `i` operator by operator."""
        return self.model.decode(self.feed[i], self.places[i], self.longest)

    def capture(self, bucket: int) -> Captured:
        """Capture a step that attends to `bucket` places."""
        if bucket not in self.graphs:

            def step() -> Any:
                return self.model.decode(self.token, self.position, bucket)

            self.graphs[bucket] = Captured(self.torch, step)
        return self.graphs[bucket]

    def replay(self, i: int, bucket: int) -> Any:
        """Copy in, replay, clone out."""
        self.token.copy_(self.feed[i])
        self.position.copy_(self.places[i])
        return self.graphs[bucket].replay().clone()

    def graph(self) -> tuple[Callable[[int], Any], list[Captured]]:
        """Pattern A."""
        captured = self.capture(self.longest)
        return lambda i: self.replay(i, self.longest), [captured]

    def bucketed(self) -> tuple[Callable[[int], Any], list[Captured]]:
        """Pattern C."""
        captured = [self.capture(bucket) for bucket in self.buckets]
        return lambda i: self.replay(i, next(b for b in self.buckets if b > i)), captured

    def compiled(self) -> Callable[[int], Any]:
        """Pattern B; the buffers of the model are marked so that writing to them is no obstacle."""
        for layer in self.model.layers:
            self.torch._dynamo.mark_static_address(layer.keys)
            self.torch._dynamo.mark_static_address(layer.values)
        step = self.torch.compile(self.model.decode, mode="reduce-overhead", dynamic=False)

        def run(i: int) -> Any:
            self.torch.compiler.cudagraph_mark_step_begin()
            self.token.copy_(self.feed[i])
            self.position.copy_(self.places[i])
            return step(self.token, self.position, self.longest).clone()

        return run


class Mlp:
    """12 layers of Linear, GELU, LayerNorm in every way; a step is one forward pass."""

    def __init__(self, torch: Any, batch: int, tokens: int, _: list[int]) -> None:
        """Make the model and one input per step."""
        self.torch = torch
        nn = torch.nn
        parts = (
            lambda: nn.Linear(MLP_WIDTH, MLP_WIDTH),
            nn.GELU,
            lambda: nn.LayerNorm(MLP_WIDTH),
        )

        def make() -> Any:
            return nn.Sequential(*(part() for _ in range(MLP_LAYERS) for part in parts))

        self.model = fill(torch, build(torch, make, torch.float16, "cuda"), MLP_WIDTH)
        self.feed = list(torch.randn(tokens, batch, MLP_WIDTH, device="cuda", dtype=torch.float16))
        self.input = self.feed[0].clone()

    def reset(self) -> None:
        """There is nothing to forget."""

    def eager(self, i: int) -> Any:
        """Run pass `i` operator by operator."""
        return self.model(self.feed[i])

    def graph(self) -> tuple[Callable[[int], Any], list[Captured]]:
        """Pattern A."""
        captured = Captured(self.torch, lambda: self.model(self.input))

        def run(i: int) -> Any:
            self.input.copy_(self.feed[i])
            return captured.replay().clone()

        return run, [captured]

    bucketed = graph

    def compiled(self) -> Callable[[int], Any]:
        """Pattern B."""
        step = self.torch.compile(self.model, mode="reduce-overhead", dynamic=False)

        def run(i: int) -> Any:
            self.torch.compiler.cudagraph_mark_step_begin()
            return step(self.feed[i]).clone()

        return run


def measure_way(torch: Any, loop: Any, way: str, batch: int, options: argparse.Namespace) -> dict[str, object]:
    """Measure one way of a loop and compare its last output with eager's."""
    start = perf_counter()
    run, captured = _prepare(loop, way)
    for i in range(min(WARM_UP, options.tokens)):
        run(i)
    torch.cuda.synchronize()
    prepared = perf_counter() - start
    loop.reset()
    last: list[Any] = [None]

    def step(i: int) -> None:
        last[0] = run(i)

    times = time_calls(torch, step, options.tokens, f"way: {way}, batch {batch}")
    found = last[0].clone()
    loop.reset()
    for i in range(options.tokens):
        expected = loop.eager(i)
    what = f"{way} at batch {batch}"
    error = largest_difference(found, expected, what, TOLERANCE)
    figures: dict[str, object] = {**summary(times), "max_relative_error": round(error, 6)}
    figures["prepare_s"] = round(prepared, 3)
    if captured:
        figures["graphs"] = [graph.costs for graph in captured]
    return figures


def _prepare(loop: Any, way: str) -> tuple[Callable[[int], Any], list[Captured]]:
    if way == "eager":
        return loop.eager, []
    if way == "compile":
        return loop.compiled(), []
    run, captured = loop.graph() if way == "graph" else loop.bucketed()
    return run, captured


def measure(options: argparse.Namespace) -> dict[str, object]:
    """Measure every way at every batch size; skip what the GPU cannot hold."""
    ways, models = chosen("way", options.way, WAYS), chosen("model", options.model, MODELS)
    buckets, shape = _buckets(options), small_shape(options.hidden, options.layers)
    torch = import_torch()
    found: dict[str, object] = {}
    with torch.no_grad():
        for model in models:
            for batch in options.batch:
                found[f"{model}, batch {batch}"] = attempt(
                    partial(_measure_batch, torch, model, shape, batch, ways, buckets, options), torch
                )
                torch._dynamo.reset()
                torch.cuda.empty_cache()
    return {
        "workload": "torch_graph",
        "tokens": options.tokens,
        "buckets": buckets,
        "layers": shape.layers,
        "hidden": shape.hidden,
        **_headline(found, options.tokens),
        "loops": found,
    } | describe(torch)


def _headline(found: dict[str, object], tokens: int) -> dict[str, object]:
    """Return what a comparison of workloads shows: the graph's time over all tokens."""
    for loop in found.values():
        if isinstance(loop, dict) and isinstance(loop.get("graph"), dict):
            return {"wall_s_measured": round(loop["graph"]["mean_us"] * tokens / 1e6, 9)}
    return {}


def _buckets(options: argparse.Namespace) -> list[int]:
    """Return the lengths that graphs are captured for, the last one long enough for all tokens."""
    longest = max(options.tokens, *options.buckets)
    return sorted({*options.buckets, longest})


def _measure_batch(
    torch: Any,
    model: str,
    shape: Shape,
    batch: int,
    ways: tuple[str, ...],
    buckets: list[int],
    options: argparse.Namespace,
) -> dict[str, object]:
    needed = 2 * shape.parameters + 4 * batch * buckets[-1] * shape.hidden * shape.layers
    if model == "llama" and (sentence := lacks(torch, needed + 10**9)):
        return {"skipped": sentence}
    with phase(torch, "set-up"):
        make: Any = partial(Decode, shape) if model == "llama" else Mlp
        loop: Any = make(torch, batch, options.tokens, buckets)
    figures: dict[str, object] = {}
    for way in ways:
        if model == "mlp" and way == "buckets":
            continue
        figures[way] = measure_way(torch, loop, way, batch, options)
    if options.dot and model == "llama" and getattr(loop, "graphs", None):
        next(iter(loop.graphs.values())).write_dot(options.dot)
    return figures


def add_options(parser: argparse.ArgumentParser) -> None:
    """--hidden, --layers, --tokens, --batch, --buckets, --way, --model, --dot."""
    parser.add_argument("--hidden", type=positive, default=SMALL.hidden, help="width of the llama (%(default)s)")
    parser.add_argument("--layers", type=positive, default=SMALL.layers, help="its layers (%(default)s)")
    parser.add_argument("--tokens", type=positive, default=200, help="tokens to decode (%(default)s)")
    parser.add_argument("--batch", type=positive, nargs="+", default=[1, 8], help="batch sizes (1 8)")
    parser.add_argument(
        "--buckets",
        type=positive,
        nargs="+",
        default=[64, 128, 256],
        help="lengths that pattern C captures (64 128 256)",
    )
    parser.add_argument("--way", default="all", help=f"all, or some of {', '.join(WAYS)}")
    parser.add_argument("--model", default="all", help="all, llama or mlp")
    parser.add_argument("--dot", metavar="FILE", help="write a decode graph as a DOT file")


TORCH_GRAPH = Program("torch_graph", add_options, measure)

if __name__ == "__main__":
    sys.exit(run_program(TORCH_GRAPH, __doc__))
