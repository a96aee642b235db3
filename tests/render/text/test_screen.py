"""The first screen: its lines and their limits, of made reports and as golden texts of all samples and real reports."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import run
from folders import NAIVE
from golden_screens import FOLDER, report_screen, sample_names, sample_screen
from report_builder import ReportBuilder
from rich.cells import cell_len

from nsysgap.answers.opening import ask
from nsysgap.answers.screen import ScreenOptions, screen
from nsysgap.render.text.screen import command_lines, fitted, screen_blocks
from nsysgap.render.text.screen_lines import Line, wrapped

MS = 1_000_000
US = 1_000


@pytest.mark.parametrize("name", sample_names())
def test_golden_screen_of_a_sample(name: str) -> None:
    assert sample_screen(name) == (FOLDER / f"sample_{name.split('.', maxsplit=1)[0]}.txt").read_text()


@pytest.mark.parametrize(
    "name", sorted(path.stem for path in FOLDER.glob("*.txt") if not path.name.startswith("sample_"))
)
def test_golden_screen_of_a_real_report(name: str, real_report: Callable[[str], Path]) -> None:
    assert report_screen(real_report(name)) == (FOLDER / f"{name}.txt").read_text()


def test_golden_screens_keep_to_24_lines_of_80_columns() -> None:
    for path in FOLDER.glob("*.txt"):
        lines = path.read_text().splitlines()
        assert len(lines) <= 24, path
        assert max(map(len, lines)) <= 80, path


def loops(folder: Path) -> Path:
    """Two kernels of set-up, then four steps of 10 ms whose kernel runs for 6 ms."""
    report = ReportBuilder().versions()
    report.call(0, MS, 1).kernel(0, MS, 1)
    for number in range(4):
        start = (100 + 10 * number) * MS
        report.nvtx(start, start + 10 * MS, f"step {number}")
        report.call(start + MS, start + 2 * MS, 10 + number)
        report.kernel(start + 2 * MS, start + 8 * MS, 10 + number)
    return report.save(folder)


def test_the_loop_and_what_a_step_is_spent_on(tmp_path: Path) -> None:
    text = run("gaps", loops(tmp_path)).stdout
    assert "4 x step #  10.0 ms a step" in text
    assert "102 ms of set-up left out" in text
    assert "busy 6.00 ms (66.7 %), idle 3.00 ms (33.3 %) a step, window 9.00 ms" in text
    whole = run("gaps", loops(tmp_path), "--whole").stdout
    assert "102 ms of set-up counted" in whole
    assert "busy 25.0 ms" in whole


def test_of_a_selection_the_loop_inside_it_is_named(tmp_path: Path) -> None:
    report = ReportBuilder().versions().nvtx(0, 8 * MS, "warm").nvtx(100 * MS, 140 * MS, "measured", tid=2)
    for number in range(8):  # the main loop by its launches, outside what is selected
        report.nvtx(number * MS, number * MS + 800 * US, f"try {number}")
        for k in (0, 1):
            at = number * MS + k * 300 * US
            report.call(at, at + 10 * US, 20 * number + k).kernel(at + 20 * US, at + 100 * US, 20 * number + k)
    for number in range(4):
        at = (100 + 10 * number) * MS
        report.nvtx(at, at + 9 * MS, f"step {number}", tid=2)
        report.call(at, at + MS, 1000 + number, tid=2).kernel(at + 2 * MS, at + 8 * MS, 1000 + number)
    report.call(400 * MS, 401 * MS, 5000).kernel(402 * MS, 403 * MS, 5000)
    path = report.save(tmp_path)
    assert "8 x try #" in run("gaps", path).stdout
    measured = run("gaps", path, "--nvtx", "^measured$").stdout
    assert "4 x step #" in measured
    assert "4 of them in what is selected" in " ".join(measured.split())
    part = run("gaps", path, "--from", "115ms").stdout  # the second of four is cut
    assert "3 of them in what is selected" in " ".join(part.split())
    gpu = run("gaps", path, "--nvtx", "^step 3$", "--select", "gpu").stdout
    assert "1 of them in what is selected" in " ".join(gpu.split())
    between = run("gaps", path, "--from", "20ms", "--to", "102500us").stdout
    assert "1 of them in what is selected" in " ".join(between.split())
    assert "loop        none found there: shares are of the selection" in run("gaps", path, "--from", "200ms").stdout


def test_of_the_gpu_s_time_the_loop_is_what_launched_it(tmp_path: Path) -> None:
    """Each step's kernel runs in the next one, the last one's after the loop."""
    report = ReportBuilder().versions()
    for number in range(4):
        at = 10 * number * MS
        report.nvtx(at, at + 9 * MS, f"step {number}").launch((at, at + US), (at + 12 * MS, at + 18 * MS))
    said = run("gaps", report.save(tmp_path), "--nvtx", "^step 3$", "--select", "gpu").stdout
    assert "4 x step #" in said
    assert "1 of them in what is selected" in " ".join(said.split())


def test_a_loss_is_cut_before_the_bracket_that_does_not_fit(tmp_path: Path) -> None:
    report = ReportBuilder().versions()
    for number in range(1_000):
        report.call(number * MS, number * MS + US, number + 1, pid=144_000)
    report.launch((0, 10), (20, 50), pid=144_000)
    line = next(line for line in run("gaps", report.save(tmp_path)).stdout.splitlines() if "incomplete" in line)
    assert line.count("(") == line.count(")") == 1
    assert "\N{HORIZONTAL ELLIPSIS} (" in line


def test_a_report_without_gpu_work_says_what_it_holds(tmp_path: Path) -> None:
    report = ReportBuilder().versions().call(0, 10, 1, "cudaMalloc").nvtx(0, 100, "load")
    done = run("gaps", report.save(tmp_path))
    assert done.returncode == 1
    assert "no GPU work was recorded" in done.stdout
    assert "1 CUDA call, 1 NVTX range, 0 OS calls" in done.stdout
    assert "nsysgap info" in done.stdout


def test_the_plain_time_beside_the_report(tmp_path: Path) -> None:
    path = loops(tmp_path)
    measured = {"of": "the measured part", "plain_s": 0.02, "profiled_s": 0.04}
    summary = {"schema": "nsysgap.profile/1", "files": ["report.sqlite"], "perturbation": measured}
    said = "plain, the measured part took 20.0 ms, under nsys 40.0 ms (2.00x)"
    (tmp_path / "report.json").write_text(json.dumps(summary))
    assert said in run("gaps", path).stdout
    (tmp_path / "report.json").write_text(json.dumps({**summary, "files": ["another.sqlite"]}))
    assert said not in run("gaps", path).stdout
    (tmp_path / "report.json").write_text("[")
    assert run("gaps", path).returncode == 0


def test_the_launch_rate_limits_where_the_thread_launches_on(tmp_path: Path) -> None:
    """Ops start 5 us after their call has returned; the thread is inside the next call all the while."""
    report = ReportBuilder().versions()
    for number in range(10):
        start = 4 * US * number
        report.call(start, start + 4 * US, 1 + number)
        report.kernel(start + 6 * US, start + 7 * US, 1 + number)
    assert "the launch rate limits: 4.00 us a call for 1.00 us of work" in run("gaps", report.save(tmp_path)).stdout


def test_commands_to_paste_are_whole_whatever_the_path(tmp_path: Path) -> None:
    folder = tmp_path / "it's a folder with a long name, as sweeps over parameters have them" / ("x" * 60)
    folder.mkdir(parents=True)
    text = run("gaps", loops(folder)).stdout
    pasted = text[text.index("\nnext") :].removeprefix("\nnext").replace("\\\n", " ").split("\n")[0]
    assert shlex.split(pasted)[2] == str(folder / "report.sqlite")


def test_long_commands_break_between_words() -> None:
    lines = command_lines(("nsysgap", "stacks", "a" * 30, "--nvtx", "a b"), 40)
    assert lines == ["nsysgap stacks \\", f"  {'a' * 30} \\", "  --nvtx 'a b'"]


@pytest.mark.parametrize("name", ["step {}", "a very long name of a phase, as frameworks make them, {}"])
def test_lines_keep_to_any_width(name: str, tmp_path: Path) -> None:
    report = ReportBuilder().versions()
    for number in range(6):
        start = (100 + 10 * number) * MS
        report.nvtx(start, start + (9 if number else 1) * MS, name.format(number))
        for kernel in range(3):
            report.launch(
                (start + MS, start + 2 * MS), (start + (2 + kernel) * MS, start + (3 + kernel) * MS), "k" * 40
            )
    answer = ask(report.save(tmp_path), screen, ScreenOptions())
    for width in range(80, 140):
        (text,) = screen_blocks(answer, width)
        lines = str(text).split("\n")
        assert max(cell_len(line) for line in lines[: lines.index("", 3)]) <= width
        assert not [line for line in lines if line.endswith("left ou…")]


def test_pieces_keep_to_the_width_with_what_ends_their_line() -> None:
    lines = list(wrapped("loop", ["a" * 40, "b" * 38, "c"], 80, (0, 4), "; "))
    assert [line.text for line in lines] == [f"{'a' * 40};", f"{'b' * 38}; c"]
    assert len(list(wrapped("loop", ["a" * 40, "b" * 38], 80, (0, 4), "; "))) == 1


def test_a_line_whose_rest_gave_way_does_not_end_as_if_there_were_more() -> None:
    assert [line.text for line in fitted([Line("", "a;"), Line("", "b", 5), Line("", "c,"), Line("", "d")], 3)] == [
        *("a", "c,", "d")
    ]


def test_launches_a_step_are_a_mean_as_their_time_is(tmp_path: Path) -> None:
    report, time = ReportBuilder().versions(), 0
    for number in range(5):
        begin = time
        for _ in range(21 if number == 4 else 1):
            report.launch((time, time + 10 * US), (time + 11 * US, time + 12 * US))
            time += 20 * US
        report.nvtx(begin, time, f"step {number}").sync(time - 8 * US, time - 7 * US)
    assert "5 launches a step, 10.0 us each" in run("gaps", report.save(tmp_path)).stdout


def test_ranges_are_not_asked_for_where_the_host_s_code_is_in_none(tmp_path: Path) -> None:
    report = ReportBuilder().versions()
    for number in range(4):
        start = 100 * US * number
        report.nvtx(start, start + 100 * US, f"step {number}")
        report.launch((start + 80 * US, start + 81 * US), (start + 82 * US, start + 90 * US))
    text = run("gaps", report.save(tmp_path)).stdout
    assert "between calls, outside NVTX ranges" in text
    assert "--by nvtx" not in text
    for number in range(4):
        report.nvtx(100 * US * number + US, 100 * US * number + 70 * US, "tokenize")
    assert "--by nvtx" in run("gaps", report.save(tmp_path, "ranges.sqlite")).stdout


def test_the_path_of_a_large_report_is_the_next_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nsysgap.answers.screen_limits.MOST_ROWS", 3)
    path = loops(tmp_path)
    text = run("gaps", path).stdout
    assert "limited by  not told: The report is large: nsysgap critical-path tells." in text
    assert "next        nsysgap critical-path" in text


def test_lines_of_high_rank_give_way_first() -> None:
    lines = [Line("", "a"), Line("", "b", 5), Line("", "c", 2), Line("", "d", 5)]
    assert [line.text for line in fitted(lines, 3)] == ["a", "b", "c"]
    assert [line.text for line in fitted(lines, 2)] == ["a", "c"]


@pytest.mark.parametrize("command", ["gaps", "steps", "info", "launches"])
def test_explain_defines_the_words_below_the_answer(command: str) -> None:
    plain = run(command, NAIVE).stdout
    explained = run(command, NAIVE, "--explain").stdout
    assert explained.startswith(plain)
    words = explained.removeprefix(plain)
    assert words.strip()
    assert max(map(len, words.split("\n"))) <= 80


def test_explain_leaves_documents_alone() -> None:
    plain = run("gaps", NAIVE, "--format", "json")
    explained = run("gaps", NAIVE, "--format", "json", "--explain")
    assert explained.output == plain.output
    assert "queued" in explained.stderr


def test_the_program_s_last_words_are_not_nsys_s(report: ReportBuilder, tmp_path: Path) -> None:
    ids = {"filenameId": report.text("/tmp/x/stderr.log"), "contentId": report.text("Traceback:\nImportError: torch\n")}
    report.osrt(0, 1).row("ProcessStreams", globalPid=1 << 24, **ids).diagnostic(2, "Unrecognized CUDA driver.")
    lines = run("gaps", report.save(tmp_path)).stdout.splitlines()
    at = lines.index("last words  Traceback:")
    assert lines[at + 1] == "            ImportError: torch"
    assert [line for line in lines[at + 2 :] if line.startswith("nsys says   Unrecognized CUDA driver.")]
