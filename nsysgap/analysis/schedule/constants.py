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
