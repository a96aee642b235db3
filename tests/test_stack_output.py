"""`nsysgap stacks` from end to end: tables, flame graphs read back by others' programs, samples with known answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from browser import chromium, missing, watched_page
from click.testing import CliRunner
from stack_reports import StackReport

from nsysgap.analysis.stacks.code_owner import kind_of, short_paths
from nsysgap.commands import cli
from nsysgap.commands.profile_stacks import stacks_text
from nsysgap.errors import NsysgapError

SAMPLES = Path(__file__).parents[1] / "sample_traces"
SPEEDSCOPE = Path(__file__).parent / "node_modules" / "speedscope" / "dist" / "release" / "index.html"
WORKLOAD = Path(__file__).parents[1] / "workloads" / "slow_host.py"
NASTY = "</script><img src=x onerror=alert(1)>;\x1b[31m& %{x}"
FILE = "/opt/site-packages/torch/nn/linear.py"


def stacks(report: Path, *options: str, code: int = 0) -> str:
    """What the command prints; where it fails, its error."""
    done = CliRunner().invoke(cli, ["stacks", str(report), *options])
    if code:
        assert isinstance(done.exception, NsysgapError)
        assert done.exception.exit_code == code
        return str(done.exception)
    if done.exception is not None:
        raise done.exception
    return done.stdout


def document(report: Path, *options: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stacks(report, "--format", "json", *options))
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two gaps of 1,000 ns: 750 ns in `work`, 500 of them recursive, 250 in one with a nasty name; one gap unseen."""
    report = StackReport()
    report.gap(1000, 2000)
    report.gap(90_000, 91_000)
    main = ("main", "/home/u/p/prog.py", 3)
    report.python(1100, [("work", "/home/u/p/lib/prog.py", 20), main])
    for time in (1200, 1300):
        report.python(time, [("work", "/home/u/p/lib/prog.py", 20), ("work", "/home/u/p/lib/prog.py", 20), main])
    report.python(1400, [(NASTY, FILE, 7), main])
    return report.write(tmp_path_factory.mktemp("made") / "made.sqlite")


def test_json_says_everything(made: Path) -> None:
    found = document(made)
    assert (found["schema"], found["stacks"], found["causes"]) == ("nsysgap.stacks/1", "python", ["host"])
    assert (found["chosen_ns"], found["inside_ns"], found["nearest_ns"], found["no_stack_ns"]) == (2000, 1000, 0, 1000)
    assert sum(row["self_ns"] for row in found["rows"]) == 2000
    by_name = {row["function"]: row for row in found["rows"]}
    assert by_name["work"]["self_ns"] == by_name["work"]["inclusive_ns"] == 750
    assert by_name["work"]["self_samples"] == 3
    assert by_name["main"] | {"self_ns": 0, "inclusive_ns": 1000} == by_name["main"]
    assert by_name["work"]["self_low_ns"] < 750 < by_name["work"]["self_high_ns"]
    assert by_name["(not sampled)"]["self_ns"] == 1000
    assert (by_name[NASTY]["kind"], by_name["work"]["kind"]) == ("framework", "program")
    assert (by_name[NASTY]["short"], by_name["work"]["short"]) == ("torch/nn/linear.py", "lib/prog.py")


def test_same_input_same_bytes(made: Path) -> None:
    for form in ("json", "csv", "collapsed", "speedscope", "html"):
        assert stacks(made, "--format", form) == stacks(made, "--format", form)


def test_text_marks_few_samples_and_strips_control_characters(made: Path) -> None:
    said = stacks(made)
    assert "~ work prog.py:20" in said
    assert "\x1b" not in said
    assert "50.0 % not sampled" in said
    assert "1.00 us" in next(line for line in said.splitlines() if line.startswith("(not sampled)"))


def test_csv_has_a_row_per_line(made: Path) -> None:
    head, *rows = stacks(made, "--format", "csv").splitlines()
    assert head.startswith("function,file,line,kind,self_ns")
    assert "work,/home/u/p/lib/prog.py,20,program,750," in rows[1]


def test_source_lines_come_from_the_folder_alone(made: Path, tmp_path: Path) -> None:
    (tmp_path / "p" / "lib").mkdir(parents=True)
    (tmp_path / "p" / "lib" / "prog.py").write_text("\n" * 19 + "    while busy():\n")
    assert "while busy():" in stacks(made, "--source", str(tmp_path))
    (tmp_path / "p" / "lib" / "prog.py").unlink()
    (tmp_path / "p" / "lib" / "prog.py").symlink_to("/etc/passwd")
    assert "root:" not in stacks(made, "--source", str(tmp_path))
    assert "is not a folder" in stacks(made, "--source", str(tmp_path / "none"), code=1)


def test_collapsed_stacks_sum_to_the_idle_time(made: Path) -> None:
    lines = stacks(made, "--format", "collapsed").splitlines()
    parsed = [re.fullmatch(r"(.+) (\d+)", line) for line in lines]
    assert sum(int(one[2]) for one in parsed if one) == 2000
    assert "main (prog.py:3);work (lib/prog.py:20);work (lib/prog.py:20) 500" in lines
    assert all(line.count(";") <= 2 for line in lines)


def flamegraph_line(line: str) -> tuple[str, int]:
    """A line as flamegraph.pl reads it: a number before the last one would be another weight, of a differential."""
    found = re.fullmatch(r"(.*)\s+?(\d+(?:\.\d*)?)", line)
    assert found is not None
    assert re.fullmatch(r"(.*)\s+?(\d+(?:\.\d*)?)", found[1]) is None
    return found[1], int(found[2])


def test_collapsed_names_that_end_in_numbers_are_no_weights(tmp_path: Path) -> None:
    report = StackReport()
    report.gap(1000, 2000)
    report.nvtx("all 3.5", 900, 2100)
    report.nvtx("token 17", 1000, 1400)
    report.nvtx("", 1400, 1500)
    lines = stacks(report.write(tmp_path / "r.sqlite"), "--format", "collapsed").splitlines()
    assert [flamegraph_line(line) for line in lines] == [
        *(("all_3.5", 500), ("all_3.5;(no name)", 100), ("all_3.5;token_17", 400)),
    ]


def test_causes_may_be_several_and_all_is_the_idle_time(made: Path) -> None:
    whole = document(made, "--cause", "all")
    assert whole["chosen_ns"] == whole["idle_ns"]
    assert document(made, "--cause", "host", "--cause", "launch")["causes"] == ["launch", "host"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--stacks", "native"), "holds no native stacks"),
        (("--stacks", "nvtx"), "holds no NVTX ranges"),
        (("--nvtx", "nothing"), "No NVTX range matches"),
        (("--device", "5"), "GPU 5 ran nothing"),
    ],
)
def test_what_is_missing_is_said_with_the_next_step(made: Path, options: tuple[str, ...], said: str) -> None:
    assert said in stacks(made, *options, code=1)


def test_report_without_stacks_falls_back_to_ranges_and_says_so(tmp_path: Path) -> None:
    report = StackReport()
    report.gap(1000, 2000)
    report.nvtx("step", 900, 1500)
    said = stacks(report.write(tmp_path / "r.sqlite"))
    assert "by NVTX ranges, exact; 50.0 % in none" in said
    assert "--include-blobs=true" in said


def with_call_stacks(path: Path, *, nvtx: bool = False) -> Path:
    """A gap whose launch call has a native stack; no samples."""
    report = StackReport()
    report.gap(1000, 2000, correlation=5)
    chain = report.chain("CUDA", [("go", "/b/p")], 9)
    report.call("cudaLaunchKernel", 2000, 2000, correlation=5, chain=chain, event_class=67)
    if nvtx:
        report.nvtx("step", 900, 3000)
    return report.write(path)


@pytest.mark.parametrize("nvtx", [True, False])
def test_launching_lines_come_from_the_calls_alone(tmp_path: Path, nvtx: bool) -> None:
    said = stacks(with_call_stacks(tmp_path / "r.sqlite", nvtx=nvtx), "--launched-from")
    assert "100.0 % by the call's own" in said
    assert "go p" in said
    assert "*" not in said
    assert "note:" not in said


def test_launching_lines_known_by_the_sample_before_are_marked(tmp_path: Path) -> None:
    report = StackReport()
    report.gap(1000, 2000, correlation=5)
    for time in (1500, 1990):
        report.python(time, [("f", FILE, 3)])
    path = report.write(tmp_path / "r.sqlite")
    said = stacks(path, "--launched-from")
    assert "f linear.py:3 *" in said
    assert "* in whole or in part by the last sample before the launch" in said
    assert document(path, "--launched-from")["rows"][0]["nearest_ns"] == 1000


def test_call_stacks_alone_are_stacks(tmp_path: Path) -> None:
    assert "by calls whose stack was recorded" in stacks(with_call_stacks(tmp_path / "r.sqlite"))


@pytest.mark.parametrize(
    ("options", "causes", "in_call"),
    [((), "all causes", 400), (("--stacks", "calls"), "all causes", 400), (("--cause", "host"), "host", 0)],
)
def test_by_stacks_of_calls_all_idle_time_counts(
    tmp_path: Path, options: tuple[str, ...], causes: str, in_call: int
) -> None:
    """Unless told: the program's own code is in no call, so it alone would be in no stack."""
    report = StackReport()
    report.gap(1000, 2000, correlation=5, call_ns=400)
    chain = report.chain("CUDA", [("go", "/b/p")], 9)
    report.call("cudaLaunchKernel", 1600, 2000, correlation=5, chain=chain, event_class=67)
    path = report.write(tmp_path / "r.sqlite")
    assert f"of idle time ({causes})" in stacks(path, *options)
    rows = document(path, *options)["rows"]
    assert sum(row["self_ns"] for row in rows if row["function"] == "go") == in_call


@pytest.mark.parametrize("options", [(), ("--stacks", "nvtx")])
def test_nvtx_ranges_launch_nothing(tmp_path: Path, options: tuple[str, ...]) -> None:
    report = StackReport()
    report.gap(1000, 2000)
    report.nvtx("step", 900, 1500)
    said = stacks(report.write(tmp_path / "r.sqlite"), "--launched-from", *options, code=1)
    assert "holds no stacks that say where something was launched" in said


def test_few_samples_are_explained_only_where_marked() -> None:
    said = stacks(SAMPLES / "slow_host.sqlite.xz", "--nvtx", "^measured$", "--by", "file")
    assert "~" not in said


def test_output_file_is_not_overwritten_unasked(made: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    stacks(made, "--format", "csv", "-o", str(target))
    assert "exists already" in stacks(made, "--format", "csv", "-o", str(target), code=1)
    stacks(made, "--format", "csv", "-o", str(target), "--force")


def share(found: dict[str, Any], name: str) -> float:
    own = sum(row["self_ns"] for row in found["rows"] if row["function"].split("(")[0] == name)
    return float(100 * own / found["chosen_ns"])


@pytest.mark.parametrize(("sample", "source"), [("slow_host", "python"), ("slow_host_native", "native")])
@pytest.mark.parametrize("by", ["line", "function"])
def test_slow_host_gives_60_30_10_within_5_points(sample: str, source: str, by: str) -> None:
    found = document(SAMPLES / f"{sample}.sqlite.xz", "--nvtx", "^measured$", "--by", by)
    assert found["stacks"] == source
    for name, right in (("prepare_batch", 60), ("collate", 30), ("log_step", 10)):
        assert share(found, name) == pytest.approx(right, abs=5)
    assert found["chosen_ns"] > 0.95 * found["idle_ns"]


def test_slow_host_with_its_source_lines() -> None:
    said = stacks(
        SAMPLES / "slow_host.sqlite.xz", "--nvtx", "^measured$", "--source", str(WORKLOAD.parent), "--top", "1"
    )
    assert "prepare_batch slow_host.py:" in said
    assert "while perf_counter() < until:" in said


def gaps(*arguments: str) -> str:
    done = CliRunner().invoke(cli, ["gaps", *arguments])
    if done.exception is not None:
        raise done.exception
    return done.stdout


def test_gaps_name_lines_where_there_are_samples(made: Path) -> None:
    assert "prog.py:20 work" in gaps(str(made))
    found = json.loads(gaps(str(made), "--format", "json", "--by", "line"))
    assert {gap["line"] for gap in found["gaps"]} == {"prog.py:20 work", None}
    assert sum(row["idle_ns"] for row in found["groups"]["rows"]) == found["devices"][0]["idle_ns"]


def test_gaps_by_line_without_samples_says_how_to_record_them() -> None:
    with pytest.raises(NsysgapError, match=r"holds no stack samples.*--stacks python"):
        gaps(str(SAMPLES / "naive.sqlite"), "--by", "line")


@pytest.mark.parametrize(
    ("kind", "flags"),
    [
        ("python", "--sample=none --python-sampling=true --python-sampling-frequency=1000"),
        ("native", "--sample=process-tree"),
        ("calls", "--sample=process-tree --python-backtrace=cuda --cudabacktrace=all:0"),
    ],
)
def test_profile_captures_without_stacks_then_with_them(kind: str, flags: str, tmp_path: Path) -> None:
    script = tmp_path / "run.py"
    script.touch()
    done = CliRunner().invoke(cli, ["profile", "--dry-run", "--stacks", kind, "-o", str(tmp_path / "r"), str(script)])
    _, plain, sampled, *export = done.stdout.splitlines()
    assert "sampling" not in plain
    assert "process-tree" not in plain
    assert f" {flags} --cpuctxsw=none" in sampled
    assert f"--output {tmp_path / 'r.stacks'} " in sampled
    assert ("--export=sqlite" in sampled) is (kind == "native")
    made = tmp_path / "r.stacks"
    exported = f"--type sqlite --include-blobs=true --output {made}.sqlite {made}.nsys-rep"
    assert [line.split(" export ")[1] for line in export] == ([] if kind == "native" else [exported])
    done = CliRunner().invoke(cli, ["profile", "--dry-run", "--no-baseline", "--stacks", kind, str(script)])
    assert len([line for line in done.stdout.splitlines() if " profile " in line]) == 1


@pytest.mark.parametrize(
    ("file", "native", "kind"),
    [
        ("/home/u/train.py", False, "program"),
        ("<string>", False, "program"),
        ("<frozen importlib._bootstrap>", False, "library"),
        ("/usr/lib/python3.12/json/decoder.py", False, "library"),
        ("/opt/v/lib/python3.12/site-packages/torch/nn/modules/linear.py", False, "framework"),
        ("/opt/v/lib/python3.12/site-packages/requests/api.py", False, "library"),
        ("/usr/lib/x86_64-linux-gnu/libc.so.6", True, "native"),
        ("/usr/lib/x86_64-linux-gnu/libcuda.so.580.1", True, "framework"),
        ("[kernel.kallsyms]", True, "native"),
        ("/usr/bin/python3.12", True, "native"),
        ("/home/u/build/solver", True, "program"),
        ("", True, "native"),
    ],
)
def test_whose_code_a_file_is(file: str, native: bool, kind: str) -> None:
    assert kind_of(file, native=native) == kind


def test_own_files_lose_what_they_share() -> None:
    own = ["/home/u/p/train.py", "/home/u/p/model/layer.py"]
    assert short_paths((one, False) for one in own) == {own[0]: "train.py", own[1]: "model/layer.py"}
    assert short_paths([("/home/u/only.py", False)]) == {"/home/u/only.py": "only.py"}
    assert short_paths([("<string>", False), ("/lib/libc.so.6", True)]) == {
        "<string>": "<string>",
        "/lib/libc.so.6": "libc.so.6",
    }


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as one:
        yield one


def test_icicle_opens_from_disk_searches_and_resets(made: Path, tmp_path: Path, browser: Any) -> None:
    page_file = tmp_path / "idle.html"
    stacks(made, "--format", "html", "-o", str(page_file))
    with watched_page(browser) as watched:
        page = watched.open(page_file)
        page.wait_for_selector("#plot .slice")
        texts = page.locator("#plot .slicetext").all_text_contents()
        assert "work lib/prog.py:20" in texts
        assert any(text.startswith("</script><img src=x onerror=alert(1)>") for text in texts)
        ids, values = page.evaluate(
            "(({ data: [trace] }) => [trace.ids, trace.values])(document.getElementById('plot'))"
        )
        assert dict(zip(ids, values, strict=True))["root"] == 2000
        page.fill("#search", "work")
        assert page.inner_text("#found") == "2 frames, 37.5 % of the idle time"
        page.fill("#search", "(")
        assert page.inner_text("#found") == "not a regular expression"
        page.click("#reset")
        assert page.inner_text("#found") == ""
        assert page.input_value("#search") == ""
        watched.check()


def test_speedscope_itself_reads_the_profile(made: Path, tmp_path: Path, browser: Any) -> None:
    if not SPEEDSCOPE.exists():
        missing("speedscope (npm ci --prefix tests)")
    profile = tmp_path / "idle.speedscope.json"
    stacks(made, "--format", "speedscope", "-o", str(profile))
    with watched_page(browser) as watched:
        page = watched.open(SPEEDSCOPE)
        page.set_input_files("input[type=file]", str(profile))
        page.wait_for_function("document.title.startsWith('idle time')")
        page.keyboard.press("3")
        page.wait_for_selector("text=Symbol Name")
        cells = [line.strip() for line in page.inner_text("body").splitlines() if line.strip()]
    assert cells[cells.index("work") - 2 : cells.index("work")] == ["750.00ns (38%)", "750.00ns (38%)"]
    assert cells[cells.index("main") - 2] == "1.00µs (50%)"


def captured(path: Path, seconds: float) -> Any:
    """What `profile` knows of a finished capture, as far as the table of lines asks."""
    target = SimpleNamespace(file=path.with_suffix)
    return SimpleNamespace(target=target, profiled=SimpleNamespace(record={"wall_s_measured": seconds}))


def test_profile_takes_shares_from_the_stacks_and_times_from_the_capture_without(made: Path, tmp_path: Path) -> None:
    report = StackReport()
    report.gap(1000, 1600)
    plain, sampled = captured(report.write(tmp_path / "plain.sqlite"), 2.0), captured(made, 3.0)
    said = stacks_text(plain, sampled, "python", None)
    assert "600 ns of idle time (host), 100.0 % of 600 ns" in said
    assert re.search(r"work prog.py:20 +225 ns +37.5 %", said)
    assert "took 1.50 times as long" in said
    assert f"Times are those of {tmp_path / 'plain.sqlite'}" in said


def test_profile_without_a_baseline_says_the_times_it_has(made: Path, tmp_path: Path) -> None:
    sampled = captured(made, 3.0)
    assert "2.00 us of idle time" in stacks_text(sampled, sampled, "python", None)
    lost = stacks_text(captured(tmp_path / "none.sqlite", 2.0), sampled, "python", None)
    assert "2.00 us of idle time" in lost
    assert "Times are those" not in lost
