"""CPU implementation of the fused operator. The C kernels (cpu.c) are built at installation if a compiler exists."""

import ctypes
import hashlib
import importlib.util
import warnings
from functools import cache, partial
from pathlib import Path

import torch  # imported before the kernels are loaded, so that they use its OpenMP runtime and load no second one
from torch import Tensor

from simam.kernels.memory_format import run_kernel

SOURCES = ("cpu.c", "cpu_maps.h")
_DTYPE_CODES = {torch.float32: 0, torch.float64: 1, torch.float16: 2, torch.bfloat16: 3}
_ERROR_MESSAGES = {
    1: "this build of simam's CPU kernels does not support float16",
    2: "out of memory: simam's CPU kernels cannot allocate their work buffers",
}


@cache
def library() -> ctypes.CDLL | None:
    """Load the kernels once per process.

    Returns:
        The library, or None if it was not built, cannot be loaded or is older than its source. A RuntimeWarning states
        the reason.
    """
    kernels = _load_library()
    if isinstance(kernels, ctypes.CDLL):
        return kernels
    message = f"simam's CPU kernels {kernels}; SimAM runs as its eager formula, which is several times slower"
    warnings.warn(message, RuntimeWarning, stacklevel=2)
    return None


def _load_library() -> ctypes.CDLL | str:
    """Load the kernels, or return the reason why they are not available, as the predicate of a sentence."""
    spec = importlib.util.find_spec("simam.kernels._cpu")
    if spec is None or spec.origin is None:
        return "were not built (the installation of simam needs a C compiler with OpenMP)"
    try:
        kernels = ctypes.CDLL(spec.origin)
    except OSError as error:
        return f"cannot be loaded ({error})"
    kernels.simam_source.restype = ctypes.c_char_p
    folder = Path(__file__).parent
    if all((folder / name).exists() for name in SOURCES) and kernels.simam_source().decode() != source_hash(folder):
        return "are older than their source (rebuild them with: pip install -e .)"
    pointers, sizes, flags = [ctypes.c_void_p] * 3, [ctypes.c_int64] * 3, [ctypes.c_int] * 2
    kernels.simam_maps.argtypes = [*pointers, *sizes, *flags, ctypes.c_double, ctypes.c_int]
    return kernels


def source_hash(folder: Path) -> str:
    """SHA-256 of the C files in a folder, in hexadecimal. setup.py compiles the same hash into the library."""
    return hashlib.sha256(b"".join((folder / name).read_bytes() for name in SOURCES)).hexdigest()


def run(gradient: Tensor | None, x: Tensor, e_lambda: float) -> Tensor:
    """Run the forward kernel or, with an upstream gradient, the backward kernel.

    Args:
        gradient: upstream gradient of shape (N, C, H, W), or None.
        x: input of shape (N, C, H, W), in any memory layout.
        e_lambda: regulariser λ ≥ 0.

    Raises:
        ValueError: the shape of the gradient differs from that of ``x``.
        RuntimeError: this installation has no CPU kernels, or none for the dtype of ``x``.
        MemoryError: the buffers that hold half types in float32 cannot be allocated.
    """
    return run_kernel(partial(_launch, e_lambda), gradient, x)


def _launch(e_lambda: float, gradient: Tensor | None, x: Tensor, out: Tensor, channels_last: bool) -> None:
    kernels = library()
    if kernels is None:
        raise RuntimeError("simam::simam has no CPU kernels in this installation; use SimAM(implementation='eager')")
    images, channels, height, width = x.shape
    status = kernels.simam_maps(
        None if gradient is None else gradient.data_ptr(),
        x.data_ptr(),
        out.data_ptr(),
        images,
        channels,
        height * width,
        _DTYPE_CODES[x.dtype],
        channels_last,
        e_lambda,
        torch.get_num_threads(),
    )
    if status:
        raise (MemoryError if status == 2 else RuntimeError)(_ERROR_MESSAGES[status])
