"""One table for everything: a row a network, module and place, a column a cost or a gain, from one run or several."""

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bench.report.content import Cell, Table, name
from bench.report.format import difference, interval, quantity, ratio
from bench.report.names import module_name, network_name
from bench.report.published import published_of
from bench.report.sources import records_of
from bench.report.summary import Threshold, doubtful
from bench.report.table import CONDITIONS
from bench.results.estimates import Comparison
from bench.results.gains import Gain
from bench.results.statistics import SIGNIFICANCE, holm_of_known, seen_interval, t_test

USUAL = {"execution": "eager", "dtype": "fp32", "memory_format": "contiguous"}
"""What is shown where it was measured; other ways to run a network have their rows in its own table."""


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
    if each.ratio:
        return ratio(each.ratio)
    return "baseline" if each.role == "baseline" else "–"


def _share(each: Comparison) -> str:
    """A mean over seeds in percent, and its difference to the baseline in points."""
    text = f"{100 * each.absolute.point:.2f} %"
    if not each.differences:
        return text
    mean, low, high = seen_interval([100 * one for one in each.differences])
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


def overview(comparisons: Sequence[Comparison], gains: Sequence[Gain], threshold: Threshold) -> Table | None:
    """The table; None where fewer than two of the measures are there.

    The best module of a network is marked, and with it those that cannot be told from it. None is where a time has no
    control that passes, nor is what does not make a network more accurate.

    Args:
        comparisons: of one or several runs.
        gains: of their trained variants.
        threshold: what the A/A control of a time is held to, as a fraction.
    """
    chosen = _chosen(comparisons)
    columns = [column for column in COLUMNS if any(column.heading == heading for heading, *_ in chosen)]
    if len({each.measure for each in chosen.values()}) < LEAST_MEASURES:
        return None
    rows = dict.fromkeys((backbone, attention, placement) for _, backbone, attention, placement in chosen)
    order = {backbone: number for number, (backbone, _, _) in reversed(list(enumerate(rows)))}
    ordered = sorted(rows, key=lambda row: order[row[0]])
    open_ = set(_inconclusive(comparisons, gains, threshold))
    untold = open_ | {id(gain.variant) for gain in gains if gain.told != "better"}
    marked = set(_marked(columns, chosen, untold))
    body = [
        [
            name(network_name(row[0])),
            name(module_name(row[1])),
            name(row[2]),
            *(_cell(column, chosen.get((column.heading, *row)), marked, open_) for column in columns),
        ]
        for row in ordered
    ]
    headings = ["network", "module", "placement", *(column.heading for column in columns)]
    told = [published_of(*row) for row in ordered]
    if any(told):
        headings.append("published")
        body = [[*cells, name(text or None)] for cells, text in zip(body, told, strict=True)]
    return Table(headings, body, records_of(chosen.values()))


Place = tuple[str, str, str, str | None]
"""Heading of the column, backbone, attention, placement."""


def _chosen(comparisons: Iterable[Comparison]) -> dict[Place, Comparison]:
    """What stands where: of each network's conditions the usual ones, else those that were measured first; of several
    runs the first.
    """
    conditions: dict[tuple[str, str], tuple[Any, ...]] = {}
    found: dict[Place, Comparison] = {}
    for each in sorted(comparisons, key=_unusual):
        axes = each.axes
        if each.role == "twin" or axes["backbone"] is None:
            continue
        for column in COLUMNS:
            if column.value == each.value and column.mode in (None, axes["mode"]):
                own = tuple(axes[axis] for axis in (*CONDITIONS, "dataset"))
                if conditions.setdefault((column.heading, axes["backbone"]), own) == own:
                    place = column.heading, axes["backbone"], axes["attention"], axes["placement"]
                    found.setdefault(place, each)
    return found


def _unusual(each: Comparison) -> bool:
    return any(each.axes[axis] not in (None, usual) for axis, usual in USUAL.items())


def _cell(column: Column, each: Comparison | None, marked: set[int], open_: set[int]) -> Cell:
    if each is None:
        return name(None)
    number: float | None = each.absolute.point
    if column.show is _times:
        number = each.ratio.point if each.ratio else 1.0 if each.role == "baseline" else None
    text = f"{column.show(each)}{', inconclusive' if id(each) in open_ else ''}"
    return Cell(text, number, id(each) in marked)


def _inconclusive(comparisons: Sequence[Comparison], gains: Sequence[Gain], threshold: Threshold) -> Iterator[int]:
    """Variants that nothing can be said of, by their identity: times without a control that passes, and accuracies that
    too few seeds tell apart.
    """
    yield from (id(gain.variant) for gain in gains if gain.told == "inconclusive")
    yield from (id(each) for each in doubtful(comparisons, threshold))


def _marked(columns: Iterable[Column], cells: dict[Place, Comparison], untold: Container[int]) -> Iterator[int]:
    """The best variants, and those that cannot be told from them, by their identity."""
    for column in columns:
        networks: dict[str, list[Comparison]] = {}
        for (heading, backbone, _, _), each in cells.items():
            told = _figures(each) and id(each) not in untold
            if column.better and heading == column.heading and each.role == "variant" and told:
                networks.setdefault(backbone, []).append(each)
        for members in networks.values():
            yield from _best(members, column.better or 0)


def _best(members: Sequence[Comparison], better: int) -> Iterator[int]:
    best = max(members, key=lambda each: better * sum(_figures(each)) / len(_figures(each)))
    others = [each for each in members if each is not best]
    adjusted = holm_of_known([_differ(each, best) for each in others])
    yield id(best)
    yield from (id(each) for each, p in zip(others, adjusted, strict=True) if p is None or p >= SIGNIFICANCE)


def _figures(each: Comparison) -> Sequence[float]:
    """One a repeat, against the baseline."""
    return each.figures if each.unit == "s" else each.differences


def _differ(one: Comparison, best: Comparison) -> float | None:
    """By a paired test, the p of "they do not differ"; None for what was measured apart, or by other seeds."""
    ours, theirs = _figures(one), _figures(best)
    if (one.run, one.group, one.seeds) != (best.run, best.group, best.seeds) or len(ours) != len(theirs):
        return None
    return t_test([a - b for a, b in zip(ours, theirs, strict=True)])


def conflicts(comparisons: Iterable[Comparison], at_a_glance: bool) -> Iterator[str]:
    """A sentence for each kind of value that two runs tell of; of counts, where they tell different things.

    What a machine reaches is not among them: it is told of each run.

    Args:
        comparisons: of several runs.
        at_a_glance: whether there is the one table, which shows the first of them.
    """
    seen: dict[tuple[str, str, str, str], Comparison] = {}
    found: dict[tuple[str, str, str, bool], list[tuple[Comparison, Comparison]]] = {}
    for each in comparisons:
        if each.role == "twin" or each.measure == "machine":
            continue
        first = seen.setdefault((each.measure, each.cell, each.role, each.value), each)
        counted = first.absolute.method == "exact"
        if first.run != each.run and not (counted and first.absolute == each.absolute):
            found.setdefault((each.value, first.run, each.run, counted), []).append((first, each))
    for (value, ours, theirs, counted), pairs in found.items():
        more = f"; {len(pairs) - 1} more likewise" if len(pairs) > 1 else ""
        if at_a_glance and any(column.value == value for column in COLUMNS):
            more += "; at a glance the first is shown"
        if counted:
            here, there = (f"{one.absolute.point:,} in {one.run}" for one in pairs[0])
            yield f"{value} of {pairs[0][0].cell} differs: {here}, and {there}{more}"
        else:
            yield f"{value} of {pairs[0][0].cell} is in {ours} and in {theirs}{more}"
