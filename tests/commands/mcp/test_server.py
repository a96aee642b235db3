"""`nsysgap mcp` with a real client: over standard input and output, and in this process for what is refused."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from agent_transcripts import PAGE, page
from command_line import process_environment, run
from contracts import require_document
from event_loops import run_async
from folders import NAIVE
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import CallToolResult, TextContent
from rank_reports import save_job, steady
from report_builder import ReportBuilder

from nsysgap.commands.mcp import SKILL
from nsysgap.commands.mcp.folders import Folders
from nsysgap.commands.mcp.server import server_of
from nsysgap.commands.mcp.tools import TOOLS
from nsysgap.errors import NsysgapError

Session = Callable[[Client], Awaitable[None]]


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """A folder with a report, and a secret one beside it that links lead to."""
    folder = tmp_path / "reports"
    folder.mkdir()
    (folder / "naive.sqlite").write_bytes(NAIVE.read_bytes())
    (tmp_path / "secret.sqlite").write_bytes(NAIVE.read_bytes())
    (folder / "link.sqlite").symlink_to(tmp_path / "secret.sqlite")
    (folder / "capture.nsys-rep").write_bytes(b"NSYS")
    return folder


def asked(reports: Path, session: Session, time_limit: float = 120) -> None:
    """Run a session of a client with a server in this process."""

    async def talk() -> None:
        async with Client(server_of(Folders([str(reports)]), time_limit, SKILL.read_text())) as client:
            await session(client)

    run_async(talk)


def said(answer: CallToolResult) -> str:
    """The text of a result."""
    (content,) = answer.content
    assert isinstance(content, TextContent)
    return content.text


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_client_over_standard_input_and_output(reports: Path) -> None:
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "nsysgap", "mcp", "--root", str(reports)],
        env=process_environment(),
        cwd=str(reports.parent),
    )
    before = {path: path.read_bytes() for path in reports.iterdir()}

    async def talk() -> None:
        async with Client(stdio_client(server)) as client:
            assert [tool.name for tool in (await client.list_tools()).tools] == list(TOOLS)
            answer = await client.call_tool("gaps", {"reports": ["naive.sqlite"], "limit": 5})
            assert not answer.is_error
            assert list(answer.structured_content)[:2] == ["warnings", "command"]
            assert answer.structured_content["document"]["devices"][0]["gap_count"] > 5

    run_async(talk)
    assert {path: path.read_bytes() for path in reports.iterdir()} == before


def test_every_tool_answers_with_its_contract_and_the_command_that_gives_the_same(reports: Path) -> None:
    given: dict[str, dict[str, Any]] = {
        "gaps": {"reports": ["naive.sqlite"], "by": "api", "from": "1ms", "hidden-after": "50us"},
        "info": {"reports": ["naive.sqlite"]},
        "whatif": {"report": "naive.sqlite", "graph": True, "faster": ["dgemm.*=2"], "plain": "47us"},
        "compare": {"before": ["naive.sqlite"], "after": ["naive.sqlite"]},
        "ranks": {"reports": ["naive.sqlite"]},
        "check": {"reports": ["naive.sqlite"], "max-idle": "1"},
    }

    answers: list[dict[str, Any]] = []

    async def talk(client: Client) -> None:
        for name in TOOLS:
            answer = await client.call_tool(name, {**given.get(name, {"report": "naive.sqlite"}), "limit": 10_000})
            if answer.is_error:
                assert name in {"stacks", "graphs"}, answer.content
                continue
            require_document(answer.structured_content["document"])
            assert json.loads(said(answer)) == answer.structured_content
            answers.append(answer.structured_content)

    asked(reports, talk)
    assert len(answers) >= len(TOOLS) - 2
    for answer in answers:
        done = run(*shlex.split(answer["command"])[1:])
        assert json.loads(done.stdout) == answer["document"]


def test_long_lists_are_cut_and_the_rest_can_be_had(reports: Path) -> None:
    async def talk(client: Client) -> None:
        first = (
            await client.call_tool("gaps", {"reports": ["naive.sqlite"], "top": "all", "limit": 7})
        ).structured_content
        cut = {each["list"]: each for each in first["truncated"]}["/gaps"]
        assert (cut["shown"], len(first["document"]["gaps"])) == (7, 7)
        more = await client.call_tool(
            "gaps", {"reports": ["naive.sqlite"], "top": "all", "list": "/gaps", "offset": 5, "limit": 4}
        )
        rest = more.structured_content
        assert (rest["offset"], rest["of"], len(rest["rows"])) == (5, cut["of"], 4)
        assert rest["rows"][:2] == first["document"]["gaps"][5:7]

    asked(reports, talk)


def long_report(folder: Path) -> None:
    """300 gaps before kernels with names of 2,000 characters."""
    report = ReportBuilder()
    for number in range(301):
        at = number * 1000
        report.launch((at, at + 10), (at + 20, at + 100 + number), f"kernel<{'int, ' * 400}{number}>")
    report.save(folder, "long.sqlite")


def test_answers_are_short_unless_more_is_asked_for(reports: Path) -> None:
    long_report(reports)

    async def talk(client: Client) -> None:
        for name, given in (
            ("gaps", {}),
            ("gaps", {"by": "kernel"}),
            ("gaps", {"list": "/gaps"}),
            ("launches", {}),
            ("gaps", {"min": "1ns", "list": "/gaps", "offset": 290}),
        ):
            named = {"report": "long.sqlite"} if name == "launches" else {"reports": ["long.sqlite"]}
            answer = await client.call_tool(name, {**named, **given})
            assert not answer.is_error
            assert len(said(answer)) < 25_000
        whole = await client.call_tool("launches", {"report": "long.sqlite", "limit": 10_000})
        assert len(whole.structured_content["document"]["kernels"]) == 301

    asked(reports, talk)


def test_gaps_that_the_command_does_not_list_are_counted_and_can_be_had(reports: Path) -> None:
    everything = json.loads(run("gaps", NAIVE, "--top", "all", "--format", "json").stdout)["gaps"]

    async def talk(client: Client) -> None:
        naive: dict[str, Any] = {"reports": ["naive.sqlite"]}
        first = (await client.call_tool("gaps", naive)).structured_content
        there = first["document"]["devices"][0]["gap_count"]
        assert {"list": "/gaps", "shown": len(first["document"]["gaps"]), "of": there} in first["truncated"]
        starts: list[int] = []
        offset: int | None = 0
        while offset is not None:
            part = await client.call_tool("gaps", {**naive, "list": "/gaps", "offset": offset, "limit": 150})
            found = part.structured_content
            assert (found["of"], found["offset"]) == (there, offset)
            starts += [gap["start_ns"] for gap in found["rows"]]
            offset = found.get("next")
        assert starts == [gap["start_ns"] for gap in everything]
        chosen = (await client.call_tool("gaps", {**naive, "min": "30us", "limit": 5})).structured_content
        long = sum(gap["duration_ns"] >= 30_000 for gap in everything)
        assert [cut["of"] for cut in chosen["truncated"] if cut["list"] == "/gaps"] == [long]

    asked(reports, talk)


def test_inputs_are_understood_as_agents_write_them(reports: Path) -> None:
    async def talk(client: Client) -> None:
        strict = await client.call_tool("gaps", {"reports": ["naive.sqlite"], "top": "2"})
        loose = await client.call_tool("gaps", {"reports": "naive.sqlite", "top": 2})
        assert strict.structured_content == loose.structured_content
        for name, given in (("check", {"reports": "naive.sqlite", "max-idle": 10}), ("gaps", {"reports": 5})):
            answer = await client.call_tool(name, given)
            assert answer.is_error == (name == "gaps")

    asked(reports, talk)


def test_errors_of_several_reports_are_sentences(reports: Path) -> None:
    (reports / "other.sqlite").write_bytes((reports / "naive.sqlite").read_bytes())

    async def talk(client: Client) -> None:
        answer = await client.call_tool("gaps", {"reports": ["naive.sqlite", "other.sqlite"], "by": "line"})
        assert answer.is_error
        text = said(answer)
        assert text.isascii()
        assert "\n" not in text
        assert (text.count("holds no stack samples"), text.count("nsysgap:")) == (2, 0)

    asked(reports, talk)


def test_jobs_are_compared_by_their_folders(reports: Path, tmp_path: Path) -> None:
    for name in ("before", "after", "leads_out"):
        (reports / name).mkdir()
        save_job(reports / name, steady(2, 6, late={1: 900} if name == "before" else None))
    (reports / "leads_out" / "rank0.sqlite").unlink()
    (reports / "leads_out" / "rank0.sqlite").symlink_to(tmp_path / "secret.sqlite")

    async def talk(client: Client) -> None:
        answer = await client.call_tool("compare", {"before": "before", "after": "after", "ranks": True})
        assert not answer.is_error, said(answer)
        roles = [each["role"] for each in answer.structured_content["document"]]
        assert roles == ["straggler", "others"]
        refused = await client.call_tool("compare", {"before": "before", "after": "leads_out"})
        assert "does not lie below" in said(refused)

    asked(reports, talk)


def test_a_wrong_name_is_told_which_reports_there_are(reports: Path) -> None:
    (reports / "job").mkdir()
    (reports / "job" / "rank0.sqlite").write_bytes(b"")

    async def talk(client: Client) -> None:
        wrong = await client.call_tool("info", {"reports": ["nothing.sqlite"]})
        assert said(wrong).endswith("There are naive.sqlite, job/rank0.sqlite.")
        folder = await client.call_tool("steps", {"report": "job"})
        assert said(folder) == "job is a folder, not a report. There are job/rank0.sqlite."

    asked(reports, talk)


def test_answers_of_several_reports_have_the_warnings_of_each(reports: Path) -> None:
    for name in ("one.sqlite", "other.sqlite"):  # with notes on what was not recorded
        ReportBuilder().launch((0, 10), (20, 30)).launch((40, 50), (60, 70)).save(reports, name)

    async def talk(client: Client) -> None:
        both = {"reports": ["one.sqlite", "other.sqlite"]}
        one = (await client.call_tool("gaps", {"reports": ["one.sqlite"]})).structured_content
        two = (await client.call_tool("gaps", both)).structured_content
        assert one["warnings"]
        assert two["warnings"] == 2 * one["warnings"]
        wrong = await client.call_tool("gaps", {**both, "list": "/gaps"})
        assert "There is /0/devices, /0/gaps" in said(wrong)
        rows = (await client.call_tool("gaps", {**both, "list": "/1/gaps", "limit": 2})).structured_content["rows"]
        assert rows == one["document"]["gaps"][:2]

    asked(reports, talk)


def test_a_calibration_that_comes_with_nsysgap_is_named(reports: Path) -> None:
    async def talk(client: Client) -> None:
        answer = await client.call_tool("advise", {"report": "naive.sqlite", "calibration": "h100"})
        assert answer.structured_content["document"]["calibration"]["source"] == "h100"
        refused = await client.call_tool("advise", {"report": "naive.sqlite", "calibration": "../secret.json"})
        assert "does not lie below" in said(refused)

    asked(reports, talk)


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("gaps", {"reports": ["../secret.sqlite"]}, "does not lie below"),
    ("gaps", {"reports": ["link.sqlite"]}, "does not lie below"),
    ("gaps", {"reports": ["/etc/passwd"]}, "does not lie below"),
    ("gaps", {"reports": ["nothing.sqlite"]}, "There is no file nothing.sqlite"),
    ("gaps", {"reports": ["capture.nsys-rep"]}, "runs no program"),
    ("gaps", {"reports": ["--help"]}, "There is no file --help"),
    ("gaps", {"reports": ["naive.sqlite\0.txt"]}, "no zero bytes"),
    ("gaps", {"reports": ["."]}, "does not lie below"),
    ("steps", {"report": "."}, "is a folder"),
    ("gaps", {"reports": []}, "reports"),
    ("gaps", {"reports": ["naive.sqlite"], "output": "x.csv"}, "output"),
    ("gaps", {"reports": ["naive.sqlite"], "nvtx": "("}, "regular expression"),
    ("gaps", {"reports": ["naive.sqlite"], "device": 7}, "GPU"),
    ("gaps", {"reports": ["naive.sqlite"], "limit": 0}, "limit"),
    ("gaps", {"reports": ["naive.sqlite"], "list": "/devices/9"}, "is no list"),
    ("whatif", {"report": "naive.sqlite", "pin": True, "plain": "../secret.json"}, "does not lie below"),
    ("whatif", {"report": "naive.sqlite", "graph": "--trace=written.json"}, ""),
    ("compare", {"before": ["naive.sqlite"], "after": ["link.sqlite"]}, "does not lie below"),
    ("ranks", {"reports": ["."]}, "does not lie below"),
    ("check", {"reports": ["naive.sqlite"], "max-idle": "1", "baseline": "link.sqlite"}, "does not lie below"),
    ("rm", {}, "There is no tool"),
]


def test_hostile_arguments_are_refused_in_a_sentence(reports: Path) -> None:
    before = names(reports.parent) + names(reports)

    async def talk(client: Client) -> None:
        for name, given, why in REFUSED:
            answer = await client.call_tool(name, given)
            text = said(answer)
            assert answer.is_error or not why, (name, given)
            assert why in text, (name, given, text)
            assert "Traceback" not in text

    asked(reports, talk)
    assert names(reports.parent) + names(reports) == before


def test_an_answer_that_takes_too_long_is_given_up(reports: Path) -> None:
    async def talk(client: Client) -> None:
        answer = await client.call_tool("gaps", {"reports": ["naive.sqlite"]})
        assert answer.is_error
        assert "No answer within 0.001 s" in said(answer)

    asked(reports, talk, time_limit=0.001)


def test_folders_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(NsysgapError, match="is no folder"):
        Folders([str(tmp_path / "nothing")])


def test_the_skill_is_printed() -> None:
    assert run("mcp", "--skill").stdout == SKILL.read_text()


def test_the_page_for_agents_shows_what_the_server_answers() -> None:
    assert PAGE.read_text() == page(), "run: PYTHONPATH=tests python tests/agent_transcripts.py"
