from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import torch

from bench.results.columns import Role
from bench.run.time_estimates import TRAINING_RATES, estimates_from
from bench.store.record import Record, Value
from bench.store.shards import append_records
from bench.suite.plan import Plan
from tests.factories import failed, record
from tests.helpers import plan, suite

SUITE = """
    name: t
    axes: {backbone: [resnet18, resnet34], attention: [none]}
    baseline: {attention: none}
    measures: {latency: {repeats: 5, budget: 10s}, complexity: {}}
"""


def run(folder: Path, text: str, *elapsed: tuple[int, Role, float], make: Callable[..., Record] = record) -> None:
    """A run of the latency group of resnet18, with one record for each (repeat, role, elapsed)."""
    folder.mkdir(parents=True)
    (folder / "suite.yaml").write_text(suite(folder, text).to_yaml())
    group = "resnet18/inference/eager/b1/224/fp32"
    records = [make(group=group, repeat=repeat, role=role, elapsed=seconds) for repeat, role, seconds in elapsed]
    append_records(folder / "records.jsonl", records)


def estimated(tmp_path: Path, everything: Plan) -> list[float]:
    return list(map(estimates_from(tmp_path / "runs"), everything.units()))


def test_guess_without_earlier_runs(tmp_path: Path) -> None:
    everything = plan(tmp_path, SUITE)
    assert estimated(tmp_path, everything) == [unit.expected_seconds for unit in everything.units()]
    assert not any(map(estimates_from(tmp_path / "nowhere").knows, everything.units()))


def test_median_of_units_in_earlier_runs(tmp_path: Path) -> None:
    run(
        tmp_path / "runs/a",
        SUITE,
        (0, "baseline", 30.0),
        (0, "control", 31.0),
        (1, "baseline", 40.0),
        (1, "control", 41.0),
    )
    run(tmp_path / "runs/b", SUITE, (0, "baseline", 50.0), (0, "control", 51.0))
    everything = plan(tmp_path, SUITE)
    seconds = estimated(tmp_path, everything)
    assert seconds[:5] == [41.0] * 5  # of 31, 41 and 51 seconds
    assert seconds[5:] == [unit.expected_seconds for unit in everything.units()][5:]


def test_other_options_failures_and_damaged_runs_are_ignored(tmp_path: Path) -> None:
    run(tmp_path / "runs/a", SUITE.replace("10s", "99s"), (0, "baseline", 30.0))
    run(tmp_path / "runs/b", SUITE, (0, "baseline", 30.0), make=failed)
    (tmp_path / "runs/c").mkdir()
    (tmp_path / "runs/c/records.jsonl").write_text("{}\n")
    everything = plan(tmp_path, SUITE)
    assert estimated(tmp_path, everything)[0] == next(everything.units()).expected_seconds


TRAINING = """
    name: t
    axes: {backbone: [cifar_resnet20], attention: [none], dataset: [cifar10], seed: [0, 1]}
    baseline: {attention: none}
    measures: {accuracy: {recipe: quick_cifar}}
"""


def test_training_time_from_multiply_adds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    [unit, _] = plan(tmp_path, TRAINING).units()
    # 40,813,184 multiply-adds an image (the authors' network, by fvcore), three times in training, 8 epochs of 50,000.
    training = 3 * 40_813_184 * 8 * 50_000 / (TRAINING_RATES["cpu"] * torch.get_num_threads())
    assert estimates_from(tmp_path / "nowhere")(unit) == pytest.approx(training + unit.expected_seconds)


def test_network_that_cannot_be_built_adds_no_time(tmp_path: Path) -> None:
    [unit, _] = plan(tmp_path, TRAINING.replace("cifar_resnet20", "{cifar_resnet20: {deep: 3}}")).units()
    assert estimates_from(tmp_path / "nowhere")(unit) == unit.expected_seconds


def test_resumed_training_counts_all_its_epochs(tmp_path: Path) -> None:
    everything = plan(tmp_path, TRAINING)
    folder = tmp_path / "runs/a"
    folder.mkdir(parents=True)
    (folder / "suite.yaml").write_text(everything.suite.to_yaml())
    times = Value("epoch_time", "s", (40.0, 50.0))
    done = record(times, measure="accuracy", group="cifar_resnet20/cifar10", elapsed=3.0)
    append_records(folder / "records.jsonl", [done, msgspec.structs.replace(done, role="variant")])
    assert estimated(tmp_path, everything) == [180.0, 180.0]
