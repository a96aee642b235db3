"""Reading stacks: payloads decoded as their schemas say, native chains, and everything broken refused and counted."""

from __future__ import annotations

import struct
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from real_reports import require_report
from stack_reading import GOOD, Read, read, with_work
from stack_reports import MAIN, OTHER, SAMPLING, stack_blob

from nsysgap.analysis.relations.ranges import RangeFinder
from nsysgap.tables import CUDA_CALL, NATIVE_SAMPLE, NONE, PYTHON_CALL, PYTHON_SAMPLE


def frames(found: Read, stack: int) -> list[tuple[str, str, int]]:
    """The frames of a row of stacks, innermost first."""
    trace, stacks = found
    first, count = int(stacks.stacks["first"][stack]), int(stacks.stacks["count"][stack])
    rows = stacks.chain[first : first + count]
    table = stacks.frames
    return [
        (trace.name(int(table["function"][one])), trace.name(int(table["file"][one])), int(table["line"][one]))
        for one in rows
    ]


def test_python_stacks_come_innermost_first_and_padding_is_not_a_line(tmp_path: Path) -> None:
    report = with_work()
    report.python(1100, [("inner", "/p/a.py", 12), ("outer", "/p/a.py", 30)])
    report.python(1200, [("inner", "/p/a.py", 12), ("outer", "/p/a.py", 30)])
    found = read(report.write(tmp_path / "r.sqlite"))
    samples = found[1].samples
    assert samples["time"].tolist() == [1100, 1200]
    assert samples["source"].tolist() == [PYTHON_SAMPLE] * 2
    assert [frames(found, one) for one in samples["stack"]] == [
        [("inner", "/p/a.py", 12), ("outer", "/p/a.py", 30)]
    ] * 2
    assert found[1].frames.rows == 2
    assert not found[1].warnings


def test_frames_without_a_file_and_unregistered_strings(tmp_path: Path) -> None:
    report = with_work()
    report.python(1100, [("built-in", None, 0)])
    report.blob(1200, stack_blob([(4242, 4243, 7)]))
    report.blob(1300, stack_blob([(2**63 + 5, 2**40, 7)]))
    found = read(report.write(tmp_path / "r.sqlite"))
    assert frames(found, 0) == [("built-in", "", 0)]
    assert frames(found, 1) == [("<no string 4242>", "<no string 4243>", 7)]
    assert frames(found, 2) == [(f"<no string {2**63 + 5 - 2**64}>", f"<no string {2**40}>", 7)]
    assert found[1].frames["file"].tolist().count(NONE) == 1


BROKEN = {
    "empty": b"",
    "cut within the header": GOOD[:20],
    "cut within a frame": GOOD[:-5],
    "a frame too few": GOOD[:-24],
    "a byte too many in the payload": struct.pack("<QQQQ", 1, SAMPLING, len(GOOD) - 31, 32) + GOOD[32:] + b"x",
    "a frame count far too high": GOOD[:44] + struct.pack("<I", 2**32 - 1) + GOOD[48:],
    "an offset behind the end": GOOD[:24] + struct.pack("<Q", 2**63) + GOOD[32:],
    "an offset into the header": GOOD[:24] + struct.pack("<Q", 8) + GOOD[32:],
    "a size behind the end": GOOD[:16] + struct.pack("<Q", 2**64 - 1) + GOOD[24:],
    "more payloads than bytes": struct.pack("<Q", 2**61) + GOOD[8:],
}


@pytest.mark.parametrize("what", BROKEN)
def test_broken_blobs_are_left_out_counted_and_said(what: str, tmp_path: Path) -> None:
    report = with_work()
    report.python(1100, [("f", "/p/a.py", 1)])
    report.blob(1200, BROKEN[what])
    report.blob(1300, BROKEN[what])
    _, stacks = read(report.write(tmp_path / "r.sqlite"))
    assert stacks.samples["time"].tolist() == [1100]
    assert [one.text.split(" are ")[0] for one in stacks.warnings] == ["2 Python stacks"]


def test_blobs_stored_as_text_are_read(tmp_path: Path) -> None:
    report = with_work()
    report.blob(1100, stack_blob([(1, 1, 3)], padding=0).decode("latin-1"))
    trace, stacks = read(report.write(tmp_path / "r.sqlite"))
    assert stacks.samples.rows == 1
    assert trace.ops.rows == 2


def test_other_payloads_of_the_domain_are_no_stacks(tmp_path: Path) -> None:
    report = with_work()
    report.python(1100, [("f", "/p/a.py", 1)])
    report.blob(1200, struct.pack("<QQQQ", 1, 77, 8, 32) + b"12345678")
    _, stacks = read(report.write(tmp_path / "r.sqlite"))
    assert stacks.samples.rows == 1
    assert not stacks.warnings


def test_second_payload_of_a_blob_may_be_the_stack(tmp_path: Path) -> None:
    report = with_work()
    report.python(1100, [("f", "/p/a.py", 1)])
    payload = stack_blob(report.ids([("g", "/p/a.py", 2)]))[32:]
    table = struct.pack("<QQQQQQQ", 2, 77, 8, 56, SAMPLING, len(payload), 64)
    report.blob(1200, table + b"12345678" + payload)
    found = read(report.write(tmp_path / "r.sqlite"))
    assert frames(found, int(found[1].samples["stack"][1])) == [("g", "/p/a.py", 2)]


def test_schema_with_other_offsets_and_types_is_followed(tmp_path: Path) -> None:
    report = with_work()
    report.blob(1100, b"")
    report.rows["NVTX_EVENTS"].clear()
    entries = [
        (1, SAMPLING, 0, None, 14, "Frames count", None, None, None),
        (1, SAMPLING, 1, 48, FRAME_B, "Frames", None, 0, 8),
        (1, FRAME_B, 0, None, 18, "Line", None, None, None),
        (1, FRAME_B, 1, None, 18, "Something", None, None, None),
        (1, FRAME_B, 2, None, 16, "File", None, None, None),
        (1, FRAME_B, 3, None, 80, "Function", None, None, None),
    ]
    report.rows["NVTX_PAYLOAD_SCHEMA_ENTRIES"] = entries
    report.rows["NVTX_PAYLOAD_SCHEMAS"] = [
        (1, SAMPLING, "Python Periodic Sampling", 2, None, 2, None, None),
        (1, FRAME_B, None, 1, None, 4, 32, None),
    ]
    [(function, file, line)] = report.ids([("f", "/p/b.py", 88)])
    payload = struct.pack("<HHIQQIIQ", 1, 9, 9, line, 9, file, 9, function)
    report.blob(1100, struct.pack("<QQQQ", 1, SAMPLING, len(payload), 32) + payload)
    found = read(report.write(tmp_path / "r.sqlite"))
    assert frames(found, 0) == [("f", "/p/b.py", 88)]


FRAME_B = 4294967777


@pytest.mark.parametrize("left_out", [set(), {("NVTX_EVENTS", "binaryData")}])
def test_export_without_blobs_says_how_to_export(left_out: set[tuple[str, str]], tmp_path: Path) -> None:
    report = with_work()
    report.blob(1100, None)
    report.left_out = left_out
    _, stacks = read(report.write(tmp_path / "r.sqlite"))
    assert "--include-blobs=true" in stacks.warnings[0].text


def test_cpu_samples_and_python_samples_in_one_report(tmp_path: Path) -> None:
    report = with_work()
    report.python(1100, [("f", "/p/a.py", 1)])
    report.native(1050, [("leaf", "/bin/prog"), ("main", "/bin/prog")])
    report.native(1150, [("wait", "/lib/libc.so.6")], tid=OTHER)
    report.rows["COMPOSITE_EVENTS"].append((99, 1200, MAIN))
    found = read(report.write(tmp_path / "r.sqlite"))
    samples = found[1].samples
    assert samples["time"].tolist() == [1050, 1100, 1150]
    assert samples["source"].tolist() == [NATIVE_SAMPLE, PYTHON_SAMPLE, NATIVE_SAMPLE]
    assert frames(found, int(samples["stack"][0])) == [("leaf", "/bin/prog", 0), ("main", "/bin/prog", 0)]
    assert samples["thread"].tolist()[2] == NONE
    assert [one.text for one in found[1].warnings] == ["1 CPU sample has no call chain: left out."]


def test_call_stacks_are_joined_to_their_calls(tmp_path: Path) -> None:
    report = with_work()
    report.call(
        "cudaLaunchKernel", 1900, 1950, correlation=1, chain=report.chain("CUDA", [("go", "/bin/p")], 5), event_class=67
    )
    report.blob(1900, stack_blob(report.ids([("step", "/p/a.py", 9)]), schema=4294967301), domain=2)
    trace, stacks = read(report.write(tmp_path / "r.sqlite"))
    calls = stacks.calls
    assert sorted(calls["source"].tolist()) == [PYTHON_CALL, CUDA_CALL]
    assert calls["correlation"].tolist() == [1, 1]
    assert calls["end"].tolist() == [1950, 1950]
    assert trace.api.rows == 2  # rows of eventClass 67 repeat a call: they are no calls of their own


def test_real_python_samples(tmp_path: Path) -> None:
    """35,067 stacks; within the range "generate" 1,428, and their innermost lines.

    Read as 64-bit numbers, as the members' distance suggests, some lines are huge: the schema says int32, and what
    follows is padding. So the same line counts 170 here and 148 where the padding is taken for part of it.
    """
    trace, stacks = read(require_report("decode_pysampled", tmp_path))
    assert stacks.samples.rows == 35_067
    assert not stacks.warnings
    [row] = [i for i in range(trace.nvtx.rows) if trace.names[int(trace.nvtx["name"][i])] == "generate"]
    time = stacks.samples["time"]
    inside = (time >= trace.nvtx["start"][row]) & (time < trace.nvtx["end"][row])
    assert inside.sum() == 1428
    leaf = stacks.chain[stacks.stacks["first"][stacks.samples["stack"][inside]]]
    lines = Counter(
        (
            trace.name(int(stacks.frames["function"][one])),
            trace.name(int(stacks.frames["file"][one])).split("/")[-1],
            int(stacks.frames["line"][one]),
        )
        for one in leaf
    )
    assert lines.most_common(2) == [
        (("forward", "linear.py", 134), 356),
        (("sdpa_attention_forward", "sdpa_attention.py", 158), 170),
    ]
    assert lines["forward", "modeling_llama.py", 66] == lines["rotate_half", "modeling_llama.py", 134] == 101
    assert (stacks.frames["line"] < 100_000).all()
    outermost = stacks.chain[stacks.stacks["first"] + stacks.stacks["count"] - 1]
    names = {trace.name(int(stacks.frames["function"][one])) for one in outermost[stacks.samples["stack"]]}
    assert "&lt;module&gt;" in names
    assert RangeFinder(trace).innermost(trace.nvtx["thread"][:1], np.array([int(time[inside][0])])) >= 0
