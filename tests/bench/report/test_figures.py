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
from bench.report.figures.lambdas import CURVE, lambdas
from bench.report.figures.memory import memory
from bench.report.figures.pareto import MOST_COLOURED, _draw, pareto
from bench.report.figures.placement import placement
from bench.report.figures.roofline import roofline
from bench.report.figures.scaling import scaling
from bench.report.figures.theme import COLOURS, DARK, INK
from bench.report.figures.trace import trace
from bench.results.pareto import ParetoPoint
from bench.results.statistics import Estimate
from bench.store.record import MeasuredRecord, Record
from tests.bench.report.example_run import EVIL, example_run, records
from tests.factories import stored_run

DRAWN = (forest, pareto, lambdas, placement, curves, scaling, memory, roofline, trace)


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
    assert len(figure.spec["datasets"]) == 1  # the legend names the points, so there are no labels


def test_many_points_are_labelled_unless_dominated() -> None:
    worse = [
        (str(number), ParetoPoint(estimate(-1.0, 0.01), estimate(1.1, 0.01), 0.01)) for number in range(MOST_COLOURED)
    ]
    better = ("better", ParetoPoint(estimate(1.0, 0.01), estimate(1.2, 0.01), 0.01))
    points, labels = _draw(1, "net", "plain", [*worse, better]).spec["datasets"].values()
    assert len(points) == MOST_COLOURED + 2
    assert [row["module"] for row in labels] == ["plain", "better"]


def test_labels_do_not_overlap() -> None:
    # All of these are on the front. The last two are 100 px and 1 px from "b" on an axis of 560 px for 5.6 %.
    places = [
        ("a", 0.5, 1.0),
        ("b", 1.0, 1.01),
        ("far" * 5, 1.0005, 1.02),
        ("near" * 5, 1.001, 1.0201),
        ("end", 9.0, 1.056),
    ]
    members = [(name, ParetoPoint(estimate(gain, 0.0), estimate(cost, 0.0), 0.0)) for name, gain, cost in places]
    filler = [(f"low{number}", ParetoPoint(estimate(-1.0, 0.0), estimate(1.05, 0.0), 0.0)) for number in range(3)]
    _, labels = _draw(1, "net", "plain", [*members, *filler]).spec["datasets"].values()
    names = [row["module"] for row in labels]
    assert "far" * 5 in names and "end" in names and "near" * 5 not in names


def test_lambda_figure_explains_its_lines() -> None:
    [figure] = lambdas(example())
    curve = {row["λ"]: row["points"] for row in rows(figure) if "λ" in row and "top1" in row}
    assert curve == pytest.approx({1e-4: 1.1, 0.1: -0.4, 0.01: -0.4})
    marked = {row["line"]: row.get("λ", row.get("points")) for row in rows(figure) if row["line"] != CURVE}
    assert list(marked.values()) == pytest.approx([1e-4, 0.1, 0.0])
    legends = [layer["encoding"]["color"]["scale"]["domain"] for layer in figure.spec["layer"]]
    assert all(legend == [CURVE, *marked] for legend in legends)


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


def test_curves_have_the_mean_and_a_band_over_seeds() -> None:
    [figure] = curves(example())
    epochs = {name: [row for row in rows(figure) if row["module"] == name] for name in ("plain", "SE at spatial")}
    assert [(row["epoch"], row["top1"], row["seeds"]) for row in epochs["plain"]] == [(1, 80.0, 3), (2, 90.0, 3)]
    last = epochs["SE at spatial"][-1]
    # Seeds 90.5, 90.6 and 90.7: mean 90.6, and t(0.975, 2) 0.1 / √3 = 4.303 · 0.0577
    assert (last["top1"], last["low"], last["high"]) == pytest.approx((90.6, 90.352, 90.848), abs=2e-3)


def test_memory_is_split_by_kind() -> None:
    [figure] = memory(example())
    ours = {row["kind"]: row["bytes"] for row in rows(figure) if row["module"] == "SimAM at spatial"}
    assert ours == {"parameters": 4000, "state": 0, "gradients": 0, "activations": 4000, "temporaries": 100}


def test_roofline_has_measured_rates() -> None:
    [figure] = roofline(example())
    plain = next(row for row in rows(figure) if row.get("module") == "plain")
    # 2 · 10⁶ operations of a million MACs and 1000 others, 4000 bytes, and 10 ms
    assert (plain["intensity"], plain["rate"]) == pytest.approx((500.25, 2.001e8))
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


def test_lambda_figure_separates_options_and_omits_zero() -> None:
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
    [figure] = lambdas(example(*others))
    assert sorted(row["λ"] for row in rows(figure) if "seeds" in row) == [1e-4, 0.01, 0.1]


def test_groups_of_two_runs_stay_separate() -> None:
    both = analyse([stored_run(Path(name), list(records())) for name in ("a", "b")])
    [figure] = memory(both)
    assert [len(dataset) for dataset in figure.spec["datasets"].values()] == [20, 20]
    assert figure.spec["vconcat"][1]["title"].endswith("b")
    [front] = pareto(both)
    assert len(rows(front)) == 4


def test_panel_of_a_run_has_its_name_without_the_path() -> None:
    both = analyse([stored_run(Path(name), list(records())) for name in ("some/folder/a", "other/b")])
    [figure] = memory(both)
    assert figure.spec["vconcat"][1]["title"].endswith(", b") and "folder" not in str(figure.spec["vconcat"])


def test_batches_are_lines() -> None:
    batches = [
        replace(record, cell=f"{record.cell}/b{batch}", group=f"b{batch}", axes={**record.axes, "batch": batch})
        for batch in (1, 8, 64)
        for record in records()
        if record.measure == "latency"
    ]
    data = analyse([stored_run(Path("r"), batches)])
    [figure] = scaling(data)
    assert figure.name == "scaling-batch-1" and [len(panel["layer"]) for panel in figure.spec["vconcat"]] == [2, 2, 3]
    plain = [row for row in rows(figure) if row["module"] == "plain"]
    assert [(row["swept"], row["milliseconds"], row["throughput"]) for row in plain] == [
        (1, 10.0, 100.0),
        (8, 10.0, 800.0),
        (64, 10.0, 6400.0),
    ]
    assert "change" not in plain[0]
    assert next(row for row in rows(figure) if row["module"] == "SE at spatial")["low"] < 4.1
    two = [record for record in batches if record.axes["batch"] != 8]
    assert list(scaling(analyse([stored_run(Path("r"), two)]))) == []


@pytest.mark.parametrize(("colours", "page"), [((*COLOURS, INK), "#ffffff"), (tuple(DARK.values()), "#161616")])
def test_contrast_of_every_colour(colours: tuple[str, ...], page: str) -> None:
    """WCAG 2.1, success criterion 1.4.3: 4.5 for text."""
    for colour in colours:
        light, dark = sorted((luminance(colour), luminance(page)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, colour


def luminance(colour: str) -> float:
    """Relative luminance as defined by WCAG 2.1."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4 for channel in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_svg_follows_the_readers_theme() -> None:
    [figure] = forest(example())
    drawn = svg(figure)
    assert f'fill="{INK}"' in drawn and f'[fill="{INK}"]{{fill:{DARK[INK]}}}' in drawn


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
