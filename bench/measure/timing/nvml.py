"""GPU sensor readings through NVML: the clock rate and the reasons that limit it."""

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
"""Names from nvml.h by bit. CUDA 12.2 renamed them from throttle reasons to clocks event reasons."""


@dataclass(frozen=True)
class Reading:
    """One reading of a GPU's sensors. A value that cannot be read is None.

    Args:
        sm_hz: clock rate of the streaming multiprocessors, in Hz.
        throttle_reasons: reasons that limit the clock rate; empty if nothing limits it.
        reason: why a value is None.
    """

    sm_hz: int | None
    throttle_reasons: tuple[str, ...] | None
    reason: str | None = None


def _import_pynvml() -> Any:
    return importlib.import_module("pynvml")


def sensor_reader(uuid: str, load: Callable[[], Any] = _import_pynvml) -> Callable[[], Reading]:
    """Return a function that reads the sensors of a GPU and never raises an error.

    Args:
        uuid: UUID of the GPU, as torch reports it. The device index is not sufficient, because CUDA_VISIBLE_DEVICES
            renumbers the devices of torch but not those of NVML.
        load: imports the Python bindings of NVML.
    """
    try:
        library = load()
    except ImportError as error:
        return partial(Reading, None, None, f"{error}; install nvidia-ml-py, which is in the extra `gpu`")
    try:
        library.nvmlInit()
        gpu = library.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}")
    except (library.NVMLError, AttributeError) as error:  # AttributeError: an old version lacks the function
        return partial(Reading, None, None, f"NVML: {error}")
    return partial(_read, library, gpu)


def _read(library: Any, gpu: Any) -> Reading:
    megahertz, clock_error = _query(library, lambda: library.nvmlDeviceGetClockInfo(gpu, library.NVML_CLOCK_SM))
    bits, reasons_error = _query(library, lambda: library.nvmlDeviceGetCurrentClocksEventReasons(gpu))
    return Reading(
        None if megahertz is None else megahertz * 1_000_000,
        None if bits is None else tuple(_reason_names(bits)),
        clock_error or reasons_error,
    )


def _query(library: Any, query: Callable[[], int]) -> tuple[int | None, str | None]:
    """Run a query. Returns its result and None, or None and the error message."""
    try:
        return query(), None
    except (library.NVMLError, AttributeError) as error:
        return None, f"NVML: {error}"


def _reason_names(bits: int) -> list[str]:
    """Return the names of the bits that are set, lowest bit first; a bit without a name is given in hexadecimal."""
    set_bits = [1 << position for position in range(bits.bit_length()) if bits >> position & 1]
    return [THROTTLE_REASONS.get(bit, hex(bit)) for bit in set_bits]
