"""The rounds and the processes that count."""

import pytest

from bench.results.rounds import clean_samples, counted_processes, is_usable_process


@pytest.mark.parametrize(
    ("rounds", "disturbed", "stopped_by", "usable"),
    [
        (8, [], "patience", True),
        (12, [0, 1, 2, 3], "patience", True),
        (12, [0, 1, 2, 3, 4], "patience", False),
        (3, [0], "budget", True),  # the budget allows few rounds of slow calls
    ],
)
def test_usable_processes(rounds: int, disturbed: list[int], stopped_by: str, usable: bool) -> None:
    assert is_usable_process([1.0] * rounds, {"disturbed": disturbed, "stopped_by": stopped_by}) == usable


def test_samples_of_disturbed_rounds_are_left_out() -> None:
    assert list(clean_samples([1, 2, None, 4], {"disturbed": [0, 3]})) == [2, None]
    assert list(clean_samples([1, 2], {})) == [1, 2]


@pytest.mark.parametrize(
    ("usable", "counted"),
    [
        ([True] * 6, [0, 1, 2, 3, 4, 5]),
        ([True, False, True, True, False, False], [0, 2, 3]),
        ([True, False, True, False, False, False], [0, 1, 2, 3, 4, 5]),
        ([True, True], [0, 1]),
        ([True, False], [0, 1]),
    ],
)
def test_processes_that_count(usable: list[bool], counted: list[int]) -> None:
    assert counted_processes(usable) == counted
