"""The study of timing beside a competitor: results of stored trials, computed by hand."""

import json
from collections.abc import Sequence
from itertools import islice
from math import log
from pathlib import Path

import pytest
from msgspec.structs import replace

from bench.store.record import MeasuredRecord
from bench.studies import busy_machine
from bench.studies.busy_machine import read_group, render_busy_report, use_a_core
from tests.bench.report.timed_run import timed_records
from tests.factories import store

SPREAD = (0.01, -0.01, 0.005, -0.005, 0.0)
"""Relative deviation of SimAM's ratio in each process."""


def timed(ratio: float, disturbed: Sequence[int] = ()) -> list[MeasuredRecord]:
    """A run in which SimAM takes a multiple of plain's time; the rounds of ``disturbed`` are marked."""
    records = timed_records({"simam": [ratio * (1 + deviation) for deviation in SPREAD]})
    return [replace(one, details={**one.details, "disturbed": list(disturbed)}) for one in records]


@pytest.fixture
def trials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two quiet runs at 1.05, and trials at 1.05, 1.052 and 1.20."""
    monkeypatch.setattr(busy_machine, "GROUPS", {"resnet18": "ResNet-18, inference"})
    for number in (1, 2):
        store(tmp_path / f"quiet-{number:02d}-resnet18", timed(1.05))
    for number, ratio in enumerate((1.05, 1.052, 1.20), start=1):
        folder = store(tmp_path / f"busy-{number:02d}-resnet18", timed(ratio, disturbed=[0]))
        (folder / "tools.json").write_text(json.dumps({"a tool": ratio + 0.3}), encoding="utf-8")
    store(tmp_path / "busy-04-resnet18", timed(9.0))  # interrupted before the other tools
    return tmp_path


def test_trials_are_compared_with_the_quiet_runs(trials: Path) -> None:
    group = read_group(trials, "resnet18")
    assert group.quiet.point == pytest.approx(1.05, rel=1e-3)
    assert len(group.trials) == 3 and group.covering == 2  # the interval around 1.20 lies above 1.05
    assert group.widening == pytest.approx(1.0, abs=0.01)
    assert group.shares == [0.5] * 3  # one of two rounds


def test_report_states_targets_and_other_tools(trials: Path) -> None:
    page = render_busy_report(trials)
    assert "| 2 of 3" in page and "| 3 of 3" in page
    assert "+35.0 % to +50.0 %" in page and "+5.0 % to +20.0 %" in page


def test_width_of_the_quiet_intervals(trials: Path) -> None:
    # t(0.975, 4) of the five deviations: 2.776 · 0.00791 / √5 on each side
    half = 2.776 * 0.00791 / 5**0.5
    assert read_group(trials, "resnet18").quiet_width == pytest.approx(2 * half, rel=0.02)


def test_competitor_uses_and_leaves_the_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bursts and pauses alternate and have the same mean; the clock advances by a tenth of a second."""
    times, pauses = iter(n / 10 for n in range(100_000)), []

    class Enough(Exception):
        pass

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2000:
            raise Enough

    monkeypatch.setattr(busy_machine, "monotonic", lambda: next(times))
    monkeypatch.setattr(busy_machine, "sleep", pause)
    with pytest.raises(Enough):
        use_a_core(0)
    bursts = next(times) / 2000
    assert sum(pauses) / 2000 == pytest.approx(1.0, abs=0.1) and bursts == pytest.approx(1.1, abs=0.15)


def test_interval_is_on_the_log_scale(trials: Path) -> None:
    [trial] = islice(read_group(trials, "resnet18").trials, 1)
    low, high = trial.interval
    assert log(low) < log(1.05) < log(high)
