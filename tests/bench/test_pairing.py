"""Paired timing of callables. Durations are simulated, so no test depends on real time."""

import math
from collections.abc import Callable

import cloudpickle
import pytest

import bench
from bench.errors import InputError
from bench.measure import Subject
from bench.measure.timing.cpu import CpuClock
from bench.measure.timing.sampler import Elapsed
from bench.pairing import Factory


def returned_seconds(clock: CpuClock, call: Callable[[], object], iterations: int) -> Elapsed:
    """Take the value that a call returns as its duration."""
    seconds = sum(float(str(call())) for _ in range(iterations))
    return Elapsed(seconds, seconds)


@pytest.fixture
def replayed_durations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CpuClock, "time", returned_seconds)


def test_ratios_are_to_the_first(replayed_durations: None) -> None:
    comparison = bench.paired({"plain": lambda: 0.02, "mine": lambda: 0.05, "yours": lambda: 0.01}, budget="5s")
    assert comparison.baseline == "plain" and comparison.ratios.keys() == {"mine", "yours"}
    assert comparison.ratios["mine"].point == pytest.approx(2.5)
    assert comparison.ratios["yours"].point == pytest.approx(0.5)
    assert comparison.ratios["mine"].method.endswith("rounds, order statistics")
    assert comparison.seconds["mine"].point == pytest.approx(0.05)
    assert comparison.control is None and "excludes differences between processes" in str(comparison)
    assert "×2.500 [2.500, 2.500]" in str(comparison) and "| mine" in comparison._repr_markdown_()


def test_a_factory_is_measured_in_processes_with_a_control() -> None:
    def factory() -> dict[str, Callable[[], object]]:
        CpuClock.time = returned_seconds  # type: ignore[method-assign, assignment]
        return {"once": lambda: 0.02, "ten times": lambda: 0.2}

    comparison = bench.paired(factory, budget="8s", processes=2)
    # A factory defined in a function reaches the processes by value.
    assert comparison.ratios.keys() == {"ten times"} and comparison.ratios["ten times"].point == pytest.approx(10)
    assert comparison.control is not None and comparison.control.point == pytest.approx(1)
    assert "2 fresh processes" in str(comparison) and "A/A control" in str(comparison)


def test_failure_in_a_process_has_its_traceback() -> None:
    def factory() -> dict[str, Callable[[], object]]:
        return {"plain": lambda: None, "broken": lambda: 1 / 0}

    with pytest.raises(InputError, match=r"process 1 failed: ZeroDivisionError(?s:.*)Traceback"):
        bench.paired(factory, budget="1s", processes=2)


def test_process_reports_progress() -> None:
    steps: list[str] = []
    pickled = cloudpickle.dumps(lambda: {"plain": lambda: None, "mine": lambda: None})
    alone = Subject(0, "variant", lambda _: pytest.fail("it builds nothing"))
    factory = Factory(pickled, target=0.01, budget=0.001, clock="cpu")
    list(factory.measure([alone], lambda subject, progress="": steps.append(progress), seed=0))
    assert steps[0] == "" and set(steps[1:]) == {"timing"}


def test_missing_gpu_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(InputError, match='device="cuda": torch sees no GPU here'):
        bench.paired({"a": lambda: None, "b": lambda: None}, device="cuda")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"calls": {"alone": len}}, "two or more callables"),
        ({"budget": "20 sec"}, "budget='20 sec': write \"20s\" or 20"),
        ({"budget": -1}, "budget=-1"),
        ({"target": "1"}, 'write "1%" or 0.01'),
        ({"calls": dict, "processes": 1}, "at least two"),
        ({"budget": math.nan}, "budget=nan"),
    ],
)
def test_bad_input_says_what_is_right(change: dict[str, object], message: str) -> None:
    given: dict[str, object] = {"calls": {"a": lambda: None, "b": lambda: None}, **change}
    with pytest.raises(InputError) as caught:
        bench.paired(**given)  # type: ignore[arg-type]
    assert message in str(caught.value)
