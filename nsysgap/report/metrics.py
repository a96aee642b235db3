"""GPU metrics: hardware counters that nsys sampled (`--gpu-metrics-devices`), the only witness besides the events.

GPU_METRICS holds one row per counter and sample, TARGET_INFO_GPU_METRICS the counters' names. A sample describes the
interval that begins at its timestamp (nsys's own recipe gpu_metric_util_map says so; measured: kernel starts fit only
that reading). The low byte of typeId is the GPU.
"""

from __future__ import annotations

import numpy as np

from nsysgap.names import Names
from nsysgap.report.cells import whole, words
from nsysgap.report.reads import OneOf, Progress, Read
from nsysgap.report.source import Source
from nsysgap.tables import GPU_METRICS, Table

SM_ACTIVE = "SMs Active [Throughput %]"
_SM_ACTIVE_NAMES = (SM_ACTIVE, "SM Active [Throughput %]", "SMs Active", "SM Active")
_TABLE, _INFO = "GPU_METRICS", "TARGET_INFO_GPU_METRICS"
Key = tuple[int, int]


def read_gpu_metrics(source: Source, names: Names, progress: Progress | None = None) -> Table:
    """Every sample of every counter: the table GPU_METRICS, without rows where the report has none.

    The counters' names are added to `names`. Raises NsysgapError when the file is damaged.
    """
    return _read(source, _metric_names(source), names, progress)


def read_sm_active(source: Source, names: Names) -> Table:
    """The samples of the counter "SMs Active" alone, in percent."""
    wanted = {key: name for key, name in _metric_names(source).items() if name in _SM_ACTIVE_NAMES}
    return _read(source, wanted, names, None) if wanted else GPU_METRICS.empty()


def _metric_names(source: Source) -> dict[Key, str]:
    """The name of each (typeId, metricId)."""
    names = {}
    for kind_cell, metric_cell, name in source.rows(_INFO, ("typeId", "metricId", "metricName")):
        kind, metric = whole(kind_cell), whole(metric_cell)
        if kind is not None and metric is not None:
            names[kind, metric] = words(name)
    return names


def _read(source: Source, wanted: dict[Key, str], names: Names, progress: Progress | None) -> Table:
    if not wanted or not source.catalog.has(_TABLE, "timestamp", "typeId", "metricId", "value"):
        return GPU_METRICS.empty()
    reads = [
        Read("time", "timestamp", time=True),
        Read("type", "typeId"),
        Read("metric", "metricId"),
        Read("value", "value"),
    ]
    metrics = OneOf("metricId", tuple(sorted({metric for _, metric in wanted})))
    raw = source.columns(_TABLE, reads, metrics, progress)
    metric = np.full(len(raw["time"]), -1, np.int32)
    for (kind, number), name in wanted.items():
        metric[(raw["type"] == kind) & (raw["metric"] == number)] = names.add(name.encode())
    keep = np.flatnonzero(metric >= 0)
    order = keep[np.argsort(raw["time"][keep], kind="stable")]
    device = (raw["type"][order] & 0xFF).astype(np.int32)
    columns = {"time": raw["time"][order], "device": device, "metric": metric[order], "value": raw["value"][order]}
    return Table(GPU_METRICS, columns)
