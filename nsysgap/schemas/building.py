"""Words to write JSON Schemas with: each gives a schema as plain JSON values, with what it means."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nsysgap.causes import CAUSES
from nsysgap.figures import STATS

Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def integer(meaning: str) -> Schema:
    """A whole number: counts, IDs, nanoseconds."""
    return {"type": "integer", "description": meaning}


def number(meaning: str) -> Schema:
    """A number with a fraction: shares, rates, percentages."""
    return {"type": "number", "description": meaning}


def text(meaning: str) -> Schema:
    """A text; what comes from a report is somebody else's and may hold anything."""
    return {"type": "string", "description": meaning}


def flag(meaning: str) -> Schema:
    """True or false."""
    return {"type": "boolean", "description": meaning}


def one_of(values: tuple[str, ...] | list[str], meaning: str) -> Schema:
    """A text out of a fixed set."""
    return {"type": "string", "enum": list(values), "description": meaning}


def nullable(schema: Schema, when: str) -> Schema:
    """The same, or null: `when` says what null means."""
    meaning = f"{schema.get('description', '')} Null: {when}".strip()
    inner = {key: value for key, value in schema.items() if key != "description"}
    return {"anyOf": [inner, {"type": "null"}], "description": meaning}


def array(items: Schema, meaning: str) -> Schema:
    """A list of any length."""
    return {"type": "array", "items": items, "description": meaning}


def pair(items: Schema, meaning: str) -> Schema:
    """A list of two."""
    return {"type": "array", "items": items, "minItems": 2, "maxItems": 2, "description": meaning}


def mapping(values: Schema, meaning: str) -> Schema:
    """An object whose keys are names out of the data."""
    return {"type": "object", "additionalProperties": values, "description": meaning}


def record(meaning: str, properties: dict[str, Schema], *, sometimes: tuple[str, ...] = ()) -> Schema:
    """An object with these keys; all are always there but those of `sometimes`. More may be added within a version."""
    required = [name for name in properties if name not in sometimes]
    return {"type": "object", "description": meaning, "properties": properties, "required": required}


def shared(name: str, meaning: str = "") -> Schema:
    """A reference to one of the schemas that documents share (DEFINITIONS)."""
    return {"$ref": f"#/$defs/{name}", **({"description": meaning} if meaning else {})}


def stats(meaning: str) -> Schema:
    """A STATS object."""
    return shared("stats", meaning)


def maybe_stats(meaning: str) -> Schema:
    """A STATS object, null of nothing."""
    return nullable(stats(meaning), "there was none.")


def parts(meaning: str) -> Schema:
    """The ten parts of idle time, ns each."""
    return shared("parts", meaning)


def document(name: str, version: int, title: str, properties: dict[str, Schema], **more: Any) -> Schema:
    """A whole schema: `name` and `version` as in its "schema", with the shared schemas that it refers to."""
    called = f"nsysgap.{name}/{version}"
    made = record(title, {"schema": {"const": called, "description": "Which document this is."}, **properties}, **more)
    used: dict[str, Schema] = {}
    waiting = list(_references(made))
    for wanted in waiting:
        if wanted not in used:
            used[wanted] = DEFINITIONS[wanted]
            waiting += _references(DEFINITIONS[wanted])
    defined = {"$defs": dict(sorted(used.items()))} if used else {}
    return {"$schema": DIALECT, "title": called, **made, **defined}


def _references(schema: Any) -> Iterator[str]:
    """The names of the shared schemas that a schema refers to, at any depth."""
    if isinstance(schema, list):
        for item in schema:
            yield from _references(item)
    elif isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"].removeprefix("#/$defs/")
        for value in schema.values():
            yield from _references(value)


CAUSE_KEYS = [cause.key for cause in CAUSES]
KINDS = ("kernel", "memcpy", "memset", "graph")
PROCESS = integer("The process ID.")
THREAD = integer("The thread ID.")
DEVICE = integer("The GPU, by the number that the report gives it.")
WHICH = text("Which GPU, where several have that number: a part of a GPU (MIG), a host, a process's own numbering.")
WINDOW = pair(integer("ns"), "[start, end) in ns from the start of the session.")

_NOTICE = record(
    "What is missing or odd.",
    {
        "level": one_of(("incomplete", "warning", "note"), "How much it matters; incomplete: figures are bounds."),
        "text": text("The sentence."),
    },
)
_LOOP_DEVICE = record(
    "The loop on one GPU.",
    {
        "device": DEVICE,
        "which": WHICH,
        "without_ops": integer("Iterations that launched nothing on this GPU."),
        "window_ns": integer("The GPU windows of all iterations."),
        "busy_ns": integer("Time in them in which the GPU ran something."),
        "idle_ns": integer("The rest: busy + idle = window."),
        "idle_by_cause_ns": parts("Sums to idle_ns."),
        "busy_per_iteration_ns": stats("Over iterations."),
        "idle_per_iteration_ns": stats("Over iterations."),
    },
    sometimes=("which",),
)
_ITERATION = record(
    "One iteration on one GPU; GPU figures are null where it launched nothing.",
    {
        "iteration": integer("Its number, from 0."),
        "start_ns": integer("When it began."),
        "end_ns": integer("When it ended."),
        "duration_ns": integer("end - start."),
        "launches": integer("Launch calls; a graph launch is one."),
        "ops": integer("Kernels, copies, memsets and whole graphs launched inside."),
        "api_calls": integer("CUDA API calls that start inside."),
        "identical": flag("Whether it launched the most common sequence."),
        "outlier": flag("Whether it took much longer than the others."),
        "device": nullable(DEVICE, "it launched nothing."),
        "which": WHICH,
        "window_start_ns": nullable(integer("Start of its GPU window."), "no window."),
        "window_end_ns": nullable(integer("End of its GPU window."), "no window."),
        "window_ns": nullable(integer("Its GPU window."), "no window."),
        "busy_ns": nullable(integer("Busy time in the window."), "no window."),
        "idle_ns": nullable(integer("Idle time in the window."), "no window."),
        "idle_by_cause_ns": nullable(parts("Sums to idle_ns."), "no window."),
    },
    sometimes=("which",),
)
_LOOP = record(
    "What repeats: at least three ranges of one label, or a sequence of launches.",
    {
        "label": text("The ranges' text with numbers as #, or the first op and the number of launches."),
        "source": one_of(("nvtx", "launches"), "What tells the iterations apart."),
        "domain": nullable({"type": ["integer", "string"], "description": "The NVTX domain."}, "the default one."),
        "process": PROCESS,
        "thread": THREAD,
        "inside": nullable(text("The label of the loop around it."), "an outermost loop."),
        "count": integer("Iterations."),
        "warm_up": integer("Leading iterations longer than twice the median; still counted."),
        "identical": integer("Iterations that launched the most common sequence: what could be captured."),
        "duration_ns": stats("Of an iteration on the host."),
        "between_ns": integer("Time between iterations, in sum."),
        "span_ns": pair(integer("ns"), "[first start, last end]."),
        "step_ns": integer("What a step takes: the longer of host and GPU view."),
        "launches": stats("Launch calls per iteration."),
        "ops": stats("GPU operations launched per iteration."),
        "api_calls": stats("CUDA API calls per iteration."),
        "devices": array(_LOOP_DEVICE, "The loop on each GPU."),
        "iterations": array(_ITERATION, "One row per iteration, where asked for."),
    },
    sometimes=("iterations",),
)
DEFINITIONS: dict[str, Schema] = {
    "stats": record(
        "Integers in the quantity's unit; median is the lower one, p90 and p99 by nearest rank.",
        {name: integer("") for name in STATS},
    ),
    "parts": record(
        "Idle time by cause, ns (docs/definitions.md).",
        {cause.key: integer(cause.meaning) for cause in CAUSES},
    ),
    "some_parts": record(
        "Idle time by cause, ns; causes without any are absent.",
        {cause.key: integer(cause.meaning) for cause in CAUSES},
        sometimes=tuple(cause.key for cause in CAUSES),
    ),
    "report": record(
        "The report that was read.",
        {
            "path": text("As it was named."),
            "nsys_version": nullable(text("Of the profiler."), "not recorded."),
            "schema_version": nullable(text("Of the export."), "not recorded."),
            "duration_ns": nullable(integer("Of the session."), "not recorded."),
            "warnings": array(_NOTICE, "Read these first."),
        },
    ),
    "loop": _LOOP,
}
REPORT = shared("report")
FOLDED = array(
    record(
        "NVTX ranges that differ in numbers only, as one.",
        {
            "label": text("Their text, numbers as #."),
            "texts": integer("Different texts."),
            "duration": stats("Of a range, ns."),
            "gpu_ns": integer("Run times of what was launched inside, in sum."),
            "busy": nullable(number("gpu_ns by the ranges' own time."), "they take no time."),
        },
    ),
    "Where ranges were folded: the longest in all first.",
)
SELECTION = text("What part of the report counts, in words; absent for all of it.")
