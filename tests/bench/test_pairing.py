"""Callables against one another. No time passes that a test depends on."""

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


def told(clock: CpuClock, call: Callable[[], object], iterations: int) -> Elapsed:
    """A call's own word for how long it took."""
    seconds = sum(float(str(call())) for _ in range(iterations))
    return Elapsed(seconds, seconds)


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CpuClock, "time", told)


def test_ratios_are_to_the_first(played: None) -> None:
    seen = bench.paired({"plain": lambda: 0.02, "mine": lambda: 0.05, "yours": lambda: 0.01}, budget="5s")
    assert seen.baseline == "plain" and seen.ratios.keys() == {"mine", "yours"}
    assert seen.ratios["mine"].point == pytest.approx(2.5) and seen.ratios["yours"].point == pytest.approx(0.5)
    assert seen.ratios["mine"].method.endswith("rounds, order statistics")
    assert seen.seconds["mine"].point == pytest.approx(0.05)
    assert seen.control is None and "excludes differences between processes" in str(seen)
    assert "×2.500 [2.500, 2.500]" in str(seen) and "| mine" in seen._repr_markdown_()


def test_a_factory_is_measured_in_processes_with_a_control() -> None:
    def factory() -> dict[str, Callable[[], object]]:
        CpuClock.time = told  # type: ignore[method-assign, assignment]
        return {"once": lambda: 0.02, "ten times": lambda: 0.2}

    seen = bench.paired(factory, budget="8s", processes=2)
    # A factory defined in a function reaches the processes by value.
    assert seen.ratios.keys() == {"ten times"} and seen.ratios["ten times"].point == pytest.approx(10)
    assert seen.control is not None and seen.control.point == pytest.approx(1)
    assert "2 fresh processes" in str(seen) and "A/A control" in str(seen)


def test_what_fails_in_a_process_is_told_with_its_traceback() -> None:
    def factory() -> dict[str, Callable[[], object]]:
        return {"plain": lambda: None, "broken": lambda: 1 / 0}

    with pytest.raises(InputError, match=r"process 1 failed: ZeroDivisionError(?s:.*)Traceback"):
        bench.paired(factory, budget="1s", processes=2)


def test_a_process_says_that_it_lives_while_it_measures() -> None:
    said: list[str] = []
    pickled = cloudpickle.dumps(lambda: {"plain": lambda: None, "mine": lambda: None})
    alone = Subject(0, "variant", lambda _: pytest.fail("it builds nothing"))
    factory = Factory(pickled, target=0.01, budget=0.001, clock="cpu")
    list(factory.measure([alone], lambda subject, reached="": said.append(reached), seed=0))
    assert said[0] == "" and set(said[1:]) == {"timing"}


def test_without_a_gpu_none_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
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
