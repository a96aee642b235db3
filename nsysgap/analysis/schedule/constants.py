"""The constants of the replay model, ns unless said; each with its source: medians of captures of H200s under nsys."""

from __future__ import annotations

LARGE_COPY_BYTES = 65_536  # from here on the driver stages copies of pageable memory
FEWEST_FREE_OPS = 10  # so many ops must have found their stream free for the time after their call to be typical
AFTER_CALL = 1_700  # start of an op - end of its call, on a free stream: medians of 25 reports 702 to 3,940
QUEUE_GAP = 1_000  # start of an op - end of the one before, where no op of its kind waited for one
FREE_RETURNS_WITHIN = 200_000  # a call that waits as a side effect returns so soon after what it waited for
EMPTY_SYNC_AT_MOST = 5_000  # what a call costs that finds nothing to wait for, judged by other kinds of calls
SYNC_TAIL = 3_000  # where no call of the report waited
PLAIN_COPY = 6_000  # what a copy's call takes that does not wait, where none of the report does not
MERGED_OVERLAP = 0.001  # of the calls of two threads that are one may begin before the other's have ended
MERGED_CALLS, MERGED_RUNS, MERGED_RUN_CALLS, MERGED_IN_RUNS = 20, 3, 5, 0.9
BLOCKED_LAUNCH = 30_000  # a launch call that takes longer while the queue is full waits for room
QUEUE_LENGTHS = range(1_000, 1_041)
QUEUE_SPREAD = 2_000
FEWEST_BLOCKED = 20
UNEXPLAINED_AFTER, UNEXPLAINED_AT_MOST = 20_000, 0.05  # an op that starts so much later than it should; share of time
UNTRACED_AT_MOST = 0.01  # of the time
UNLAUNCHED_AT_MOST = 0.01  # of the ops
OTHER_LAUNCHES_AT_MOST = 0.10  # of the time
MANY_WAITS = 0.15  # of the path after waits and between ops: fewer syncs, or a graph

# Changes: what a CUDA graph of n nodes costs, under nsys's node tracing and plain: call c0 + c1 n, latency l0 + l1 n.
GRAPH_CALL = {"nsys": (5_000, 800), "plain": (5_000, 15)}
GRAPH_LATENCY = {"nsys": (10_500, 800), "plain": (8_000, 15)}
# From node to node: of different kernels, of one kernel and grid, to or from a copy or memset.
NODE_GAPS = {"nsys": (500, 30, 2_000), "plain": (350, -300, 2_000)}
FEWEST_NODE_GAPS = 10
GRAPH_FIRST_GAP = {"central": 5_000, "best": 2_000}  # of the host's time before a graph launch
GRAPH_KEPT_GAP = {"central": 200_000, "best": 200_000, "worst": 50_000}  # a longer one inside is the program's own work
GRAPH_BEST_LATENCY, GRAPH_BEST_CALL, GRAPH_WORST_NODE_GAP = 3_000, 1_000, 300
# Costs of another GPU than the report's: by so much less at best, more at worst; a figure is a range, wider by so much.
FOREIGN_COSTS, FOREIGN_FIGURE = {"best": 0.7, "worst": 1.5}, 0.15
PLAIN_QUEUE_GAP = 900  # by which the gap between ops is shorter without nsys
RARE = 0.1  # what is in fewer bodies of a loop stands in no change's way
SMALL_READ_BYTES = 4_096  # a copy to the host before a sync that is the value it waits for
PINNED_START, PINNED_LATENCY = 1_000, 8_000
PINNED_RATE_BYTES, PINNED_BEST, PINNED_WORST = 1_000_000, 1.1, 0.5
PINNED_RATES = ((r"H100|H200|H800|H20\b|B100|B200|B300", 50), (r"A100|A800|A30\b", 24))  # GB/s: 9.x and 10.x, 8.0
PINNED_RATE = 12
OVERLAP_CALLS, OVERLAP_CALL = 4, 1_200
FUSED_SAVES, FUSED_ENTRY = 900, 60_000
HOST_BAND, BULK_BAND, GPU_BAND = (0.6, 1.8), 0.15, (0.96, 1.04)
GPU_BOUND = 0.25  # a run with a smaller share of host, launch calls, latency and other calls is
PROFILER_AT_MOST, PROFILER_WITHIN = 6_000, 0.01
FEWEST_STEPS = 3
