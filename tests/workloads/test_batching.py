"""Batching without a GPU: the ring, the two processes at its ends, the buckets, and the products by NumPy."""

from __future__ import annotations

import importlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from folders import WORKLOADS
from hypothesis import given
from hypothesis import strategies as st

SHARED_MEMORY = Path("/dev/shm")
LONG_S = 600  # a bound that only what hangs reaches

sys.path.insert(0, str(WORKLOADS))
buckets: Any = importlib.import_module("queueing.buckets")
consuming: Any = importlib.import_module("queueing.consume")
execute: Any = importlib.import_module("queueing.execute")
loads: Any = importlib.import_module("queueing.loads")
produce: Any = importlib.import_module("queueing.produce")
rings: Any = importlib.import_module("queueing.ring")
batching: Any = importlib.import_module("batching")
WorkloadError: type[Exception] = importlib.import_module("common.errors").WorkloadError
SMALL = loads.Shape(tokens=2, outer=3, inner=5)
OTHER = loads.Shape(tokens=1, outer=4, inner=6)


class Log:
    """An executor that writes down what it is told to run."""

    def __init__(self) -> None:
        self.launches = 0
        self.slots: list[tuple[int, int]] = []
        self.sizes: list[int] = []

    def single(self, shape: int, slot: int) -> None:
        self.batched(shape, slot, 1, 1)

    def batched(self, shape: int, first: int, stride: int, count: int) -> None:
        self.launches += 1
        self.sizes.append(count)
        self.slots += [(shape, first + stride * i) for i in range(count)]


def commands(count: int, slots: int = 7, shapes: int = 1, begin: int = 0) -> Any:
    return produce.make_commands(produce.Plan(1, begin + count, slots, shapes), begin, begin + count)


@pytest.fixture
def ring() -> Iterator[Any]:
    made = rings.Ring.create(5)
    yield made
    made.close_memory()


def test_ring_gives_what_was_written_in_order(ring: Any) -> None:
    assert ring.write(commands(3)) == 3
    assert ring.read(10)["sequence"].tolist() == [0, 1, 2]
    assert len(ring.read(10)) == 0


def test_full_ring_takes_no_more_until_it_is_read(ring: Any) -> None:
    assert ring.write(commands(8)) == 5
    assert ring.write(commands(3, begin=5)) == 0
    assert ring.read(2)["sequence"].tolist() == [0, 1]
    assert ring.write(commands(3, begin=5)) == 2
    assert ring.read(10)["sequence"].tolist() == [2, 3, 4, 5, 6]


@given(st.integers(1, 9), st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=40))
def test_ring_wraps_around_at_any_place(capacity: int, steps: list[tuple[int, int]]) -> None:
    made = rings.Ring.create(capacity)
    written, seen = 0, []
    for write, read in steps:
        written += made.write(commands(write, begin=written))
        seen += made.read(read)["sequence"].tolist()
        assert 0 <= made.written - made.read_so_far <= capacity
    seen += made.read(capacity)["sequence"].tolist()
    made.close_memory()
    assert seen == list(range(written))


def test_both_ends_see_the_same_memory(ring: Any) -> None:
    other = rings.Ring.attach(os.dup(ring.descriptor), ring.capacity)
    other.join()
    other.write(commands(4))
    other.close()
    assert (ring.ready, ring.closed, ring.started) == (True, True, False)
    ring.start()
    assert other.started
    assert ring.read(9)["slot"].tolist() == [0, 1, 2, 3]
    assert other.read_so_far == 4
    other.close_memory()


def test_command_out_of_sequence_is_refused(ring: Any) -> None:
    ring.write(commands(2, begin=7))
    with pytest.raises(WorkloadError, match="the ring is damaged: a command after number 0 is another's"):
        ring.read(2)


@pytest.mark.parametrize("capacity", [0, -1, 2**26 + 1])
def test_ring_of_a_senseless_size_is_refused(capacity: int) -> None:
    with pytest.raises(WorkloadError, match="a ring holds 1 to 67108864 commands"):
        rings.Ring.create(capacity)


@pytest.mark.parametrize(
    ("slots", "runs"),
    [
        ([], []),
        ([4], [(4, 1, 1)]),
        ([0, 1, 2, 3], [(0, 1, 4)]),
        ([0, 2, 4, 5, 6], [(0, 2, 3), (5, 1, 2)]),
        ([5, 6, 0, 1], [(5, 1, 2), (0, 1, 2)]),  # the pool's end
        ([3, 3, 3], [(3, 1, 1)] * 3),  # one result must not be written twice in a launch
        ([4, 2, 0], [(4, 1, 1), (2, 1, 1), (0, 1, 1)]),
    ],
)
def test_strided_runs(slots: list[int], runs: list[tuple[int, int, int]]) -> None:
    assert buckets.strided_runs(np.array(slots, np.int64)) == runs


@given(st.lists(st.integers(0, 6)))
def test_strided_runs_keep_every_slot_in_order(slots: list[int]) -> None:
    runs = buckets.strided_runs(np.array(slots, np.int64))
    assert [first + stride * i for first, stride, count in runs for i in range(count)] == slots


def test_bucket_is_flushed_when_full() -> None:
    log = Log()
    runner = buckets.ByShape(log, 4)
    runner.take(commands(3, slots=100))
    assert (log.sizes, runner.waiting) == ([], 3)
    runner.take(commands(6, slots=100, begin=3))
    assert (log.sizes, runner.waiting, runner.done) == ([4, 4], 1, 8)
    runner.flush()
    assert (log.sizes, runner.waiting, runner.done) == ([4, 4, 1], 0, 9)


@given(st.integers(1, 9), st.integers(1, 4), st.lists(st.integers(0, 20), max_size=12))
def test_each_shape_keeps_its_order_and_no_batch_is_too_large(batch: int, shapes: int, parts: list[int]) -> None:
    log, begin = Log(), 0
    runner = buckets.ByShape(log, batch)
    for part in parts:
        runner.take(commands(part, slots=50, shapes=shapes, begin=begin))
        begin += part
        assert runner.waiting <= shapes * (batch - 1)
    runner.flush()
    whole = commands(begin, slots=50, shapes=shapes)
    for shape in range(shapes):
        assert [slot for one, slot in log.slots if one == shape] == whole["slot"][whole["shape"] == shape].tolist()
    assert max(log.sizes, default=0) <= batch
    assert runner.done == begin


def test_one_by_one_launches_each() -> None:
    log = Log()
    runner = buckets.OneByOne(log)
    runner.take(commands(9, slots=4, shapes=2))
    assert (log.launches, runner.done, runner.waiting) == (9, 9, 0)
    assert log.slots[:4] == [(0, 0), (1, 0), (0, 1), (1, 1)]


def run_processes(plan: Any, runner: Any, idle_s: float = 1000.0) -> int:
    with consuming.producing(plan) as (ring, process):
        consuming.wait_for(ring, process, plan.commands)
        flushes: int = consuming.consume(ring, process, runner, plan.commands, idle_s)
    return flushes


def test_two_processes_bring_every_command_through_a_small_ring() -> None:
    log = Log()
    assert run_processes(produce.Plan(capacity=7, commands=5_000, slots=11, shapes=3), buckets.OneByOne(log)) == 0
    expected = commands(5_000, slots=11, shapes=3)
    assert log.slots == list(zip(expected["shape"].tolist(), expected["slot"].tolist(), strict=True))


def test_slow_consumer_holds_the_producer_back() -> None:
    plan = produce.Plan(capacity=16, commands=200, slots=8)
    with consuming.producing(plan) as (ring, process):
        consuming.wait_for(ring, process, plan.commands)
        ring.start()
        deadline = time.monotonic() + LONG_S
        while ring.written < 16 and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.1)
        assert (ring.written, ring.closed) == (16, False)
        assert ring.read(5)["sequence"].tolist() == [0, 1, 2, 3, 4]
        while ring.written < 21 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert ring.written == 21


class Clock:
    """Time that passes by sleeping alone, a millisecond a nap."""

    def __init__(self) -> None:
        self.ms = 0

    def monotonic(self) -> float:
        return self.ms / 1000

    def sleep(self, _: float) -> None:
        self.ms += 1


class TimedRing:
    """Ten commands at each of these moments (ms) of a clock; closed with the last."""

    def __init__(self, clock: Clock, moments: list[int]) -> None:
        self.clock, self.moments, self.read_so_far = clock, moments, 0

    @property
    def written(self) -> int:
        return 10 * sum(moment <= self.clock.ms for moment in self.moments)

    @property
    def closed(self) -> bool:
        return self.clock.ms >= self.moments[-1]

    def start(self) -> None:
        pass

    def read(self, _: int) -> Any:
        begin, self.read_so_far = self.read_so_far, self.written
        return commands(self.read_so_far - begin, slots=100, begin=begin)


@pytest.mark.parametrize(("idle_s", "sizes"), [(0.02, [10, 10, 10]), (0.4, [20, 10]), (10.0, [30])])
def test_idle_time_flushes_what_waits(monkeypatch: pytest.MonkeyPatch, idle_s: float, sizes: list[int]) -> None:
    clock, log = Clock(), Log()
    monkeypatch.setattr(consuming, "time", clock)
    producer = SimpleNamespace(check=lambda *_: None)
    ring = TimedRing(clock, [0, 300, 900])
    assert consuming.consume(ring, producer, buckets.ByShape(log, 100), 30, idle_s) == len(sizes) - 1
    assert log.sizes == sizes


def test_without_idle_time_batches_fill_across_pauses() -> None:
    log = Log()
    plan = produce.Plan(capacity=64, commands=30, slots=100, pause_every=10, pause_s=0.05)
    assert run_processes(plan, buckets.ByShape(log, 30)) == 0
    assert log.sizes == [30]


def test_killed_producer_ends_the_consumer_with_a_sentence() -> None:
    plan = produce.Plan(capacity=8, commands=10_000, slots=8, pause_every=8, pause_s=0.5)
    with consuming.producing(plan) as (ring, process):
        consuming.wait_for(ring, process, plan.commands)
        os.kill(process.pid, signal.SIGKILL)
        sentence = rf"the producer \(process {process.pid}\) ended by signal SIGKILL after \d+ of 10000 commands"
        with pytest.raises(WorkloadError, match=sentence):
            consuming.consume(ring, process, buckets.OneByOne(Log()), plan.commands, 1.0)


def running(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_killed_consumer_ends_the_producer_and_leaves_nothing_in_shared_memory(tmp_path: Path) -> None:
    before = in_shared_memory()
    command = [sys.executable, str(WORKLOADS / "batching.py"), "--executor=numpy", "--load=decode", "--mode=none"]
    errors = tmp_path / "errors"
    with errors.open("wb") as file:
        program = subprocess.Popen([*command, "--ring=16"], stdout=subprocess.DEVNULL, stderr=file)
        producer = wait_for_child(program.pid)
        time.sleep(0.3)  # both work by then, or not yet: either way they must end
        program.kill()
        program.wait()
        deadline = time.monotonic() + LONG_S
        while running(producer) and time.monotonic() < deadline:
            time.sleep(0.02)
    assert not running(producer)
    assert re.fullmatch(
        rf"batching: the consumer \(process {program.pid}\) ended after \d+ of 400000 commands: the producer stops\n",
        errors.read_text(),
    )
    assert in_shared_memory() <= before


def in_shared_memory() -> set[str]:
    """What lies there, but for what tests beside this one may put there: an nsys, a `profile`, a pool of processes.

    The workload itself uses none of Python's semaphores, nor any of nsys's.
    """
    names = {one.name for one in SHARED_MEMORY.iterdir()} if SHARED_MEMORY.is_dir() else set()
    return {name for name in names if not name.startswith(("sem.NSys-", "nsysgap-nvtx-", "sem.mp-"))}


def wait_for_child(parent: int) -> int:
    deadline = time.monotonic() + LONG_S
    while time.monotonic() < deadline:
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        if children and b"queueing.produce" in Path(f"/proc/{children[0]}/cmdline").read_bytes():
            return int(children[0])
        time.sleep(0.02)
    raise AssertionError("the producer did not start")


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("batch", [0, 4])
def test_products_are_numpys_in_both_modes(precision: str, batch: int) -> None:
    executor = execute.NumpyExecutor([SMALL, OTHER], 8, precision)
    runner = buckets.ByShape(executor, batch) if batch else buckets.OneByOne(executor)
    runner.take(commands(16, slots=8, shapes=2))
    runner.flush()
    assert executor.launches == (4 if batch else 16)
    assert 0 <= executor.check(8) < loads.TOLERANCE[precision]


def test_missing_and_wrong_and_surplus_products_are_found() -> None:
    executor = execute.NumpyExecutor([SMALL], 4, "fp32")
    runner = buckets.OneByOne(executor)
    runner.take(commands(3, slots=4))
    executor.check(3)
    with pytest.raises(WorkloadError, match="the product of slot 3 differs from NumPy's"):
        executor.check(4)
    with pytest.raises(WorkloadError, match="slot 2 was written without a command"):
        executor.check(2)
    executor.pools[0].y[1, 0, 0] += 0.01
    with pytest.raises(WorkloadError, match="the product of slot 1 differs from NumPy's"):
        executor.check(3)


def test_operands_differ_from_slot_to_slot_and_between_a_and_x() -> None:
    pools = execute.Pools(np, SMALL, 3, "fp32", 0)
    assert not np.array_equal(pools.a[0], pools.a[1])
    assert not np.array_equal(pools.a[0].ravel()[:10], pools.x[0].ravel())
    assert np.abs(pools.a).max() <= 1


def test_program_measures_both_modes_and_prints_the_table() -> None:
    asked = (
        "--executor=numpy",
        "--load=gemv-micro",
        "--precision=fp32",
        "--commands=20",
        "--batch=4",
        "--idle-us=900000",
    )
    command = [sys.executable, str(WORKLOADS / "batching.py"), *asked]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LONG_S)
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    single, batched = record["runs"]
    assert [single["launches"], batched["launches"]] == [20, 5]
    assert record["comparisons"][1]["launch_reduction_percent"] == 75.0
    assert record["comparisons"][1]["source_speed_up_percent"] == 78.0
    lines = done.stderr.splitlines()
    assert [line.split()[:3] for line in lines[1:]] == [
        ["gemv-micro", "fp32", "none"],
        ["gemv-micro", "fp32", "shape-batched"],
    ]


@pytest.mark.parametrize(
    ("argument", "sentence"),
    [
        ("--mode=foo", "unknown mode 'foo': choose from none, shape-batched, or both"),
        ("--load=decode,x", "unknown load 'x': choose from gemv-micro, decode, prefill, or all"),
        ("--precision=int8", "unknown precision 'int8': choose from fp32, fp16, or both"),
        ("--executor=tpu", "unknown executor 'tpu': choose gpu or numpy"),
        ("--executor=all", "unknown executor 'all': choose gpu or numpy"),
    ],
)
def test_unknown_word_is_one_sentence(
    argument: str, sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["batching.py", argument])
    assert batching.run_program(batching.BATCHING, batching.__doc__) == 1
    assert capsys.readouterr() == ("", f"batching: {sentence}\n")


def test_loads_are_the_sources() -> None:
    launches = {name: -(-load.commands // load.batch) for name, load in loads.LOADS.items()}
    assert launches == {"gemv-micro": 3907, "decode": 25_000, "prefill": 32}
    gains = {key: round(100 * (old - new) / old, 1) for key, (old, new) in loads.SOURCE_WALL_MS.items()}
    assert list(gains.values()) == [78.0, 68.8, 11.2, 22.2, -14.3, 1.0]


def test_a_load_has_fewer_commands_under_the_profiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own number measures; a report of millions of rows would be nothing to read, and takes minutes to make."""
    monkeypatch.delenv("NSYSGAP_PROFILING", raising=False)
    own = {name: batching.default_commands(load) for name, load in loads.LOADS.items()}
    monkeypatch.setenv("NSYSGAP_PROFILING", "1")
    profiled = {name: batching.default_commands(load) for name, load in loads.LOADS.items()}
    assert own == {"gemv-micro": 2_000_000, "decode": 400_000, "prefill": 256}
    assert profiled == {"gemv-micro": 10_000, "decode": 10_000, "prefill": 256}
