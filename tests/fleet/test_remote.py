"""Reports behind URLs: fetched, asked, called by their URL, gone again."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from command_line import run
from folder_reports import as_folder
from rank_reports import save_job, steady

from nsysgap.errors import NsysgapError
from nsysgap.fleet.paths import report_paths
from nsysgap.fleet.remote import staged


@pytest.fixture
def job(tmp_path: Path) -> list[Path]:
    return save_job(tmp_path, steady(2, 12, late={1: 900}))


def test_urls_give_the_same_and_are_called_by_their_urls(
    job: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scratch").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "scratch"))
    urls = [path.as_uri() for path in job]
    plain = run("ranks", *job, "--format", "json", "--workers", 1).stdout
    for workers in (1, 2):
        found = run("ranks", tmp_path.as_uri() + "/rank*.sqlite", "--format", "json", "--workers", workers).stdout
        assert json.loads(found.replace(urls[0], str(job[0])).replace(urls[1], str(job[1]))) == json.loads(plain)
    assert list((tmp_path / "scratch").glob("nsysgap-*")) == []
    named = json.loads(run("ranks", *urls, "--rank-regex", r"rank(\d)", "--format", "json").stdout)
    assert [unit["path"] for unit in named["units"]] == urls


def test_folders_of_tables_are_fetched_whole(job: list[Path], tmp_path: Path) -> None:
    for path in job:
        as_folder(path, tmp_path / f"{path.stem}_pqtdir")
    found = json.loads(run("ranks", tmp_path.as_uri() + "/rank*_pqtdir", "--format", "json", "--workers", 1).stdout)
    assert found["verdict"]["rank"] == 1


def test_what_is_not_there_is_that_report_s_error(job: list[Path], tmp_path: Path) -> None:
    bad = tmp_path / "bad.sqlite"
    bad.write_bytes(b"no database")
    gone = (tmp_path / "none.sqlite").as_uri()
    found = json.loads(run("ranks", job[0], gone, bad.as_uri(), "--format", "json", "--workers", 1).stdout)
    texts = {one["path"]: one["text"] for one in found["reports"]}
    assert texts[gone] == f"{gone} does not exist. Check the address."
    assert texts[bad.as_uri()].startswith(f"{bad.as_uri()} is not an nsys report")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense://a/b.sqlite", "cannot be fetched"),
        ("file:///no/such/*.sqlite", "Nothing matches"),
    ],
)
def test_addresses_that_lead_nowhere_are_said(url: str, said: str) -> None:
    with pytest.raises(NsysgapError, match=said), staged(report_paths([url])[0]):
        pass


def test_without_fsspec_it_says_what_to_install(job: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(NsysgapError, match="needs fsspec") as error, staged(job[0].as_uri()):
        pass
    assert "nsysgap[remote]" in error.value.hint


def test_a_full_disk_is_said(job: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", full)
    monkeypatch.setattr("fsspec.implementations.local.LocalFileSystem.get_file", full)
    with pytest.raises(NsysgapError, match="No room to fetch"), staged(job[0].as_uri()):
        pass
