"""The report of a calibration: targets that are met or missed, and the committed report."""

from bench.results.statistics import Estimate
from bench.store.environment import Environment
from bench.studies.calibration.page import render_calibration_report
from bench.studies.calibration.peers import PEERS
from bench.studies.calibration.proportions import Proportion, proportion
from bench.studies.calibration.rounds import read_rounds
from bench.studies.calibration.trials import Calibration, ExtraWork, Trials, evaluate_gate
from bench.studies.calibration.windows import SETUPS, Setup
from tests.bench.studies.pages import REPORTS, assert_numbers_agree
from tests.factories import FACTS

EQUAL = Estimate(1.001, 0.998, 1.004, "t")
SLOWER = Estimate(1.03, 1.028, 1.032, "t")
ENVIRONMENTS = {"e": Environment(FACTS, {})}
COMMAND = "python -m bench calibrate reports/calibration"


def trials(rule: str, setup: Setup, detected: float, error: float) -> Trials:
    estimates = (-error, error) * 200
    if rule in PEERS:
        return Trials(rule, setup, (detected,) * 400, 1.0, estimates)
    unchanged = proportion(100, 100, 1.0)
    return Trials(rule, setup, (detected,) * 400, 1.0, estimates, 5.0, unchanged, half_widths=(0.005,) * 400)


def page(ab: float, compare: float) -> str:
    """The report for the smallest slowdowns that all trials of both commands detect."""
    gate = [
        trials(rule, setup, detected, 0.001)
        for setup in SETUPS
        for rule, detected in (("ab", ab), ("compare", compare))
    ]
    peers = [trials(rule, setup, 0.08, 0.02) for setup in SETUPS for rule in PEERS]
    detections = tuple(ExtraWork(setup, proportion(9, 10, 1.0), Proportion(0.9, 0.5, 1.0, 10, 10)) for setup in SETUPS)
    return render_calibration_report(Calibration((*gate, *peers), EQUAL, SLOWER, detections), 30, ENVIRONMENTS, COMMAND)


def row(text: str, target: str) -> list[str]:
    [line] = [line for line in text.splitlines() if line.startswith("|") and target in line]
    return [cell.strip() for cell in line.split("|")]


def test_met_targets() -> None:
    text = page(ab=0.02, compare=0.02)
    assert row(text, "ab, 20 s a pair: false alarms")[2:4] == ["0 % [0, 1]; 4.3e-24 % expected", "yes"]
    assert row(text, "ab, 20 s a pair: detects 3 %")[2:4] == ["100 % [99, 100]; 100 % expected", "yes"]
    assert row(text, "| 20 s a pair: error 5 times")[2].startswith("20.0 times (0.10 % and 2.0")


def test_missed_targets() -> None:
    text = page(ab=0.0, compare=0.04)  # only false alarms, and 3 % is never detected
    assert row(text, "ab, 60 s a pair: false alarms")[3] == "no"
    assert row(text, "compare, 20 s a pair: detects 3 %")[3] == "no"


def test_interval_widths_of_missed_targets() -> None:
    [setup] = [setup for setup in SETUPS if setup.seconds == 20]
    detected, half_widths = (0.02, 0.05, 0.02, 0.04), (0.004, 0.011, 0.006, 0.021)
    unchanged = proportion(1, 4, 1.0)
    ab = Trials("ab", setup, detected, 1.0, (-0.001, 0.001) * 2, 5.0, unchanged, half_widths=half_widths)
    text = render_calibration_report(Calibration((ab,), EQUAL, SLOWER, ()), 3, ENVIRONMENTS, COMMAND)
    assert "missed 3 % have intervals of ±2.1 %, ±1.1 %." in text and "the widest is ±2.1 %." in text
    assert "Invocations that missed" not in page(ab=0.02, compare=0.04)  # listed for `ab` only


def test_sections() -> None:
    text = page(ab=0.02, compare=0.02)
    assert text.count("| asv, ") == len(SETUPS) and "takes +3.0 % [2.8, 3.2] longer" in text
    assert "differs from the baseline by +0.1 % [−0.2, 0.4]" in text
    assert f"{COMMAND} --rounds N" in text and "revision abc" in text


def test_too_few_records() -> None:
    unchanged = proportion(1, 1, 1.0)
    ab = Trials("ab", SETUPS[1], (0.02,), 1.0, (0.001,), 5.0, unchanged, half_widths=(0.005,))
    peer = Trials(next(iter(PEERS)), SETUPS[1], (0.08,), 1.0, (0.02,))
    text = render_calibration_report(Calibration((ab, peer), EQUAL, SLOWER, ()), 3, ENVIRONMENTS, COMMAND)
    assert row(text, "compare, 20 s a pair")[2:4] == ["too few records", "not shown"]
    assert "nan" not in text and "smaller than with sequential timing" not in text


def test_committed_report() -> None:
    folder = REPORTS / "calibration"
    steps = read_rounds(folder)
    result = evaluate_gate(steps["run"], [run.frame for run in steps["same"]], [run.frame for run in steps["slowed"]])
    environments = {id_: environment for run in steps["run"] for id_, environment in run.environments.items()}
    assert_numbers_agree(
        render_calibration_report(result, sum(map(len, steps.values())), environments, COMMAND), folder, COMMAND
    )
