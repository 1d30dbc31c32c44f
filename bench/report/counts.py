"""What modules add to networks, in sentences, where counts are all that there is."""

from collections.abc import Iterator, Sequence

from bench.report.names import module_name, network_name
from bench.results.estimates import Comparison
from bench.results.statistics import Estimate

NAMES = {
    "params": "params",
    "macs": "MACs",
    "elementwise_ops": "other operations",
    "bytes_moved": "bytes moved",
    "operators": "operators",
    "saved_bytes": "saved for backward",
    "live_peak_bytes": "live at the peak",
}
"""Values that are told, in this order."""


def sentences(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """Of each module the least and the most that its counts come to, as multiples of the baseline's.

    Args:
        comparisons: of one or several runs, under whatever conditions.
    """
    seen: dict[str, dict[str, list[Estimate]]] = {}
    networks: dict[str, dict[str, None]] = {}
    for each in comparisons:
        if each.role == "variant" and each.value in NAMES and each.ratio is not None:
            module = module_name(each.axes["attention"])
            seen.setdefault(module, {}).setdefault(each.value, []).append(each.ratio)
            networks.setdefault(module, {})[each.axes["backbone"]] = None
    for module, values in seen.items():
        first, *others = networks[module]
        where = f"{len(others) + 1} networks" if others else network_name(first)
        told = ", ".join(f"{NAMES[value]} {_range(values[value])}" for value in NAMES if value in values)
        yield f"{module} in {where}: {told}."


def _range(ratios: Sequence[Estimate]) -> str:
    least, most = (f"×{extreme(each.point for each in ratios):.3f}" for extreme in (min, max))
    if least != most:
        return f"{least} to {most}"
    if least != "×1.000":
        return least
    return "unchanged" if all(each.point == 1 for each in ratios) else "nearly unchanged"
