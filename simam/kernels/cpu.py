"""The CPU's side of the fused operator: C kernels (cpu.c), built at installation where there is a compiler."""

import ctypes
import hashlib
import importlib.util
import warnings
from functools import cache
from pathlib import Path

import torch  # before the kernels are loaded, so that they find its OpenMP runtime and bring no second one
from torch import Tensor

SOURCES = ("cpu.c", "cpu_maps.h")
_KINDS = {torch.float32: 0, torch.float64: 1, torch.float16: 2, torch.bfloat16: 3}
_FAILURES = {1: "this build of simam's CPU kernels has no float16", 2: "no memory for simam's CPU kernels to work in"}


@cache
def library() -> ctypes.CDLL | None:
    """The kernels; None where they were not built, or are older than their source, which is said once."""
    spec = importlib.util.find_spec("simam.kernels._cpu")
    if spec is None or spec.origin is None:
        return _without("were not built (that takes a C compiler with OpenMP when simam is installed)")
    try:
        found = ctypes.CDLL(spec.origin)
    except OSError as error:
        return _without(f"cannot be loaded ({error})")
    found.simam_source.restype = ctypes.c_char_p
    folder = Path(__file__).parent
    if all((folder / name).exists() for name in SOURCES) and found.simam_source().decode() != source(folder):
        return _without("are older than their source; build them again: pip install -e .")
    found.simam_maps.argtypes = [
        *[ctypes.c_void_p] * 3,
        *[ctypes.c_int64] * 3,
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_double,
        ctypes.c_int,
    ]
    return found


def source(folder: Path) -> str:
    """Stands for the C files of a folder."""
    return hashlib.sha256(b"".join((folder / name).read_bytes() for name in SOURCES)).hexdigest()


def _without(why: str) -> None:
    warnings.warn(
        f"simam's CPU kernels {why}; SimAM runs as its formula, several times slower", RuntimeWarning, stacklevel=2
    )


def run(gradient: Tensor | None, x: Tensor, e_lambda: float) -> Tensor:
    """Forward, or with an upstream gradient backward; both of shape (N, C, H, W).

    Contiguous and channels-last tensors are taken as they are, others are copied.

    Raises:
        RuntimeError: there are no kernels here, or none for the type.
        MemoryError: there is no memory to widen half types in.
    """
    found = library()
    if found is None:
        raise RuntimeError("simam::simam has no CPU kernels in this installation; use the formula")
    out = torch.empty_like(x)
    if x.numel() == 0:
        return out
    contiguous = x.is_contiguous()
    if not contiguous and not x.is_contiguous(memory_format=torch.channels_last):
        return out.copy_(run(gradient, x.contiguous(), e_lambda))
    layout = torch.contiguous_format if contiguous else torch.channels_last
    images, channels, height, width = x.shape
    if gradient is not None:
        gradient = gradient.to(x.dtype).contiguous(memory_format=layout)
    status = found.simam_maps(
        None if gradient is None else gradient.data_ptr(),
        x.data_ptr(),
        out.data_ptr(),
        images,
        channels,
        height * width,
        _KINDS[x.dtype],
        not contiguous,
        e_lambda,
        torch.get_num_threads(),
    )
    if status:
        raise (MemoryError if status == 2 else RuntimeError)(_FAILURES[status])
    return out
