"""What is run and written: targets, outputs, options."""

from __future__ import annotations

from pathlib import Path

import pytest

from nsysgap.errors import NsysgapError
from nsysgap.profiling.plan import Options, check_extra, make_targets
from nsysgap.report.rank_facts import RANK_VARIABLES, SIZE_VARIABLES


def test_outputs_are_named_after_targets() -> None:
    [one] = make_targets(["dir/a.py"], ["-x"], None, command=False, python="py")
    assert (one.argv, one.output) == (("py", "dir/a.py", "-x"), Path("a"))
    [one] = make_targets(["dir/tool.bin"], [], None, command=True, python=None)
    assert (one.argv, one.output) == (("dir/tool.bin",), Path("tool.bin"))
    [one] = make_targets(["a.py"], [], "x/report.sqlite", command=False, python=None)
    assert one.output == Path("x/report")
    both = make_targets(["a.py", "b.py"], [], "x", command=False, python=None)
    assert [target.output for target in both] == [Path("x/a"), Path("x/b")]


def test_options_given_for_nsys_come_before_our_own() -> None:
    flags = Options(extra=("-t", "cuda", "--sample=cpu", "--stats=true"), capture_range="x").flags()
    assert not [flag for flag in flags if flag.startswith("--trace")]
    assert [flag for flag in flags if "sample" in flag] == ["--sample=cpu"]
    assert flags[-4:] == ["-t", "cuda", "--sample=cpu", "--stats=true"]
    assert "--cuda-graph-trace=node" in flags
    assert "--capture-range=nvtx" in flags
    for given in ("-o", "--output=x", "--export=none"):
        with pytest.raises(NsysgapError, match="names the files itself"):
            check_extra([given])


@pytest.mark.parametrize(
    ("variables", "output", "expected"),
    [
        ({"RANK": "3", "WORLD_SIZE": "8"}, None, "a_rank3"),
        ({"SLURM_PROCID": "2"}, None, "a_rank2"),
        ({"RANK": "0", "WORLD_SIZE": "1"}, None, "a"),
        ({"RANK": "3", "WORLD_SIZE": "8"}, "x/report_%q{RANK}", "x/report_3"),
        ({"RANK": "3", "WORLD_SIZE": "8"}, "x", "x"),
        ({"HOST": "a/b", "RANK": "1"}, "%q{HOST}-%q{RANK}.sqlite", "a_b-1"),
    ],
)
def test_each_rank_of_a_job_has_files_of_its_own(
    variables: dict[str, str], output: str | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (*RANK_VARIABLES, *SIZE_VARIABLES):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    [one] = make_targets(["a.py"], [], output, command=False, python=None)
    assert one.output == Path(expected)


def test_a_variable_that_is_not_set_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(NsysgapError, match="RANK, which is not set"):
        make_targets(["a.py"], [], "report_%q{RANK}", command=False, python=None)
