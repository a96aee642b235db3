"""`nsysgap info` as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from nsysgap.render.gpu_names import gpu_label
from nsysgap.render.text.console import LEVEL_STYLE, add, notices, table
from nsysgap.units import count, duration, printable

Document = Mapping[str, Any]
MOST_ROWS, FEW_ROWS = 20, 3
DEFAULT = "default"  # what the domain is called that has no name
LONGEST_DOMAIN = 12
LONGEST_DIAGNOSTIC = 62  # beside the level: one line each


def info_blocks(document: Document, *, tables: bool = False) -> Iterable[RenderableType]:
    """All blocks of `nsysgap info`, in reading order; with `tables` also the report's tables, and longer lists.

    Without `tables` a normal report takes less than 40 lines.
    """
    most = MOST_ROWS if tables else FEW_ROWS
    yield _head(document, full=tables)
    if document["devices"]:
        yield _machine(document["devices"], full=tables)
    if document["processes"]:
        yield _processes(document["processes"], most)
    if document["threads"]:
        yield _threads(document["threads"], most)
    if _worth_a_table(document["domains"], full=tables):
        yield _domains(document["domains"], most)
    if tables:
        yield _tables(document["tables"])
    yield _questions(document["questions"], full=tables)
    if document["missing"]:
        yield _missing(document["missing"], full=tables)
    said = document["diagnostics"] if tables else _serious(document["diagnostics"])
    if said:
        yield _diagnostics(said, full=tables)
    if document["unread"]:
        named = ", ".join(printable(table) for table in document["unread"])
        yield Text(f"not read: {named}. Work or waiting that these tables hold is in no figure.", style="yellow")
    others = [notice for notice in document["report"]["warnings"] if not notice["text"].startswith("nsys says")]
    yield from notices(others, ("incomplete", "warning", "note"))
    if not tables:
        yield _left_out(document, len(said))


def _head(document: Document, *, full: bool) -> Text:
    """`full`: what is not recorded too."""
    report, span, domains = document["report"], document["span_ns"], document["domains"]
    length = "" if report["duration_ns"] is None else f", session of {duration(report['duration_ns'])}"
    facts = [
        ("exporter", f"{report['nsys_version'] or 'too old to say'}, schema {report['schema_version'] or '-'}"),
        ("captured", f"{document['started'] or 'not recorded'}{length}"),
        ("events", "none" if span is None else f"from {duration(span[0])} to {duration(span[1])}"),
    ]
    if full or document["command"]:
        facts.append(("command", printable(document["command"] or "not recorded")))
    if _has_domains(domains) and not _worth_a_table(domains, full=full):
        facts.append(("domains", _domains_in_words(domains)))
    text = Text(printable(report["path"]), style="bold")
    for name, value in facts:
        text.append(f"\n{name:<9} ", style="dim")
        text.append(str(value), style="default")
    return text


def _machine(devices: Sequence[Document], *, full: bool) -> RenderableType:
    """`full`: each GPU; else those without ops are one row where there are several."""
    idle = [] if full else [device for device in devices if not device["ops"]]
    folded = idle if 1 < len(idle) < len(devices) else []
    made = table("|GPU", "<name", "SMs", "memory", "ops", "<known by")
    for device in devices:
        if device in folded:
            continue
        memory = "-" if not device["total_memory"] else f"{device['total_memory'] / 2**30:.0f} GiB"
        figures = ("-" if device["sm_count"] is None else str(device["sm_count"]), memory, count(device["ops"]))
        add(made, gpu_label(device), printable(device["name"] or "not described"), *figures, device["resolved"] or "-")
    if folded:
        add(made, "", f"({count(len(folded))} more)", "", "", "0", "")
    return made


def _processes(processes: Sequence[Document], most: int) -> RenderableType:
    made = table("process", "<name", "|GPUs", "GPU ops", "threads")
    for process in processes[:most]:
        gpus = ", ".join(map(_mapped, process["own_numbers"])) or "-"
        add(
            made,
            str(process["pid"]),
            printable(process["name"]) or "-",
            gpus,
            count(process["ops"]),
            count(process["threads"]),
        )
    if len(processes) > most:
        add(made, "", f"({count(len(processes) - most)} more)", "", *_sums(processes[most:], "ops", "threads"))
    return made


def _mapped(number: Document) -> str:
    """A GPU of a process; with the number that the process itself gives it where that is another: "3 (its 0)"."""
    its = "" if number["own"] == number["device"] else f" (its {number['own']})"
    return f"{gpu_label(number)}{its}"


def _has_domains(domains: Sequence[Document]) -> bool:
    """Whether there is another NVTX domain than the default one, or a range without an end."""
    return any(domain["name"] != DEFAULT or domain["open"] for domain in domains)


def _worth_a_table(domains: Sequence[Document], *, full: bool) -> bool:
    """Without ranges that have no end, the domains are told in one line."""
    return _has_domains(domains) and (full or any(domain["open"] for domain in domains))


def _domains_in_words(domains: Sequence[Document]) -> str:
    """The largest domains with the number of their ranges: "default 288, NCCL 204, (2 more) 9 NVTX ranges"."""
    parts = [f"{printable(domain['name'], LONGEST_DOMAIN)} {count(domain['ranges'])}" for domain in domains[:FEW_ROWS]]
    if len(domains) > FEW_ROWS:
        parts.append(f"({count(len(domains) - FEW_ROWS)} more) {next(iter(_sums(domains[FEW_ROWS:], 'ranges')))}")
    return f"{', '.join(parts)} NVTX ranges"


def _domains(domains: Sequence[Document], most: int) -> RenderableType:
    made = table("<NVTX domain", "ranges", "without end")
    for domain in domains[:most]:
        add(made, printable(domain["name"]), count(domain["ranges"]), count(domain["open"]) if domain["open"] else "-")
    if len(domains) > most:
        add(made, f"({count(len(domains) - most)} more)", *_sums(domains[most:], "ranges", "open"))
    return made


def _threads(threads: Sequence[Document], most: int) -> RenderableType:
    made = table("process", "thread", "<name", "CUDA calls", "NVTX", "OS calls")
    keys = ("api", "nvtx", "osrt")
    for thread in threads[:most]:
        name = printable(thread["thread_name"]) or "-"
        add(made, str(thread["pid"]), str(thread["tid"]), name, *(count(thread[key]) for key in keys))
    if len(threads) > most:
        add(made, "", "", f"({count(len(threads) - most)} more)", *_sums(threads[most:], *keys))
    return made


def _sums(rows: Sequence[Document], *keys: str) -> Iterable[str]:
    """What the rows that are not shown hold together."""
    return (count(sum(row[key] for row in rows)) for key in keys)


def _tables(rows: Sequence[Document]) -> RenderableType:
    made = table("<table", "rows")
    for row in rows:
        add(made, printable(row["table"]), count(row["rows"]))
    return made


def _questions(rows: Sequence[Document], *, full: bool) -> RenderableType:
    """`full`: all that an answer rests on, else what is special to its question, and few that have no answer."""
    left = [] if full else [question for question in rows if not question["answered"]][FEW_ROWS:]
    made = table("|", "|question", "|rests on")
    made.columns[2].no_wrap, made.columns[2].overflow = False, "fold"
    for question in rows:
        if question in left:
            continue
        mark = Text("yes", style="green") if question["answered"] else Text("no", style="yellow")
        short = question["why"].rsplit(", ", 1)[-1] if question["answered"] else question["why"].split(": ")[0]
        add(made, mark, question["text"], question["why"] if full else short)
    if left:
        add(made, Text("no", style="yellow"), f"({count(len(left))} more)", "")
    return made


def _missing(rows: Sequence[Document], *, full: bool) -> RenderableType:
    """`full`: what follows from it too."""
    keys = ("missing", "consequence", "remedy") if full else ("missing", "remedy")
    made = table("<not in this report", *(["<so"] if full else []), "<record it with")
    for row in rows:
        made.add_row(*(Text(row[key], no_wrap=False) for key in keys))
    for column in made.columns:
        column.no_wrap, column.overflow = False, "fold"
    return made


def _serious(rows: Sequence[Document]) -> Sequence[Document]:
    """The few of nsys's diagnostics that matter most: what is incomplete before warnings, each in its own order."""
    kept = [diagnostic for diagnostic in rows if diagnostic["incomplete"] or diagnostic["severity"] != "note"]
    return sorted(kept, key=lambda diagnostic: not diagnostic["incomplete"])[:FEW_ROWS]


def _diagnostics(rows: Sequence[Document], *, full: bool) -> RenderableType:
    made = table("|nsys says", "<")
    made.columns[1].no_wrap, made.columns[1].overflow = False, "fold"
    for diagnostic in rows:
        severity = "incomplete" if diagnostic["incomplete"] else "note" if diagnostic["of"] else diagnostic["severity"]
        style = LEVEL_STYLE.get(severity, "default")
        times = f" (x{count(diagnostic['count'])})" if diagnostic["count"] > 1 else ""
        of = f" (of {diagnostic['of']})" if diagnostic["of"] else ""
        text = printable(diagnostic["text"], None if full else LONGEST_DIAGNOSTIC - len(of)) + of + times
        add(made, Text(severity, style=style), text)
    return made


def _left_out(document: Document, shown: int) -> RenderableType:
    """How many tables and notes there are beside what is shown."""
    number = len(document["tables"])
    said = f"{count(number)} {'table' if number == 1 else 'tables'}"
    notes = len(document["diagnostics"]) - shown
    more = f" and {count(notes)} more of nsys's diagnostics" if notes else ""
    return Text(f"{said}{more}: nsysgap info --tables.", style="dim")
