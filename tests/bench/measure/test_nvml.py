"""NVML's sensors, read off a library that is played."""

import importlib.util

import pytest
import torch

from bench.measure.timing.nvml import Reading, sensors


class Library:
    """NVML as far as it is used, with answers that are given; an answer may be an error."""

    NVML_CLOCK_SM = 1

    class NVMLError(Exception):
        pass

    def __init__(self, clock: object = 1980, reasons: object = 0, device: object = "the handle") -> None:
        self.clock, self.reasons, self.device = clock, reasons, device
        self.begun = False

    def nvmlInit(self) -> None:
        self.begun = True

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> object:
        assert self.begun and uuid == "GPU-8a0b"
        return self._answer(self.device)

    def nvmlDeviceGetClockInfo(self, device: object, kind: int) -> object:
        assert (device, kind) == (self.device, self.NVML_CLOCK_SM)
        return self._answer(self.clock)

    def nvmlDeviceGetCurrentClocksEventReasons(self, device: object) -> object:
        assert device == self.device
        return self._answer(self.reasons)

    def _answer(self, answer: object) -> object:
        if isinstance(answer, Exception):
            raise answer
        return answer


NOT_SUPPORTED = Library.NVMLError("Not Supported")


def test_clocks_are_in_hertz() -> None:
    # NVML answers in MHz.
    assert sensors("8a0b", lambda: Library(1980))() == Reading(1_980_000_000, (), None)


@pytest.mark.parametrize(
    ("bits", "names"),
    [
        # nvml.h: SwPowerCap 0x4, SwThermalSlowdown 0x20, HwSlowdown 0x8; 0x4000 stands for one that has no name here
        (0x0, ()),
        (0x4, ("sw_power_cap",)),
        (0x28, ("hw_slowdown", "sw_thermal_slowdown")),
        (0x4001, ("gpu_idle", "0x4000")),
    ],
)
def test_throttle_reasons_are_named(bits: int, names: tuple[str, ...]) -> None:
    assert sensors("8a0b", lambda: Library(reasons=bits))().throttle_reasons == names


def test_each_sensor_is_missing_by_itself() -> None:
    assert sensors("8a0b", lambda: Library(clock=NOT_SUPPORTED))() == Reading(None, (), "NVML: Not Supported")
    assert sensors("8a0b", lambda: Library(reasons=NOT_SUPPORTED))() == Reading(
        1_980_000_000, None, "NVML: Not Supported"
    )


def test_a_gpu_that_nvml_does_not_show_is_null() -> None:
    error = Library.NVMLError("Insufficient Permissions")
    assert sensors("8a0b", lambda: Library(device=error))() == Reading(None, None, "NVML: Insufficient Permissions")


def test_without_the_bindings_all_is_null_and_the_extra_is_named() -> None:
    def load() -> object:
        raise ImportError("No module named 'pynvml'")

    reading = sensors("8a0b", load)()
    assert (reading.sm_hz, reading.throttle_reasons) == (None, None)
    assert reading.reason == "No module named 'pynvml'; pip install nvidia-ml-py (the extra `gpu`) brings it"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.skipif(importlib.util.find_spec("pynvml") is None, reason="the extra `gpu` is not installed")
def test_a_gpu_has_a_clock_or_says_why_not() -> None:
    reading = sensors(torch.cuda.get_device_properties().uuid)()
    assert (reading.sm_hz or 0) > 100_000_000 or reading.reason
