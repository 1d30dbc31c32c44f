"""The page says what the trials say, and where a target is missed it says so."""

import shutil
from pathlib import Path

import pytest

from bench.commands import calibrate
from bench.studies.calibration.page import render
from bench.studies.calibration.trials import Calibration, Slowed, Trials
from bench.studies.calibration.peers import PEERS
from bench.studies.calibration.rates import Rate, rate
from bench.results.statistics import Estimate
from bench.studies.calibration.windows import SETUPS, Setup
from bench.suite.load import load_suite
from bench.suite.plan import expand

ROOT = Path(__file__).parents[3]
EQUAL = Estimate(1.001, 0.998, 1.004, "t")
SLOWER = Estimate(1.03, 1.028, 1.032, "t")
FACTS = {
    "cpu": "A CPU",
    "cores": 2,
    "threads": 2,
    "system": "Linux",
    "python": "3.11",
    "packages": {"torch": "2"},
    "revision": "abc",
}


def trials(rule: str, setup: Setup, needed: float, error: float) -> Trials:
    freedom, unchanged = (None, None) if rule in PEERS else (5.0, rate(100, 100, 1.0))
    halves = () if rule in PEERS else (0.005,) * 400
    return Trials(rule, setup, (needed,) * 400, 1.0, (-error, error) * 200, freedom, unchanged, halves=halves)


def page(ab: float, compare: float) -> str:
    gate = [
        trials(rule, setup, needed, 0.001) for setup in SETUPS for rule, needed in (("ab", ab), ("compare", compare))
    ]
    peers = [trials(rule, setup, 0.08, 0.02) for setup in SETUPS for rule in PEERS]
    slowed = tuple(Slowed(setup, rate(9, 10, 1.0), Rate(0.9, 0.5, 1.0, 10, 10)) for setup in SETUPS)
    seen = Calibration((*gate, *peers), EQUAL, SLOWER, slowed)
    return render(seen, 30, {"e": {"facts": FACTS}}, "python -m bench calibrate reports/calibration")


def line(text: str, target: str) -> list[str]:
    [row] = [row for row in text.splitlines() if row.startswith("|") and target in row]
    return [cell.strip() for cell in row.split("|")]


def test_targets_that_are_met_are_met() -> None:
    text = page(ab=0.02, compare=0.02)
    assert line(text, "ab, 20 s a pair: false alarms")[2].startswith("0 % [0, 1]") and "| yes " in text
    assert line(text, "ab, 20 s a pair: finds 3 %")[2:4] == ["100 % [99, 100]; 100 % expected", "yes"]
    assert line(text, "| 20 s a pair: error 5 times")[2].startswith("20.0 times (0.10 % against 2.0")


def test_targets_that_are_missed_are_missed() -> None:
    text = page(ab=0.0, compare=0.04)  # false alarms every time, and 3 % never found
    assert line(text, "ab, 60 s a pair: false alarms")[3] == "no"
    assert line(text, "compare, 20 s a pair: finds 3 %")[3] == "no"


def test_what_missed_its_target_is_told_by_its_width() -> None:
    [setup] = [setup for setup in SETUPS if setup.seconds == 20]
    needed, halves = (0.02, 0.05, 0.02, 0.04), (0.004, 0.011, 0.006, 0.021)
    seen = Calibration(
        (Trials("ab", setup, needed, 1.0, (-0.001, 0.001) * 2, 5.0, rate(1, 4, 1.0), halves=halves),), EQUAL, SLOWER, ()
    )
    text = render(seen, 3, {"e": {"facts": FACTS}}, "command")
    assert "what missed 3 % came to intervals of ±2.1 %, ±1.1 %; of all" in text and "the widest to ±2.1 %." in text
    assert "What missed its target" not in page(ab=0.02, compare=0.04)  # only `ab` is told of


def test_the_page_has_everything() -> None:
    text = page(ab=0.02, compare=0.02)
    assert text.count("| asv, ") == len(SETUPS) and "takes +3.0 % [2.8, 3.2] longer" in text
    assert "network, reads +0.1 % [−0.2, 0.4] against the baseline" in text
    assert "python -m bench calibrate reports/calibration --rounds N" in text and "revision abc" in text


def test_what_the_records_do_not_show_is_said() -> None:
    one = Trials("ab", SETUPS[1], (0.02,), 1.0, (0.001,), 5.0, rate(1, 1, 1.0), halves=(0.005,))
    peer = Trials(next(iter(PEERS)), SETUPS[1], (0.08,), 1.0, (0.02,))
    seen = Calibration((one, peer), EQUAL, SLOWER, ())
    text = render(seen, 3, {"e": {"facts": FACTS}}, "command")
    assert line(text, "compare, 20 s a pair")[2:4] == ["too few records", "not shown"]
    assert "nan" not in text and "smaller than one after the other" not in text


def test_the_committed_report_is_what_its_records_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    committed = ROOT / "reports/calibration"
    shutil.copytree(committed, tmp_path / "reports/calibration")
    plans = [expand(load_suite(ROOT / f"suites/calibrate_{name}.yaml")) for name in ("compare", "ab")]
    monkeypatch.chdir(tmp_path)
    calibrate(plans[0], plans[1], Path("reports/calibration"), rounds=0, device="cpu")
    page = (tmp_path / "reports/calibration/report.md").read_text(encoding="utf-8")
    assert page == (committed / "report.md").read_text(encoding="utf-8")
