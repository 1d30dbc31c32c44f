import pytest
import torch

from bench.measure.timing import cuda
from bench.measure.timing.cpu import CpuClock


class FakeCuda:
    """A device that keeps an account of what it was told: 4 ms between two events, whatever lies between."""

    def __init__(self) -> None:
        self.log: list[str] = []

    def synchronize(self) -> None:
        self.log.append("wait")

    def Event(self, enable_timing: bool) -> "FakeCuda.Mark":
        assert enable_timing
        return FakeCuda.Mark(self)

    class Mark:
        def __init__(self, device: "FakeCuda") -> None:
            self.device = device

        def record(self) -> None:
            self.device.log.append("event")

        def elapsed_time(self, last: "FakeCuda.Mark") -> float:
            return 4.0  # milliseconds


def test_cuda_events_enclose_the_calls_and_the_device_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    device, ticks = FakeCuda(), iter([10.0, 10.5])
    monkeypatch.setattr(cuda.torch, "cuda", device)
    monkeypatch.setattr(cuda, "perf_counter", lambda: next(ticks))
    elapsed = cuda.CudaClock().time(lambda: device.log.append("call"), 3)
    assert elapsed == (pytest.approx(0.004), pytest.approx(0.5))
    assert device.log == ["wait", "event", "call", "call", "call", "event", "wait"]


def test_the_cpu_clock_counts_every_call() -> None:
    calls: list[int] = []
    elapsed = CpuClock().time(lambda: calls.append(1), 5)
    assert len(calls) == 5 and elapsed.seconds == elapsed.wall > 0


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_device_time_lies_within_wall_time() -> None:
    x = torch.randn(2048, 2048, device="cuda")
    elapsed = cuda.CudaClock().time(lambda: x @ x, 10)
    assert 0 < elapsed.seconds <= elapsed.wall
