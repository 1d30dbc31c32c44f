"""The CPU's side of the fused operator: C kernels (cpu.c), built at installation where there is a compiler."""

import ctypes
import hashlib
import importlib.util
import warnings
from functools import cache, partial
from pathlib import Path

import torch  # before the kernels are loaded, so that they find its OpenMP runtime and bring no second one
from torch import Tensor

from simam.kernels.order import in_order

SOURCES = ("cpu.c", "cpu_maps.h")
_KINDS = {torch.float32: 0, torch.float64: 1, torch.float16: 2, torch.bfloat16: 3}
_FAILURES = {1: "this build of simam's CPU kernels has no float16", 2: "no memory for simam's CPU kernels to work in"}


@cache
def library() -> ctypes.CDLL | None:
    """The kernels; None where they were not built, or are older than their source, which is said once."""
    found = _load()
    if isinstance(found, ctypes.CDLL):
        return found
    why = f"simam's CPU kernels {found}; SimAM runs as its formula, several times slower"
    warnings.warn(why, RuntimeWarning, stacklevel=2)
    return None


def _load() -> ctypes.CDLL | str:
    """The kernels, or why there are none."""
    spec = importlib.util.find_spec("simam.kernels._cpu")
    if spec is None or spec.origin is None:
        return "were not built (that takes a C compiler with OpenMP when simam is installed)"
    try:
        found = ctypes.CDLL(spec.origin)
    except OSError as error:
        return f"cannot be loaded ({error})"
    found.simam_source.restype = ctypes.c_char_p
    folder = Path(__file__).parent
    if all((folder / name).exists() for name in SOURCES) and found.simam_source().decode() != source(folder):
        return "are older than their source; build them again: pip install -e ."
    pointers, sizes, flags = [ctypes.c_void_p] * 3, [ctypes.c_int64] * 3, [ctypes.c_int] * 2
    found.simam_maps.argtypes = [*pointers, *sizes, *flags, ctypes.c_double, ctypes.c_int]
    return found


def source(folder: Path) -> str:
    """Stands for the C files of a folder."""
    return hashlib.sha256(b"".join((folder / name).read_bytes() for name in SOURCES)).hexdigest()


def run(gradient: Tensor | None, x: Tensor, e_lambda: float) -> Tensor:
    """Forward, or with an upstream gradient backward; both of shape (N, C, H, W), in any order in memory.

    Raises:
        ValueError: the gradient has another shape.
        RuntimeError: there are no kernels here, or none for the type.
        MemoryError: there is no memory to widen half types in.
    """
    return in_order(partial(_launch, e_lambda), gradient, x)


def _launch(e_lambda: float, gradient: Tensor | None, x: Tensor, out: Tensor, channels_last: bool) -> None:
    found = library()
    if found is None:
        raise RuntimeError("simam::simam has no CPU kernels in this installation; use the formula")
    images, channels, height, width = x.shape
    status = found.simam_maps(
        None if gradient is None else gradient.data_ptr(),
        x.data_ptr(),
        out.data_ptr(),
        images,
        channels,
        height * width,
        _KINDS[x.dtype],
        channels_last,
        e_lambda,
        torch.get_num_threads(),
    )
    if status:
        raise (MemoryError if status == 2 else RuntimeError)(_FAILURES[status])
