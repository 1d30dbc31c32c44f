import io
from pathlib import Path

import pytest
from rich.console import Console

from bench.run.progress import ProgressBar, ProgressLines, TimeLeft, progress_display
from bench.run.time_estimates import TimeEstimates
from tests.helpers import plan

SUITE = """
    name: t
    axes: {backbone: [resnet18], attention: [none, simam]}
    baseline: {attention: none}
    measures: {complexity: {}, latency: {repeats: 5, budget: 10s}}
"""


@pytest.mark.parametrize(("terminal", "display"), [(True, ProgressBar), (False, ProgressLines)])
def test_bar_in_terminal_and_lines_elsewhere(tmp_path: Path, terminal: bool, display: type) -> None:
    console = Console(file=io.StringIO(), force_terminal=terminal)
    assert isinstance(progress_display(list(plan(tmp_path, SUITE).units()), TimeEstimates(), console), display)


def test_bar_shows_current_cell_and_percentage(tmp_path: Path) -> None:
    units = list(plan(tmp_path, SUITE).units())
    out = io.StringIO()
    estimates = TimeEstimates({(unit.group.measure, unit.group.id): 10.0 for unit in units})
    with ProgressBar(units, estimates, Console(file=out, force_terminal=True, width=200)) as bar:
        for unit in units[:-1]:
            bar.start(unit, unit.group.members[1])
            bar.done(unit)
        bar.start(units[-1], units[-1].group.members[1])
        bar._progress.refresh()
    text = out.getvalue()
    assert "latency resnet18/simam@spatial/inference/eager/b1/224/fp32 process 5 of 5" in text
    assert "83 %" in text  # five of six units


class FakeClock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_time_left_follows_the_pace_of_finished_units(tmp_path: Path) -> None:
    units, clock = list(plan(tmp_path, SUITE).units()), FakeClock()
    estimates = TimeEstimates({(unit.group.measure, unit.group.id): 60.0 for unit in units})
    left = TimeLeft(units, estimates, clock)
    assert str(left) == "about 6 min left"  # six units of a minute, before anything is finished
    clock.now += 30.0
    assert str(left) == "about 6 min left"  # 330 s
    clock.now += 270.0
    left.done(units[0])
    assert str(left) == "about 5 min left"  # counting took five times its estimate; timing is not known to be slower
    clock.now += 120.0
    left.done(units[1])
    assert str(left) == "about 8 min left"  # a timed unit takes twice its estimate, and four are left
    clock.now += 15.0
    left.reached(units[2], 0.5)
    clock.now += 15.0
    # 135 s for 1.5 units of a minute: 1.5 times the estimate for 3.5 minutes, less 15 s.
    assert str(left) == "about 5 min left"
    clock.now += 10_000.0
    assert str(left) == "about 0 s left"


def test_each_epoch_of_a_training_is_one_line(tmp_path: Path) -> None:
    suite = """
        name: t
        axes: {backbone: [cifar_resnet20], attention: [none, simam], seed: [0]}
        baseline: {attention: none}
        measures: {accuracy: {recipe: smoke_digits}}
    """
    [unit] = plan(tmp_path, suite).units()
    out, clock = io.StringIO(), FakeClock()
    estimates = TimeEstimates({(unit.group.measure, unit.group.id): 80.0})
    with ProgressLines([unit], estimates, Console(file=out, width=200), clock) as lines:
        plain, simam = unit.group.members
        for member in (plain, simam):
            lines.start(unit, member)
            for epoch in (1, 2):
                for activity in ("training", "evaluating"):
                    clock.now += 10.0
                    lines.start(unit, member, f"epoch {epoch} of 2, {activity}")
    [first, *epochs] = out.getvalue().splitlines()
    assert "(about 80 s left)" in first and len(epochs) == 4
    assert [line.split(": ")[1].split(",")[0] for line in epochs] == ["epoch 1 of 2", "epoch 2 of 2"] * 2
    # After 70 s, three of four epochs are finished: 70 / 60 of the estimate for the last 20 s.
    assert epochs[-1].endswith("(about 23 s left)")


def test_one_line_per_unit_with_time_left(tmp_path: Path) -> None:
    units = list(plan(tmp_path, SUITE).units())
    out = io.StringIO()
    estimates = TimeEstimates({(unit.group.measure, unit.group.id): 10.0 for unit in units})
    clock = FakeClock()
    with ProgressLines(units, estimates, Console(file=out, width=200), clock) as lines:
        for unit in units:
            for member in unit.group.members:
                lines.start(unit, member)
            clock.now += 10.0
            lines.done(unit)
    printed = out.getvalue().splitlines()
    assert len(printed) == 6
    assert printed[0] == "[1/6] complexity resnet18/inference/b1/224/fp32 process 1 of 1 (about 60 s left)"
    assert printed[5] == "[6/6] latency resnet18/inference/eager/b1/224/fp32 process 5 of 5 (about 10 s left)"
