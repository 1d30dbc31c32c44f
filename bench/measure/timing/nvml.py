"""What a GPU's sensors say through NVML: its clock, and what holds the clock back."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

THROTTLE_REASONS = {
    0x001: "gpu_idle",
    0x002: "applications_clocks_setting",
    0x004: "sw_power_cap",
    0x008: "hw_slowdown",
    0x010: "sync_boost",
    0x020: "sw_thermal_slowdown",
    0x040: "hw_thermal_slowdown",
    0x080: "hw_power_brake_slowdown",
    0x100: "display_clock_setting",
}
"""Bit → its name in nvml.h, where they are called clocks event reasons since CUDA 12.2, and throttle reasons before."""


@dataclass(frozen=True)
class Reading:
    """One look at the sensors. What cannot be read is None.

    Args:
        sm_hz: clock of the streaming multiprocessors, in Hz.
        throttle_reasons: why the clock is not higher; empty where nothing holds it back.
        reason: why something is None.
    """

    sm_hz: int | None
    throttle_reasons: tuple[str, ...] | None
    reason: str | None = None


def _bindings() -> Any:
    return importlib.import_module("pynvml")


def sensors(uuid: str, load: Callable[[], Any] = _bindings) -> Callable[[], Reading]:
    """A way to look at a GPU's sensors as often as wanted; it never raises.

    Args:
        uuid: of the GPU, as torch has it. Its number would not do: CUDA_VISIBLE_DEVICES changes torch's, not NVML's.
        load: imports NVML's bindings.
    """
    try:
        library = load()
    except ImportError as error:
        return partial(Reading, None, None, f"{error}; pip install nvidia-ml-py (the extra `gpu`) brings it")
    try:
        library.nvmlInit()
        gpu = library.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}")
    except (library.NVMLError, AttributeError) as error:  # an older library lacks some of its functions
        return partial(Reading, None, None, f"NVML: {error}")
    return partial(_read, library, gpu)


def _read(library: Any, gpu: Any) -> Reading:
    megahertz, no_clock = _ask(library, lambda: library.nvmlDeviceGetClockInfo(gpu, library.NVML_CLOCK_SM))
    bits, no_bits = _ask(library, lambda: library.nvmlDeviceGetCurrentClocksEventReasons(gpu))
    return Reading(
        None if megahertz is None else megahertz * 1_000_000,
        None if bits is None else tuple(_names(bits)),
        no_clock or no_bits,
    )


def _ask(library: Any, question: Callable[[], int]) -> tuple[int | None, str | None]:
    """The answer, or None and why there is none."""
    try:
        return question(), None
    except (library.NVMLError, AttributeError) as error:
        return None, f"NVML: {error}"


def _names(bits: int) -> list[str]:
    """The names of the bits that are set, lowest first; a bit that NVML got later goes by its number."""
    ones = [1 << place for place in range(bits.bit_length()) if bits >> place & 1]
    return [THROTTLE_REASONS.get(one, hex(one)) for one in ones]
