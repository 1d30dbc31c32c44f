"""The study of sample lengths: oracles from simulated noise and from normal theory."""

import json
import math
import random
from pathlib import Path
from typing import Any

import pytest

from bench.studies.sample_length import (
    carry_over,
    correlation,
    process_error,
    read_series,
    render_sample_report,
    time_rounds,
)


class FakeClock:
    """A clock that calls advance by their duration."""

    def __init__(self) -> None:
        self.now = 0.0

    def call(self, seconds: float) -> Any:
        def advance() -> None:
            self.now += seconds

        return advance

    def __call__(self) -> float:
        return self.now


def case(durations: Any, rounds: int = 400, members: int = 3, seed: int = 0) -> dict[str, Any]:
    """A stored group; ``durations`` maps member, place of the call in its pair and draws to seconds."""
    draws = random.Random(seed)
    orders = [draws.sample(range(members), members) for _ in range(rounds)]
    return {
        "case": "g",
        "backbone": "resnet18",
        "members": [f"m{index}" for index in range(members)],
        "orders": orders,
        "seconds": [[[durations(index, call, draws) for call in (0, 1)] for index in order] for order in orders],
    }


def test_rounds_have_two_calls_of_every_member() -> None:
    clock = FakeClock()
    rounds = list(time_rounds([clock.call(0.1), clock.call(0.2)], random.Random(0), 3.0, clock))
    assert len(rounds) == 5  # each takes 0.6 s
    assert all(sorted(order) == [0, 1] for order, _ in rounds)
    assert all(durations == [pytest.approx([0.1 * (1 + index)] * 2) for index in order] for order, durations in rounds)


def test_carry_over_is_the_excess_of_first_calls() -> None:
    # The first call of member 1 takes 2 % longer than its second, and the first call of the baseline 0.5 %.
    penalties = {0: 1.005, 1: 1.02, 2: 1.0}
    series = read_series(case(lambda index, call, draws: 0.05 * (1 if call else penalties[index])))
    assert carry_over(series, 1) == pytest.approx([100 * math.log(1.02 / 1.005)] * 3)
    assert carry_over(series, 2)[0] == pytest.approx(-100 * math.log(1.005))


def test_error_of_white_noise() -> None:
    """A median of n normal ratios with standard deviation √2 σ has the error √(π/2) √2 σ / √n."""
    series = read_series(case(lambda index, call, draws: 0.05 * math.exp(draws.gauss(0, 0.05)), rounds=4000))
    samples = 10.0 / 0.05 / 3  # of each member in a process
    expected = 100 * math.sqrt(math.pi / 2) * math.sqrt(2) * 0.05 / math.sqrt(samples)
    assert process_error(series, 1, 0) == pytest.approx(expected, rel=0.08)
    assert process_error(series, 1, 1) == pytest.approx(math.sqrt(2) * expected, rel=0.08)
    assert correlation(series.noise, 1) == pytest.approx(0, abs=0.03)


def test_similar_noise_of_neighbours_favours_single_calls() -> None:
    state = 0.0

    def durations(index: int, call: int, draws: random.Random) -> float:
        nonlocal state
        state = 0.9 * state + math.sqrt(1 - 0.81) * draws.gauss(0, 0.1)
        return 0.05 * math.exp(state)

    series = read_series(case(durations, rounds=2000))
    assert correlation(series.noise, 1) == pytest.approx(0.9, abs=0.03)
    assert process_error(series, 1, 0) < process_error(series, 1, 1) < process_error(series, 3, 1)


def test_report_has_a_row_for_each_network_and_module(tmp_path: Path) -> None:
    stored = case(lambda index, call, draws: 0.05 * math.exp(draws.gauss(0, 0.05)))
    (tmp_path / "calls.jsonl").write_text(json.dumps(stored) + "\n", encoding="utf-8")
    page = render_sample_report(tmp_path)
    assert page.count("| ResNet-18") == 4  # errors, correlations, and two modules
    assert "| m2 " in page
