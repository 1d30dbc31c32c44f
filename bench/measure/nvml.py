"""What NVIDIA's driver says of a GPU's clock; it needs the package nvidia-ml-py, and a driver that answers."""

from dataclasses import dataclass
from importlib import import_module

_SLOWDOWNS = {0x08: "hardware slowdown", 0x20: "heat", 0x40: "heat (hardware)", 0x80: "power brake"}
"""Bits of the reasons why a clock is held down that stand for trouble. Source: nvml.h, nvmlClocksEventReasons."""


@dataclass(frozen=True)
class GpuClock:
    """The clock of a GPU's multiprocessors at one moment.

    Args:
        hertz: what it is.
        highest: what it can be, in hertz.
        slowed_by: reasons for which the hardware or the driver slows it down; idling and a power cap are none.
    """

    hertz: int
    highest: int
    slowed_by: tuple[str, ...]


def read_clock(uuid: str) -> GpuClock | None:
    """The clock of a GPU, None where it cannot be read.

    Args:
        uuid: as torch's device properties have it; the driver's own numbers do not heed CUDA_VISIBLE_DEVICES.
    """
    try:
        nvml = import_module("pynvml")
    except ImportError:
        return None
    try:
        nvml.nvmlInit()
        gpu = nvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}")
        megahertz = nvml.nvmlDeviceGetClockInfo(gpu, nvml.NVML_CLOCK_SM)
        highest = nvml.nvmlDeviceGetMaxClockInfo(gpu, nvml.NVML_CLOCK_SM)
        reasons = nvml.nvmlDeviceGetCurrentClocksThrottleReasons(gpu)
    except nvml.NVMLError:
        return None
    slowed_by = tuple(name for bit, name in _SLOWDOWNS.items() if reasons & bit)
    return GpuClock(megahertz * 1_000_000, highest * 1_000_000, slowed_by)
