"""The call tree of idle time in formats of other programs: collapsed stacks and speedscope.

Collapsed stacks: one line per stack, frames outermost first between semicolons, then the weight; read by flamegraph.pl
(https://github.com/brendangregg/FlameGraph) and inferno. speedscope: its own JSON
(https://www.speedscope.app/file-format-schema.json), one sampled profile, weights in nanoseconds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from nsysgap.units import printable

Document = Mapping[str, Any]
_NUMBER_AT_END = re.compile(r"\s+(\d+(?:\.\d*)?)\Z")
_SCHEMA = "https://www.speedscope.app/file-format-schema.json"


def label(frame: Document) -> str:
    """A frame as one text: "rotate_half (transformers/models/llama/modeling_llama.py:134)"."""
    name = _function(frame)
    if not frame["short"]:
        return name
    line = f":{frame['line']}" if frame["line"] else ""
    return f"{name} ({printable(frame['short'])}{line})"


def _function(frame: Document) -> str:
    return printable(frame["function"]) or "(no name)"


def weighted_paths(tree: Document) -> Iterator[tuple[list[int], int]]:
    """(frames from the outermost to it, ns of its own) of each node that has any, one by one: a stack may be deep."""
    nodes = tree["nodes"]
    parents, frames = nodes["parent"], nodes["frame"]
    for node, weight in enumerate(nodes["self_ns"]):
        if weight:
            path, at = [], node
            while at >= 0:
                path.append(frames[at])
                at = parents[at]
            yield path[::-1], weight


def collapsed(tree: Document) -> bytes:
    """Collapsed stacks, sorted; the weights are ns and sum to the tree's total."""
    names = [_collapsed_name(frame) for frame in tree["frames"]]
    weights: dict[str, int] = {}
    for path, weight in weighted_paths(tree):
        stack = ";".join(names[frame] for frame in path)
        weights[stack] = weights.get(stack, 0) + weight
    return "".join(f"{stack} {weight}\n" for stack, weight in sorted(weights.items())).encode("utf-8", "replace")


def _collapsed_name(frame: Document) -> str:
    """A label that holds no separator: "step 12" becomes "step_12", or the 12 would be read as a first weight."""
    name = label(frame).replace(";", ",").replace("\n", " ")
    return _NUMBER_AT_END.sub(r"_\1", name)


def speedscope(tree: Document) -> bytes:
    """A speedscope file; the weights are ns and sum to the tree's total."""
    stacks = list(weighted_paths(tree))
    name = f"idle time ({', '.join(tree['causes'])}) of {printable(tree['path'])}"
    profile = {
        "type": "sampled",
        "name": name,
        "unit": "nanoseconds",
        "startValue": 0,
        "endValue": tree["total_ns"],
        "samples": [path for path, _ in stacks],
        "weights": [weight for _, weight in stacks],
    }
    document = {
        "$schema": _SCHEMA,
        "shared": {"frames": [_frame(frame) for frame in tree["frames"]]},
        "profiles": [profile],
        "name": name,
        "activeProfileIndex": 0,
        "exporter": "nsysgap",
    }
    return json.dumps(document, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def _frame(frame: Document) -> dict[str, Any]:
    made: dict[str, Any] = {"name": _function(frame)}
    if frame["file"]:
        made["file"] = printable(frame["file"])
    if frame["line"]:
        made["line"] = frame["line"]
    return made
