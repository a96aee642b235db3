"""What reports are called, where they are shown and where files are named after them."""

from __future__ import annotations

import pytest

from nsysgap.fleet.names import report_name, report_stem


@pytest.mark.parametrize(
    ("path", "name", "stem"),
    [
        ("runs/rank_1.sqlite.xz", "rank_1.sqlite.xz", "rank_1"),
        ("/runs/a.nsys-rep", "a.nsys-rep", "a"),
        ("run_pqtdir/", "run_pqtdir", "run_pqtdir"),
        ("a?b.sqlite", "a?b.sqlite", "a?b"),
        (".sqlite", ".sqlite", "report"),
        ("s3://bucket/runs/a.sqlite", "a.sqlite", "a"),
        ("s3://bucket/runs/", "runs", "runs"),
        ("https://host/a/rank_1.sqlite?X-Amz-Credential=k/20261129/s3&X-Amz-Signature=0f/2", "rank_1.sqlite", "rank_1"),
    ],
)
def test_a_report_is_called_by_its_file(path: str, name: str, stem: str) -> None:
    assert (report_name(path), report_stem(path)) == (name, stem)
