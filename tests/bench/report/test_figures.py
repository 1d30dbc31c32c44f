"""The data of each figure, from the example run, whose numbers can be computed by hand."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from bench.report.blocks import Figure
from bench.report.data import ReportData, analyse
from bench.report.figures import svg
from bench.report.figures.curves import curves
from bench.report.figures.forest import forest
from bench.report.figures.memory import memory
from bench.report.figures.pareto import MOST_COLOURED, _draw, pareto
from bench.report.figures.placement import placement
from bench.report.figures.roofline import roofline
from bench.report.figures.sweep import sweep
from bench.report.figures.trace import trace
from bench.results.pareto import ParetoPoint
from bench.results.statistics import Estimate
from bench.store.record import MeasuredRecord, Record
from tests.bench.report.example_run import EVIL, example_run, records
from tests.factories import stored_run

DRAWN = (forest, pareto, sweep, placement, curves, memory, roofline, trace)


def example(*others: Record) -> ReportData:
    return analyse([example_run(*others)])


def rows(figure: Figure) -> list[dict[str, Any]]:
    """The data of a specification; a horizontal rule has none."""
    return [row for rows in figure.spec["datasets"].values() for row in rows if row]


def test_forest_has_modules_and_the_control() -> None:
    [figure] = forest(example())
    row_of = {row["module"]: row for row in rows(figure) if "module" in row}
    assert list(row_of) == ["SimAM at spatial", "SE at spatial", f"{EVIL} at spatial", "A/A control"]
    # SimAM's ratio in each process: 1.05, 1.05105, 1.05, 1.05105, 1.05
    assert row_of["SimAM at spatial"]["change"] == pytest.approx(5.042, abs=2e-3)
    assert row_of["SimAM at spatial"]["low"] < 5.042 < row_of["SimAM at spatial"]["high"]
    assert row_of["A/A control"]["change"] == 0 and row_of["SimAM at spatial"]["processes"] == 5
    assert [row["verdict"] for row in row_of.values()] == ["slower", "slower", "slower", "A/A control"]
    assert [row for row in rows(figure) if "from" in row] == [{"from": -0.99, "to": 1.0}]  # 1/1.01 and 1.01


def estimate(point: float, half: float) -> Estimate:
    return Estimate(point, point - half, point + half, "t")


def test_pareto_of_the_example_run() -> None:
    [figure] = pareto(example())
    row_of = {row["module"]: row for row in rows(figure)}
    assert list(row_of) == ["plain", "SimAM at spatial", "SE at spatial", f"{EVIL} at spatial"]
    # accuracy gain of SE for the three seeds: 0.5, 0.6, 0.7 percentage points
    assert row_of["SE at spatial"]["points"] == pytest.approx(0.6)
    assert row_of["plain"]["standing"] == "on the front" and row_of["plain"]["cost"] == 0
    assert row_of[f"{EVIL} at spatial"]["standing"] == "dominated"
    assert {row["label"] for row in row_of.values()} == {""}  # the legend names the points


def test_many_points_are_labelled_on_the_front_only() -> None:
    origin = ParetoPoint(estimate(0.0, 0.0), estimate(1.0, 0.0), 0.0)
    members = [
        (str(number), ParetoPoint(estimate(0.1 * number, 0.01), estimate(1.1, 0.01), 0.01))
        for number in range(MOST_COLOURED)
    ]
    figure = _draw(1, "net", "plain", members)
    labels = {row["module"]: row["label"] for row in rows(figure)}
    assert labels["plain"] == "plain" and labels[str(MOST_COLOURED - 1)] == str(MOST_COLOURED - 1)
    assert all(not labels[name] for name, place in members[:-1] if place != origin)


def test_sweep_has_every_lambda_and_the_default() -> None:
    [figure] = sweep(example())
    curve = {row["λ"]: row["top1"] for row in rows(figure) if "λ" in row and "top1" in row}
    assert curve == pytest.approx({1e-4: 91.1, 0.1: 89.6, 0.01: 89.6})
    marked = [row for row in rows(figure) if "what" in row]
    assert [row.get("λ") for row in marked] == [1e-4, 0.1, None]  # None: the plain network, a line across


def test_placement_of_two_placements() -> None:
    moved = [
        replace(record, cell=f"{record.cell}/end", axes={**record.axes, "placement": "branch_end"})
        for record in records()
        if record.axes.get("attention") == "se" and record.measure in ("latency", "accuracy")
    ]
    rows_of = {figure.name: rows(figure) for figure in placement(example(*moved))}
    assert list(rows_of) == ["placement-accuracy", "placement-latency"]
    tiles = {(row["module"], row["placement"]): row["text"] for row in rows_of["placement-accuracy"]}
    assert tiles["SE", "spatial"] == tiles["SE", "branch_end"] == "+0.60"
    assert tiles["SimAM", "spatial"] == "+1.10" and ("SimAM", "branch_end") not in tiles


def test_curves_have_a_line_for_each_seed() -> None:
    [figure] = curves(example())
    plain = [row for row in rows(figure) if row["module"] == "plain"]
    assert [(row["seed"], row["epoch"], row["top1"]) for row in plain] == [
        (seed, epoch, top1) for seed in range(3) for epoch, top1 in ((1, 80.0), (2, 90.0))
    ]


def test_memory_is_split_by_kind() -> None:
    [figure] = memory(example())
    ours = {row["kind"]: row["bytes"] for row in rows(figure) if row["module"] == "SimAM at spatial"}
    assert ours == {"parameters": 4000, "state": 0, "gradients": 0, "activations": 4000, "temporaries": 100}


def test_added_work_lies_on_the_roofline() -> None:
    [figure] = roofline(example())
    simam = next(row for row in rows(figure) if row.get("module") == "SimAM at spatial")
    # 1000 added operations and 4000 added bytes, at 10 GB/s
    assert (simam["intensity"], simam["rate"]) == (0.25, 2.5e9)
    roof = [(row["intensity"], row["rate"]) for row in rows(figure) if "module" not in row]
    assert (10.0, 1e11) in roof  # where 10 GB/s and 100 GFLOP/s meet


def test_trace_has_every_round_of_every_process() -> None:
    [figure] = trace(example())
    simam = [row for row in rows(figure) if row["module"] == "SimAM at spatial"]
    assert [row["round"] for row in simam] == list(range(1, 16))  # 5 processes of 3 rounds
    assert [row["change"] for row in simam[:4]] == [5.0, 5.0, 5.0, 5.105]


def test_trace_of_many_rounds_has_medians() -> None:
    long = []
    for record in records():
        if isinstance(record, MeasuredRecord) and record.measure == "latency" and record.repeat == 0:
            samples = tuple(record.values[0].samples[0] for _ in range(60))
            long.append(replace(record, values=(replace(record.values[0], samples=samples),)))
    [figure] = trace(analyse([stored_run(Path("r"), long)]))
    simam = [row for row in rows(figure) if row["module"] == "SimAM at spatial"]
    assert [row["round"] for row in simam] == list(range(1, 60, 6)) and {row["rounds"] for row in simam} == {6}


def test_no_data_no_figures() -> None:
    nothing = analyse([stored_run(Path("r"), [next(records())])])
    assert [figure for draw in DRAWN for figure in draw(nothing)] == []


def test_svg_of_every_figure() -> None:
    data = example()
    drawn = {figure.name: svg(figure) for draw in DRAWN for figure in draw(data)}
    assert list(drawn) == ["forest", "pareto-1", "lambda-1", "curves-1", "memory", "roofline-1", "trace"]
    for name, text in drawn.items():
        assert text.startswith("<svg") and "<script" not in text, name
    assert "latency Δ (%)" in drawn["forest"] and "accuracy gain (pp)" in drawn["pareto-1"]


def test_sweep_separates_options_and_omits_zero() -> None:
    others = []
    for record in records():
        if record.measure == "accuracy" and record.axes["attention"] in ("simam", "simam(e_lambda=0.1)"):
            options = dict(record.options.get("attention", {}))
            label = f"{record.axes['attention']}, eager"
            changed = {"attention": {**options, "implementation": "eager"}}
            eager = {**record.axes, "attention": "simam(eager)"}
            others.append(replace(record, cell=label, axes=eager, options=changed))
            zero = {"attention": {"e_lambda": 0}}
            others.append(replace(record, cell="zero", axes={**record.axes, "attention": "simam(zero)"}, options=zero))
    [figure] = sweep(example(*others))
    assert sorted(row["λ"] for row in rows(figure) if "seeds" in row) == [1e-4, 0.01, 0.1]


def test_groups_of_two_runs_stay_separate() -> None:
    both = analyse([stored_run(Path(name), list(records())) for name in ("a", "b")])
    [figure] = memory(both)
    assert [len(dataset) for dataset in figure.spec["datasets"].values()] == [20, 20]
    assert figure.spec["vconcat"][1]["title"].endswith("b")
    [front] = pareto(both)
    assert len(rows(front)) == 4


def test_conditions_distinguish_members() -> None:
    compiled = [
        replace(record, cell=f"{record.cell}/compile", axes={**record.axes, "execution": "compile"})
        for record in records()
        if record.measure == "latency" and record.axes["attention"] == "se"
    ]
    [figure] = forest(example(*compiled))
    assert {"SE at spatial, eager", "SE at spatial, compile"} < {
        row["module"] for row in rows(figure) if "module" in row
    }
    assert {row["panel"] for row in rows(figure) if "panel" in row} == {"ResNet-18: inference, batch 1, 224 px, fp32"}
