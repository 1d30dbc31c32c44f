"""What a report says of accuracies whose differences are known."""

from collections.abc import Sequence
from pathlib import Path

from bench.report.sections.accuracy import NOTE, blocks, sentences
from bench.report.blocks import Heading, Table, Paragraph
from bench.results.estimates import estimate
from bench.store.frame import load_frame
from bench.results.accuracy import gains
from bench.store.record import Record, Value, append_records

DETAILS = {
    "dataset": "CIFAR-10",
    "eval_on": "held_out",
    "recipe": {"title": "a short one", "epochs": 3, "batch": 64},
    "device": "cpu",
    "threads": 2,
    "autocast": False,
    "compile": False,
}
HELD_OUT = "by images held out from the training set, on 2 CPU threads, float32."


def record(role: str, attention: str, seed: int, top1: float, **details: object) -> Record:
    return Record(
        suite="s",
        measure="accuracy",
        group="cifar_resnet20/cifar10",
        cell=f"cifar_resnet20/{attention}/cifar10",
        role=role,  # type: ignore[arg-type]
        axes={
            "backbone": "cifar_resnet20",
            "attention": attention,
            "placement": None if attention == "none" else "spatial",
            "dataset": "cifar10",
        },
        options={},
        repeat=seed,
        seed=seed,
        status="ok",
        reason=None,
        traceback=None,
        values=(
            Value("top1", "1", (top1,)),
            Value("top5", "1", (0.99,)),
            Value("best_top1", "1", (top1 + 0.01,)),
            Value("throughput", "1/s", (500.0, 520.0) if attention == "se" else (400.0, 420.0)),
            Value("epoch_time", "s", (100.0, 101.0)),
        ),
        details={**DETAILS, **details},
        environment="e",
        started="2026-01-01T00:00:00+00:00",
        elapsed=1.0,
    )


def section(folder: Path) -> tuple[list[str], list[list[str]], str]:
    """Of the only group the sentences, the rows, and how it was trained."""
    seen = estimate(load_frame(folder))
    heading, table, how, note = blocks(seen, gains(seen))
    assert heading == Heading("CIFAR ResNet-20 on CIFAR-10") and note == Paragraph(NOTE)
    assert isinstance(table, Table) and isinstance(how, Paragraph)
    return list(sentences(seen, gains(seen))), [[cell.text for cell in row] for row in table.rows], how.text


def told(folder: Path, **differences: Sequence[float]) -> tuple[list[str], list[list[str]], str]:
    records = [record("baseline", "none", seed, 0.9) for seed in range(4)]
    for attention, points in differences.items():
        records += [record("variant", attention, seed, 0.9 + each / 100) for seed, each in enumerate(points)]
    append_records(folder / "records.jsonl", records)
    return section(folder)


def test_better_worse_and_inconclusive(tmp_path: Path) -> None:
    found, rows, how = told(
        tmp_path, simam=(0.4, 0.5, 0.45, 0.42), se=(-1, -1.1, -0.9, -1.05), eca=(0.3, -0.3, 0.4, 0.1)
    )
    assert found[0].startswith(
        "SimAM at spatial: +0.44 [0.37, 0.51] points of top-1 over plain CIFAR ResNet-20 on CIFAR-10 (4 seeds)"
    )
    assert "better with a probability of >0.999: better (p = " in found[0] and "Holm over 3)" in found[0]
    assert ": worse (p = " in found[1]
    assert ": inconclusive (p = " in found[2] and "seeds show it in 80 % of runs" in found[2]
    assert rows[0][:6] == ["plain", "–", "90.00", "99.00", "91.00", "baseline"]
    assert rows[1][5] == "+0.44 [0.37, 0.51]" and rows[1][7] == "better"
    assert how.startswith(
        f"Trained 3 epochs of batches of 64: a short one. Judged {HELD_OUT} "
        "410 to 510 images were learned a second, one network after the other"
    )


def test_what_cannot_be_told_says_why(tmp_path: Path) -> None:
    found, rows, how = told(tmp_path, simam=(0.5,), eca=(0.25,) * 4)
    assert "one seed says nothing of the spread" in found[0] and "[no interval]" in found[0]
    assert "every seed gave the same difference" in found[1]
    assert [row[7] for row in rows[1:]] == ["inconclusive"] * 2
    assert " 410 images were learned a second" in how


def test_weights_from_a_file_are_named(tmp_path: Path) -> None:
    own = record("baseline", "none", 0, 0.9)
    details = {**own.details, "weights": "a_b.pt"}
    del details["recipe"]
    path = tmp_path / "records.jsonl"
    append_records(path, [Record(**{**own.__dict__, "details": details})])
    found, _, how = section(tmp_path)
    assert how == f"Weights from a_b.pt, judged {HELD_OUT}" and not found
