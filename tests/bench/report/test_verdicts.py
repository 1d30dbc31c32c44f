import json
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from bench.report.verdicts import (
    MOST_UNCHANGED,
    annotations,
    as_json,
    note,
    summary,
    terminal,
    verdict_rows,
    verdicts_markdown,
)
from bench.results.statistics import Estimate
from bench.results.verdicts import Verdict

CELL = "resnet18/simam(e_lambda=0.1)@spatial/inference/eager/b1/224/fp32"
SLOWER = Verdict(
    "regressed",
    "latency",
    "resnet18/inference/eager/b1/224/fp32",
    CELL,
    "latency_ratio",
    threshold=0.01,
    base=Estimate(1.056, 1.047, 1.066, "t"),
    new=Estimate(1.109, 1.1, 1.119, "t"),
    base_seconds=Estimate(0.01231, 0.012, 0.013, "median"),
    new_seconds=Estimate(0.01293, 0.012, 0.014, "median"),
    change=Estimate(1.05, 1.041, 1.059, "t"),
    p=0.0001,
    detectable=0.0187,
)
GROWN = Verdict(
    "regressed",
    "complexity",
    "resnet18/224",
    "resnet18/se@branch_end/224",
    "params",
    base=Estimate(11_776_552, 11_776_552, 11_776_552, "exact"),
    new=Estimate(11_776_553, 11_776_553, 11_776_553, "exact"),
    change=Estimate(1.0000001, 1.0000001, 1.0000001, "exact"),
)
OPEN = Verdict(
    "inconclusive",
    "latency",
    "g",
    "c",
    "latency_ratio",
    change=Estimate(1.012, 0.99, 1.03, "t"),
    repeats=20,
    seconds=209.03,
)
DEAD = Verdict("failed", "latency", "g", "<script>|d", "", reason="new: failed: Boom: 100% wrong\nat line 3")
STILL = Verdict("unchanged", "latency", "g", "e", "latency_ratio", change=Estimate(1.0, 0.998, 1.002, "t"))


def rows(*verdicts: Verdict) -> list[dict[str, str]]:
    """Heading → text of each row."""
    _, headings, cells = verdict_rows(verdicts)
    return [dict(zip(headings, row, strict=True)) for row in cells]


def test_counts_in_full_and_times_in_milliseconds() -> None:
    time, count = rows(SLOWER, GROWN)
    assert (time["before"], time["after"]) == ("12.31 ms (+5.6 %)", "12.93 ms (+10.9 %)")
    assert time["change [95 % CI]"] == "+5.0 % [4.1, 5.9]"
    assert (count["before"], count["after"], count["change [95 % CI]"]) == ("11,776,552", "11,776,553", "+1")
    [alone] = rows(replace(SLOWER, base=None, new=None))
    assert (alone["before"], alone["after"]) == ("12.31 ms", "12.93 ms")


def test_page_with_summary_and_collapsed_unchanged_values() -> None:
    page = verdicts_markdown([SLOWER, GROWN, STILL])
    assert page.startswith("**2 regressed, 1 unchanged. ") and page.count("| regressed") == 2
    assert "<details><summary>unchanged: 1</summary>" in page


def axes(**labels: object) -> dict[str, object]:
    return {
        "backbone": "resnet18",
        "attention": "simam",
        "placement": "spatial",
        "mode": "inference",
        "batch": 1,
        **labels,
    }


def test_cell_is_split_into_columns_that_vary() -> None:
    members = [replace(SLOWER, axes=axes()), replace(SLOWER, axes=axes(mode="training", attention="se"))]
    caption, headings, cells = verdict_rows(members)
    assert headings[:3] == ["verdict", "module", "conditions"] and caption == "All rows: ResNet-18; latency_ratio."
    assert [row[1:3] for row in cells] == [["SimAM at spatial", "inference"], ["SE at spatial", "training"]]


def test_constant_columns_are_left_out() -> None:
    caption, headings, _ = verdict_rows([replace(SLOWER, axes=axes())])
    assert caption == "All rows: ResNet-18; SimAM at spatial; latency_ratio."
    assert headings == ["verdict", "before", "after", "change [95 % CI]"]


def test_many_cells_of_one_side_become_one_row() -> None:
    new = [
        replace(DEAD, kind="new", reason="base has no such measurement", value=value, axes=axes(attention=name))
        for name in ("simam", "se")
        for value in ("params", "macs")
    ]
    assert len(rows(*new[:3])) == 3
    *_, merged = rows(SLOWER, *new)
    assert (merged["verdict"], merged["module"], merged["value"]) == ("new", "2 cells", "2 values")
    assert merged["note"] == "base has no such measurement"


def test_terminal_leaves_many_unchanged_values_to_the_summary() -> None:
    assert terminal([SLOWER, *[STILL] * MOST_UNCHANGED]).row_count == 1 + MOST_UNCHANGED
    assert terminal([SLOWER, *[STILL] * (MOST_UNCHANGED + 1)]).row_count == 1


def test_settings_for_an_inconclusive_verdict() -> None:
    settings = "measures.latency: {repeats: 20, budget: 209s}"
    assert settings in note(OPEN)
    assert settings not in note(replace(OPEN, repeats=None, seconds=None))


def test_no_settings_if_longer_runs_do_not_help() -> None:
    near = replace(OPEN, repeats=None, seconds=None)
    assert note(near) and "measures" not in note(near)
    biased = replace(near, evidence=Estimate(1.02, 1.015, 1.025, "t"), reason="biased")
    assert note(biased).startswith("biased: +2.0 % [1.5, 2.5]; ") and "doctor" in note(biased)


def test_only_inconclusive_verdicts_have_a_remedy() -> None:
    assert note(STILL) == "" and note(replace(STILL, repeats=20, seconds=1.0)) == ""


def test_accuracies_in_percent_and_points() -> None:
    base, new = Estimate(0.91, 0.9, 0.92, "t"), Estimate(0.9, 0.89, 0.91, "t")
    change = Estimate(-0.01, -0.012, -0.008, "t")
    fallen = Verdict("regressed", "accuracy", "g", "c", "top1", base=base, new=new, change=change)
    [row] = rows(fallen)
    assert [row[heading] for heading in ("before", "after", "change [95 % CI]")] == [
        "91.00 %",
        "90.00 %",
        "−1.00 pp [−1.20, −0.80]",
    ]


def test_text_of_others_stays_text() -> None:
    assert "\\<script\\>\\|d" in verdicts_markdown([DEAD])


def test_annotations_are_escaped_lines() -> None:
    lines = annotations([SLOWER, OPEN, DEAD, STILL], "warn").splitlines()
    assert len(lines) == 3  # unchanged verdicts have none
    assert lines[0] == (
        "::error title=regressed%3A latency_ratio of resnet18/simam(e_lambda=0.1)@spatial/inference/eager/b1/224/fp32"
        "::+5.0 %25 [4.1, 5.9]"
    )
    assert lines[1].startswith("::warning title=inconclusive%3A ")
    assert lines[2] == "::error title=failed%3A  of <script>|d::new: failed: Boom: 100%25 wrong%0Aat line 3"


def test_inconclusive_verdicts_may_pass_without_annotation() -> None:
    levels = [line.partition(" ")[0] for line in annotations([SLOWER, OPEN, DEAD, STILL], "pass").splitlines()]
    assert levels == ["::error", "::error"]


def test_json_in_full_precision() -> None:
    document = json.loads(as_json([SLOWER, DEAD], 1))
    assert document["exit_code"] == 1
    assert document["verdicts"][0]["change"] == {"point": 1.05, "low": 1.041, "high": 1.059, "method": "t"}
    assert document["verdicts"][1]["reason"] == DEAD.reason


@pytest.mark.parametrize("verdict", [SLOWER, GROWN, OPEN, DEAD, STILL])
def test_terminal_shows_verdict_and_cell(verdict: Verdict) -> None:
    shown = StringIO()
    Console(file=shown, width=400).print(terminal([verdict]))
    assert verdict.kind in shown.getvalue() and verdict.cell in shown.getvalue()


def test_summary_of_no_verdicts() -> None:
    assert summary([]) == "nothing is gated"


def test_summary_states_the_smallest_detectable_slowdown() -> None:
    assert "1.9 %" in summary([SLOWER, STILL]) and " to " not in summary([SLOWER, STILL])
    assert "1.9 to 3.2 %" in summary([SLOWER, replace(STILL, detectable=0.032)])
    assert "80 %" not in summary([GROWN])
