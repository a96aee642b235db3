"""What a change would gain as pictures: the loop as it was recorded beside the loops that the replay predicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nsysgap.analysis.pictures.lanes import assign_lanes
from nsysgap.analysis.schedule.predict import RANGE, Change, predict, run_of
from nsysgap.analysis.schedule.timelines import Events, Timeline, median_step, timeline
from nsysgap.answers.opening import OpenReport
from nsysgap.answers.whatif import Asker, WhatifAnswer, WhatifOptions, asked_whatif
from nsysgap.errors import NsysgapError
from nsysgap.fleet.names import report_name
from nsysgap.tracks import FLOW_LAUNCH, Flow, Group, Slices, Source, Texts, Track, Viewed
from nsysgap.version import __version__

Document = dict[str, Any]
CONTRACT = "predicted by nsysgap whatif, not measured"


@dataclass(frozen=True)
class WhatifPicture:
    """The answer and its timelines, the recorded one first: one at the centre where a figure or a gain is said, else
    two, at best and at worst. `step`: the number of the drawn iteration; `streams`: (context, stream) by lane."""

    answer: WhatifAnswer
    timelines: tuple[Timeline, ...]
    step: int
    streams: tuple[tuple[int, int], ...]


def whatif_picture(report: OpenReport, options: WhatifOptions) -> WhatifPicture:
    """All asked changes at once, as pictures. Raises NsysgapError where none of them changes anything."""
    answer, asker, candidates = asked_whatif(report, options)
    changes = [candidate.change for candidate in candidates if candidate.change is not None]
    if not changes:
        why = " ".join(candidate.refused for candidate in candidates)
        raise NsysgapError(f"There is nothing to draw: no change is predicted. {why}".strip(), "Leave out the picture.")
    step = median_step(asker.bodies)
    drawn = [timeline(asker.bodies, asker.run, step), *_predicted(asker, changes, step)]
    return WhatifPicture(answer, tuple(drawn), step, asker.model.ops.streams)


def _predicted(asker: Asker, changes: Sequence[Change], step: int) -> list[Timeline]:
    schedule, named = asker.model.schedule, ", ".join(dict.fromkeys(change.name for change in changes))
    predicted = predict(asker.bodies, changes, schedule, asker.run.length)
    cases = {"best": "at best", "worst": "at worst"} if predicted.prediction.kind == RANGE else {"central": ""}
    return [
        timeline(asker.bodies, run_of(asker.bodies, changes, schedule, predicted.scaled_by, case), step, named, said)
        for case, said in cases.items()
    ]


def drawn_steps(picture: WhatifPicture) -> list[Document]:
    """One iteration of each timeline: times in ns from its beginning; calls and ops as [start, length, lane, category,
    name, whether it is of this iteration], launches as [start of the call, start of its op, lane of the op]."""
    return [_drawn(drawn, picture) for drawn in picture.timelines]


def _drawn(drawn: Timeline, picture: WhatifPicture) -> Document:
    start, end = drawn.step
    calls, ops = (_within(events, start, end) for events in (drawn.calls, drawn.ops))
    begins = dict(zip(calls.call.tolist(), calls.start.tolist(), strict=True))
    launches = [
        [begins[call] - start, at - start, lane]
        for call, at, lane, body in zip(
            *(getattr(ops, key).tolist() for key in ("call", "start", "lane", "body")), strict=True
        )
        if call in begins and body == picture.step
    ]
    return {
        "title": drawn.title,
        "predicted": bool(drawn.predicted),
        "length": end - start,
        "calls": _rows(calls, drawn, picture.step),
        "ops": _rows(ops, drawn, picture.step),
        "launches": launches,
        "streams": {lane: _stream(picture, lane) for lane in np.unique(ops.lane).tolist()},
    }


def _stream(picture: WhatifPicture, lane: int) -> str:
    """A stream's number; the one that overlapped copies get is not in the report."""
    return str(picture.streams[lane][1]) if lane < len(picture.streams) else "of the copies"


def _within(events: Events, start: int, end: int) -> Events:
    return events.take(np.flatnonzero((events.end > start) & (events.start < end)))


def _rows(events: Events, drawn: Timeline, step: int) -> list[list[Any]]:
    start, end = drawn.step
    low, high = np.maximum(events.start, start), np.minimum(events.end, end)
    columns = (low - start, high - low, events.lane, events.category, events.name, events.body)
    mark = "predicted: " if drawn.predicted else ""
    return [
        [at, length, lane, drawn.categories[category], f"{mark}{drawn.texts[name]}", body == step]
        for at, length, lane, category, name, body in zip(*(column.tolist() for column in columns), strict=True)
    ]


def predicted_trace(picture: WhatifPicture) -> Viewed:
    """The recorded loop and the predicted ones for trace viewers: a process each, all loops beginning together."""
    tracks: list[Track] = []
    sources: list[Source] = []
    for group, drawn in enumerate(picture.timelines):
        shift = picture.timelines[0].start - drawn.start
        for category, events in (("cuda_runtime", drawn.calls), ("kernel", drawn.ops)):
            lanes = _tracks(tracks, group, events, picture, gpu=category == "kernel", mark=bool(drawn.predicted))
            sources.append(_source(category, events, drawn, lanes, shift, group))
    facts = {
        "tool": f"nsysgap {__version__}",
        "report": report_name(picture.answer.header.path),
        "predicted": [f"{drawn.title}: {CONTRACT}" for drawn in picture.timelines[1:]],
        "loop": picture.answer.loop,
        "changes": list(picture.answer.changes),
        "together": picture.answer.together,
        "aligned": "every loop begins when the recorded one does",
    }
    groups = tuple(Group(number + 1, drawn.title) for number, drawn in enumerate(picture.timelines))
    return Viewed(groups, tuple(tracks), tuple(sources), lambda: (), 0, facts)


def _tracks(
    tracks: list[Track], group: int, events: Events, picture: WhatifPicture, *, gpu: bool, mark: bool
) -> np.ndarray:
    """The track of each event: threads and streams, with more lanes where events of one overlap."""
    track = np.empty(len(events.start), np.int32)
    for lane in np.unique(events.lane).tolist():
        mine = np.flatnonzero(events.lane == lane)
        sublane = assign_lanes(events.start[mine], events.end[mine])
        name = f"stream {_stream(picture, lane)}" if gpu else f"host thread {lane + 1}"
        for number in range(int(sublane.max()) + 1):
            more = f" ({number + 1})" if number else ""
            tid = len(tracks) + 100
            tracks.append(Track(group, tid, f"{'predicted: ' if mark else ''}{name}{more}"))
        track[mine] = len(tracks) - 1 - int(sublane.max()) + sublane
    return track


def _source(category: str, events: Events, drawn: Timeline, track: np.ndarray, shift: int, group: int) -> Source:
    mark = "predicted: " if drawn.predicted else ""
    texts = tuple(f"{mark}{text}" for text in drawn.texts)
    both = np.intersect1d(drawn.calls.call, drawn.ops.call)
    first = np.zeros(len(events.call), np.bool_)
    first[np.unique(events.call, return_index=True)[1]] = True
    arrow = np.where(first & np.isin(events.call, both), events.call.astype(np.int64) + 1 + (group << 40), 0)

    def make(low: int, high: int) -> Slices:
        start = events.start[low:high] + shift
        flow = Flow(FLOW_LAUNCH, category != "kernel", arrow[low:high], start)
        name = Texts(events.name[low:high], texts)
        return Slices(category, name, start, events.end[low:high] + shift, track[low:high], flows=(flow,))

    return Source(category, len(events.start), make)
