"""What names of reports mean: files, folders, patterns, URLs; each once, numbers in their order."""

from __future__ import annotations

from pathlib import Path

import pytest

from nsysgap.errors import NsysgapError
from nsysgap.fleet.paths import largest_first, report_paths, size_of


def names(folder: Path, *named: str) -> list[str]:
    return [str(Path(path).relative_to(folder)) for path in report_paths([str(folder / one) for one in named])]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("rank10.sqlite", "rank2.sqlite", "rank2.nsys-rep", "rank3.nsys-rep", "notes.txt", "rank4.sqlite.xz"):
        (tmp_path / name).write_text("")
    (tmp_path / "rank5_pqtdir").mkdir()
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "StringIds.parquet").write_text("")
    (tmp_path / "empty").mkdir()
    return tmp_path


def test_a_folder_means_its_reports_and_of_a_capture_its_export(folder: Path) -> None:
    assert names(folder, "") == [
        "odd",
        "rank2.sqlite",
        "rank3.nsys-rep",
        "rank4.sqlite.xz",
        "rank5_pqtdir",
        "rank10.sqlite",
    ]


def test_a_pattern_and_a_name_again(folder: Path) -> None:
    assert names(folder, "rank*.sqlite", "rank2.sqlite") == ["rank2.sqlite", "rank10.sqlite"]


def test_an_exported_folder_is_one_report(folder: Path) -> None:
    assert names(folder, "rank5_pqtdir", "odd") == ["rank5_pqtdir", "odd"]


def test_urls_are_left_as_they_are() -> None:
    assert report_paths(["s3://bucket/rank0.sqlite"]) == ["s3://bucket/rank0.sqlite"]


@pytest.mark.parametrize(("name", "said"), [("none*.sqlite", "Nothing matches"), ("empty", "holds no reports")])
def test_nothing_is_said(folder: Path, name: str, said: str) -> None:
    with pytest.raises(NsysgapError, match=said):
        report_paths([str(folder / name)])


def test_the_largest_come_first(tmp_path: Path) -> None:
    paths = []
    for name, size in (("a", 1), ("b", 30), ("c", 7)):
        (tmp_path / name).write_bytes(b"x" * size)
        paths.append(str(tmp_path / name))
    assert [Path(path).name for path in largest_first(paths)] == ["b", "c", "a"]
    assert (size_of(str(tmp_path)), size_of(str(tmp_path / "none"))) == (38, 0)
