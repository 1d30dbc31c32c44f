from pathlib import Path

from bench.suite.load import load_suite
from bench.suite.renamed import rename
from tests.helpers import write


def test_old_names_become_current() -> None:
    old = {
        "gate": {"live_peak_bytes": "exact", "params": "exact"},
        "measures": {"accuracy": {"judge": "test"}, "m": None},
    }
    assert rename(old) == {
        "gate": {"peak_bytes": "exact", "params": "exact"},
        "measures": {"accuracy": {"eval_on": "test"}, "m": None},
    }


def test_unexpected_shapes_stay() -> None:
    for suite in ([], None, {"gate": 3, "measures": ["accuracy"]}, {"measures": {"accuracy": "x"}}):
        assert rename(suite) == suite


def test_old_suite_loads(tmp_path: Path) -> None:
    text = """
        name: old
        axes: {backbone: [cifar_resnet8]}
        baseline: {attention: none}
        measures: {accuracy: {judge: held_out}}
    """
    [spec] = load_suite(write(tmp_path, text)).measures
    assert spec.as_options()["eval_on"] == "held_out"
