"""What modules add to networks, in sentences, where counts are all that there is."""

from collections.abc import Iterator, Sequence

from bench.report.names import module_name, network_name
from bench.report.table import HEADINGS
from bench.results.estimates import Comparison
from bench.results.statistics import Estimate

TOLD = ("params", "macs", "elementwise_ops", "bytes_moved", "operators", "saved_bytes", "live_peak_bytes")
"""Values that are told, in this order; what fvcore and torch count says no more than the MACs."""


def sentences(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """Of each module, and each mode where it was counted in several, the least and the most that its counts come to, as
    multiples of the baseline's. What autograd keeps is counted in training mode whatever the mode, and told of one.

    Args:
        comparisons: of one or several runs, under whatever conditions.
    """
    trained = any(each.axes["mode"] == "training" for each in comparisons)
    seen: dict[tuple[str, str], list[Comparison]] = {}
    for each in comparisons:
        again = each.value == "saved_bytes" and each.axes["mode"] == "inference" and trained
        if each.role == "variant" and each.value in TOLD and each.ratio is not None and not again:
            mode = f", {each.axes['mode']}" if each.axes["mode"] else ""
            seen.setdefault((module_name(each.axes["attention"]), mode), []).append(each)
    several = len({mode for _, mode in seen}) > 1
    for (module, mode), counts in seen.items():
        first, *others = dict.fromkeys(each.axes["backbone"] for each in counts)
        where = f"{len(others) + 1} networks" if others else network_name(first)
        yield f"{module} in {where}{mode if several else ''}: {', '.join(_told(counts))}."


def _told(counts: Sequence[Comparison]) -> Iterator[str]:
    for value in TOLD:
        if ratios := [each.ratio for each in counts if each.value == value and each.ratio is not None]:
            yield f"{HEADINGS[value].partition(' (')[0]} {_range(ratios)}"


def _range(ratios: Sequence[Estimate]) -> str:
    least, most = (f"×{extreme(each.point for each in ratios):.3f}" for extreme in (min, max))
    if least != most:
        return f"{least} to {most}"
    if least != "×1.000":
        return least
    return "unchanged" if all(each.point == 1 for each in ratios) else "nearly unchanged"
