"""Trials of the gate and of other tools' rules, on records whose true change is known."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bench.results.estimates import estimate
from bench.store.frame import load_frame
from bench.store.record import Record, Value
from bench.store.shards import append_records
from bench.store.stored_run import StoredRun
from bench.studies.calibration import peers
from bench.studies.calibration.detection import detected_by_ab, with_slowdown
from bench.studies.calibration.proportions import independence_of, proportion
from bench.studies.calibration.trials import Trials, ab_trials, compare_trials, extra_work_trials, ratio_over_all
from bench.studies.calibration.windows import Setup, invocations, joined, sequential, windows
from tests.factories import record, store


def comparison(folder: Path, a: Sequence[Sequence[float]], b: Sequence[Sequence[float]]) -> pd.DataFrame:
    """The records of a comparison of two revisions, from the samples of each process, with two iterations a sample."""
    records = [
        record(Value("latency", "s", tuple(samples)), role=role, cell="net", repeat=repeat)
        for role, processes in (("baseline", a), ("variant", b))
        for repeat, samples in enumerate(processes)
    ]
    folder.mkdir()
    append_records(folder / "records.jsonl", records)
    return load_frame(folder)


def run(folder: Path, rounds: int, control: float = 0.05) -> StoredRun:
    records: list[Record] = [
        record(Value("latency", "s", (seconds,) * rounds), role=role, cell=cell, repeat=repeat)
        for role, cell, seconds in (("baseline", "n", 0.05), ("variant", "v", 0.05), ("control", "n", control))
        for repeat in range(6)
    ]
    return StoredRun.load(store(folder, records))


def test_windows_count_seconds_of_both_sides(tmp_path: Path) -> None:
    # A round takes 2 × (0.1 + 0.15) = 0.5 s, so 2 s are four of the eleven and nine rounds.
    frame = comparison(tmp_path / "ab", [[0.1] * 11, [0.1] * 9], [[0.15] * 11, [0.15] * 9])
    cut = windows(frame, 2.0)
    assert len(cut) == 2  # as many as the shortest process has
    assert [len(samples) for samples in cut[0]["samples"]] == [4, 4, 4, 4]


def test_windows_are_consecutive(tmp_path: Path) -> None:
    frame = comparison(tmp_path / "ab", [[0.1] * 5], [[0.11, 0.12, 0.13, 0.14, 0.15]])
    variant = frame["role"] == "variant"
    # Rounds end at 0.42, 0.86, 1.32, 1.80 and 2.30 s: 0.9 s run out in the third, 1.8 s with the fourth.
    cut = [window[variant]["samples"].item() for window in windows(frame, 0.9)]
    assert cut == [(0.11, 0.12, 0.13), (0.14,)]


def test_slowdown_changes_only_the_variant(tmp_path: Path) -> None:
    frame = with_slowdown(comparison(tmp_path / "ab", [[0.1]], [[0.1]]), 0.5)
    assert frame.set_index("role")["samples"].to_dict() == {"baseline": (0.1,), "variant": (pytest.approx(0.15),)}


def test_smallest_detected_slowdown(tmp_path: Path) -> None:
    flat = [[0.1] * 4] * 6
    assert detected_by_ab(comparison(tmp_path / "same", flat, flat)) == pytest.approx(0.011)
    faster = [[0.1 / 1.02] * 4] * 6
    assert detected_by_ab(comparison(tmp_path / "faster", flat, faster)) == pytest.approx(0.031, abs=0.0011)
    noisy = [[0.1 * factor] * 4 for factor in (0.2, 3, 0.5, 2, 1, 1)]
    assert detected_by_ab(comparison(tmp_path / "noisy", flat, noisy)) == math.inf


def test_blocks_do_not_share_processes(tmp_path: Path) -> None:
    # Five records of six processes, 40 rounds of 0.2 s each: 8 s for each process.
    frames = [comparison(tmp_path / f"ab{number}", [[0.05] * 40] * 6, [[0.05] * 40] * 6) for number in range(5)]
    six = invocations(frames, Setup(6, 12.0))  # 2 s for each process: four windows
    assert [len(block) for block in six] == [4] * 5
    twelve = invocations(frames, Setup(12, 24.0))
    assert [len(block) for block in twelve] == [4, 4]  # the fifth record is left over
    assert twelve[0][0]["repeat"].nunique() == 12


def test_processes_of_several_folders_are_one_run(tmp_path: Path) -> None:
    """An estimate over three folders uses all 18 processes, whatever the folders are named."""
    frames = [comparison(tmp_path / name, [[0.05] * 8] * 6, [[0.05] * 8] * 6) for name in ("01-same", "b", "c")]
    [window, *_] = invocations(frames, Setup(18, 18.0))[0]
    [variant] = [member for member in estimate(window) if member.role == "variant"]
    assert len(variant.per_process) == 18


def test_windows_have_no_disturbed_rounds(tmp_path: Path) -> None:
    records = [
        record(
            Value("latency", "s", (0.1, 9.0, 0.1, 0.1)),
            role=role,
            cell="net",
            details={"iterations": 2, "disturbed": (1,)},
        )
        for role in ("baseline", "variant")
    ]
    (tmp_path / "ab").mkdir()
    append_records(tmp_path / "ab/records.jsonl", records)
    window = joined([load_frame(tmp_path / "ab")])
    assert [list(samples) for samples in window["samples"]] == [[0.1] * 3] * 2
    assert all(not details["disturbed"] for details in window["details"])


def test_both_commands_without_noise(tmp_path: Path) -> None:
    flat = [[0.05] * 40] * 6
    same = [comparison(tmp_path / f"ab{number}", flat, flat) for number in range(2)]
    ab = ab_trials(same, Setup(6, 12.0))
    assert len(ab.detected) == 8 and ab.detection(0.0).share == 0 and ab.detection(0.02).share == 1
    assert ab.unchanged is not None and ab.unchanged.share == 1
    compare = compare_trials([run(tmp_path / f"run{number}", 40) for number in range(4)], Setup(6, 12.0))
    assert len(compare.detected) == 8  # two pairs of neighbours with four windows each
    slowed = [comparison(tmp_path / "slowed", flat, [[0.0515] * 40] * 6)]
    extra_work = ratio_over_all(slowed)
    assert extra_work.point == pytest.approx(1.03)
    detection = extra_work_trials(slowed, ab, extra_work.point - 1)
    assert detection.detected.share == detection.injected.share == 1


def test_ratio_of_the_control_over_all_runs(tmp_path: Path) -> None:
    frames = [run(tmp_path / name, 8, control).frame for name, control in (("a", 0.05), ("b", 0.05 * 1.02**2))]
    assert ratio_over_all(frames, "control").point == pytest.approx(1.02)  # geometric mean of equally many of each


@pytest.mark.parametrize(("hits", "trials"), [(0, 30), (3, 40), (40, 40)])
def test_exact_interval_equals_scipys(hits: int, trials: int) -> None:
    result, interval = proportion(hits, trials, 1.0), stats.binomtest(hits, trials).proportion_ci(0.95, "exact")
    assert (result.share, result.low, result.high) == pytest.approx((hits / trials, interval.low, interval.high))
    assert proportion(hits, trials, 0.5).high - proportion(hits, trials, 0.5).low > result.high - result.low


def test_independence_of_windows_of_one_process() -> None:
    draw = np.random.default_rng(0)
    assert independence_of([[value] * 4 for value in draw.normal(size=50)]) == pytest.approx(0.25)  # all four are equal
    assert independence_of(draw.normal(size=(500, 4)).tolist()) > 0.9
    mixed = draw.normal(size=(2000, 1)) + draw.normal(size=(2000, 4))  # a correlation of one half
    assert independence_of(mixed.tolist()) == pytest.approx(1 / (1 + 3 * 0.5), rel=0.05)
    assert independence_of([[1.0], [2.0]]) == 1.0


def test_sequential_pairs_use_each_process_once() -> None:
    processes = [(np.full(4, float(number)), np.full(4, 10.0 + number), 10.0) for number in range(9)]
    # Twenty seconds of both sides are ten of each, which two processes have: A of two, then B of the next two.
    pairs = list(sequential(processes, 20.0))
    assert [(set(a), set(b)) for a, b in pairs] == [({0.0, 1.0}, {12.0, 13.0}), ({4.0, 5.0}, {16.0, 17.0})]
    short = list(sequential(processes, 5.0))
    assert len(short) == 4 and [list(side) for side in short[0]] == [[0.0, 0.0], [11.0, 11.0]]
    odd = list(sequential(processes, 15.0))  # a whole process, and half of the next
    assert [len(a) for a, _ in odd] == [6, 6]


def test_rules_of_other_tools() -> None:
    a, b = np.linspace(0.99, 1.01, 101), np.linspace(0.99, 1.01, 101)
    assert peers.detected_by_mean(a, b) == pytest.approx(0.05)
    assert peers.detected_by_mean(a, 1.1 * b) == 0  # a false alarm
    assert peers.detected_by_asv(a, b) == pytest.approx(0.1)
    assert peers.detected_by_asv(a[:3], b[:3]) == math.inf  # three samples a side never reach p < 0.002
    assert peers.detected_by_criterion(a, b) == pytest.approx(0.01, abs=0.003)


def test_expected_rate_equals_a_simulation() -> None:
    draw, spread, n = np.random.default_rng(0), 0.012, 6
    trials = Trials("ab", Setup(6, 20.0), (0.0,), 1.0, tuple(draw.normal(0, spread / math.sqrt(n), 40_000)), n - 1)
    log_ratios = draw.normal(math.log(1.02), spread, (20_000, n))
    tested = stats.ttest_1samp(log_ratios, math.log(1.01), axis=1, alternative="greater")
    assert trials.expected(0.02) == pytest.approx(float(np.mean(tested.pvalue < 0.05)), abs=0.01)


def test_detectable_slowdown_is_a_quantile() -> None:
    detected = tuple(number / 1000 for number in range(1, 101))  # 0.1 % to 10 %
    point, low, high = Trials("ab", Setup(6, 20.0), detected, 1.0, (0.0,)).detectable()
    assert point == pytest.approx(0.096, abs=0.0011) and low < point < high
