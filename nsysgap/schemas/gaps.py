"""The document of `nsysgap gaps`: idle time and its causes."""

from __future__ import annotations

from nsysgap.schemas.building import (
    CAUSE_KEYS,
    DEVICE,
    FOLDED,
    KINDS,
    PROCESS,
    REPORT,
    SELECTION,
    THREAD,
    WHICH,
    WINDOW,
    array,
    document,
    flag,
    integer,
    maybe_stats,
    nullable,
    number,
    one_of,
    pair,
    parts,
    record,
    shared,
    stats,
    text,
)

_OP = record(
    "A GPU operation at a gap's edge.",
    {
        "kind": one_of(KINDS, "What it is; graph: a CUDA graph traced as a whole."),
        "name": text("The kernel's full name, or what the copy does."),
        "stream": nullable(integer("The CUDA stream."), "not recorded."),
        "start_ns": integer("When it began."),
        "end_ns": integer("When it ended."),
        "correlation_id": nullable(integer("CUPTI's number of the launch."), "none was recorded."),
        "graph_node": nullable(integer("The node, where it ran in a graph."), "not in a graph."),
    },
)
_HOLDER = record(
    "What kept queued work from starting.",
    {
        "name": text("As the report names it."),
        "held": integer("Idle time held by it, ns."),
        "gaps": integer("In how many gaps."),
        "longest": integer("The longest stretch, ns."),
        "on_gpu": flag("Whether the GPU worked for it: then idle_ns is not all idle."),
    },
)
_UNTRACED = record(
    "Time in sync calls in which no recorded operation ran.",
    {
        "untraced_ns": integer("In sum."),
        "idle_percent": pair(number("%"), "Idle if the GPU worked in all of it, and if in none."),
        "kernels": array(
            record(
                "A kernel before such stretches.",
                {
                    "kind": one_of(KINDS, "What it is."),
                    "name": text("Its name."),
                    "count": integer("Stretches after it."),
                    "untraced_ns": integer("In sum."),
                    "dark_runs": integer("Of its runs, how many have such a stretch after them."),
                    "runs": integer("How often it ran on this GPU."),
                    "likely": flag("Nearly all runs have one, and no sync call had returned: it worked on unseen."),
                },
            ),
            "The longest first.",
        ),
    },
)
_SM = record(
    "SM activity that the hardware counted, %.",
    {
        "busy": nullable(number("While the GPU was busy."), "no sample."),
        "idle": nullable(number("While it was idle."), "no sample."),
        "untraced": nullable(number("In untraced stretches."), "no sample."),
    },
)
_GPU = record(
    "A GPU in its window, from its first operation to its last.",
    {
        "device": DEVICE,
        "which": WHICH,
        "name": nullable(text("The model."), "not recorded."),
        "window_ns": WINDOW,
        "busy_ns": integer("Time in which at least one operation ran."),
        "idle_ns": integer("The rest: busy + idle = window."),
        "gap_count": integer("Stretches in which nothing ran."),
        "longest_gap_ns": integer("The longest of them."),
        "idle_by_cause_ns": parts("Sums to idle_ns."),
        "held_ns": integer("Of queued time, what something held that the report names or not."),
        "op_count": record("GPU operations.", {kind: integer(f"Of kind {kind}.") for kind in KINDS}),
        "untraced": nullable(_UNTRACED, "nothing is untraced."),
        "sm_active_percent": nullable(_SM, "no GPU metrics."),
        "sm_active_samples": integer("Samples behind it."),
        "held_by": array(_HOLDER, "Who held queued work, the longest first."),
        "loading_ns": integer("Of idle time, what passed while the launching thread was loading modules."),
        "other_work": array(
            record(
                "Work of the GPU beside CUDA's.", {"name": text("What."), "idle_ns": integer("Idle time it covers.")}
            ),
            "What else the report shows the GPU doing, the most idle time first.",
        ),
        "idle_range_ns": nullable(pair(integer("ns"), "What idle time can be, at least and at most."), "it is exact."),
    },
    sometimes=("which",),
)
_LAUNCHES = record(
    "Launch calls of one kind of operation.",
    {
        "count": integer("Calls that launched one operation each."),
        "call_ns": stats("What the call takes."),
        "latency_ns": stats("From the call's start to the operation's."),
        "queue_ns": stats("From the call's end to the operation's start, at least 0."),
        "unqueued_latency_ns": nullable(stats("latency_ns where the stream was empty: what a launch costs."), "never."),
    },
)
_GRAPHS = record(
    "Launches of CUDA graphs.",
    {
        "count": integer("Graph launches."),
        "call_ns": maybe_stats("What the call takes."),
        "latency_ns": maybe_stats("From the call's start to the first node's."),
        "span_ns": maybe_stats("From the first node's start to the last one's end."),
        "busy_ns": maybe_stats("Time in the span in which a node ran."),
        "node_count": maybe_stats("Nodes per launch."),
    },
)
_SYNCS = record(
    "Calls that wait for the GPU.",
    {
        "waited": record(
            "Those that found work to wait for.",
            {
                "count": integer("Calls."),
                "wait_ns": maybe_stats("From the call to the end of the last operation that it covers."),
                "tail_ns": maybe_stats("From there to the call's return."),
            },
        ),
        "found_nothing": integer("Calls that found nothing to wait for."),
    },
)
_VIA = record(
    "The thread that woke the launching thread, which slept in an OS call.",
    {
        "process": PROCESS,
        "thread": THREAD,
        "name": text("That thread's name."),
        "call": text("The OS call in which the launching thread slept."),
        "ns": integer("For how long of the gap."),
        "did_ns": shared("some_parts", "What the waking thread did meanwhile; sums to ns."),
    },
)
_ACTS_FOR = record(
    "The waiting thread for which the launching thread acted.",
    {"thread": THREAD, "nvtx": array(text("A range's text."), "That thread's ranges then, outermost first.")},
)
_GAP = record(
    "A stretch in which nothing ran on the GPU.",
    {
        "device": DEVICE,
        "which": WHICH,
        "start_ns": integer("From the start of the session."),
        "end_ns": integer("From the start of the session."),
        "duration_ns": integer("end - start."),
        "cause": one_of(CAUSE_KEYS, "The largest part."),
        "parts_ns": shared("some_parts", "Sums to duration_ns."),
        "before": nullable(_OP, "none ends there."),
        "after": nullable(_OP, "none starts there."),
        "process": nullable(PROCESS, "it is not known."),
        "thread": nullable(THREAD, "the launching thread is not known."),
        "nvtx": array(text("A range's text."), "Ranges around the launch that ended the gap, outermost first."),
        "line": nullable(text("The program's line."), "no stack was sampled in it."),
        "via": nullable(_VIA, "nobody is known to have woken the launching thread."),
        "acts_for": nullable(_ACTS_FOR, "it launched for itself."),
    },
    sometimes=("which", "line", "via", "acts_for"),
)
_LOST = record(
    "Something the report lacks, with the sentence that says it.",
    {
        "kind": text("What: lost_launches, left_out, stopped_early, outside (the selection), ..."),
        "count": integer("How many."),
        "of": integer("Of how many."),
        "first_ns": nullable(integer("The first."), "no time is known."),
        "last_ns": nullable(integer("The last."), "no time is known."),
        "pid": nullable(integer("Of which process."), "of the whole report."),
        "text": text("The sentence."),
        "idle_ranges": array(
            record(
                "What it leaves open of a GPU's idle time.",
                {
                    "device": DEVICE,
                    "which": WHICH,
                    "idle_range_ns": pair(integer("ns"), "What idle time can be, at least and at most."),
                    "of_ns": integer("Of how long."),
                },
                sometimes=("which",),
            ),
            "By GPU.",
        ),
    },
)
_GROUPS = record(
    "Idle time grouped, with --by.",
    {
        "by": text("What the groups are."),
        "rows": array(
            record(
                "A group.",
                {
                    "name": text("The group."),
                    "idle_ns": integer("Its idle time."),
                    "gaps": integer("Gaps that have a part in it."),
                    "longest_ns": integer("The longest."),
                    "main_cause": one_of(CAUSE_KEYS, "The largest part of its idle time."),
                },
            ),
            "The largest first.",
        ),
        "folded": FOLDED,
    },
    sometimes=("folded",),
)
DOCUMENT = document(
    "gaps",
    1,
    "Why each GPU was idle, over the whole window or what was selected.",
    {
        "report": REPORT,
        "devices": array(_GPU, "Each GPU with work."),
        "launches": record(
            "Launch latency by kind; a kind that was not launched is absent.",
            dict.fromkeys(KINDS, _LAUNCHES),
            sometimes=KINDS,
        ),
        "graph_launches": _GRAPHS,
        "syncs": _SYNCS,
        "gaps": array(_GAP, "The longest, as many as asked for (--top)."),
        "completeness": array(_LOST, "What is not in the report."),
        "loops": array(shared("loop"), "The loops of the whole report, as in nsysgap.steps/1."),
        "selection": SELECTION,
        "groups": _GROUPS,
    },
    sometimes=("selection", "groups"),
)
