import pytest

from bench.results.values import DEFAULT_GATE, UNPAIRED, VALUES, gate_names, value_spec
from bench.suite.measures import MEASURES


def test_default_gate() -> None:
    """1 % on latency ratios, and any increase of an exact count."""
    exact = ("params", "macs", "elementwise_ops", "bytes_moved", "operators", "saved_bytes", "peak_bytes")
    assert {**dict.fromkeys(exact), "latency_ratio": 0.01} == DEFAULT_GATE


@pytest.mark.parametrize("name", list(MEASURES))
def test_measures_gate_what_is_gateable(name: str) -> None:
    assert MEASURES.load(name).gates == gate_names(name)


def test_every_value_belongs_to_a_measure() -> None:
    assert {spec.measure for spec in VALUES.values()} == set(MEASURES)
    assert {"compile_time", "epoch_time"} == UNPAIRED


def test_values_of_users() -> None:
    assert value_spec("startup", "s").gate_name == "startup_ratio"
    assert value_spec("layers").gate_name == "layers"
