"""Sensor readings from a fake NVML library."""

import importlib.util

import pytest
import torch

from bench.measure.timing.nvml import Reading, sensor_reader


class FakeNvml:
    """The functions of pynvml that are used, with given results; a result may be an exception, which is raised."""

    NVML_CLOCK_SM = 1

    class NVMLError(Exception):
        pass

    def __init__(self, clock: object = 1980, reasons: object = 0, device: object = "the handle") -> None:
        self.clock, self.reasons, self.device = clock, reasons, device
        self.initialised = False

    def nvmlInit(self) -> None:
        self.initialised = True

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> object:
        assert self.initialised and uuid == "GPU-8a0b"
        return self._result(self.device)

    def nvmlDeviceGetClockInfo(self, device: object, kind: int) -> object:
        assert (device, kind) == (self.device, self.NVML_CLOCK_SM)
        return self._result(self.clock)

    def nvmlDeviceGetCurrentClocksEventReasons(self, device: object) -> object:
        assert device == self.device
        return self._result(self.reasons)

    def _result(self, result: object) -> object:
        if isinstance(result, Exception):
            raise result
        return result


NOT_SUPPORTED = FakeNvml.NVMLError("Not Supported")


def test_clocks_are_in_hertz() -> None:
    # NVML returns MHz.
    assert sensor_reader("8a0b", lambda: FakeNvml(1980))() == Reading(1_980_000_000, (), None)


@pytest.mark.parametrize(
    ("bits", "names"),
    [
        # nvml.h: SwPowerCap 0x4, SwThermalSlowdown 0x20, HwSlowdown 0x8. 0x4000 is a bit without a name.
        (0x0, ()),
        (0x4, ("sw_power_cap",)),
        (0x28, ("hw_slowdown", "sw_thermal_slowdown")),
        (0x4001, ("gpu_idle", "0x4000")),
    ],
)
def test_throttle_reasons_are_named(bits: int, names: tuple[str, ...]) -> None:
    assert sensor_reader("8a0b", lambda: FakeNvml(reasons=bits))().throttle_reasons == names


def test_sensors_can_be_missing_separately() -> None:
    assert sensor_reader("8a0b", lambda: FakeNvml(clock=NOT_SUPPORTED))() == Reading(None, (), "NVML: Not Supported")
    assert sensor_reader("8a0b", lambda: FakeNvml(reasons=NOT_SUPPORTED))() == Reading(
        1_980_000_000, None, "NVML: Not Supported"
    )


def test_inaccessible_gpu_is_null() -> None:
    error = FakeNvml.NVMLError("Insufficient Permissions")
    assert sensor_reader("8a0b", lambda: FakeNvml(device=error))() == Reading(
        None, None, "NVML: Insufficient Permissions"
    )


def test_missing_bindings_name_the_extra() -> None:
    def load() -> object:
        raise ImportError("No module named 'pynvml'")

    reading = sensor_reader("8a0b", load)()
    assert (reading.sm_hz, reading.throttle_reasons) == (None, None)
    assert reading.reason == "No module named 'pynvml'; install nvidia-ml-py, which is in the extra `gpu`"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.skipif(importlib.util.find_spec("pynvml") is None, reason="the extra `gpu` is not installed")
def test_gpu_has_a_clock_rate_or_a_reason() -> None:
    reading = sensor_reader(torch.cuda.get_device_properties().uuid)()
    assert (reading.sm_hz or 0) > 100_000_000 or reading.reason
