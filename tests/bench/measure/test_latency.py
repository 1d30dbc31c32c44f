"""The latency measure with fake clocks: recorded values, and null values."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from bench.measure import Outcome, Subject, Workload
from bench.measure.latency import Latency
from bench.measure.timing import cpu
from bench.measure.timing.nvml import Reading
from bench.measure.timing.sampler import Elapsed
from bench.store.record import Value

COMPILED = (Value("compile_time", "s", (4.0,)), Value("graph_breaks", "1", (0,)))


class FakeClock:
    """Clock on which every call takes 10 ms of device time and 15 ms of wall time."""

    separate_wall = False
    shortest_block = 0.030
    reading: Reading | None = None

    def time(self, call: Callable[[], object], iterations: int) -> Elapsed:
        return Elapsed(0.010 * iterations, 0.015 * iterations, self.reading)


class FakeGpuClock(FakeClock):
    separate_wall = True
    reading = Reading(1_980_000_000, ("sw_power_cap",))


class NoSensorsClock(FakeGpuClock):
    reading = Reading(None, None, "NVML: Not Supported")


def measure(monkeypatch: pytest.MonkeyPatch, clock: type, values: tuple[Value, ...] = ()) -> Outcome:
    monkeypatch.setattr(cpu, "CpuClock", clock)
    image = torch.zeros(1)
    workload = Workload(nn.Identity(), image, lambda: image, lambda: image, {"threads": 1}, values)
    group = [Subject(index, role, lambda device: workload) for index, role in enumerate(("baseline", "control"))]
    [(_, outcome), _] = Latency().measure(group, lambda subject: None, seed=0)
    return outcome


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
        "outliers": 0,
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


def test_missing_sensor_values_are_null(monkeypatch: pytest.MonkeyPatch) -> None:
    details = measure(monkeypatch, NoSensorsClock).details
    assert set(details["sm_hz"]) == set(details["throttle_reasons"]) == {None}
    assert details["sensors_missing"] == "NVML: Not Supported"


def test_compile_time_is_recorded_with_the_latency(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = measure(monkeypatch, FakeClock, COMPILED)
    assert outcome.values[1:] == COMPILED
