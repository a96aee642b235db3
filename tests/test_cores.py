"""Cores by the affinity mask."""

from __future__ import annotations

import os
import threading

import pytest

from nsysgap.cores import beside, usable_cores


def test_the_mask_counts_not_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5}, raising=False)
    assert usable_cores() == 2


def test_without_masks_all_cores_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert usable_cores() == 7


def test_work_beside_is_done_on_another_thread_and_tells_what_it_raised() -> None:
    with beside(threading.get_ident) as done:
        assert done() != threading.get_ident()
    with beside(lambda: 1 // 0) as done:
        pass  # nobody has asked
    with pytest.raises(ZeroDivisionError):
        done()


def test_work_that_is_not_worth_a_thread_is_done_when_asked_for() -> None:
    asked = list[int]()
    with beside(lambda: asked.append(threading.get_ident()), worth_it=False) as done:
        assert asked == []
        done()
    assert asked == [threading.get_ident()]
