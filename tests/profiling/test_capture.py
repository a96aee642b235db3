"""The record that a program prints last."""

from __future__ import annotations

from nsysgap.profiling.capture import last_record


def test_record_is_the_json_object_on_the_last_line() -> None:
    assert last_record(b'text\n{"a": 1}\n') == {"a": 1}
    for output in (b"", b"text", b'{"a": 1}\nmore', b"[1]", b"{broken", b"\n\n", b'{"a": NaN}', b'{"a": 1e999}'):
        assert last_record(output) is None
