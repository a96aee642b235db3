"""NVTX ranges of C and C++ programs, timed without nsys: compiled here with NVTX's own headers."""

from __future__ import annotations

import os
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from browser import missing
from real_nsys import nvtx_include

from nsysgap.profiling.nvtx_times import RangeTimes, read_range_times, timing_environment
from nsysgap.profiling.step_times import step_times

C = r"""
#include <nvtx3/nvToolsExt.h>
#include <time.h>
int main(void) {
    nvtxDomainHandle_t domain = nvtxDomainCreateA("library");
    nvtxEventAttributes_t event = {0};
    event.version = NVTX_VERSION;
    event.size = NVTX_EVENT_ATTRIB_STRUCT_SIZE;
    event.messageType = NVTX_MESSAGE_TYPE_REGISTERED;
    event.message.registered = nvtxDomainRegisterStringA(domain, "registered");
    nvtxRangePushA("pushed");
    nvtxDomainRangePushEx(domain, &event);
    nvtxRangePop(); /* of the default domain: the other one's is still open */
    nvtxDomainRangePop(domain);
    nvtxRangeId_t first = nvtxRangeStartA("first"), second = nvtxRangeStartW(L"caf\u00e9");
    nvtxRangeEnd(first);
    nvtxRangeEnd(second);
    nvtxRangePushA("");
    nvtxRangePop();
    nvtxRangePop(); /* of nothing */
    return 0;
}
"""
CPP = r"""
#include <nvtx3/nvtx3.hpp>
#include <chrono>
#include <string>
#include <thread>
#include <vector>
struct library { static constexpr char const* name{"library"}; };
static void step(int number) {
    nvtx3::scoped_range_in<library> range{"step " + std::to_string(number)};
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
}
static void inner() { NVTX3_FUNC_RANGE(); }
int main() {
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; i++) threads.emplace_back([] { for (int n = 0; n < 4; n++) step(n); });
    for (auto& thread : threads) thread.join();
    nvtx3::unique_range moved{"moved"};
    std::thread([range = std::move(moved)] {}).join();
    inner();
}
"""


def run(program: str, name: str, tmp_path: Path) -> RangeTimes:
    """The ranges that a compiled program noted."""
    compiler = shutil.which("c++" if name.endswith(".cpp") else "cc")
    if compiler is None or shutil.which("cc") is None:
        missing("a C or a C++ compiler")
    code, noted = tmp_path / name, tmp_path / "noted"
    code.write_text(program)
    noted.mkdir()
    made = ["-std=c++17"] if name.endswith(".cpp") else []
    subprocess.run(
        [compiler, *made, "-I", nvtx_include(), "-o", tmp_path / "program", code, "-ldl", "-pthread"], check=True
    )
    added = timing_environment(noted, {})
    subprocess.run([tmp_path / "program"], check=True, env={**os.environ, **added})
    return read_range_times(noted)


@pytest.fixture(autouse=True)
def _cache(kept_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(kept_cache))


def test_c(tmp_path: Path) -> None:
    times = run(C, "program.c", tmp_path)
    assert sorted((one.domain, one.text) for one in times.ranges) == [
        ("", ""), ("", "café"), ("", "first"), ("", "pushed"), ("library", "registered")
    ]  # fmt: skip
    by_text = {one.text: one for one in times.ranges}
    pushed, registered = by_text["pushed"], by_text["registered"]
    assert pushed.start <= registered.start <= pushed.end <= registered.end
    assert by_text["first"].start <= by_text["café"].start <= by_text["first"].end <= by_text["café"].end
    assert (times.open, times.full) == (0, False)


def test_cpp(tmp_path: Path) -> None:
    times = run(CPP, "program.cpp", tmp_path)
    loops = step_times(times)
    assert [(loop.label, loop.domain, loop.count) for loop in loops] == [("step #", "library", 4)] * 3
    assert all(loop.duration_ns >= 1_000_000 for loop in loops)  # what a step sleeps at least
    threads = [[one for one in times.ranges if one.tid == tid] for tid in {one.tid for one in times.ranges}]
    for ranges in threads:
        assert all(before.end <= after.start for before, after in pairwise(ranges))
    assert {one.text for one in times.ranges if not one.domain} == {"moved", "inner"}
