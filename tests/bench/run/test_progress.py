import io
from pathlib import Path

import pytest
from rich.console import Console

from bench.run.prices import Prices
from bench.run.progress import Bar, Lines, observer
from bench.run.runner import members
from tests.helpers import plan

SUITE = """
    name: t
    axes: {backbone: [resnet18], attention: [none, simam]}
    baseline: {attention: none}
    measures: {complexity: {}, latency: {repeats: 5, budget: 10s}}
"""


@pytest.mark.parametrize(("terminal", "kind"), [(True, Bar), (False, Lines)])
def test_a_bar_in_a_terminal_and_lines_elsewhere(tmp_path: Path, terminal: bool, kind: type) -> None:
    console = Console(file=io.StringIO(), force_terminal=terminal)
    assert isinstance(observer(list(plan(tmp_path, SUITE).units()), Prices(), console), kind)


def test_the_bar_shows_the_current_cell_and_how_far_it_is(tmp_path: Path) -> None:
    units = list(plan(tmp_path, SUITE).units())
    out = io.StringIO()
    prices = Prices({(unit.group.measure, unit.group.id): 10.0 for unit in units})
    with Bar(units, prices, Console(file=out, force_terminal=True, width=200)) as bar:
        for unit in units[:-1]:
            bar.start(unit, members(unit.group)[1])
            bar.done(unit)
        bar.start(units[-1], members(units[-1].group)[1])
        bar._progress.refresh()
    text = out.getvalue()
    assert "latency resnet18/simam@spatial/inference/eager/b1/224/fp32 repeat 5 of 5" in text
    assert "83 %" in text  # five of six units


def test_lines_are_one_a_unit_with_the_time_left(tmp_path: Path) -> None:
    units = list(plan(tmp_path, SUITE).units())
    out = io.StringIO()
    prices = Prices({(unit.group.measure, unit.group.id): 10.0 for unit in units})
    with Lines(units, prices, Console(file=out, width=200)) as lines:
        for unit in units:
            for member in members(unit.group):
                lines.start(unit, member)
            lines.done(unit)
    said = out.getvalue().splitlines()
    assert len(said) == 6
    assert said[0] == "[1/6] complexity resnet18/inference/b1/224/fp32 repeat 1 of 1 (about 60 s left)"
    assert said[5] == "[6/6] latency resnet18/inference/eager/b1/224/fp32 repeat 5 of 5 (about 10 s left)"
