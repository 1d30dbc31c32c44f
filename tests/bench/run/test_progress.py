import io
from pathlib import Path

import pytest
from rich.console import Console

from bench.run.progress import ProgressBar, ProgressLines, progress_display
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


def test_one_line_per_unit_with_time_left(tmp_path: Path) -> None:
    units = list(plan(tmp_path, SUITE).units())
    out = io.StringIO()
    estimates = TimeEstimates({(unit.group.measure, unit.group.id): 10.0 for unit in units})
    with ProgressLines(units, estimates, Console(file=out, width=200)) as lines:
        for unit in units:
            for member in unit.group.members:
                lines.start(unit, member)
            lines.done(unit)
    printed = out.getvalue().splitlines()
    assert len(printed) == 6
    assert printed[0] == "[1/6] complexity resnet18/inference/b1/224/fp32 process 1 of 1 (about 60 s left)"
    assert printed[5] == "[6/6] latency resnet18/inference/eager/b1/224/fp32 process 5 of 5 (about 10 s left)"
