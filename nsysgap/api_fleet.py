"""The Python API of many reports: `nsysgap.open_fleet(paths)` gives a Fleet, the ranks of a job compared."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from nsysgap.answers.fleet import ranks_of
from nsysgap.answers.rank_units import RankOptions
from nsysgap.answers.ranks import RanksAnswer
from nsysgap.answers.ranks_picture import ranks_picture
from nsysgap.api_arguments import Paths, Regex, Time, selection, texts_of
from nsysgap.shown import ShownDocument, ShownList, ShownPage, shown

if TYPE_CHECKING:
    import pandas as pd

    from nsysgap.answers.captures import CaptureOptions


def open_fleet(  # noqa: PLR0913 - an argument per option
    paths: Paths,
    *,
    nvtx: Regex | None = None,
    domain: Regex | None = None,
    since: Time | None = None,
    until: Time | None = None,
    whole: bool = False,
    rank_regex: str | None = None,
    workers: int | None = None,
    dask: str | None = None,
) -> Fleet:
    """Read the reports of a job, as many at once as cores and memory allow, and compare its ranks.

    `paths`: reports, folders of them, patterns or URLs. What is compared is each rank's main loop, unless `nvtx` or
    `domain` (regular expressions of ranges and of their domains), `since`, `until` (ns, or "1.2s") or `whole` chooses
    otherwise. `dask`: the address or the file of a Dask scheduler whose workers read them, or "local". A report that
    cannot be read is in `reports` with its sentence; raises NsysgapError where none holds GPU work, or where ranks
    contradict.
    """
    of_each = selection(None, (nvtx, domain), since, until)
    options = RankOptions(of_each, whole, rank_regex, draw=True)
    texts = texts_of(paths)
    from nsysgap.answers.captures import CaptureOptions

    chosen = CaptureOptions(of_each, whole=whole)
    return Fleet(ranks_of(texts, options, workers=workers, cluster=dask), texts, chosen)


class Fleet:
    """The ranks of a job beside one another: figures, collectives and the verdict; times in integer ns."""

    def __init__(self, answer: RanksAnswer, paths: Sequence[str] = (), chosen: CaptureOptions | None = None) -> None:
        self._answer = answer
        self._chosen = chosen
        self.paths = tuple(paths)

    @property
    def verdict(self) -> str:
        """Who keeps whom waiting, and why, in a sentence."""
        return self._answer.text

    def ranks(self) -> pd.DataFrame:
        """One row per rank, or per process without a rank: the rows of `nsysgap ranks --format csv`.

        Columns: path, process, rank, rank_source, world_size, host, device, device_name, loop, iterations, step_ns,
        window_ns, busy_ns, idle_ns, collective_ns, exposed_wait_ns, starved_ns, arrived_last, offset_ns, and <part>_ns
        for each of the ten parts of idle time.
        """
        return self._answer.frame()

    def iterations(self) -> pd.DataFrame:
        """One row per rank and iteration: rank (or the process's name), iteration, step_ns, starved_ns, wait_ns,
        busy_ns and the parts; -1 where nothing was launched. Empty where the ranks share no loop."""
        import pandas as pd

        picture = ranks_picture(self._answer)
        if not picture.layers:
            return pd.DataFrame()
        count = picture.layers["step"].shape[1]
        columns = {f"{name}_ns": values.ravel() for name, values in picture.layers.items()}
        rows = [(name, number) for name in picture.names for number in range(count)]
        return pd.DataFrame(rows, columns=["rank", "iteration"]).assign(**columns)

    def collectives(self) -> pd.DataFrame:
        """The collectives that all ranks share, by rank: collective (number), kind, iteration, rank, start_ns, end_ns
        on the rank's own clock, wait_ns, transfer_ns, last (whether it arrived last)."""
        return self._answer.collective_frame()

    def compare(self, after: Fleet) -> pd.DataFrame:
        """This job before, another one after, by role; the reports, local ones, are read again.

        What is compared is what this fleet was opened with (`nvtx` to `whole`), else main loops.

        Columns: role (straggler, others, or all), name of the figure (step_ns, busy_ns, ...), unit, before, after,
        change, change_percent, p, verdict: what `nsysgap compare --ranks` writes as "figures".
        """
        import pandas as pd

        from nsysgap.answers.captures import CaptureOptions
        from nsysgap.answers.compare import CompareOptions, compare_roles

        options = CompareOptions(self._chosen or CaptureOptions(), job=True)
        answers = compare_roles(self.paths, after.paths, options)
        return pd.DataFrame({"role": answer.role, **row} for answer in answers for row in answer.document()["figures"])

    @property
    def reports(self) -> ShownList:
        """path, status ("ok", "no-gpu-work", "error") and text of every report."""
        reports: ShownList = self.document()["reports"]
        return reports

    def document(self) -> ShownDocument:
        """The contract "nsysgap.ranks/1", as `nsysgap ranks --format json` writes it."""
        return shown(self._answer.document())

    def html(self) -> str:
        """The page that `nsysgap ranks --html` writes."""
        from nsysgap.render.pages.ranks import ranks_page

        return ShownPage(ranks_page(self.document(), ranks_picture(self._answer)))

    def __repr__(self) -> str:
        return f"<nsysgap fleet of {len(self._answer.units)} ranks: {self.verdict}>"

    def _repr_html_(self) -> str:
        """The fleet as a notebook shows it: the verdict and a row per rank. Names are escaped."""
        return f"<h4>{escape(self.verdict)}</h4>{self.ranks().to_html(index=False, escape=True)}"
