"""Payloads of NVTX marks: decoded as their schemas say, whatever bytes there are."""

from __future__ import annotations

from pathlib import Path

import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from stack_reading import GOOD, read, with_work
from stack_reports import PYTHON_SCHEMAS, SAMPLING

from nsysgap.report.payloads import Entry, PayloadSchema, StackLayout, stack_bytes, stack_layouts


def layout() -> StackLayout:
    schemas = [
        PayloadSchema(
            domain,
            number,
            name or "",
            size,
            tuple(
                Entry(one[5] or "", one[4] or 0, one[3] or 0, one[7], one[8])
                for one in PYTHON_SCHEMAS["NVTX_PAYLOAD_SCHEMA_ENTRIES"]
                if one[:2] == (domain, number)
            ),
        )
        for domain, number, name, _, _, _, size, _ in PYTHON_SCHEMAS["NVTX_PAYLOAD_SCHEMAS"]
    ]
    found, refused = stack_layouts(schemas, {4294967297: 4, 4294967300: 4}, ("Python Periodic Sampling",))
    assert not refused
    return found[1, SAMPLING]


@settings(max_examples=examples(300))
@given(
    st.binary(max_size=120) | st.integers(0, len(GOOD)).map(lambda size: GOOD[:size]),
    st.integers(0, 119),
    st.binary(max_size=8),
)
def test_no_blob_makes_the_decoder_read_outside_or_fail(blob: bytes, place: int, patch: bytes) -> None:
    changed = blob[:place] + patch + blob[place + len(patch) :]
    try:
        found = stack_bytes(changed, 1, {(1, SAMPLING): layout()})
    except ValueError:
        return
    if found is not None:
        assert found[1] in changed
        assert len(found[1]) % 24 == 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda one: (*one[:4], 9999, *one[5:]) if one[5] == "Line" else one, "unknown type"),
        (lambda one: (*one[:3], 32, *one[4:]) if one[5] == "Frames" else one, "array"),
        (lambda one: (*one[:5], "Offset", *one[6:]) if one[5] == "Line" else one, "without function, file and line"),
        (lambda one: (*one[:8], 22) if one[5] == "Line" else one, "outside"),
        (lambda one: (*one[:7], 9, *one[8:]) if one[5] == "Frames" else one, "how many"),
    ],
)
def test_schemas_that_do_not_fit_are_refused(change: object, reason: str, tmp_path: Path) -> None:
    report = with_work()
    report.python(1100, [("f", "/p/a.py", 1)])
    table = "NVTX_PAYLOAD_SCHEMA_ENTRIES"
    assert callable(change)
    report.rows[table] = [change(one) if one[0] == 1 else one for one in report.rows[table]]
    _, stacks = read(report.write(tmp_path / "r.sqlite"))
    assert stacks.samples.rows == 0
    assert reason in stacks.warnings[0].text


ODD = {
    "a text for a size": ("NVTX_PAYLOAD_SCHEMAS", 1, 6, "24", 1),
    "frames larger than any C integer": ("NVTX_PAYLOAD_SCHEMAS", 1, 6, 2**40, 0),
    "frames of a negative size": ("NVTX_PAYLOAD_SCHEMAS", 1, 6, -24, 0),
    "a text for a type": ("NVTX_PAYLOAD_SCHEMA_ENTRIES", 2, 4, "x", 0),
    "a number for a name": ("NVTX_PAYLOAD_SCHEMA_ENTRIES", 8, 5, 12, 0),
    "a text for an offset": ("NVTX_PAYLOAD_SCHEMA_ENTRIES", 3, 8, "x", 1),
    "frames over their own count": ("NVTX_PAYLOAD_SCHEMA_ENTRIES", 3, 8, 8, 0),
    "a bytes value for the flags": ("NVTX_PAYLOAD_SCHEMA_ENTRIES", 3, 3, b"0", 0),
    "a text for an enum's size": ("NVTX_PAYLOAD_ENUMS", 0, 4, "4", 0),
}


@pytest.mark.parametrize("what", ODD)
def test_schemas_with_odd_values_are_followed_or_refused(what: str, tmp_path: Path) -> None:
    """What is no integer counts as missing: C's own layout holds where it is enough, else the schema is refused."""
    table, row, column, value, readable = ODD[what]
    report = with_work()
    report.python(1100, [("f", "/p/a.py", 1)])
    changed = list(report.rows[table][row])
    changed[column] = value
    report.rows[table][row] = tuple(changed)
    _, stacks = read(report.write(tmp_path / "r.sqlite"))
    assert stacks.samples.rows == readable
    assert [one.text.split(":")[0] for one in stacks.warnings] == ["Python stacks cannot be read"] * (1 - readable)
