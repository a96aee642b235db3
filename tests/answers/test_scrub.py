"""The answer of `scrub`: plain and picklable, beside a copy; the report stays as it is."""

from __future__ import annotations

import gzip
import io
import pickle
from pathlib import Path

import pytest
from report_builder import ReportBuilder

from nsysgap.answers.scrub import ScrubOptions, scrub, write_packed
from nsysgap.errors import NsysgapError


def test_the_answer_is_picklable_and_the_report_untouched(report: ReportBuilder, tmp_path: Path) -> None:
    path = report.launch((0, 1), (2, 3)).process(1, "/home/somebody/train.py").save(tmp_path)
    before, copy = path.read_bytes(), tmp_path / "copy.sqlite"
    answer = scrub(str(path), ScrubOptions(copy))
    assert pickle.loads(pickle.dumps(answer)) == answer
    assert path.read_bytes() == before
    assert b"somebody" in before
    assert b"somebody" not in copy.read_bytes()


def test_no_room_for_the_copy_is_one_sentence(report: ReportBuilder, tmp_path: Path) -> None:
    path = report.launch((0, 1), (2, 3)).save(tmp_path)
    with pytest.raises(NsysgapError, match="No room for a copy"):
        scrub(str(path), ScrubOptions(tmp_path / "missing" / "copy.sqlite"))


def test_packed_copies_have_the_same_bytes_each_time(tmp_path: Path) -> None:
    copy, first, second = tmp_path / "copy.sqlite", io.BytesIO(), io.BytesIO()
    copy.write_bytes(b"rows" * 100)
    write_packed(copy, "sqlite.gz", first)
    write_packed(copy, "sqlite.gz", second)
    assert first.getvalue() == second.getvalue()
    assert gzip.decompress(first.getvalue()) == b"rows" * 100
