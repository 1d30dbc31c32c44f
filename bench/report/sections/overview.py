"""The overview: one table with the costs and the accuracy gain of every network, module and placement."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, TypeAlias

from bench.report.blocks import Block, Heading, Paragraph, Table, TableCell, first_figures, text_cell
from bench.report.data import ReportData
from bench.report.names import CONDITIONS, change_heading, module_name, network_name, value_heading
from bench.report.numbers import change, difference, format_quantity, interval, percent, ratio
from bench.report.sections.published import published_of
from bench.report.sections.sources import records_of
from bench.results.accuracy import AccuracyGain
from bench.results.controls import TimedGroup, timed_group
from bench.results.estimates import Comparison
from bench.results.ranking import best_members, paired_values
from bench.results.statistics import interval_of_differences
from bench.results.time_verdicts import TimeVerdict
from bench.results.values import VALUES, ValueSpec

USUAL = {"execution": "eager", "dtype": "fp32", "memory_format": "contiguous"}
"""The conditions that are shown if they were measured."""
LEAST_MEASURES = 2
"""Minimum number of measures for an overview; the table of a single measure already shows the same numbers."""
OVERVIEW_NOTE = (
    "Each network is shown in eager execution and fp32 if that was measured. Apart from that, the conditions that were "
    "measured first are shown; the tables below contain all conditions. Δ, × and Δ % are relative to the baseline; "
    "brackets are 95 % confidence intervals."
)
BOLD_NOTE = (
    "Bold: the best of a network's modules and its baseline, and everything without a significant difference from it "
    "(paired tests, p < 0.05, Holm-adjusted; times must differ by more than the resolution of their group). Nothing is "
    "bold where nothing differs."
)


@dataclass(frozen=True)
class OverviewColumn:
    """A column of the overview.

    Args:
        value: name of the value.
        mode: the mode of the cells; None for the mode that was measured first, and for measures without the axis.
    """

    value: str
    mode: str | None = None

    @property
    def spec(self) -> ValueSpec:
        return VALUES[self.value]

    @property
    def heading(self) -> str:
        if self.spec.shown == "time":
            return f"{self.mode} {change_heading(self.spec)}"
        if self.spec.shown == "share":
            return f"{self.spec.title} (Δ pp [95 % CI])"
        return value_heading(self.spec)

    @property
    def ranked(self) -> bool:
        """Whether the best modules are marked. Only values with an estimate for each process or seed can be tested."""
        return self.spec.shown in ("time", "share")


OVERVIEW_COLUMNS = (
    OverviewColumn("params"),
    OverviewColumn("macs", "inference"),
    OverviewColumn("elementwise_ops", "inference"),
    OverviewColumn("bytes_moved", "inference"),
    OverviewColumn("latency", "inference"),
    OverviewColumn("latency", "training"),
    OverviewColumn("saved_bytes"),
    OverviewColumn("peak_bytes"),
    OverviewColumn("top1"),
)

OverviewRow: TypeAlias = tuple[str, str, str | None]
"""Backbone, attention and placement."""
ShownComparisons: TypeAlias = Mapping[tuple[OverviewColumn, OverviewRow], Comparison]
"""Column and row → the comparison that the table shows there."""


def overview(data: ReportData) -> Iterator[Block]:
    """The table with notes on how to read it, and figures of costs and gains."""
    from bench.report.figures.forest import forest
    from bench.report.figures.pareto import pareto

    if (table := overview_table(data.comparisons, data.gains, data.times)) is not None:
        yield Heading("Overview")
        yield table
        has_bold = any(cell.best for row in table.rows for cell in row)
        yield Paragraph(f"{OVERVIEW_NOTE} {BOLD_NOTE}" if has_bold else OVERVIEW_NOTE)
    yield from first_figures(forest(data))
    yield from first_figures(pareto(data))


def has_overview(comparisons: Iterable[Comparison]) -> bool:
    """Whether the page has the table."""
    return _has_table(_shown(comparisons))


def _has_table(shown: ShownComparisons) -> bool:
    return len({comparison.measure for comparison in shown.values()}) >= LEAST_MEASURES


def overview_table(
    comparisons: Sequence[Comparison], gains: Sequence[AccuracyGain], times: Sequence[TimeVerdict]
) -> Table | None:
    """The table; None if the runs contain fewer than two of its measures.

    The best of a network's modules and its baseline is marked, and everything without a significant difference from it.
    Times of a group that is inconclusive as a whole are not marked.

    Args:
        comparisons: the comparisons of one or several runs.
        gains: the accuracy gains of their trained variants.
        times: the verdicts on their times.
    """
    shown = _shown(comparisons)
    if not _has_table(shown):
        return None
    present = {column for column, _ in shown}
    columns = [column for column in OVERVIEW_COLUMNS if column in present]
    rows = _ordered_rows(shown)
    inconclusive = {id(time.variant) for time in times if time.verdict == "inconclusive"}
    inconclusive |= {id(gain.variant) for gain in gains if gain.verdict == "inconclusive"}
    resolutions = {timed_group(time.variant): time for time in times}
    best = {id(member) for column in columns if column.ranked for member in _best(column, shown, resolutions)}
    cells = [
        [
            text_cell(network_name(row[0])),
            text_cell(module_name(row[1])),
            text_cell(row[2]),
            *(_cell(column, shown.get((column, row)), best, inconclusive) for column in columns),
        ]
        for row in rows
    ]
    headings = ["network", "module", "placement", *(column.heading for column in columns)]
    published = [published_of(*row) for row in rows]
    if any(published):
        headings.append("published")
        cells = [[*row, text_cell(text or None)] for row, text in zip(cells, published, strict=True)]
    return Table(headings, cells, records_of(shown.values()))


def _shown(comparisons: Iterable[Comparison]) -> ShownComparisons:
    """The comparisons in the table.

    A network is shown under its usual conditions if they were measured, and otherwise under those measured first. If
    several runs contain them, the first run is shown.
    """
    conditions: dict[tuple[OverviewColumn, str], tuple[Any, ...]] = {}
    shown: dict[tuple[OverviewColumn, OverviewRow], Comparison] = {}
    for comparison in sorted(comparisons, key=_is_unusual):
        axes = comparison.axes
        if comparison.role == "control" or axes["backbone"] is None:
            continue
        for column in OVERVIEW_COLUMNS:
            if column.value == comparison.value and column.mode in (None, axes["mode"]):
                current = tuple(axes[axis] for axis in (*CONDITIONS, "dataset"))
                if conditions.setdefault((column, axes["backbone"]), current) == current:
                    row = axes["backbone"], axes["attention"], axes["placement"]
                    shown.setdefault((column, row), comparison)
    return shown


def _is_unusual(comparison: Comparison) -> bool:
    return any(comparison.axes[axis] not in (None, usual) for axis, usual in USUAL.items())


def _ordered_rows(shown: ShownComparisons) -> list[OverviewRow]:
    """The rows in the order measured, with the rows of one network next to each other."""
    rows = list(dict.fromkeys(row for _, row in shown))
    networks = list(dict.fromkeys(backbone for backbone, _, _ in rows))
    return sorted(rows, key=lambda row: networks.index(row[0]))


def _best(
    column: OverviewColumn, shown: ShownComparisons, times: Mapping[TimedGroup, TimeVerdict]
) -> Iterator[Comparison]:
    """The best members of each network in a column.

    Args:
        column: the column.
        shown: the comparisons in the table.
        times: a verdict of each timed group, for its resolution.
    """
    networks: dict[str, list[Comparison]] = {}
    for (other, (backbone, _, _)), comparison in shown.items():
        if other == column and paired_values(comparison):
            networks.setdefault(backbone, []).append(comparison)
    for members in networks.values():
        margin = max(_margin(member, times) for member in members)
        if margin < inf:
            yield from best_members(members, column.spec.better or "lower", margin)


def _margin(member: Comparison, times: Mapping[TimedGroup, TimeVerdict]) -> float:
    """The smallest difference that counts, in the unit of :func:`paired_values`."""
    if member.unit != "s":
        return 0.0
    time = times.get(timed_group(member))
    return inf if time is None else time.margin


def _cell(column: OverviewColumn, comparison: Comparison | None, best: set[int], inconclusive: set[int]) -> TableCell:
    if comparison is None:
        return text_cell(None)
    text, number = _CONTENTS[column.spec.shown](comparison)
    remark = ", inconclusive" if id(comparison) in inconclusive else ""
    return TableCell(f"{text}{remark}", number, id(comparison) in best)


def _count(comparison: Comparison) -> tuple[str, float | None]:
    """A count with its difference from the baseline."""
    text = format_quantity(comparison.absolute.point, comparison.unit)
    if comparison.difference:
        text += f" ({difference(comparison.difference)})"
    return text, comparison.absolute.point


def _multiple(comparison: Comparison) -> tuple[str, float | None]:
    """A value as a multiple of the baseline's."""
    if comparison.ratio:
        return ratio(comparison.ratio), comparison.ratio.point
    return ("baseline", 1.0) if comparison.role == "baseline" else ("–", None)


def _change(comparison: Comparison) -> tuple[str, float | None]:
    """The change of a time relative to the baseline, in percent."""
    if comparison.ratio:
        return percent(comparison.ratio), change(comparison.ratio.point)
    return ("baseline", 0.0) if comparison.role == "baseline" else ("–", None)


def _share(comparison: Comparison) -> tuple[str, float | None]:
    """A mean share over seeds in percent, with its difference from the baseline in percentage points."""
    text = f"{100 * comparison.absolute.point:.2f} %"
    if comparison.differences:
        mean, low, high = interval_of_differences([100 * one for one in comparison.differences])
        text += f" ({mean:+.2f} {interval(low, high, 2)})".replace("-", "−")
    return text, comparison.absolute.point


_CONTENTS = {"difference": _count, "ratio": _multiple, "time": _change, "share": _share}
"""How a value is shown → function that returns the text and the sorting key of its cell."""
