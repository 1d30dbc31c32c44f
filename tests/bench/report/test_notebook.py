"""HTML for notebooks: content, and names that must stay text."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.pairing import Paired, Progress
from bench.report.comparison import compare_runs
from bench.results.statistics import Estimate
from tests.bench.report.example_run import EVIL, example_report, example_run, records
from tests.factories import stored_run


def test_report_has_tables_and_drawn_figures() -> None:
    text = example_report()._repr_html_()
    assert EVIL not in text and "&lt;script&gt;" in text and "<script" not in text
    assert text.startswith("<h1>Every measure</h1>") and "<svg" in text and "10.00 ms" in text


def test_stored_run_counts_its_records() -> None:
    run = stored_run(Path("<b>"), list(records()), title=EVIL)
    text = run._repr_html_()
    assert EVIL not in text and "<b>)" not in text
    assert "<th>complexity</th>\n      <td>4</td>" in text and "<th>latency</th>\n      <td>25</td>" in text
    assert "no records" in stored_run(Path("r"), [])._repr_html_()


def test_verdicts_are_a_list_with_a_table() -> None:
    verdicts = compare_runs(example_run(), example_run())
    text = verdicts._repr_html_()
    assert len(verdicts) > 0 and verdicts[0].kind in text and EVIL not in text
    assert verdicts.exit_code() in (0, 3) and "| verdict" in str(verdicts)


def test_paired_timing_escapes_names() -> None:
    one = Estimate(1.0, 0.9, 1.1, "t")
    text = Paired("plain", {EVIL: one}, {"plain": one, EVIL: one}, one, "2 processes")._repr_html_()
    assert EVIL not in text and "×1.000 [0.900, 1.100]" in text and "2 processes; A/A control: +0.0 %" in text


def test_progress_updates_one_output_of_a_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    handle = SimpleNamespace(update=lambda content, raw: shown.append(content["text/plain"]))
    shell = SimpleNamespace(kernel=object())
    display = SimpleNamespace(display=lambda *_, **options: handle)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    progress = Progress()
    progress.show("process 1 of 2")
    progress.show("process 2 of 2")
    assert shown == ["process 1 of 2", "process 2 of 2"]
