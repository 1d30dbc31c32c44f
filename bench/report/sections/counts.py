"""Sentences on the counts that modules add to networks, for reports that contain only counts."""

from collections.abc import Iterator, Sequence

from bench.report.names import module_name, network_name
from bench.results.estimates import Comparison
from bench.results.statistics import Estimate
from bench.results.values import VALUES

EXACT = tuple(spec for spec in VALUES.values() if spec.default_gate == "exact")
"""The counts that sentences name, in this order."""


def count_sentences(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """The range of each count as a multiple of the baseline's: one sentence for each module and mode.

    The mode is named if there are several. ``saved_bytes`` is always counted in training mode, so it is in the sentence
    on training alone if there is one.

    Args:
        comparisons: the comparisons of one or several runs, under any conditions.
    """
    trains = any(member.axes["mode"] == "training" for member in comparisons)
    names = {spec.name for spec in EXACT}
    groups: dict[tuple[str, str], list[Comparison]] = {}
    for member in comparisons:
        repeated = member.value == "saved_bytes" and member.axes["mode"] == "inference" and trains
        if member.role == "variant" and member.value in names and member.ratio is not None and not repeated:
            mode = f", {member.axes['mode']}" if member.axes["mode"] else ""
            groups.setdefault((module_name(member.axes["attention"]), mode), []).append(member)
    several_modes = len({mode for _, mode in groups}) > 1
    for (module, mode), counts in groups.items():
        first, *others = dict.fromkeys(member.axes["backbone"] for member in counts)
        where = f"{len(others) + 1} networks" if others else network_name(first)
        yield f"{module} in {where}{mode if several_modes else ''}: {', '.join(_ranges(counts))}."


def _ranges(counts: Sequence[Comparison]) -> Iterator[str]:
    for spec in EXACT:
        ratios = [member.ratio for member in counts if member.value == spec.name and member.ratio is not None]
        if ratios:
            yield f"{spec.title} {_range(ratios)}"


def _range(ratios: Sequence[Estimate]) -> str:
    least, most = (f"×{extreme(ratio.point for ratio in ratios):.3f}" for extreme in (min, max))
    if least != most:
        return f"{least} to {most}"
    if least != "×1.000":
        return least
    return "unchanged" if all(ratio.point == 1 for ratio in ratios) else "nearly unchanged"
