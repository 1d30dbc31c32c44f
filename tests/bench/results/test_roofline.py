"""Limits of machines, and added work, from numbers that are computed by hand."""

import pandas as pd

from bench.results.estimates import Comparison
from bench.results.roofline import MachineLimits, added_work, machine_limits
from tests.bench.comparisons import comparison, exact


def group(attention: str, operators: int, by_operator: dict[str, list[int]], **counts: int) -> list[Comparison]:
    details = {"by_operator": by_operator}
    values = {"macs": 1000, "elementwise_ops": 100, "operators": operators, "bytes_moved": 4000, **counts}
    return [
        comparison(attention, "complexity", name, absolute=exact(count), details=details)
        for name, count in values.items()
    ]


PLAIN = group("none", 10, {"mul": [1, 0, 0, 0, 1000], "relu": [1, 0, 0, 3000, 0]})
SIMAM = group("simam", 22, {"mul": [3, 0, 0, 3000, 1000], "add": [8, 0, 0, 500, 500]}, macs=1010, bytes_moved=5000)


def test_limits_are_the_best_samples() -> None:
    rows = [
        {"measure": "machine", "value": "copy_bandwidth", "samples": (1e9, 3e9, 2e9), "median": 2e9},
        {"measure": "machine", "value": "matmul_rate", "samples": (6e9, 5e9), "median": 5.5e9},
        {"measure": "complexity", "value": "params", "samples": (1,), "median": 1},
    ]
    assert machine_limits(pd.DataFrame(rows)) == MachineLimits(3e9, 6e9)
    assert MachineLimits(3e9, 6e9).ridge == 2.0
    assert machine_limits(pd.DataFrame(rows[2:])) is None
    failed = [{"measure": "machine", "value": None, "samples": None, "median": None}]
    assert machine_limits(pd.DataFrame(failed)) is None


def test_added_work_of_a_variant() -> None:
    [added] = added_work([*PLAIN, *SIMAM])
    assert (added.operators, added.operations, added.bytes_moved) == (12, 20, 1000)  # a multiply-add is two
    assert added.by_operator == {"mul": 3000, "add": 1000}  # relu moves less than before


def test_incomplete_groups_add_nothing() -> None:
    assert list(added_work(SIMAM)) == []
    assert list(added_work([*PLAIN, *(member for member in SIMAM if member.value != "operators")])) == []
