"""The GPU's kernels without a GPU: interpreted, and compiled ahead of time for two of them."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

triton = pytest.importorskip("triton")

from triton.backends.compiler import GPUTarget  # noqa: E402
from triton.compiler import ASTSource  # noqa: E402

from simam import simam  # noqa: E402
from simam.formula import formula  # noqa: E402
from simam.kernels import cuda  # noqa: E402


def test_interpreted_they_are_the_formula() -> None:
    script = Path(__file__).with_name("interpreted.py")
    done = subprocess.run(
        [sys.executable, script], env={**os.environ, "TRITON_INTERPRET": "1"}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "all within bounds"


def compiled(positions: int, channels: int, channels_last: bool, backward: bool, arch: int) -> Any:
    shape = cuda.tile(positions, channels, channels_last)
    kernel = cuda.kernel_of(shape, backward)
    signature = dict.fromkeys(kernel.arg_names, "constexpr")
    signature.update({name: "*fp32" for name in kernel.arg_names if name.endswith("_ptr")})
    signature.update(dict.fromkeys(("maps", "C", "M", "map_stride", "position_stride"), "i32"))
    constants = dict(cuda.constants(shape, torch.float32, 1e-4))
    # Triton makes a constant of an argument that is 1.
    one = "map_stride" if channels_last else "position_stride"
    signature[one], constants[one] = "constexpr", 1
    places = {(kernel.arg_names.index(name),): value for name, value in constants.items()}
    source = ASTSource(fn=kernel, signature=signature, constexprs=places)
    return triton.compile(source, target=GPUTarget("cuda", arch, 32), options={"num_warps": shape.warps})


def usage(program: Any, arch: int, folder: Path) -> tuple[int, int]:
    """Registers of a thread, and bytes that are spilled, as the assembler says."""
    path = folder / "kernel.ptx"
    path.write_text(program.asm["ptx"])
    suffix = "a" if arch == 90 else ""
    command = [
        triton.knobs.nvidia.ptxas.path,
        "-v",
        f"--gpu-name=sm_{arch}{suffix}",
        path,
        "-o",
        folder / "kernel.cubin",
    ]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    [registers], [spilled] = re.findall(r"Used (\d+) registers", told), re.findall(r"(\d+) bytes spill stores", told)
    return int(registers), int(spilled)


# The maps that SimAM meets in ResNet-50 at 224 px.
SIZES = [(56 * 56, 64), (28 * 28, 128), (14 * 14, 256), (7 * 7, 512)]


@pytest.mark.parametrize("arch", [80, 90])
@pytest.mark.parametrize("channels_last", [False, True])
def test_nothing_is_spilled_at_the_sizes_of_resnet_50(arch: int, channels_last: bool, tmp_path: Path) -> None:
    for positions, channels in SIZES:
        for backward in (False, True):
            program = compiled(positions, channels, channels_last, backward, arch)
            registers, spilled = usage(program, arch, tmp_path)
            assert spilled == 0 and registers <= 255, (positions, channels, backward, registers, spilled)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("shape", [(4, 64, 56, 56), (3, 18, 130, 130), (5, 3, 1, 1), (2, 1, 9, 7)], ids=str)
def test_on_a_gpu(shape: tuple[int, ...], dtype: torch.dtype, layout: torch.memory_format) -> None:
    x = torch.randn(shape, device="cuda", dtype=dtype).contiguous(memory_format=layout).requires_grad_()
    exact = x.detach().double().requires_grad_()
    ours, theirs = simam(x), formula(exact, 1e-4)
    gradient = torch.randn_like(ours)
    [own], [slope] = torch.autograd.grad(ours, x, gradient), torch.autograd.grad(theirs, exact, gradient.double())
    for one, other in ((ours, theirs), (own, slope)):
        bound = 16 * torch.finfo(dtype).eps * float(other.detach().abs().max())
        assert float((one.double() - other).abs().max()) <= bound
