"""Sentences on counts, for counts that are known."""

from collections.abc import Mapping
from typing import Any

from bench.report.sections.counts import count_sentences
from bench.results.estimates import Comparison
from tests.bench.comparisons import comparison, exact

BASELINE = {"params": 11_689_512, "macs": 10**6, "operators": 10, "saved_bytes": 1000, "peak_bytes": 100}


def counts(attention: str, plain: Mapping[str, int], added: Mapping[str, int], **fields: Any) -> list[Comparison]:
    """The counts of a variant, with ratios to those of the plain network."""
    shared = {"backbone": "resnet18", "mode": "inference", **fields}
    return [
        comparison(
            attention,
            "complexity",
            name,
            absolute=exact(count + added.get(name, 0)),
            ratio=exact((count + added.get(name, 0)) / count),  # type: ignore[arg-type]
            **shared,
        )
        for name, count in plain.items()
    ]


def facts(sentence: str) -> tuple[str, list[str]]:
    """The subject of a sentence, and its counts."""
    subject, _, values = sentence.removesuffix(".").partition(": ")
    return subject, values.split(", ")


def test_range_of_every_module() -> None:
    plain = {name: BASELINE[name] for name in ("params", "macs", "operators")}
    comparisons = [
        *counts("simam", plain, {"operators": 2}, batch=1),
        *counts("simam", {**plain, "operators": 20}, {"operators": 2}, batch=32),
        *counts("simam", {**plain, "operators": 40}, {"operators": 2}, backbone="resnet34"),
        *counts("se", plain, {"macs": 1, "operators": 2}, batch=1),
        *counts("se", {**plain, "operators": 20}, {"macs": 1, "operators": 2}, batch=32),
        *counts("none", plain, {"operators": 10**6}, role="control"),
    ]
    simam, se = count_sentences(comparisons)
    assert facts(simam) == ("SimAM in 2 networks", ["params unchanged", "MACs unchanged", "operators ×1.050 to ×1.200"])
    assert facts(se) == (
        "SE in ResNet-18",
        ["params unchanged", "MACs nearly unchanged", "operators ×1.100 to ×1.200"],
    )


def test_one_sentence_for_each_mode() -> None:
    plain = {"operators": 10}
    comparisons = [
        *counts("simam", plain, {"operators": 2}),
        *counts("simam", plain, {"operators": 5}, mode="training"),
        *counts("se", plain, {}),
    ]
    assert [sentence.partition(":")[0] for sentence in count_sentences(comparisons)] == [
        "SimAM in ResNet-18, inference",
        "SimAM in ResNet-18, training",
        "SE in ResNet-18, inference",
    ]


def test_saved_activations_belong_to_training() -> None:
    plain = {name: BASELINE[name] for name in ("saved_bytes", "peak_bytes")}
    added = {"saved_bytes": 500, "peak_bytes": 10}
    inference, training = (counts("simam", plain, added, mode=mode) for mode in ("inference", "training"))
    [alone] = count_sentences(inference)
    assert facts(alone)[1] == ["saved activations ×1.500", "peak memory ×1.100"]
    first, second = count_sentences([*inference, *training])
    assert facts(first)[1] == ["peak memory ×1.100"]
    assert facts(second)[1] == ["saved activations ×1.500", "peak memory ×1.100"]
