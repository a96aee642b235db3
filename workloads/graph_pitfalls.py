"""Graph pitfalls: what breaks a capture or makes a replay wrong, each with its error and the way round.

Way of launching: small PyTorch captures, every one wrong in one way, then the same done right.
What happens comes in three kinds: CUDA or PyTorch refuses with an error ("error"), the replay gives
wrong numbers without a word ("wrong result"), or nothing ("nothing": this version does not mind).
The program fails if a way round does not work.

A report of it must show a range "pitfall: NAME" and a range "way round: NAME" for each, and in them:
- API calls that failed (returnValue not 0) where CUDA refused inside a capture: cudaStreamSynchronize,
  cudaMalloc, cudaStreamEndCapture;
- in every way round a cudaGraphLaunch with its nodes.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from common.errors import WorkloadError
from common.gpu import first_line
from common.options import chosen, positive
from common.program import Program, run_program
from common.torchgpu import describe, import_torch, on_side_stream, phase

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable


class Pitfalls:
    """Each pitfall as a pair of methods: `NAME` and `NAME_right`; both return (found, expected).

    Tensors equal: the replay was right. An exception: something refused.
    """

    def __init__(self, torch: Any, n: int) -> None:
        """Keep the size of the tensors."""
        self.torch, self.n = torch, n

    def _values(self, value: float) -> Any:
        return self.torch.full((self.n,), value, device="cuda")

    def _capture(self, run: Callable[[], Any], warm: bool = True) -> tuple[Any, Any]:
        """Capture `run`: the graph and its output."""
        if warm:
            on_side_stream(self.torch, run)
        graph = self.torch.cuda.CUDAGraph()
        with phase(self.torch, "capture"), self.torch.cuda.graph(graph):
            output = run()
        return graph, output

    def sync_inside(self) -> tuple[Any, Any]:
        """Wait for the GPU within the capture."""
        x = self._values(1.0)

        def run() -> Any:
            y = x * 2
            self.torch.cuda.current_stream().synchronize()
            return y + 1

        graph, output = self._capture(run)
        graph.replay()
        return output, self._values(3.0)

    def sync_inside_right(self) -> tuple[Any, Any]:
        """Wait after the replay."""
        x = self._values(1.0)
        graph, output = self._capture(lambda: x * 2 + 1)
        graph.replay()
        self.torch.cuda.current_stream().synchronize()
        return output, self._values(3.0)

    def item_inside(self) -> tuple[Any, Any]:
        """Read a number from the GPU within the capture."""
        x = self._values(2.0)
        graph, output = self._capture(lambda: x * x.sum().item())
        graph.replay()
        return output, x * x.sum()

    def item_inside_right(self) -> tuple[Any, Any]:
        """Leave the number on the GPU."""
        x = self._values(2.0)
        graph, output = self._capture(lambda: x * x.sum())
        graph.replay()
        return output, x * x.sum()

    def allocation_inside(self) -> tuple[Any, Any]:
        """Allocate by cudaMalloc within the capture, past PyTorch's pool."""
        from common.cudart import call
        from cuda.bindings import runtime

        x = self._values(1.0)

        def run() -> Any:
            call(runtime.cudaMalloc, 1 << 20)
            return x + 1

        graph, output = self._capture(run, warm=False)
        graph.replay()
        return output, self._values(2.0)

    def allocation_inside_right(self) -> tuple[Any, Any]:
        """Let PyTorch allocate: during a capture it takes memory from the graph's own pool."""
        x = self._values(1.0)
        graph, output = self._capture(lambda: x + self.torch.ones(self.n, device="cuda"))
        graph.replay()
        return output, self._values(2.0)

    def branch_on_a_value(self) -> tuple[Any, Any]:
        """Choose by a value of the moment of the capture: the choice is frozen."""
        x = self._values(1.0)
        positive_now = bool(x.sum() > 0)
        graph, output = self._capture(lambda: x * 2 if positive_now else x * 3)
        x.fill_(-1.0)
        graph.replay()
        return output, self._values(-3.0)

    def branch_on_a_value_right(self) -> tuple[Any, Any]:
        """Compute both and choose on the GPU."""
        x = self._values(1.0)
        graph, output = self._capture(lambda: self.torch.where(x.sum() > 0, x * 2, x * 3))
        x.fill_(-1.0)
        graph.replay()
        return output, self._values(-3.0)

    def new_shape(self) -> tuple[Any, Any]:
        """Feed an input that is longer than the captured one."""
        x = self._values(1.0)
        graph, output = self._capture(lambda: x + 1)
        longer = self.torch.full((self.n + 1,), 5.0, device="cuda")
        x.copy_(longer)
        graph.replay()
        return output, longer + 1

    def new_shape_right(self) -> tuple[Any, Any]:
        """Capture for the longest, pad the input, cut the output."""
        x = self.torch.zeros(2 * self.n, device="cuda")
        graph, output = self._capture(lambda: x + 1)
        longer = self.torch.full((self.n + 1,), 5.0, device="cuda")
        x[: self.n + 1].copy_(longer)
        graph.replay()
        return output[: self.n + 1], longer + 1

    def another_stream(self) -> tuple[Any, Any]:
        """Fork work to another stream within the capture and never join it."""
        x, side = self._values(1.0), self.torch.cuda.Stream()

        def run() -> Any:
            side.wait_stream(self.torch.cuda.current_stream())
            with self.torch.cuda.stream(side):
                return x * 2

        graph, output = self._capture(run, warm=False)
        graph.replay()
        return output, self._values(2.0)

    def another_stream_right(self) -> tuple[Any, Any]:
        """Join the other stream before the capture ends."""
        x, side = self._values(1.0), self.torch.cuda.Stream()

        def run() -> Any:
            side.wait_stream(self.torch.cuda.current_stream())
            with self.torch.cuda.stream(side):
                y = x * 2
            self.torch.cuda.current_stream().wait_stream(side)
            return y

        graph, output = self._capture(run, warm=False)
        graph.replay()
        return output, self._values(2.0)

    def freed_input(self) -> tuple[Any, Any]:
        """Free a captured input: its memory goes to the next tensor of that size."""
        x = self._values(1.0)
        kept = [x]
        graph, output = self._capture(lambda: kept[0] + 1)
        del x
        kept.clear()
        other = self._values(40.0)
        graph.replay()
        del other
        return output, self._values(2.0)

    def freed_input_right(self) -> tuple[Any, Any]:
        """Keep the input as long as the graph."""
        x = self._values(1.0)
        graph, output = self._capture(lambda: x + 1)
        other = self._values(40.0)
        graph.replay()
        del other
        return output, x + 1

    def input_not_copied(self) -> tuple[Any, Any]:
        """Replay with a new tensor in hand that the graph does not know."""
        x = self._values(1.0)
        graph, output = self._capture(lambda: x + 1)
        x = self._values(7.0)
        kept = x
        graph.replay()
        return output, kept + 1

    def input_not_copied_right(self) -> tuple[Any, Any]:
        """Copy the new values into the captured tensor."""
        x = self._values(1.0)
        graph, output = self._capture(lambda: x + 1)
        x.copy_(self._values(7.0))
        graph.replay()
        return output, x + 1

    def output_not_cloned(self) -> tuple[Any, Any]:
        """Keep an output while the graph is replayed again: it is overwritten."""
        x = self._values(1.0)
        graph, output = self._capture(lambda: x + 1)
        graph.replay()
        first = output
        x.fill_(5.0)
        graph.replay()
        return first, self._values(2.0)

    def output_not_cloned_right(self) -> tuple[Any, Any]:
        """Clone the output before the next replay."""
        x = self._values(1.0)
        graph, output = self._capture(lambda: x + 1)
        graph.replay()
        first = output.clone()
        x.fill_(5.0)
        graph.replay()
        return first, self._values(2.0)


NAMES = (
    "new_shape",
    "branch_on_a_value",
    "freed_input",
    "input_not_copied",
    "output_not_cloned",
    "another_stream",
    "allocation_inside",
    "sync_inside",
    "item_inside",
)
"""Those that only give wrong numbers first: a refused capture could leave a trace."""


def outcome(torch: Any, attempt: Callable[[], tuple[Any, Any]]) -> dict[str, str]:
    """Return what came of an attempt, and CUDA's or PyTorch's words."""
    try:
        found, expected = attempt()
        torch.cuda.synchronize()
    except (RuntimeError, ValueError) as error:
        root: BaseException = error
        while root.__context__ is not None:
            root = root.__context__
        return {"outcome": "error", "says": first_line(root), "then": first_line(error)}
    if torch.equal(found, expected):
        return {"outcome": "nothing"}
    says = f"{float(found.flatten()[0])} and not {float(expected.flatten()[0])}"
    return {"outcome": "wrong result", "says": says}


def measure(options: argparse.Namespace) -> dict[str, object]:
    """Step into every pitfall asked for, and take the way round."""
    asked = chosen("pitfall", options.pitfall, NAMES)
    torch = import_torch()
    pitfalls = Pitfalls(torch, options.n)
    found: dict[str, object] = {}
    for name in asked:
        wrong, right = getattr(pitfalls, name), getattr(pitfalls, f"{name}_right")
        with phase(torch, f"pitfall: {name}"):
            fell = outcome(torch, wrong)
        with phase(torch, f"way round: {name}"):
            came = outcome(torch, right)
        if came["outcome"] != "nothing":
            raise WorkloadError(f"the way round {name} failed: {came['outcome']}: {came['says']}")
        found[name] = fell | {"pitfall": _line(wrong), "way_round": _line(right)}
    return {"workload": "graph_pitfalls", "n": options.n, "pitfalls": found} | describe(torch)


def _line(method: Callable[[], object]) -> str:
    """Return what a method says of itself."""
    return (method.__doc__ or "").strip().rstrip(".")


def add_options(parser: argparse.ArgumentParser) -> None:
    """--n, --pitfall."""
    parser.add_argument("--n", type=positive, default=1024, help="float32 elements of a tensor (%(default)s)")
    parser.add_argument("--pitfall", default="all", help=f"all, or some of {', '.join(NAMES)} (%(default)s)")


GRAPH_PITFALLS = Program("graph_pitfalls", add_options, measure)

if __name__ == "__main__":
    sys.exit(run_program(GRAPH_PITFALLS, __doc__))
