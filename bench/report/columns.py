"""The columns that a user chooses for a table: names such as ``latency_ms``, ``top1_delta`` and ``verdict``."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import floor, log10
from statistics import median
from typing import Literal, TypeAlias

from bench.errors import InputError
from bench.report.blocks import TableCell, text_cell
from bench.report.numbers import change, difference, interval, percent
from bench.report.rows import ValueRow
from bench.results.estimates import Comparison, shown_ratio
from bench.results.statistics import deviation, interval_of_differences
from bench.results.values import VALUES, ValueSpec, value_spec
from simam.registry import did_you_mean

Form: TypeAlias = Literal["value", "delta"]
Numbers: TypeAlias = dict[str, float | str | None]
"""Column of a data frame → its number or text."""

ALIASES: Mapping[str, tuple[str, str]] = {"flops": ("macs", "FLOPs"), "memory": ("peak_bytes", "peak memory")}
"""Another name of a value → the value, and the title under that name."""
UNITS: Mapping[str, Mapping[str, tuple[str, float]]] = {
    "s": {"s": ("s", 1.0), "ms": ("ms", 1e-3), "us": ("µs", 1e-6), "µs": ("µs", 1e-6)},
    "B": {
        "b": ("B", 1.0),
        "kb": ("kB", 1e3),
        "mb": ("MB", 1e6),
        "gb": ("GB", 1e9),
        "kib": ("KiB", 2.0**10),
        "mib": ("MiB", 2.0**20),
        "gib": ("GiB", 2.0**30),
    },
    "1": {"": ("", 1.0), "k": ("k", 1e3), "m": ("M", 1e6), "g": ("G", 1e9)},
}
"""SI unit of a value → suffix of a column's name → symbol and scale."""
SHARE = ("%", 0.01)
"""Symbol and scale of a share."""
DELTA, VERDICT = "delta", "verdict"
COLUMN_HELP = (
    "a value (params, latency, top1, …), a value in a unit (latency_ms, peak_bytes_mib, params_m), its change relative "
    "to the baseline (latency_delta, top1_delta), flops (another name of macs), or verdict"
)


@dataclass(frozen=True)
class ValueColumn:
    """A column with a value, or with its change relative to the baseline.

    Args:
        name: name of the column, as the user wrote it.
        spec: the value.
        title: title of the value.
        form: the value itself, or its change.
        symbol: symbol of the unit.
        scale: the unit in units of the records.
        has_unit: whether the name of the column has the unit; otherwise numbers for programs are in SI units.
        decimals: number of decimals.
    """

    name: str
    spec: ValueSpec
    title: str
    form: Form
    symbol: str
    scale: float
    has_unit: bool
    decimals: int

    @property
    def heading(self) -> str:
        """The title with the unit: "latency (ms)", "Δ latency (%) [95 % CI]"."""
        if self.form == "value":
            return f"{self.title} ({self.symbol})" if self.symbol else self.title
        if self.spec.shown == "share":
            return f"Δ {self.title} (pp) [95 % CI]"
        if self.spec.shown in ("time", "ratio"):
            return f"Δ {self.title} (%){' [95 % CI]' if self.spec.shown == 'time' else ''}"
        return f"Δ {self.title}"

    def cell(self, row: ValueRow) -> TableCell:
        """The text of a row in this column."""
        comparison = row.values.get(self.spec.name)
        if comparison is None:
            return text_cell(None)
        return self._change(comparison) if self.form == "delta" else self._value(comparison)

    def numbers(self, row: ValueRow) -> Numbers:
        """The numbers of a row: the value, or its change with the interval. Shares are in percent."""
        comparison = row.values.get(self.spec.name)
        if self.form == "value":
            scale = self.scale if self.has_unit or self.spec.shown == "share" else 1.0
            numbers: Numbers = {self.name: None if comparison is None else _scaled(comparison.absolute.point, scale)}
            if self.spec.shown == "share":
                numbers[f"{self.name}_sd"] = None if comparison is None else self._spread(comparison)
            return numbers
        bounds = (None, None, None) if comparison is None else self._bounds(comparison)
        return dict(zip((self.name, f"{self.name}_low", f"{self.name}_high"), bounds, strict=True))

    def _value(self, comparison: Comparison) -> TableCell:
        number = comparison.absolute.point / self.scale
        text = f"{number:,.{self.decimals}f}"
        if self.spec.shown == "share" and (spread := self._spread(comparison)) is not None:
            text += f" ± {spread:.{self.decimals}f}"
        return TableCell(text.replace("-", "−"), comparison.absolute.point)

    def _spread(self, comparison: Comparison) -> float | None:
        """Standard deviation over seeds, in the column's unit."""
        return deviation(comparison.per_process) / self.scale if len(comparison.per_process) > 1 else None

    def _change(self, comparison: Comparison) -> TableCell:
        if comparison.role == "baseline":
            return text_cell("baseline")
        point, low, high = self._bounds(comparison)
        if point is None:
            return text_cell(None)
        if self.spec.shown == "share":
            return TableCell(f"{point:+.2f} {interval(low, high, 2)}".replace("-", "−"), point)
        if self.spec.shown == "time" and (relative := shown_ratio(comparison)):
            return TableCell(percent(relative).replace(" %", ""), point)
        if self.spec.shown == "ratio":
            return TableCell(f"{point:+.1f}".replace("-", "−"), point)
        assert comparison.difference is not None
        return TableCell(difference(comparison.difference), point)

    def _bounds(self, comparison: Comparison) -> tuple[float | None, float | None, float | None]:
        """Point, low and high of the change: in percentage points, in percent, or in the unit of the records."""
        if self.spec.shown == "share":
            points = [100 * one for one in comparison.differences]
            return interval_of_differences(points) if points else (None, None, None)
        relative = self.spec.shown in ("time", "ratio")
        estimate = shown_ratio(comparison) if relative else comparison.difference
        if estimate is None:
            return None, None, None
        bounds = (estimate.point, estimate.low, estimate.high)
        if relative:
            return tuple(None if bound is None else change(bound) for bound in bounds)  # type: ignore[return-value]
        return bounds


def _scaled(number: float | int, scale: float) -> float | int:
    """A number in another unit; whole numbers in the unit of the records stay whole."""
    return number if scale == 1.0 else number / scale


def parse_column(name: str, comparisons: Iterable[Comparison]) -> ValueColumn:
    """The column with a name.

    Args:
        name: a value, ``VALUE_UNIT`` or ``VALUE_delta``; an alias stands for its value.
        comparisons: the comparisons that the table is made from.

    Raises:
        InputError: no value with this name was measured, or the unit is unknown.
    """
    measured: dict[str, list[Comparison]] = {}
    for comparison in comparisons:
        measured.setdefault(comparison.value, []).append(comparison)
    value, suffix = _split(name.lower(), measured)
    value, title = ALIASES.get(value, (value, None))
    members = measured[value]
    spec = value_spec(value, members[0].unit)
    if suffix == DELTA:
        return ValueColumn(name, spec, title or spec.title, "delta", "", 1.0, False, 0)
    symbol, scale = _unit(spec, suffix, [abs(float(member.absolute.point)) for member in members], name)
    smallest = min((abs(member.absolute.point) / scale for member in members if member.absolute.point), default=1.0)
    whole = scale == 1.0 and all(isinstance(member.absolute.point, int) for member in members)
    decimals = 0 if whole else 2 if spec.shown == "share" else min(3, max(0, 3 - floor(log10(smallest))))
    return ValueColumn(name, spec, title or spec.title, "value", symbol, scale, bool(suffix), decimals)


def _split(name: str, measured: Mapping[str, object]) -> tuple[str, str]:
    """A column's name as value and suffix; names of values may have underscores."""
    known = [*measured, *(alias for alias, (value, _) in ALIASES.items() if value in measured)]
    if name in known:
        return name, ""
    value, _, suffix = name.rpartition("_")
    if value in known and suffix:
        return value, suffix
    for candidate in (name, value):
        if candidate not in known and ALIASES.get(candidate, (candidate, ""))[0] in VALUES:
            raise InputError(f"--columns {name}: the runs have no {candidate}; they have {', '.join(known)}")
    raise InputError(
        f"--columns {name}: no such column; {did_you_mean(name, [*known, VERDICT])}; a column is {COLUMN_HELP}"
    )


def _unit(spec: ValueSpec, suffix: str, numbers: Sequence[float], name: str) -> tuple[str, float]:
    """Symbol and scale: those of the suffix, or those in which the median has one to three digits."""
    if spec.shown == "share":
        units: Mapping[str, tuple[str, float]] = {"percent": SHARE}
    else:
        units = UNITS.get(spec.unit, {"": (spec.unit, 1.0)})
    if suffix:
        if suffix.lower() not in units:
            names = [f"{spec.name}_{unit}" for unit in units if unit.isascii() and unit]
            raise InputError(f"--columns {name}: write {', '.join(names)} or {spec.name}_delta")
        return units[suffix.lower()]
    typical = median(numbers)
    scales = sorted((unit for unit in units.values() if not unit[0].endswith("iB")), key=lambda unit: unit[1])
    return next((unit for unit in reversed(scales) if typical >= unit[1]), scales[0])
