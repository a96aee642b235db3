"""Stack samples in a trace viewer: a moment each, named by its innermost line, on a track beside its thread's."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.idle.idle_report import runs_inside
from nsysgap.analysis.pictures.kept_rows import Cut
from nsysgap.analysis.pictures.trace_tracks import UNPLACED, Layout, begin_together, thread_name
from nsysgap.analysis.stacks.document import line_name
from nsysgap.analysis.stacks.idle_stacks import samples_by_thread
from nsysgap.tables import PYTHON_SAMPLE, Stacks, Trace
from nsysgap.tracks import Arg, Slices, Source, Texts

Times = NDArray[np.int64]
LONGEST_TEXT = 2_000
NO_FRAMES = "(no frames)"
CATEGORIES = {True: ("python_sample", "Python samples"), False: ("cpu_sample", "CPU samples")}


class SampleSlices:
    """The samples that a cut leaves, as slices that last no time; with their stacks in the args if `full`."""

    def __init__(self, trace: Trace, stacks: Stacks, cut: Cut, *, full: bool) -> None:
        self.trace, self.stacks, self.full = trace, stacks, full
        self.tracks = list(self._kept(cut))
        self._lines: dict[int, str] = {}
        self._stacks: dict[int, str] = {}

    def first(self) -> int | None:
        """The time of the first sample, ns."""
        return min((int(time[0]) for _, _, time, _ in self.tracks), default=None)

    def _kept(self, cut: Cut) -> Iterator[tuple[int, bool, Times, NDArray[np.int32]]]:
        """(thread, whether Python's, times, rows of stacks) for each track that is not empty."""
        ops, threads = self.trace.ops, self.trace.threads
        users = set(ops["process"][ops["device"] == cut.device].tolist()) if cut.device is not None else None
        if cut.kernels_only or not cut.samples:
            return
        for thread, time, stack, source in samples_by_thread(self.stacks):
            if users is not None and int(threads["process"][thread]) not in users:
                continue
            inside = np.ones(len(time), np.bool_) if cut.time is None else runs_inside(time, time, cut.time)
            for python in CATEGORIES:
                rows = np.flatnonzero(inside & ((source == PYTHON_SAMPLE) == python))
                if len(rows):
                    yield thread, python, time[rows], stack[rows]

    def sources(self, layout: Layout) -> Iterator[Source]:
        """A track and its slices per thread and kind of sample."""
        for thread, python, time, stack in self.tracks:
            category, said = CATEGORIES[python]
            group = layout.process(self.trace, int(self.trace.threads["process"][thread]))
            track = layout.add_track(group, UNPLACED, f"{thread_name(self.trace, thread)} {said}")
            yield self._source(category, track, time, stack)

    def _source(self, category: str, track: int, time: Times, stack: NDArray[np.int32]) -> Source:
        tied = begin_together(time)

        def make(low: int, high: int) -> Slices:
            part = slice(low, high)
            used, code = np.unique(stack[part], return_inverse=True)
            index = code.reshape(-1)
            name = Texts(index, [self._line(row) for row in used.tolist()])
            args = (Arg("stack", Texts(index, [self._stack(row) for row in used.tolist()])),) if self.full else ()
            where = np.full(len(index), track, np.int32)
            return Slices(category, name, time[part], time[part], where, args, tied=tied[part])

        return Source(category, len(time), make)

    def _frames(self, stack: int) -> list[int]:
        first, count = int(self.stacks.stacks["first"][stack]), int(self.stacks.stacks["count"][stack])
        frames: list[int] = self.stacks.chain[first : first + count].tolist()
        return frames

    def _name(self, frame: int) -> str:
        if frame not in self._lines:
            self._lines[frame] = line_name(self.trace, self.stacks.frames, frame)
        return self._lines[frame]

    def _line(self, stack: int) -> str:
        frames = self._frames(stack)
        return self._name(frames[0]) if frames else NO_FRAMES

    def _stack(self, stack: int) -> str:
        """ "inner a.py:3 < outer b.py:7 < ...", the outermost frames only counted where there are too many."""
        if stack not in self._stacks:
            frames, said, length = self._frames(stack), [], 0
            for frame in frames:
                said.append(self._name(frame))
                length += len(said[-1]) + 3
                if length > LONGEST_TEXT:
                    break
            more = len(frames) - len(said)
            self._stacks[stack] = " < ".join([*said, f"{more:,} more"] if more else said) or NO_FRAMES
        return self._stacks[stack]
