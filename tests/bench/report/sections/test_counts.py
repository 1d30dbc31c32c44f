"""What is at the head of a page of counts."""

from pathlib import Path
from typing import Any

import pandas as pd

from bench.report.blocks import BulletList
from bench.report.sections.counts import sentences
from bench.report.page import Run, report
from bench.results.estimates import estimate
from tests.bench.report.invented import FACTS, invented
from tests.bench.report.sections.test_added_work import comparisons


def counted() -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for backbone, batch, operators, params in (
        ("resnet18", 1, 10, 11_689_512),
        ("resnet18", 32, 20, 11_689_512),
        ("resnet34", 1, 40, 21_797_672),
    ):
        axes = {"backbone": backbone, "batch": batch, "mode": "inference", "resolution": 224}
        plain = {"params": params, "macs": 10**6, "operators": operators}
        simam = {**plain, "operators": operators + 2}
        se = {"params": params, "macs": 10**6 + 1, "operators": operators + 2}
        rows += [
            {**row, "group": f"{backbone}/{batch}", "cell": f"{backbone}/{batch}/{row['attention']}/{row['role']}"}
            for row in (
                *comparisons("none", "baseline", plain, **axes),
                *comparisons("none", "control", {**plain, "operators": 10**6}, **axes),
                *comparisons("simam", "variant", simam, placement="spatial", **axes),
                *(comparisons("se", "variant", se, placement="spatial", **axes) if backbone == "resnet18" else ()),
            )
        ]
    return pd.DataFrame(rows)


def test_the_least_and_the_most_of_every_module() -> None:
    assert list(sentences(estimate(counted()))) == [
        "SimAM in 2 networks: params unchanged, MACs unchanged, operators ×1.050 to ×1.200.",  # 42 of 40, 12 of 10
        "SE in ResNet-18: params unchanged, MACs nearly unchanged, operators ×1.100 to ×1.200.",
    ]


def test_each_mode_has_a_sentence_where_there_are_several() -> None:
    frame = counted()
    trained = frame.assign(mode="training", group=frame["group"] + "/training", cell=frame["cell"] + "/training")
    told = list(sentences(estimate(pd.concat([frame, trained], ignore_index=True))))
    assert [sentence.partition(":")[0] for sentence in told] == [
        f"{module}, {mode}"
        for mode in ("inference", "training")
        for module in ("SimAM in 2 networks", "SE in ResNet-18")
    ]


def test_what_is_saved_for_backward_is_told_of_one_mode() -> None:
    def kept(mode: str) -> pd.DataFrame:
        axes = {"backbone": "resnet18", "batch": 1, "mode": mode, "resolution": 224}
        rows = [
            {**row, "group": mode, "cell": f"{mode}/{row['attention']}"}
            for row in (
                *comparisons("none", "baseline", {"saved_bytes": 1000, "peak_bytes": 100}, **axes),
                *comparisons("simam", "variant", {"saved_bytes": 1500, "peak_bytes": 110}, **axes),
            )
        ]
        return pd.DataFrame(rows)

    saved = "saved for backward ×1.500, live at the peak ×1.100."
    assert list(sentences(estimate(kept("inference")))) == [f"SimAM in ResNet-18: {saved}"]
    assert list(sentences(estimate(pd.concat([kept("inference"), kept("training")])))) == [
        "SimAM in ResNet-18, inference: live at the peak ×1.100.",
        f"SimAM in ResNet-18, training: {saved}",
    ]


def head(frame: pd.DataFrame) -> list[str]:
    environments = {"env": {"facts": FACTS, "state": {"load": None}}}
    points = report(frame, [Run(Path("r"), "T", "name: t\n", {}, environments)]).page.blocks[0]
    assert isinstance(points, BulletList)
    return list(points.sentences)


def test_a_page_of_counts_begins_with_them_and_with_what_is_published() -> None:
    *modules, published = head(counted())
    assert [text.split()[0] for text in modules] == ["SimAM", "SE"]
    # Published of these: params of both networks with SimAM and of plain ResNet-18, once in millions and twice in full;
    # MACs of ResNet-18 plain and with SimAM, which were invented, as was SE's row at this place.
    assert published == (
        "Equal at the digits given: 2 of 2 figures from the authors' README and "
        "2 of 4 figures from a run of the authors' code."
    )


def test_a_page_with_times_begins_with_them(tmp_path: Path) -> None:
    judged = invented(tmp_path).page.blocks[0]
    assert isinstance(judged, BulletList) and judged.sentences
    assert not any("operators" in each for each in judged.sentences)
