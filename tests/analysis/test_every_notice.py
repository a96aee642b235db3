"""Every notice: a report that must show it, and one, as like it as can be, that must not; none is forgotten."""

from __future__ import annotations

from pathlib import Path

import notices_of_answers
import notices_of_gaps
import notices_of_reading
import pytest
from folders import ROOT
from notice_cases import Case
from notice_sentences import Sentence, sentences

CASES: tuple[Case, ...] = (*notices_of_reading.CASES, *notices_of_gaps.CASES, *notices_of_answers.CASES)
# Found in the package and in no table here: why, or which tests go through it.
ELSEWHERE = {
    "causes:CAUSES": "tests/test_causes.py",
    "render.text.ranks:_notes": "tests/commands/test_ranks.py",
    "render.text.profile:FOOTNOTE": "tests/render/text/test_profile.py",
    "analysis.schedule.limits:_full_queue": "tests/analysis/schedule/test_model.py",
    "analysis.schedule.limits:_other_launches": "tests/commands/test_whatif.py",
    "commands.timeline:_warn_of_missing": "tests/commands/test_timeline.py",
    "answers.check:named_limits": "what an error adds",
    "answers.report:_NO_ANSWER": "a pattern, which nobody reads",
    "render.pages.report.sections:_section": "markup, which nobody reads",
}


def missing() -> list[Sentence]:
    """The sentences of which no case says a word."""
    words = [one for case in CASES for one in case.words]
    return [one for one in sentences() if one.where not in ELSEWHERE and not any(map(one.says, words))]


def test_no_notice_is_forgotten() -> None:
    assert missing() == []


def test_what_is_said_elsewhere_is_there() -> None:
    assert {one.where for one in sentences()} >= set(ELSEWHERE)


def test_what_other_tests_go_through_is_in_them() -> None:
    for where, whose in ELSEWHERE.items():
        if whose.startswith("tests/") and where != "causes:CAUSES":  # which is gone through as a table
            text = " ".join((ROOT / whose).read_text().split())
            for one in sentences():
                assert one.where != where or any(words in text for words in parts_of(one)), one


def parts_of(sentence: Sentence) -> list[str]:
    """Every four words of it that follow each other."""
    return [
        " ".join(words[i : i + 4]) for words in map(str.split, sentence.texts) for i in range(max(len(words) - 3, 0))
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.words[0].strip()[:50])
def test_a_notice_is_there_when_it_holds_and_only_then(tmp_path: Path, case: Case) -> None:
    shown, hidden = case.said(case.shown, tmp_path), case.said(case.hidden, tmp_path)
    assert [one for one in case.words if one not in shown] == [], shown
    assert [one for one in case.words if one in hidden] == [], hidden
