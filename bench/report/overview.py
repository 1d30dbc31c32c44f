"""One table for everything: a row a network, module and place, a column a cost or a gain, from one run or several."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bench.report.format import difference, escape, interval, quantity, ratio
from bench.report.names import module_name, network_name
from bench.report.table import CONDITIONS
from bench.results.estimates import Comparison
from bench.results.statistics import student_interval

USUAL = {"execution": "eager", "dtype": "fp32", "memory_format": "contiguous"}
"""What is shown; other ways to run a network have their rows in its own table."""


@dataclass(frozen=True)
class Column:
    """One column.

    Args:
        heading: of the column.
        value: the name of the value.
        mode: of the cells; None for whatever was measured first, or where the measure reads none.
        show: what stands in a cell.
        better: 1 where more is better, −1 where less is, None where nothing is marked.
    """

    heading: str
    value: str
    mode: str | None
    show: Callable[[Comparison], str]
    better: int | None = None


def _count(each: Comparison) -> str:
    text = quantity(each.absolute.point, each.unit)
    return f"{text} ({difference(each.difference)})" if each.difference else text


def _times(each: Comparison) -> str:
    return ratio(each.ratio) if each.ratio else "baseline"


def _share(each: Comparison) -> str:
    """A mean over seeds in percent, and its difference to the baseline in points."""
    text = f"{100 * each.absolute.point:.2f} %"
    if not each.differences:
        return text
    mean, low, high = student_interval([100 * one for one in each.differences])
    return f"{text} ({mean:+.2f} {interval(low, high, 2)})".replace("-", "−")


COLUMNS = (
    Column("params (Δ)", "params", None, _count),
    Column("MACs (Δ)", "macs", "inference", _count),
    Column("other operations ×", "elementwise_ops", "inference", _times),
    Column("bytes moved ×", "bytes_moved", "inference", _times),
    Column("inference × [95 %]", "latency", "inference", _times, better=-1),
    Column("training × [95 %]", "latency", "training", _times, better=-1),
    Column("saved for backward ×", "saved_bytes", None, _times),
    Column("live at the peak ×", "live_peak_bytes", None, _times),
    Column("top-1 (Δ points [95 %])", "top1", None, _share, better=1),
)
LEAST_MEASURES = 2
"""A run of one measure has its own table, which says the same."""


def overview(comparisons: Sequence[Comparison]) -> str:
    """The table as Markdown; empty where fewer than two of the measures are there.

    The best module of a network stands in bold, and with it those that cannot be told from it.
    """
    from tabulate import tabulate

    chosen = _chosen(comparisons)
    columns = [column for column in COLUMNS if any(column.heading == heading for heading, _ in chosen.values())]
    cells = {place: each for place, (_, each) in chosen.items()}
    if len({each.measure for each in cells.values()}) < LEAST_MEASURES:
        return ""
    rows = dict.fromkeys((backbone, attention, placement) for _, backbone, attention, placement in cells)
    order = {backbone: number for number, (backbone, _, _) in reversed(list(enumerate(rows)))}
    marked = set(_marked(columns, cells))
    body = [
        [
            network_name(row[0]),
            module_name(row[1]),
            escape(row[2] or "–"),
            *(_cell(column, cells.get((column.heading, *row)), marked) for column in columns),
        ]
        for row in sorted(rows, key=lambda row: order[row[0]])
    ]
    headings = ["network", "module", "placement", *(column.heading for column in columns)]
    return tabulate(body, headers=headings, tablefmt="github", disable_numparse=True)


Place = tuple[str, str, str, str | None]
"""Heading of the column, backbone, attention, placement."""


def _chosen(comparisons: Iterable[Comparison]) -> dict[Place, tuple[str, Comparison]]:
    """What stands where: of each network's conditions those that were measured first, of several runs the first."""
    conditions: dict[tuple[str, str], tuple[Any, ...]] = {}
    found: dict[Place, tuple[str, Comparison]] = {}
    for each in comparisons:
        axes = each.axes
        if each.role == "twin" or axes["backbone"] is None or any(axes[a] not in (None, USUAL[a]) for a in USUAL):
            continue
        for column in COLUMNS:
            if column.value == each.value and column.mode in (None, axes["mode"]):
                own = tuple(axes[axis] for axis in (*CONDITIONS, "dataset"))
                if conditions.setdefault((column.heading, axes["backbone"]), own) == own:
                    place = column.heading, axes["backbone"], axes["attention"], axes["placement"]
                    found.setdefault(place, (column.heading, each))
    return found


def _cell(column: Column, each: Comparison | None, marked: set[int]) -> str:
    if each is None:
        return "–"
    text = column.show(each)
    return f"**{text}**" if id(each) in marked else text


def _marked(columns: Iterable[Column], cells: dict[Place, Comparison]) -> Iterator[int]:
    """The best variants, and those that cannot be told from them, by their identity."""
    for column in columns:
        networks: dict[str, list[Comparison]] = {}
        for (heading, backbone, _, _), each in cells.items():
            if column.better and heading == column.heading and each.role == "variant" and _figures(each):
                networks.setdefault(backbone, []).append(each)
        for members in networks.values():
            best = max(members, key=lambda each: (column.better or 0) * sum(_figures(each)) / len(_figures(each)))
            yield from (id(each) for each in members if each is best or _tied(each, best))


def _figures(each: Comparison) -> Sequence[float]:
    """One a repeat, against the baseline."""
    return each.figures if each.unit == "s" else each.differences


def _tied(one: Comparison, best: Comparison) -> bool:
    """Whether the interval of the paired difference holds 0; what was not measured together is not told apart."""
    ours, theirs = _figures(one), _figures(best)
    if (one.run, one.group) != (best.run, best.group) or len(ours) != len(theirs) or len(ours) < 2:
        return True
    _, low, high = student_interval([a - b for a, b in zip(ours, theirs, strict=True)])
    return low is not None and high is not None and low <= 0 <= high


def conflicts(comparisons: Iterable[Comparison]) -> Iterator[str]:
    """A sentence for each value that two runs tell of; of counts, where they tell different things."""
    seen: dict[tuple[str, str, str, str], Comparison] = {}
    for each in comparisons:
        if each.role == "twin":
            continue
        first = seen.setdefault((each.measure, each.cell, each.role, each.value), each)
        if first.run == each.run or (first.absolute.method == "exact" and first.absolute == each.absolute):
            continue
        what = f"{escape(each.value)} of {escape(each.cell)}"
        if first.absolute.method == "exact":
            ours, theirs = (quantity(one.absolute.point, one.unit) for one in (first, each))
            yield f"{what} is {ours} in {escape(first.run)}, which is shown, and {theirs} in {escape(each.run)}"
        else:
            yield f"{what} is in {escape(first.run)}, which is shown, and in {escape(each.run)}"
