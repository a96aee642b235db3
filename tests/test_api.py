"""The Python API, on the bundled sample."""

from __future__ import annotations

from command_line import gaps_json
from folders import NAIVE

import nsysgap


def test_the_python_api_gives_documented_frames() -> None:
    report = nsysgap.open_report(NAIVE)
    document = gaps_json("--top", "all")
    assert report.idle()["idle_ns"].tolist() == [document["devices"][0]["idle_ns"]]
    gaps = report.gaps()
    assert gaps["duration_ns"].tolist() == [gap["duration_ns"] for gap in document["gaps"]]
    assert len(report.launches()) == sum(one["count"] for one in document["launches"].values())
    assert int(report.syncs()["waited"].sum()) == document["syncs"]["waited"]["count"]
    assert "idle_ns" in report._repr_html_()
    assert "GPU 0 idle" in repr(report)
