"""The judge's judge, on records whose truth is known."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bench.studies.calibration import peers
from bench.studies.calibration.trials import Trials, ab_trials, compare_trials, ratio_over_all, slowed_trials
from bench.results.compare import Stored
from bench.studies.calibration.detection import needed_by_ab, slowed
from bench.store.frame import load_frame
from bench.studies.calibration.rates import rate, worth_of
from bench.store.record import Record, Value, append_records
from bench.studies.calibration.windows import Setup, invocations, sequential, windows
from bench.store.stored_run import read_run
from tests.factories import record, store


def comparison(folder: Path, a: Sequence[Sequence[float]], b: Sequence[Sequence[float]]) -> pd.DataFrame:
    """One of two revisions, from the samples of each process; a sample is of two iterations."""
    records = [
        record(role, "net", repeat, Value("latency", "s", tuple(samples)))
        for role, processes in (("baseline", a), ("variant", b))
        for repeat, samples in enumerate(processes)
    ]
    folder.mkdir()
    append_records(folder / "records.jsonl", records)
    return load_frame(folder)


def run(folder: Path, rounds: int, control: float = 0.05) -> Stored:
    records: list[Record] = [
        record(role, cell, repeat, Value("latency", "s", (seconds,) * rounds))
        for role, cell, seconds in (("baseline", "n", 0.05), ("variant", "v", 0.05), ("control", "n", control))
        for repeat in range(6)
    ]
    return read_run(store(folder, records))


def test_windows_are_cut_by_measured_seconds_of_both(tmp_path: Path) -> None:
    # A round takes 2 × (0.1 + 0.15) = 0.5 s, so 2 s are four of the eleven and nine rounds.
    frame = comparison(tmp_path / "ab", [[0.1] * 11, [0.1] * 9], [[0.15] * 11, [0.15] * 9])
    cut = windows(frame, 2.0)
    assert len(cut) == 2  # as many as the shortest process has
    assert [len(samples) for samples in cut[0]["samples"]] == [4, 4, 4, 4]


def test_windows_follow_one_another(tmp_path: Path) -> None:
    frame = comparison(tmp_path / "ab", [[0.1] * 5], [[0.11, 0.12, 0.13, 0.14, 0.15]])
    variant = frame["role"] == "variant"
    # Rounds end at 0.42, 0.86, 1.32, 1.80 and 2.30 s: 0.9 s run out in the third, 1.8 s with the fourth.
    cut = [window[variant]["samples"].item() for window in windows(frame, 0.9)]
    assert cut == [(0.11, 0.12, 0.13), (0.14,)]


def test_only_the_variant_is_slowed(tmp_path: Path) -> None:
    frame = slowed(comparison(tmp_path / "ab", [[0.1]], [[0.1]]), 0.5)
    assert frame.set_index("role")["samples"].to_dict() == {"baseline": (0.1,), "variant": (pytest.approx(0.15),)}


def test_what_is_needed_without_noise_is_the_first_step_beyond_the_threshold(tmp_path: Path) -> None:
    flat = [[0.1] * 4] * 6
    assert needed_by_ab(comparison(tmp_path / "same", flat, flat)) == pytest.approx(0.011)
    faster = [[0.1 / 1.02] * 4] * 6
    assert needed_by_ab(comparison(tmp_path / "faster", flat, faster)) == pytest.approx(0.031, abs=0.0011)
    wild = [[0.1 * factor] * 4 for factor in (0.2, 3, 0.5, 2, 1, 1)]
    assert needed_by_ab(comparison(tmp_path / "wild", flat, wild)) == math.inf


def test_invocations_never_share_a_process_between_stretches(tmp_path: Path) -> None:
    # Five records of six processes, 40 rounds of 0.2 s each: 8 s a process.
    frames = [comparison(tmp_path / f"ab{number}", [[0.05] * 40] * 6, [[0.05] * 40] * 6) for number in range(5)]
    six = invocations(frames, Setup(6, 12.0))  # 2 s a process: four windows of each
    assert [len(chunk) for chunk in six] == [4] * 5
    twelve = invocations(frames, Setup(12, 24.0))
    assert [len(chunk) for chunk in twelve] == [4, 4]  # the fifth has no partner
    assert twelve[0][0]["repeat"].nunique() == 12


def test_the_gate_on_both_paths_without_noise(tmp_path: Path) -> None:
    flat = [[0.05] * 40] * 6
    same = [comparison(tmp_path / f"ab{number}", flat, flat) for number in range(2)]
    seen = ab_trials(same, Setup(6, 12.0))
    assert len(seen.needed) == 8 and seen.found(0.0).share == 0 and seen.found(0.02).share == 1
    assert seen.unchanged is not None and seen.unchanged.share == 1
    stored = compare_trials([run(tmp_path / f"run{number}", 40) for number in range(4)], Setup(6, 12.0))
    assert len(stored.needed) == 8  # two pairs of neighbours, four windows of each
    more = [comparison(tmp_path / "more", flat, [[0.0515] * 40] * 6)]
    truth = ratio_over_all(more)
    assert truth.point == pytest.approx(1.03)
    judged = slowed_trials(more, seen, truth.point - 1)
    assert judged.found.share == judged.injected.share == 1


def test_what_a_second_build_differs_by_over_all_runs(tmp_path: Path) -> None:
    frames = [run(tmp_path / name, 8, control).frame for name, control in (("a", 0.05), ("b", 0.05 * 1.02**2))]
    assert ratio_over_all(frames, "control").point == pytest.approx(1.02)  # the geometric mean of as many of each


@pytest.mark.parametrize(("hits", "trials"), [(0, 30), (3, 40), (40, 40)])
def test_rates_have_scipys_exact_interval(hits: int, trials: int) -> None:
    seen, interval = rate(hits, trials, 1.0), stats.binomtest(hits, trials).proportion_ci(0.95, "exact")
    assert (seen.share, seen.low, seen.high) == pytest.approx((hits / trials, interval.low, interval.high))
    assert rate(hits, trials, 0.5).high - rate(hits, trials, 0.5).low > seen.high - seen.low


def test_what_windows_of_one_process_are_worth() -> None:
    draw = np.random.default_rng(0)
    assert worth_of([[each] * 4 for each in draw.normal(size=50)]) == pytest.approx(0.25)  # all four say the same
    assert worth_of(draw.normal(size=(500, 4)).tolist()) > 0.9
    mixed = draw.normal(size=(2000, 1)) + draw.normal(size=(2000, 4))  # a correlation of one half
    assert worth_of(mixed.tolist()) == pytest.approx(1 / (1 + 3 * 0.5), rel=0.05)
    assert worth_of([[1.0], [2.0]]) == 1.0


def test_sequential_pairs_take_neighbouring_processes_once() -> None:
    processes = [(np.full(4, float(number)), np.full(4, 10.0 + number), 10.0) for number in range(9)]
    # Twenty seconds of both are ten of each, which is what two processes have: A of two, then B of the next two.
    pairs = list(sequential(processes, 20.0))
    assert [(set(a), set(b)) for a, b in pairs] == [({0.0, 1.0}, {12.0, 13.0}), ({4.0, 5.0}, {16.0, 17.0})]
    short = list(sequential(processes, 5.0))
    assert len(short) == 4 and [list(side) for side in short[0]] == [[0.0, 0.0], [11.0, 11.0]]
    odd = list(sequential(processes, 15.0))  # a whole process, and half of the next
    assert [len(a) for a, _ in odd] == [6, 6]


def test_the_peers_rules_by_hand() -> None:
    a, b = np.linspace(0.99, 1.01, 101), np.linspace(0.99, 1.01, 101)
    assert peers.needed_by_mean(a, b) == pytest.approx(0.05)
    assert peers.needed_by_mean(a, 1.1 * b) == 0  # an alarm as it is
    assert peers.needed_by_asv(a, b) == pytest.approx(0.1)
    assert peers.needed_by_asv(a[:3], b[:3]) == math.inf  # three against three are never so sure
    assert peers.needed_by_criterion(a, b) == pytest.approx(0.01, abs=0.003)


def test_what_is_expected_is_what_a_simulation_sees() -> None:
    draw, spread, n = np.random.default_rng(0), 0.012, 6
    seen = Trials("ab", Setup(6, 20.0), (0.0,), 1.0, tuple(draw.normal(0, spread / math.sqrt(n), 40_000)), n - 1)
    figures = draw.normal(math.log(1.02), spread, (20_000, n))
    tested = stats.ttest_1samp(figures, math.log(1.01), axis=1, alternative="greater")
    assert seen.expected(0.02) == pytest.approx(float(np.mean(tested.pvalue < 0.05)), abs=0.01)


def test_the_smallest_change_is_the_one_that_nearly_all_find() -> None:
    needed = tuple(number / 1000 for number in range(1, 101))  # 0.1 % to 10 %
    point, low, high = Trials("ab", Setup(6, 20.0), needed, 1.0, (0.0,)).smallest()
    assert point == pytest.approx(0.096, abs=0.0011) and low < point < high
