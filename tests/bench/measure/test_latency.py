"""The latency measure with fake clocks: recorded values, and null values."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from bench.measure import Outcome, Subject, Workload
from bench.measure.latency import Latency
from bench.measure.timing import cpu
from bench.measure.timing.disturbance import Activity
from bench.measure.timing.nvml import Reading
from bench.measure.timing.sampler import Elapsed
from bench.store.record import Value

COMPILED = (Value("compile_time", "s", (4.0,)), Value("graph_breaks", "1", (0,)))


class FakeClock:
    """Clock on which every call takes 10 ms of device time and 15 ms of wall time."""

    separate_wall = False
    shortest_block = 0.030
    fewest_calls = 1
    reading: Reading | None = None

    def time(self, call: Callable[[], object], iterations: int) -> Elapsed:
        return Elapsed(0.010 * iterations, 0.015 * iterations, self.reading)


class FakeGpuClock(FakeClock):
    separate_wall = True
    reading = Reading(1_980_000_000, ("sw_power_cap",))


class NoSensorsClock(FakeGpuClock):
    reading = Reading(None, None, "NVML: Not Supported")


@pytest.fixture(autouse=True)
def no_background_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.measure.latency.background_share", lambda: 0.0)


def measure(
    monkeypatch: pytest.MonkeyPatch, clock: type, values: tuple[Value, ...] = (), budget: float = 60.0
) -> Outcome:
    monkeypatch.setattr(cpu, "CpuClock", clock)
    image = torch.zeros(1)
    workload = Workload(nn.Identity(), image, lambda: image, lambda: image, {"threads": 1}, values)
    group = [Subject(index, role, lambda device: workload) for index, role in enumerate(("baseline", "control"))]
    [(_, outcome), _] = Latency(budget=budget).measure(group, lambda subject: None, seed=0)
    return outcome


def test_output_that_becomes_nan_later_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "CpuClock", FakeClock)
    outputs = iter([torch.zeros(1)])  # the first call of the build, and no finite one after it

    def call() -> torch.Tensor:
        return next(outputs, torch.full((1,), float("nan")))

    image = torch.zeros(1)
    failing, steady = (Workload(nn.Identity(), image, one, one) for one in (call, lambda: image))
    group = [Subject(0, "baseline", lambda device: failing), Subject(1, "control", lambda device: steady)]
    with pytest.raises(ArithmeticError, match="NaN"):
        list(Latency().measure(group, lambda subject: None, seed=0))


@pytest.mark.parametrize(("seed", "order"), [(0, [0, 1, 2]), (1, [1, 2, 0]), (2, [2, 0, 1]), (3, [0, 1, 2])])
def test_build_order_rotates_by_process(monkeypatch: pytest.MonkeyPatch, seed: int, order: list[int]) -> None:
    monkeypatch.setattr(cpu, "CpuClock", FakeClock)
    image, built = torch.zeros(1), []

    def build(index: int) -> Workload:
        built.append(index)
        return Workload(nn.Identity(), image, lambda: image, lambda: image, {"index": index}, ())

    group = [Subject(index, "variant", lambda device, index=index: build(index)) for index in range(3)]
    outcomes = list(Latency().measure(group, lambda subject: None, seed=seed))
    assert built == order
    assert [(subject.index, outcome.details["index"]) for subject, outcome in outcomes] == [(0, 0), (1, 1), (2, 2)]


def test_cpu_has_no_wall_time_and_no_sensors(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = measure(monkeypatch, FakeClock)
    [latency] = outcome.values
    assert (latency.name, latency.unit, len(latency.samples)) == ("latency", "s", 8)
    assert latency.samples == pytest.approx([0.010] * 8)
    assert outcome.details == {
        "iterations": 2,  # 2 × 15 ms is the shortest block of at least 30 ms
        "rounds": 8,
        "stopped_by": "target",
        "disturbed": (),
        "background_share": 0.0,
        "outliers": 0,
        "switches": None,
        "cpu_share": None,
        "pressure": None,
        "steal": None,
        "l2": None,
        "sm_hz": None,
        "throttle_reasons": None,
        "sensors_missing": None,
        "threads": 1,
    }


def test_gpu_has_wall_time_and_a_reading_per_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = measure(monkeypatch, FakeGpuClock)
    latency, wall = outcome.values
    assert wall.name == "wall" and wall.samples == pytest.approx([0.015] * len(latency.samples))
    assert outcome.details["sm_hz"] == [1_980_000_000] * len(latency.samples)
    assert outcome.details["throttle_reasons"] == [("sw_power_cap",)] * len(latency.samples)
    assert outcome.details["sensors_missing"] is None


class BusyClock(FakeGpuClock):
    """Clock of a machine on which another process uses a core during every block."""

    def time(self, call: Callable[[], object], iterations: int) -> Elapsed:
        return super().time(call, iterations)._replace(activity=Activity(9, 0.015, 0.0225, None))


def test_use_of_the_cpus_is_recorded_per_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    details = measure(monkeypatch, BusyClock, budget=0.06).details
    rounds = details["rounds"]
    assert rounds >= 1 and details["disturbed"] == tuple(range(rounds)) and details["stopped_by"] == "patience"
    assert (details["switches"], details["steal"]) == ([9] * rounds, None)
    # A block is 2 calls of 15 ms; 15 ms of CPU time and 22.5 ms of waiting are 0.5 and 0.75 of it.
    assert (details["cpu_share"], details["pressure"]) == ([0.5] * rounds, [0.75] * rounds)


def test_patience_is_a_multiple_of_the_expected_wall_time() -> None:
    # 30 s in 6 processes; blocks of 4 calls follow one untimed call, so 5 s measured take 6.25 s.
    assert Latency(budget=30.0, patience=3.0).stopping(6, (4, 9)).patience == pytest.approx(18.75)
    with pytest.raises(ValueError, match="patience must be a factor of 1 or more"):
        Latency(patience=0.5)


def test_missing_sensor_values_are_null(monkeypatch: pytest.MonkeyPatch) -> None:
    details = measure(monkeypatch, NoSensorsClock).details
    assert set(details["sm_hz"]) == set(details["throttle_reasons"]) == {None}
    assert details["sensors_missing"] == "NVML: Not Supported"


def test_compile_time_is_recorded_with_the_latency(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = measure(monkeypatch, FakeClock, COMPILED)
    assert outcome.values[1:] == COMPILED
