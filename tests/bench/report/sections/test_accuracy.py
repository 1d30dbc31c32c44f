"""Accuracy gains in a report, for differences that are known."""

import re
from collections.abc import Sequence

from bench.report.blocks import Details, Heading, Paragraph, Table
from bench.report.sections.accuracy import ACCURACY_NOTE, accuracy_sentences, accuracy_tables
from bench.results.accuracy import accuracy_gains
from bench.results.columns import Role
from bench.results.estimates import estimate
from bench.store.frame import records_frame
from bench.store.record import Record, Value
from tests.bench.report.opened import opened
from tests.factories import record

DETAILS = {
    "dataset": "CIFAR-10",
    "eval_on": "held_out",
    "recipe": {"title": "a short one", "epochs": 3, "batch": 64},
    "device": "cpu",
    "threads": 2,
    "autocast": False,
    "compile": False,
}


def trained(role: Role, attention: str, seed: int, top1: float, details: dict[str, object] = DETAILS) -> Record:
    axes = {
        "backbone": "cifar_resnet20",
        "attention": attention,
        "placement": None if attention == "none" else "spatial",
        "dataset": "cifar10",
    }
    return record(
        Value("top1", "1", (top1,)),
        Value("top5", "1", (0.99,)),
        Value("best_top1", "1", (top1 + 0.01,)),
        Value("throughput", "1/s", (500.0, 520.0) if attention == "se" else (400.0, 420.0)),
        Value("epoch_time", "s", (100.0, 101.0)),
        measure="accuracy",
        group="cifar_resnet20/cifar10",
        cell=f"cifar_resnet20/{attention}/cifar10",
        role=role,
        axes=axes,
        repeat=seed,
        seed=seed,
        details=details,
    )


def section(records: Sequence[Record]) -> tuple[list[str], Table, str]:
    """The sentences, the table and the training of the only group."""
    comparisons = estimate(records_frame([("run", records)]))
    gains = accuracy_gains(comparisons)
    blocks = list(accuracy_tables(comparisons, gains))
    assert isinstance(blocks[1], Details) and blocks[1].summary.startswith("CIFAR ResNet-20 on CIFAR-10")
    heading, table, training, note = opened(blocks)
    assert heading == Heading("Accuracy") and note == Paragraph(ACCURACY_NOTE)
    assert isinstance(table, Table) and isinstance(training, Paragraph)
    return list(accuracy_sentences(comparisons, gains)), table, training.text


def with_gains(**points: Sequence[float]) -> tuple[list[str], Table, str]:
    """The section on modules with these gains in percentage points, one for each seed."""
    baseline = [trained("baseline", "none", seed, 0.9) for seed in range(6)]
    variants = [
        trained("variant", attention, seed, 0.9 + gain / 100)
        for attention, gains in points.items()
        for seed, gain in enumerate(gains)
    ]
    return section([*baseline, *variants])


def column(table: Table, heading: str) -> list[str]:
    return [row[list(table.headings).index(heading)].text for row in table.rows]


def test_better_worse_and_inconclusive() -> None:
    sentences, table, _ = with_gains(
        simam=(0.4, 0.5, 0.45, 0.42), se=(-1, -1.1, -0.9, -1.05), eca=(0.3, -0.3, 0.4, 0.1)
    )
    assert column(table, "verdict") == ["–", "better", "worse", "inconclusive"]
    assert column(table, "Δ top-1 (pp) [95 % CI]")[:2] == ["baseline", "+0.44 [0.37, 0.51]"]
    assert [column(table, heading)[0] for heading in ("top-1 (%)", "top-5 (%)", "best epoch's top-1 (%)")] == [
        "90.00",
        "99.00",
        "91.00",
    ]
    better, worse, inconclusive = sentences
    assert "SimAM at spatial (+0.44 [0.37, 0.51] pp)" in better and "4 seeds" in better
    assert "significantly more accurate" in better and re.search(r"p = [\d.]+, Holm", better)
    assert "SE at spatial (−1.01" in worse and "significantly less accurate" in worse
    assert "ECA at spatial does not differ significantly" in inconclusive and "fewer than 5 seeds" in inconclusive
    assert column(table, "P(better)")[1] == ">0.999"


def test_best_of_several_without_a_significant_difference() -> None:
    [sentence], _, _ = with_gains(simam=(0.3, -0.3, 0.4, 0.1), se=(0.2, -0.2, 0.5, 0.3), eca=(0.1, -0.3, 0.2, 0.1))
    assert sentence.startswith("No variant differs significantly") and "best: SE at spatial with +0.20 [" in sentence


def test_others_without_a_significant_difference() -> None:
    better, others = with_gains(simam=(0.4, 0.5, 0.45, 0.42), se=(0.2, -0.2, 0.5, 0.3), eca=(0.1, -0.3, 0.2, 0.1))[0]
    assert "SimAM" in better and others.startswith("The other 2 variants do not differ")


def test_number_of_fresh_seeds_is_a_range() -> None:
    [sentence], _, _ = with_gains(simam=(0.3, -0.1, 0.2, 0.0, 0.15, 0.1))
    assert re.search(r"; \d+ to \d+ fresh seeds", sentence)


def test_unknown_spread_is_inconclusive() -> None:
    sentences, table, training = with_gains(simam=(0.5,), eca=(0.25,) * 4)
    assert column(table, "verdict")[1:] == ["inconclusive"] * 2
    assert column(table, "P(better)")[1:] == ["–", "–"]
    [sentence] = sentences
    assert "[no interval]" in sentence and "p = " not in sentence and "one seed" in sentence
    [same_seeds] = with_gains(eca=(0.25,) * 4)[0]
    assert "[no interval]" in same_seeds and "every seed" in same_seeds
    assert " 410 images/s" in training


def test_training_and_evaluation() -> None:
    *_, training = with_gains(se=(-1, -1.1, -0.9, -1.05))
    for fact in ("3 epochs", "batch size 64", "a short one", "held out", "2 CPU threads", "float32", "410 to 510"):
        assert fact in training


def test_weights_from_a_file() -> None:
    details = {key: detail for key, detail in DETAILS.items() if key != "recipe"}
    sentences, _, training = section([trained("baseline", "none", 0, 0.9, {**details, "weights": "a_b.pt"})])
    assert "a_b.pt" in training and "held out" in training and "images/s" not in training and not sentences
