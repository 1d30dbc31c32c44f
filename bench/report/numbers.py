"""Numbers and other texts as a report prints them."""

import re
from collections.abc import Sequence

from bench.results.estimates import RANGE
from bench.results.statistics import Estimate

_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"))
_SYMBOLS = {"1": "", "B": "B", "s": "s"}


def format_quantity(number: float, unit: str) -> str:
    """Four significant digits and a decimal prefix: 0.0521 s becomes "52.10 ms", 11689512 becomes "11.69 M"."""
    if unit == "1" and isinstance(number, float) and abs(number) < 1000:
        return f"{number:.4g}"
    scale, prefix = next(((scale, prefix) for scale, prefix in _PREFIXES if abs(number) >= scale), (1.0, ""))
    if isinstance(number, int) and abs(number) < 1000:
        return f"{number} {_SYMBOLS.get(unit, unit)}".strip()
    digits = max(0, 3 - len(str(int(abs(number) / scale))) + 1)
    return f"{number / scale:.{digits}f} {prefix}{_SYMBOLS.get(unit, unit)}".strip()


def difference(estimate: Estimate) -> str:
    """A difference with its sign: "+0", "−87,040"; "+0.031 [0.012, 0.050]" if it is not exact."""
    if estimate.method != "exact":
        return f"{estimate.point:+.3f} {interval(estimate.low, estimate.high, 3)}".replace("-", "−")
    return (f"{estimate.point:+,}" if isinstance(estimate.point, int) else f"{estimate.point:+.4g}").replace("-", "−")


def ratio(estimate: Estimate) -> str:
    """A ratio as a multiple: "×1.061 [1.054, 1.068]"; an exact one has no interval."""
    if estimate.method == "exact":
        return f"×{estimate.point:.3f}"
    return f"×{estimate.point:.3f} {interval(estimate.low, estimate.high, 3)}"


def percent(estimate: Estimate, digits: int = 1) -> str:
    """A ratio as a change: "+6.1 % [5.4, 6.8]"; a range over processes that disagree is marked."""
    low, high = (None if bound is None else change(bound) for bound in (estimate.low, estimate.high))
    mark = " (range)" if estimate.method.startswith(RANGE) else ""
    return f"{change(estimate.point):+.{digits}f} % {interval(low, high, digits)}{mark}".replace("-", "−")


def change(ratio_to_baseline: float) -> float:
    """A ratio as a change in percent: 1.061 becomes 6.1."""
    return 100 * (ratio_to_baseline - 1)


def interval(low: float | None, high: float | None, digits: int) -> str:
    """Both bounds as "[low, high]", or "[no interval]"."""
    if low is None or high is None:
        return "[no interval]"
    return f"[{low:.{digits}f}, {high:.{digits}f}]".replace("-", "−")


def enumerated(items: Sequence[str]) -> str:
    """The items as a phrase: "one, two and three"."""
    *others, last = items
    return f"{', '.join(others)} and {last}" if others else last


def escape_markdown(text: object) -> str:
    """Text that Markdown shows as it is, in tables too. Brackets that cannot be a link stay unescaped."""
    return re.sub(r"([\\`*_<>|#]|\](?=[(\[:]))", r"\\\1", str(text)).replace("\n", " ")
