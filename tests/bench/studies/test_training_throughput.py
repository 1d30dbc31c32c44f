"""The report of the training throughput."""

from bench.studies.training_throughput import COMMAND, render_training_report
from tests.bench.studies.pages import REPORTS, assert_numbers_agree


def test_committed_report() -> None:
    folder = REPORTS / "training"
    assert_numbers_agree(render_training_report(folder), folder, COMMAND)
