"""The results at a glance: one row for each variant, with its accuracy gain, its costs and a verdict."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, TypeAlias

from bench.report.blocks import Block, Heading, Paragraph, Table, TableCell, first_figures, text_cell
from bench.report.data import ReportData
from bench.report.names import CONDITIONS, USUAL, condition_name, module_names, network_name
from bench.report.numbers import change, difference, format_quantity, interval, percent, ratio
from bench.report.sections.sources import records_of
from bench.results.accuracy import AccuracyGain
from bench.results.controls import TimedGroup, timed_group
from bench.results.estimates import Comparison, shown_ratio
from bench.results.ranking import best_members, paired_values
from bench.results.statistics import interval_of_differences
from bench.results.time_verdicts import TimeVerdict
from bench.results.values import VALUES, ValueSpec

MOST_VALUES = 5
"""Maximum number of columns with values; network, module and verdict come in addition."""
GLANCE_NOTE = (
    "Δ and × are relative to the baseline, the first row of each network; Δ of a time comes from ratios within rounds "
    "and is not the quotient of the times shown. Brackets are 95 % confidence intervals, or "
    "the range over processes where these disagree. A time is slower or faster if its interval lies beyond the "
    "resolution ±r of its group; an accuracy is better or worse if p < 0.05, Holm-adjusted. The tables under Details "
    "have all values and conditions."
)
BOLD_NOTE = (
    "Bold: the best of a network's rows, and all that do not differ from it (paired tests, Holm-adjusted; times must "
    "differ by more than the resolution)."
)

Row: TypeAlias = tuple[str, str, str | None]
"""Backbone, attention and placement."""


@dataclass(frozen=True)
class GlanceColumn:
    """A column with one value.

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
        if self.spec.shown == "share":
            return f"{self.spec.title} (Δ pp [95 % CI])"
        if self.spec.shown == "time":
            return f"{f'{self.mode} ' if self.mode else ''}{self.spec.title} (Δ % [95 % CI])"
        mode = " in training" if self.value == "saved_bytes" else ""
        return f"{self.spec.title}{mode} ({'Δ' if self.spec.shown == 'difference' else '×'})"

    @property
    def ranked(self) -> bool:
        """Whether the best rows are marked. Only values with an estimate for each process or seed can be tested."""
        return self.spec.shown in ("time", "share")


Shown: TypeAlias = Mapping[tuple[GlanceColumn, Row], Comparison]
"""Column and row → the comparison that the table shows there."""


def glance(data: ReportData) -> Iterator[Block]:
    """The table with a note on how to read it, and figures of costs and gains."""
    from bench.report.figures.forest import forest
    from bench.report.figures.pareto import pareto

    if (table := glance_table(data.comparisons, data.gains, data.times)) is not None:
        yield Heading("At a glance")
        yield from first_figures(forest(data))
        caption, shown = without_constant_columns(table)
        yield shown
        has_bold = any(cell.best for row in table.rows for cell in row)
        yield Paragraph(" ".join(filter(None, (caption, GLANCE_NOTE, BOLD_NOTE if has_bold else ""))))
    else:
        yield from first_figures(forest(data))
    yield from first_figures(pareto(data))


def glance_table(
    comparisons: Sequence[Comparison], gains: Sequence[AccuracyGain], times: Sequence[TimeVerdict]
) -> Table | None:
    """The table with all of its columns; None if the runs have none of its values.

    Args:
        comparisons: the comparisons of one or several runs.
        gains: the accuracy gains of their trained variants.
        times: the verdicts on their times.
    """
    shown = shown_comparisons(comparisons)
    columns = [column for column in _columns(comparisons) if any(other == column for other, _ in shown)]
    columns = columns[:MOST_VALUES]
    rows = _ordered_rows(row for column, row in shown if column in columns)
    if not columns or len(rows) < 2:
        return None
    time_of = {id(time.variant): time for time in times}
    gain_of = {id(gain.variant): gain for gain in gains}
    best = {id(member) for column in columns if column.ranked for member in _best(column, shown, times)}
    networks, modules = _network_names(shown, rows), module_names(rows)
    cells = [
        [
            text_cell(networks[row[0]]),
            text_cell(modules[row]),
            *(_cell(column, shown.get((column, row)), time_of, best) for column in columns),
            text_cell(row_verdict(_compared(shown, row, columns), time_of, gain_of)),
        ]
        for row in rows
    ]
    headings = ["network", "module", *(column.heading for column in columns), "verdict"]
    used = [comparison for (column, _), comparison in shown.items() if column in columns]
    return Table(headings, cells, records_of(used))


def without_constant_columns(table: Table) -> tuple[str, Table]:
    """A sentence on the columns that have the same text in all rows, and the table without them.

    Verdicts are left out if there are none.
    """
    constant = [place for place, heading in enumerate(table.headings) if _is_constant(heading, table.column(place))]
    verdicts = list(table.headings).index("verdict")
    without_verdicts = {verdicts} if {cell.text for cell in table.column(verdicts)} <= {"baseline", "–"} else set()
    facts = [
        text if heading == "network" else f"{heading.partition(' (')[0]} {text}"
        for heading, text in ((table.headings[place], table.rows[0][place].text) for place in constant)
    ]
    kept = [place for place in range(len(table.headings)) if place not in {*constant, *without_verdicts}]
    rows = [[row[place] for place in kept] for row in table.rows]
    caption = f"All rows: {'; '.join(facts)}." if facts else ""
    return caption, Table([table.headings[place] for place in kept], rows, table.records)


def _is_constant(heading: str, cells: Sequence[TableCell]) -> bool:
    """Whether all cells have the same text; a difference of 0 does not count."""
    return heading not in ("module", "verdict") and len({cell.text.removesuffix(" (+0)") for cell in cells}) == 1


def _columns(comparisons: Iterable[Comparison]) -> list[GlanceColumn]:
    """All columns in order of importance. Both modes of latency have a column if a network has both."""
    modes: dict[str, set[str]] = {}
    for comparison in comparisons:
        if comparison.value == "latency" and comparison.axes["backbone"] is not None:
            modes.setdefault(comparison.axes["backbone"], set()).add(comparison.axes["mode"])
    both = any(len(of_network) > 1 for of_network in modes.values())
    latencies = [GlanceColumn("latency", mode) for mode in (("inference", "training") if both else (None,))]
    return [
        GlanceColumn("top1"),
        *latencies,
        GlanceColumn("params"),
        GlanceColumn("macs", "inference"),
        GlanceColumn("saved_bytes"),
        GlanceColumn("elementwise_ops", "inference"),
        GlanceColumn("bytes_moved", "inference"),
        GlanceColumn("peak_bytes"),
    ]


def shown_comparisons(comparisons: Sequence[Comparison]) -> Shown:
    """The comparisons in the table.

    A network is shown under its usual conditions if they were measured, and otherwise under those measured first. If
    several runs contain them, the first run is shown.
    """
    conditions: dict[tuple[GlanceColumn, str], tuple[Any, ...]] = {}
    shown: dict[tuple[GlanceColumn, Row], Comparison] = {}
    columns = _columns(comparisons)
    for comparison in sorted(comparisons, key=_is_unusual):
        axes = comparison.axes
        if comparison.role == "control" or axes["backbone"] is None:
            continue
        for column in columns:
            if column.value == comparison.value and column.mode in (None, axes["mode"]):
                current = tuple(axes[axis] for axis in (*CONDITIONS, "dataset"))
                if conditions.setdefault((column, axes["backbone"]), current) == current:
                    row = axes["backbone"], axes["attention"], axes["placement"]
                    shown.setdefault((column, row), comparison)
    return shown


def _is_unusual(comparison: Comparison) -> bool:
    return any(comparison.axes[axis] not in (None, usual) for axis, usual in USUAL.items())


def _ordered_rows(rows: Iterable[Row]) -> list[Row]:
    """The rows in the order measured, with the rows of one network next to each other."""
    distinct = list(dict.fromkeys(rows))
    networks = list(dict.fromkeys(backbone for backbone, _, _ in distinct))
    return sorted(distinct, key=lambda row: networks.index(row[0]))


def _network_names(shown: Shown, rows: Sequence[Row]) -> dict[str, str]:
    """Backbone → its name with the conditions that its times share: "ResNet-18, inference, batch 1, 224 px"."""
    names = {}
    for backbone in dict.fromkeys(row[0] for row in rows):
        timed = [member for (column, row), member in shown.items() if row[0] == backbone and column.value == "latency"]
        shared = [axis for axis in CONDITIONS if len({member.axes[axis] for member in timed}) == 1]
        labels = [(axis, timed[0].axes[axis]) for axis in shared]
        conditions = [condition_name(axis, label) for axis, label in labels if label not in (None, USUAL.get(axis))]
        names[backbone] = ", ".join([network_name(backbone), *conditions])
    return names


def _best(column: GlanceColumn, shown: Shown, times: Sequence[TimeVerdict]) -> Iterator[Comparison]:
    """The best members of each network in a column, among those that were measured together with its baseline."""
    margins = {timed_group(time.variant): time.margin for time in times}
    groups: dict[tuple[str, str, str], list[Comparison]] = {}
    for (other, (backbone, _, _)), comparison in shown.items():
        if other == column and paired_values(comparison):
            groups.setdefault((backbone, comparison.run, comparison.group), []).append(comparison)
    for members in groups.values():
        if not any(member.role == "baseline" for member in members):
            continue
        margin = max(_margin(member, margins) for member in members)
        if margin < inf:
            yield from best_members(members, column.spec.better or "lower", margin)


def _margin(member: Comparison, margins: Mapping[TimedGroup, float]) -> float:
    """The smallest difference that counts, in the unit of :func:`paired_values`."""
    return margins.get(timed_group(member), inf) if member.unit == "s" else 0.0


def _compared(shown: Shown, row: Row, columns: Iterable[GlanceColumn]) -> list[tuple[str, Comparison]]:
    """The comparisons of a row, each with the mode that its column names."""
    return [(column.mode or "", shown[column, row]) for column in columns if (column, row) in shown]


def row_verdict(
    values: Sequence[tuple[str, Comparison]], times: Mapping[int, TimeVerdict], gains: Mapping[int, AccuracyGain]
) -> str:
    """The verdicts on the accuracy and the times of a row: "no significant gain; slower".

    Args:
        values: comparisons of the row, each with the mode to name if the row has several.
        times: id of a comparison → the verdict on its time.
        gains: id of a comparison → its accuracy gain.
    """
    if any(member.role == "baseline" for _, member in values):
        return "baseline"
    parts = []
    for mode, member in values:
        if (gain := gains.get(id(member))) is not None:
            parts.append(accuracy_verdict(gain))
        if (time := times.get(id(member))) is not None:
            parts.append(f"{f'{mode}: ' if mode else ''}{time_verdict(time)}")
    return "; ".join(parts) or "–"


def accuracy_verdict(gain: AccuracyGain) -> str:
    """The verdict on an accuracy."""
    if gain.verdict == "inconclusive":
        return f"no significant {'gain' if gain.points.point >= 0 else 'loss'}"
    return {"better": "more accurate", "worse": "less accurate"}[gain.verdict]


def time_verdict(time: TimeVerdict) -> str:
    """The verdict on a time, with the resolution or the reason that it depends on."""
    resolution = f"±{time.resolution_percent:.2g} %"
    if time.verdict == "no difference":
        return f"no difference beyond {resolution}"
    if time.verdict == "inconclusive":
        return f"inconclusive ({time.cause})" if time.cause else f"inconclusive at {resolution}"
    return f"{time.verdict}{' (processes disagree)' if time.cause else ''}"


def _cell(
    column: GlanceColumn, comparison: Comparison | None, times: Mapping[int, TimeVerdict], best: set[int]
) -> TableCell:
    if comparison is None:
        return text_cell(None)
    text, number = _content(column, comparison, times.get(id(comparison)))
    return TableCell(text, number, id(comparison) in best)


def _content(column: GlanceColumn, comparison: Comparison, time: TimeVerdict | None) -> tuple[str, float | None]:
    """The text of a cell and its sorting key."""
    shown = column.spec.shown
    if shown == "share":
        return _share(comparison), comparison.absolute.point
    absolute = format_quantity(comparison.absolute.point, comparison.unit)
    if shown == "time":
        relative = shown_ratio(comparison)
        if relative is None:
            return absolute, 0.0 if comparison.role == "baseline" else None
        return f"{absolute} ({percent(relative)})", change(relative.point)
    relative_text = ""
    if shown == "ratio" and comparison.ratio:
        relative_text = f" ({ratio(comparison.ratio)})"
    elif shown == "difference" and comparison.difference:
        relative_text = f" ({difference(comparison.difference)})"
    return absolute + relative_text, comparison.absolute.point


def _share(comparison: Comparison) -> str:
    """A mean share over seeds in percent, with its difference from the baseline in percentage points."""
    text = f"{100 * comparison.absolute.point:.2f} %"
    if comparison.differences:
        mean, low, high = interval_of_differences([100 * one for one in comparison.differences])
        text += f" ({mean:+.2f} {interval(low, high, 2)})".replace("-", "−")
    return text
