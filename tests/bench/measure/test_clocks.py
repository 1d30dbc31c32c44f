from types import SimpleNamespace

import pytest
import torch

from bench.measure.timing import cuda
from bench.measure.timing.cpu import CpuClock
from bench.measure.timing.disturbance import Activity, CpuCounters
from bench.measure.timing.nvml import Reading


class FakeCuda:
    """A device that logs its operations; two events are always 4 ms apart."""

    def __init__(self) -> None:
        self.log: list[str] = []

    def synchronize(self) -> None:
        self.log.append("synchronize")

    def Event(self, enable_timing: bool) -> "FakeCuda.FakeEvent":
        assert enable_timing
        return FakeCuda.FakeEvent(self)

    class FakeEvent:
        def __init__(self, device: "FakeCuda") -> None:
            self.device = device

        def record(self) -> None:
            self.device.log.append("event")

        def elapsed_time(self, last: "FakeCuda.FakeEvent") -> float:
            return 4.0  # milliseconds


def test_cuda_clock_encloses_calls_in_events(monkeypatch: pytest.MonkeyPatch) -> None:
    device, ticks = FakeCuda(), iter([10.0, 10.5])
    monkeypatch.setattr(cuda.torch, "cuda", device)
    monkeypatch.setattr(cuda, "perf_counter", lambda: next(ticks))
    elapsed = cuda.CudaClock().time(lambda: device.log.append("call"), 3)
    assert elapsed[:3] == (pytest.approx(0.004), pytest.approx(0.5), None)
    assert device.log == ["synchronize", "event", "call", "call", "call", "event", "synchronize"]


def test_flush_precedes_each_call_and_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    device, ticks = FakeCuda(), iter([10.0, 10.5])
    monkeypatch.setattr(cuda.torch, "cuda", device)
    monkeypatch.setattr(cuda, "perf_counter", lambda: next(ticks))
    clock = cuda.CudaClock(flush=lambda: device.log.append("flush"))
    elapsed = clock.time(lambda: device.log.append("call"), 2)
    assert elapsed[:3] == (pytest.approx(2 * 0.004), pytest.approx(0.5), None)
    assert device.log == ["synchronize", *["flush", "event", "call", "event"] * 2, "synchronize"]
    # The wall time includes the flushes, so it is not reported.
    assert not clock.separate_wall and cuda.CudaClock().separate_wall


def test_flush_writes_twice_the_cache_size(monkeypatch: pytest.MonkeyPatch) -> None:
    def empty(size: int, dtype: torch.dtype, device: str) -> torch.Tensor:
        assert device == "cuda"
        return torch.ones(size, dtype=dtype)

    properties = SimpleNamespace(L2_cache_size=1000)
    device = SimpleNamespace(get_device_properties=lambda: properties)
    monkeypatch.setattr(cuda, "torch", SimpleNamespace(cuda=device, empty=empty, int8=torch.int8))
    written = cuda.l2_flush()()
    assert isinstance(written, torch.Tensor)
    assert written.nbytes == 2000 and not written.any()


def test_sensors_are_read_after_each_block(monkeypatch: pytest.MonkeyPatch) -> None:
    device, reading = FakeCuda(), Reading(1_980_000_000, ())
    monkeypatch.setattr(cuda.torch, "cuda", device)

    def read() -> Reading:
        device.log.append("read")
        return reading

    assert cuda.CudaClock(read=read).time(lambda: None, 1).reading is reading
    assert device.log == ["synchronize", "event", "event", "synchronize", "read"]


def test_counters_are_read_before_and_after_a_block() -> None:
    log: list[str] = []
    readings = iter([CpuCounters(2, 1.0, 0.5, None), CpuCounters(5, 1.75, 0.5, None)])

    def counters() -> CpuCounters:
        log.append("read")
        return next(readings)

    elapsed = CpuClock(counters).time(lambda: log.append("call"), 2)
    assert elapsed.activity == Activity(3, 0.75, 0.0, None)
    assert log == ["read", "call", "call", "read"]


def test_cpu_clock_runs_every_call() -> None:
    calls: list[int] = []
    elapsed = CpuClock().time(lambda: calls.append(1), 5)
    assert len(calls) == 5 and elapsed.seconds == elapsed.wall > 0


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_device_time_is_within_wall_time() -> None:
    x = torch.randn(2048, 2048, device="cuda")
    elapsed = cuda.CudaClock().time(lambda: x @ x, 10)
    assert 0 < elapsed.seconds <= elapsed.wall


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_flush_fits_the_device_and_keeps_results() -> None:
    x = torch.randn(64, 64, device="cuda")
    results: list[torch.Tensor] = []
    elapsed = cuda.CudaClock(cuda.l2_flush()).time(lambda: results.append(x @ x), 3)
    assert 0 < elapsed.seconds < elapsed.wall
    assert torch.equal(results[0], results[2])
