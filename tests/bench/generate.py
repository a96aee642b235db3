"""Makes synthetic Nsight Systems SQLite exports of any size, for measuring and testing.

    python tests/bench/generate.py OUT.sqlite --kernels 300000 --api 600000
    python tests/bench/generate.py OUT.sqlite --sample

The tables, columns and ids are those of a real export (schema 3.20.3, nsys 2025.3); the times are a
consistent simulation, see `synthetic_simulation`. The same options give the same bytes.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

import synthetic_host_rows as host
import synthetic_rows as rows
from synthetic_plan import FULL_MIX, NAIVE, ProcessPlan, share
from synthetic_schema import ENUMS, PRODUCT_VERSION, SCHEMA_VERSION
from synthetic_simulation import Process, TooFewApiRowsError, simulate
from synthetic_stacks import add_stacks
from synthetic_writer import columns_of, insert, insert_rows, new_database

SESSION_START_NS = 428_455_621
FIRST_CALL_NS = 500_000_000
# Launches per thread between two meetings of all threads of a process.
ROUND_LAUNCHES = 2_000


@dataclass(frozen=True)
class Options:
    """Size and shape of a report; every count is exact. None: derived from ``kernels``."""

    kernels: int = 300_000
    api: int | None = None
    seed: int = 1
    processes: int = 2
    devices: int = 2
    streams: int = 4
    threads: int = 3
    graph_launches: int | None = None
    nodes: int = 20
    memcpy: int | None = None
    memset: int | None = None
    osrt: int | None = None
    nvtx: int | None = None
    sample: bool = False
    stacks: int = 0
    depth: int = 60
    naive: int = 0


HELP = {
    "kernels": "kernel rows, graph nodes included (300000)",
    "api": "CUDA API rows (twice the kernels)",
    "seed": "source of all random numbers (1)",
    "processes": "processes, each with its own correlation IDs from 1 on (2)",
    "devices": "physical GPUs; each process sees all of them, numbered from another one on (2)",
    "streams": "streams per context (4)",
    "threads": "launching threads per process; one that only polls comes on top (3)",
    "graph_launches": "graph launches, each owning --nodes kernels (such that they own 10 %% of the kernels)",
    "nodes": "kernels per graph launch (20)",
    "memcpy": "memory copies (1 %% of the kernels)",
    "memset": "memory sets (a fifth of the copies)",
    "osrt": "OS runtime rows (10 %% of the kernels)",
    "nvtx": "NVTX rows (3 %% of the kernels)",
    "sample": "a small clean report: 400 kernels, each launched and waited for; other options are ignored",
    "stacks": "Python samples (0)",
    "depth": "frames of each sample's stack (60)",
    "naive": "1: every launch but graphs' is waited for, so that there is a gap before each op (0)",
}


def generate(path: str | Path, **options: Any) -> None:
    """Write a synthetic report to ``path``; keyword arguments are the fields of `Options`.

    Raises:
        ValueError: the options contradict one another.
        FileExistsError: ``path`` exists.
    """
    target = Path(path)
    if target.exists():
        raise FileExistsError(f"{target} exists")
    chosen = complete(Options(**options))
    processes = _play(chosen)
    with new_database(target) as db:
        _write(db, chosen, processes)


def complete(options: Options) -> Options:
    """Fill in the derived counts, and check that all of them fit together."""
    if options.sample:
        return Options(400, 820, options.seed, 1, 1, 1, 1, 0, 1, 0, 0, 60, 62, sample=True)
    kernels = options.kernels
    memcpy = kernels // 100 if options.memcpy is None else options.memcpy
    derived = {
        "api": 2 * kernels,
        "graph_launches": kernels // (10 * max(1, options.nodes)),
        "memcpy": memcpy,
        "memset": memcpy // 5,
        "osrt": kernels // 10,
        "nvtx": kernels * 3 // 100,
    }
    missing = {name: value for name, value in derived.items() if getattr(options, name) is None}
    full = replace(options, **missing)  # type: ignore[arg-type]
    _check(full)
    return full


def _check(options: Options) -> None:
    for name in ("processes", "devices", "streams", "threads", "nodes"):
        if getattr(options, name) < 1:
            raise ValueError(f"{name} must be at least 1")
    for field in fields(options):
        if getattr(options, field.name) < 0:
            raise ValueError(f"{field.name} must not be negative")
    if _count(options.graph_launches) * options.nodes > options.kernels:
        raise ValueError("graph_launches x nodes is more than kernels")


def _count(value: int | None) -> int:
    """A count that `complete` has filled in."""
    assert value is not None
    return value


def plan_processes(options: Options) -> list[ProcessPlan]:
    """Deal all counts to the processes."""
    parts = options.processes
    graphs = share(_count(options.graph_launches), parts)
    direct = share(options.kernels - sum(graphs) * options.nodes, parts)
    counts = {
        name: share(_count(getattr(options, name)), parts) for name in ("memcpy", "memset", "api", "osrt", "nvtx")
    }
    return [
        ProcessPlan(
            index=index,
            kernels=direct[index] + graphs[index] * options.nodes,
            graph_launches=graphs[index],
            nodes=options.nodes,
            devices=options.devices,
            streams=options.streams,
            threads=options.threads,
            rounds_per_kind=_rounds(options, direct[index]),
            mix={NAIVE: 1.0} if options.sample or options.naive else dict(FULL_MIX),
            **{name: values[index] for name, values in counts.items()},
        )
        for index in range(parts)
    ]


def _rounds(options: Options, launches: int) -> int:
    if options.sample:
        return 20
    kinds = 1 if options.naive else len(FULL_MIX)
    return max(1, launches // (options.threads * ROUND_LAUNCHES * kinds))


def _play(options: Options) -> list[Process]:
    plans = plan_processes(options)
    seeds = np.random.SeedSequence(options.seed).spawn(len(plans))
    try:
        return [
            simulate(plan, seed, FIRST_CALL_NS + 37_000_000 * plan.index)
            for plan, seed in zip(plans, seeds, strict=True)
        ]
    except TooFewApiRowsError as error:
        raise ValueError(f"api is too small: {error}") from error


def _write(db: sqlite3.Connection, options: Options, processes: list[Process]) -> None:
    strings = rows.Strings()
    rng = np.random.default_rng([options.seed, 1])
    span = max(int(process.calls.end.max()) for process in processes)
    _write_events(db, processes, strings, rng)
    _write_information(db, options, [process.plan for process in processes], strings, span)
    ids = np.array(list(strings.ids.values()), np.int64)
    insert(db, "StringIds", {"id": ids, "value": np.array(list(strings.ids), object)})
    for table, entries in ENUMS.items():
        db.execute(f"CREATE TABLE {table} (id INTEGER NOT NULL PRIMARY KEY, name TEXT, label TEXT)")
        db.executemany(
            f"INSERT INTO {table} VALUES (?, ?, ?)",
            [(key, *names) for key, names in entries.items()],
        )
    if options.stacks:
        add_stacks(db, options.stacks, options.depth, options.seed)


def _write_events(
    db: sqlite3.Connection,
    processes: list[Process],
    strings: rows.Strings,
    rng: np.random.Generator,
) -> None:
    """Event tables one by one, so that only one table's columns are in memory at a time."""
    insert(
        db,
        "CUPTI_ACTIVITY_KIND_RUNTIME",
        rows.merge([rows.api_rows(one, strings, rng) for one in processes]),
    )
    insert(
        db,
        "CUPTI_ACTIVITY_KIND_KERNEL",
        rows.merge([rows.kernel_rows(one, strings) for one in processes]),
    )
    insert(db, "CUPTI_ACTIVITY_KIND_MEMCPY", rows.merge([rows.memcpy_rows(one) for one in processes]))
    insert(db, "CUPTI_ACTIVITY_KIND_MEMSET", rows.merge([rows.memset_rows(one) for one in processes]))
    insert(
        db,
        "CUPTI_ACTIVITY_KIND_SYNCHRONIZATION",
        rows.merge([rows.sync_rows(one) for one in processes]),
    )
    insert(
        db,
        "CUPTI_ACTIVITY_KIND_CUDA_EVENT",
        rows.merge([rows.event_rows(one) for one in processes]),
    )
    insert(
        db,
        "CUDA_GRAPH_NODE_EVENTS",
        rows.merge([rows.graph_node_rows(one, strings) for one in processes]),
    )
    insert(db, "NVTX_EVENTS", rows.merge([host.nvtx_rows(one, strings, rng) for one in processes]))
    osrt = rows.merge([host.osrt_rows(one, strings, rng) for one in processes])
    insert(db, "OSRT_API", host.by_thread(osrt))
    insert(db, "PROFILER_OVERHEAD", rows.merge([host.overhead_rows(one, strings) for one in processes]))


def _write_information(
    db: sqlite3.Connection,
    options: Options,
    plans: list[ProcessPlan],
    strings: rows.Strings,
    span: int,
) -> None:
    duration = span + 1_000_000
    insert_rows(db, "META_DATA_EXPORT", EXPORT_FACTS)
    insert_rows(db, "META_DATA_CAPTURE", [("CAPTURE_EVENT_TYPE", "Cuda"), ("INCLUDE_CHILDREN", "true")])
    insert_rows(db, "ANALYSIS_DETAILS", [(rows.VM, duration, SESSION_START_NS, SESSION_START_NS + duration)])
    insert_rows(
        db,
        "TARGET_INFO_SESSION_START_TIME",
        [(1_767_225_600_000_000_000, "2026-01-01T00:00:00", None)],
    )
    insert_rows(
        db,
        "TARGET_INFO_SYSTEM_ENV",
        [(rows.VM, "Local (CLI)", "NvDriverVersion", 205, "580.159.04")],
    )
    insert_rows(db, "DIAGNOSTIC_EVENT", _diagnostics(plans, duration))
    insert_rows(db, "TARGET_INFO_GPU", [_gpu(index) for index in range(options.devices)])
    _write_processes(db, plans, strings)


def _write_processes(db: sqlite3.Connection, plans: list[ProcessPlan], strings: rows.Strings) -> None:
    devices, contexts, streams, names, threads = [], [], [], [], []
    for plan in plans:
        pid = rows.pid_of(plan)
        names.append((rows.global_pid(plan), pid, f"synthetic-{plan.index}"))
        threads += _thread_names(plan, strings)
        devices += [((plan.index + cuda_id) % plan.devices, cuda_id, pid) for cuda_id in range(plan.devices)]
        for context in range(plan.contexts):
            contexts.append((rows.NULL_STREAM_ID, 0, 1, pid, context, context + 1, 0, 0))
            ids = rows.stream_ids(np.arange(plan.streams, dtype=np.int64)).tolist()
            streams += [(stream, 0, 1, pid, context + 1, 0, 3 if turn == 0 else 2) for turn, stream in enumerate(ids)]
    insert_rows(db, "PROCESSES", names)
    insert_rows(db, "ThreadNames", threads)
    insert_rows(db, "TARGET_INFO_CUDA_DEVICE", devices)
    insert_rows(db, "TARGET_INFO_CUDA_CONTEXT_INFO", contexts)
    insert_rows(db, "TARGET_INFO_CUDA_STREAM", streams)


def _thread_names(plan: ProcessPlan, strings: rows.Strings) -> list[tuple[int, int, int]]:
    tids = rows.thread_ids(plan).tolist()
    texts = [f"synthetic-{plan.index}"] + [f"worker-{index}" for index in range(1, plan.threads)] + ["poller"]
    return [(strings(text), 20, tid) for text, tid in zip(texts, tids, strict=True)]


def _diagnostics(plans: list[ProcessPlan], duration: int) -> list[tuple[Any, ...]]:
    made = "Synthetic report made by tests/bench/generate.py; no GPU was profiled."
    events: list[tuple[Any, ...]] = [
        (0, 1, 3, 1, "Profiling has started.", None),
        (0, 1, 3, 1, made, None),
    ]
    for plan in plans:
        text = f"Number of CUDA events collected: \t{plan.kernels + plan.memcpy + plan.memset}."
        events.append((duration, 2, 3, 1, text, rows.global_pid(plan)))
    return [*events, (duration, 1, 3, 1, "Profiling has stopped.", None)]


def _gpu(index: int) -> tuple[Any, ...]:
    facts = {
        "vmId": rows.VM, "id": index, "name": "NVIDIA H200 (synthetic)", "busLocation": f"0000:00:{6 + index:02x}.0",
        "isDiscrete": 1, "totalMemory": 150_109_880_320, "memoryBandwidth": 4_814_304_000_000,
        "clockRate": 1_980_000_000, "smCount": 132, "chipName": "GH100", "cuDevice": index, "threadsPerWarp": 32,
        "asyncEngines": 3, "computeMajor": 9, "computeMinor": 0, "smMajor": 9, "smMinor": 0,
    }  # fmt: skip
    return tuple(facts.get(name) for name, _ in columns_of("TARGET_INFO_GPU"))


EXPORT_FACTS = [
    ("EXPORT_PRODUCT_NAME", "nsysgap tests/bench (synthetic, after NVIDIA Nsight Systems)"),
    ("EXPORT_PRODUCT_VERSION", PRODUCT_VERSION),
    ("EXPORT_SCHEMA_VERSION", SCHEMA_VERSION),
    *zip(
        (
            "EXPORT_SCHEMA_VERSION_MAJOR",
            "EXPORT_SCHEMA_VERSION_MINOR",
            "EXPORT_SCHEMA_VERSION_MICRO",
        ),
        SCHEMA_VERSION.split("."),
        strict=True,
    ),
    ("EXPORT_PARAM_LAZY", "true"),
]


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Make a synthetic Nsight Systems SQLite export.")
    parser.add_argument("output", type=Path, metavar="OUT.sqlite")
    for field in fields(Options):
        name = "--" + field.name.replace("_", "-")
        if field.name == "sample":
            parser.add_argument(name, action="store_true", help=HELP[field.name])
        else:
            parser.add_argument(name, type=int, default=field.default, metavar="N", help=HELP[field.name])
    options = vars(parser.parse_args(arguments))
    try:
        generate(options.pop("output"), **options)
    except (ValueError, OSError, sqlite3.Error) as error:
        print(f"generate: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
