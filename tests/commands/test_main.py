"""`nsysgap` itself: which command is meant, what is completed."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from command_line import run
from folders import NAIVE

from nsysgap.commands import cli


def test_a_report_alone_is_a_question_for_gaps() -> None:
    asked = run(NAIVE, "--top", "3")
    assert asked.returncode == 0
    assert asked.stdout == run("gaps", NAIVE, "--top", "3").stdout
    assert "absent.sqlite.xz does not exist" in run("absent.sqlite.xz").stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["gap"], "There is no command 'gap'. Did you mean gaps"),
        (["to_chrome"], "Did you mean to-chrome?"),
        (["xyzzy"], "It is neither a command nor a report."),
        (["gaps", NAIVE, "--formt", "csv"], "--format"),
        (["gaps", NAIVE, "--top", "0"], "'0' is neither a number of rows, from 1 on, nor 'all'"),
    ],
)
def test_what_may_have_been_meant(arguments: list[object], words: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert words in done.stderr


@pytest.mark.parametrize(
    ("words", "completed"),
    [("nsysgap ga", "plain,gaps"), ("nsysgap gaps --hid", "plain,--hidden-after"), ("nsysgap gaps repo", "file,repo")],
)
def test_shells_complete_commands_options_and_files(words: str, completed: str) -> None:
    asked = {"_NSYSGAP_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    assert CliRunner().invoke(cli, [], prog_name="nsysgap", env=asked).output.strip() == completed


def test_a_minimum_that_no_gap_reaches_says_so() -> None:
    done = run("gaps", NAIVE, "--min", "1")
    assert done.returncode == 0
    assert f"No gap of {NAIVE} lasts 1.00 s (--min): the longest takes 128 us." in done.stderr
    assert "a bare number is seconds" in done.stderr
    assert run("gaps", NAIVE, "--min", "100us").stderr == ""


def test_labels_of_causes_are_whole_in_80_columns() -> None:
    text = run("gaps", NAIVE, "--by", "cause").stdout
    assert "…" not in text
    assert max(map(len, text.split("\n"))) <= 80
