from dataclasses import replace
from pathlib import Path

import pytest
import torch

from bench.results.record import Value, append_records
from bench.run.prices import RATES, prices_from
from bench.suite.plan import Plan
from tests.bench.results.test_record import RECORD
from tests.helpers import plan, suite

SUITE = """
    name: t
    axes: {backbone: [resnet18, resnet34], attention: [none]}
    baseline: {attention: none}
    measures: {latency: {repeats: 5, budget: 10s}, complexity: {}}
"""


def run(folder: Path, text: str, *elapsed: tuple[int, str, float], status: str = "ok") -> None:
    """A run of resnet18's latency group with one record for each (repeat, role, elapsed)."""
    folder.mkdir(parents=True)
    (folder / "suite.yaml").write_text(suite(folder, text).to_yaml())
    group = "resnet18/inference/eager/b1/224/fp32"
    records = [replace(RECORD, group=group, repeat=n, role=role, elapsed=s, status=status) for n, role, s in elapsed]  # type: ignore[arg-type]
    append_records(folder / "records.jsonl", records)


def prices(tmp_path: Path, everything: Plan) -> list[float]:
    found = prices_from(tmp_path / "runs")
    return [found(unit) for unit in everything.units()]


def test_without_earlier_runs_it_is_a_guess(tmp_path: Path) -> None:
    everything = plan(tmp_path, SUITE)
    assert prices(tmp_path, everything) == [unit.expected_seconds for unit in everything.units()]
    assert not any(map(prices_from(tmp_path / "nowhere").knows, everything.units()))


def test_earlier_runs_give_the_median_of_whole_units(tmp_path: Path) -> None:
    run(tmp_path / "runs/a", SUITE, (0, "baseline", 30.0), (0, "twin", 31.0), (1, "baseline", 40.0), (1, "twin", 41.0))
    run(tmp_path / "runs/b", SUITE, (0, "baseline", 50.0), (0, "twin", 51.0))
    everything = plan(tmp_path, SUITE)
    found = prices(tmp_path, everything)
    assert found[:5] == [41.0] * 5  # of 31, 41 and 51 seconds
    assert found[5:] == [unit.expected_seconds for unit in everything.units()][5:]


def test_other_options_and_failures_tell_nothing(tmp_path: Path) -> None:
    run(tmp_path / "runs/a", SUITE.replace("10s", "99s"), (0, "baseline", 30.0))
    run(tmp_path / "runs/b", SUITE, (0, "baseline", 30.0), status="failed")
    (tmp_path / "runs/c").mkdir()
    (tmp_path / "runs/c/records.jsonl").write_text("{}\n")
    everything = plan(tmp_path, SUITE)
    assert prices(tmp_path, everything)[0] == next(everything.units()).expected_seconds


TRAINING = """
    name: t
    axes: {backbone: [cifar_resnet20], attention: [none], dataset: [cifar10], seed: [0, 1]}
    baseline: {attention: none}
    measures: {accuracy: {recipe: quick_cifar}}
"""


def test_training_is_priced_by_its_multiply_adds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    [unit, _] = plan(tmp_path, TRAINING).units()
    # 40,813,184 multiply-adds an image (the authors' network, by fvcore), three times in training, 8 epochs of 50,000.
    wanted = 3 * 40_813_184 * 8 * 50_000 / (RATES["cpu"] * torch.get_num_threads())
    assert prices_from(tmp_path / "nowhere")(unit) == pytest.approx(wanted + unit.expected_seconds)


def test_what_cannot_be_built_has_no_price_and_stops_no_plan(tmp_path: Path) -> None:
    [unit, _] = plan(tmp_path, TRAINING.replace("cifar_resnet20", "{cifar_resnet20: {deep: 3}}")).units()
    assert prices_from(tmp_path / "nowhere")(unit) == unit.expected_seconds


def test_a_unit_that_went_on_from_its_checkpoints_is_worth_its_epochs(tmp_path: Path) -> None:
    everything = plan(tmp_path, TRAINING)
    folder = tmp_path / "runs/a"
    folder.mkdir(parents=True)
    (folder / "suite.yaml").write_text(everything.suite.to_yaml())
    times = Value("epoch_time", "s", (40.0, 50.0))
    done = replace(RECORD, measure="accuracy", group="cifar_resnet20/cifar10", elapsed=3.0, values=(times,))
    append_records(folder / "records.jsonl", [done, replace(done, role="variant")])
    assert prices(tmp_path, everything) == [180.0, 180.0]
