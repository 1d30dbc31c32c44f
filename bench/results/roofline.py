"""The work that a module adds to a network, and the minimum time that a machine needs for it.

Williams, Waterman, Patterson, *Roofline*, Communications of the ACM 52(4), 2009.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from bench.results.estimates import Comparison

_NEEDED = ("macs", "elementwise_ops", "bytes_moved", "operators")
"""The values that added work is computed from."""


@dataclass(frozen=True)
class MachineLimits:
    """The highest rates that a machine reaches.

    Args:
        bandwidth: bytes per second of a copy, read plus written.
        rate: fp32 operations per second of a matrix product.
    """

    bandwidth: float
    rate: float

    @property
    def ridge(self) -> float:
        """Arithmetic intensity, in operations per byte, below which work is memory-bound."""
        return self.rate / self.bandwidth


@dataclass(frozen=True)
class AddedWork:
    """The work that a variant adds to its baseline in one call.

    Args:
        variant: the comparison of its bytes moved.
        baseline: the bytes moved of its baseline.
        operators: number of additional operators that the dispatcher runs.
        operations: added arithmetic; one multiply-add counts as 2.
        bytes_moved: added bytes, read plus written.
    """

    variant: Comparison
    baseline: Comparison
    operators: float
    operations: float
    bytes_moved: float

    @property
    def by_operator(self) -> dict[str, int]:
        """Operator → bytes that its calls move beyond those of the baseline, the largest first."""
        before, after = (side.details.get("by_operator", {}) for side in (self.baseline, self.variant))
        added = {name: _moved(after.get(name)) - _moved(before.get(name)) for name in {**after, **before}}
        return dict(sorted(((name, count) for name, count in added.items() if count > 0), key=lambda item: -item[1]))


def machine_limits(frame: pd.DataFrame) -> MachineLimits | None:
    """The best samples of the measure ``machine`` of one run; None if the run does not contain it, or it failed."""
    rows = frame[frame["measure"] == "machine"].to_dict("records")
    best: dict[str, float] = {
        row["value"]: max(sample for sample in row["samples"] if sample is not None)
        for row in rows
        if row["median"] is not None
    }
    if "copy_bandwidth" not in best or "matmul_rate" not in best:
        return None
    return MachineLimits(best["copy_bandwidth"], best["matmul_rate"])


def added_work(comparisons: Iterable[Comparison]) -> Iterator[AddedWork]:
    """The work that each variant of one group adds; variants without all of the values are left out.

    Args:
        comparisons: the values of one group's complexity.
    """
    members: dict[tuple[str, str], dict[str, Comparison]] = {}
    for comparison in comparisons:
        members.setdefault((comparison.role, comparison.cell), {})[comparison.value] = comparison
    whole = {member: values for member, values in members.items() if values.keys() >= set(_NEEDED)}
    baseline = next((values for (role, _), values in whole.items() if role == "baseline"), None)
    if baseline is None:
        return
    for (role, _), values in whole.items():
        if role == "variant":
            added = {name: values[name].absolute.point - baseline[name].absolute.point for name in _NEEDED}
            yield AddedWork(
                variant=values["bytes_moved"],
                baseline=baseline["bytes_moved"],
                operators=added["operators"],
                operations=_operation_count(added),
                bytes_moved=added["bytes_moved"],
            )


def _operation_count(counts: Mapping[str, float]) -> float:
    return 2 * counts["macs"] + counts["elementwise_ops"]


def _moved(cost: list[int] | None) -> int:
    """Bytes read and written, from an operator's entry in a record."""
    return cost[3] + cost[4] if cost else 0
