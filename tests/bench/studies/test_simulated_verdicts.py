"""The report of simulated verdicts, from its stored results."""

import json
from pathlib import Path

from bench.studies.simulated_verdicts import COMMAND, render_simulation
from tests.bench.studies.pages import assert_numbers_agree

FOLDER = Path(__file__).parents[3] / "reports/simulated_verdicts"


def test_committed_report() -> None:
    results = json.loads((FOLDER / "results.json").read_text(encoding="utf-8"))
    assert_numbers_agree(render_simulation(results), FOLDER, COMMAND)
