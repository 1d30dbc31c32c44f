"""Where the work goes that a module adds: by operator, and against what the machine can do."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from bench.report.format import quantity
from bench.report.names import module_name
from bench.results.estimates import Comparison

NEEDED = ("macs", "elementwise_ops", "bytes_moved", "operators")
"""Values that a sentence is made of."""
MOST_NAMED = 3
"""Operators of a module that are named; more would be read by nobody."""


@dataclass(frozen=True)
class Roofs:
    """What a machine reaches at best.

    Args:
        bandwidth: B/s, of a copy, read plus written.
        rate: operations a second, of a matrix product.
    """

    bandwidth: float
    rate: float

    @property
    def ridge(self) -> float:
        """Operations a byte below which work waits for memory."""
        return self.rate / self.bandwidth


def roofs(frame: pd.DataFrame) -> Roofs | None:
    """The best samples of the measure ``machine`` in one run; None where it was not asked, or failed."""
    rows = frame[frame["measure"] == "machine"].to_dict("records")
    best: dict[str, float] = {
        row["value"]: max(each for each in row["samples"] if each is not None)
        for row in rows
        if row["median"] is not None
    }
    if "copy_bandwidth" not in best or "matmul_rate" not in best:
        return None
    return Roofs(best["copy_bandwidth"], best["matmul_rate"])


def sentences(comparisons: Iterable[Comparison], machine: Roofs | None) -> Iterator[str]:
    """What the variants of one group add, what bounds it, and which operators it goes into: a sentence for all of which
    the same is to be said.

    Args:
        comparisons: of one group's complexity.
        machine: what the bound is reckoned against, if it is known.
    """
    said: dict[str, dict[str, dict[str | None, None]]] = {}
    for baseline, values in _pairs(comparisons):
        axes = values["bytes_moved"].axes
        modules = said.setdefault(_told(baseline, values, machine), {})
        modules.setdefault(module_name(axes["attention"]), {})[axes["placement"]] = None
    for told, modules in said.items():
        subjects = [f"{module}{_at(places)}" for module, places in modules.items()]
        yield f"{'; '.join(subjects)}: {'each ' if len(subjects) > 1 else ''}adds {told}"


def _at(places: Iterable[str | None]) -> str:
    named = [place for place in places if place is not None]
    return f" at {' or '.join(named)}" if named else ""


def added(comparisons: Iterable[Comparison]) -> Iterator[tuple[Comparison, float, float]]:
    """For each variant of one group its bytes moved, how many operations it adds, and how many bytes."""
    for baseline, values in _pairs(comparisons):
        more = _added(baseline, values)
        yield values["bytes_moved"], _work(more), more["bytes_moved"]


def _pairs(comparisons: Iterable[Comparison]) -> Iterator[tuple[dict[str, Comparison], dict[str, Comparison]]]:
    """The values of the baseline and of a variant, for those that have all that is needed."""
    members: dict[tuple[str, str], dict[str, Comparison]] = {}
    for each in comparisons:
        members.setdefault((each.role, each.cell), {})[each.value] = each
    whole = {place: values for place, values in members.items() if values.keys() >= set(NEEDED)}
    baseline = next((values for (role, _), values in whole.items() if role == "baseline"), None)
    for (role, _), values in whole.items():
        if role == "variant" and baseline is not None:
            yield baseline, values


def _added(baseline: dict[str, Comparison], values: dict[str, Comparison]) -> dict[str, float]:
    return {name: values[name].absolute.point - baseline[name].absolute.point for name in NEEDED}


def _work(more: Mapping[str, float]) -> float:
    """Operations: a multiply-add is two."""
    return 2 * more["macs"] + more["elementwise_ops"]


def _told(baseline: dict[str, Comparison], values: dict[str, Comparison], machine: Roofs | None) -> str:
    """What is to be said of a variant, without its name."""
    moved, more = values["bytes_moved"], _added(baseline, values)
    text = (
        f"{_amount(more['operators'], '1')} operators, "
        f"{_amount(_work(more), '1')} operations and {_amount(more['bytes_moved'], 'B')} moved{_times(moved)}"
    )
    if more["bytes_moved"] > 0 and _work(more) > 0:
        text += _bound(_work(more), more["bytes_moved"], machine)
    return f"{text}.{_operators(baseline['bytes_moved'], moved)}"


def _bound(work: float, moved: float, machine: Roofs | None) -> str:
    intensity = work / moved
    told = f": {intensity:#.2g} operations a byte"
    if machine is None:
        return told
    seconds = max(work / machine.rate, moved / machine.bandwidth)
    roof = "memory, {} where no cache serves it" if intensity < machine.ridge else "arithmetic, {} at the least"
    return f"{told}, bound by {roof.format(quantity(seconds, 's'))}"


def _operators(baseline: Comparison, own: Comparison) -> str:
    """Which operators the added bytes go into, the most first."""
    before, after = (each.details.get("by_operator", {}) for each in (baseline, own))
    added = {name: _moved(after.get(name)) - _moved(before.get(name)) for name in {**after, **before}}
    more = {name: each for name, each in sorted(added.items(), key=lambda item: -item[1]) if each > 0}
    total = sum(more.values())
    shares = {name: 100 * each / total for name, each in more.items()}
    named = [f"{name} {share:.0f} %" for name, share in list(shares.items())[:MOST_NAMED] if share >= 1]
    return f" Of the bytes added: {', '.join(named)}." if named else ""


def _moved(cost: list[int] | None) -> int:
    """Bytes read and written of an operator's entry in a record."""
    return cost[3] + cost[4] if cost else 0


def _amount(number: float, unit: str) -> str:
    return f"{'−' if number < 0 else ''}{quantity(abs(number), unit)}"


def _times(each: Comparison) -> str:
    return f" (×{each.ratio.point:.3f})" if each.ratio else ""


def uncounted(comparisons: Iterable[Comparison]) -> list[str]:
    """Operators that ran and whose arithmetic is not in the table, by name."""
    return sorted({name for each in comparisons for name in each.details.get("uncounted_ops", ())})
