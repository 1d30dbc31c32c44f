"""The GPU's kernels without a GPU: interpreted, and compiled ahead of time for two of them."""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

triton = pytest.importorskip("triton")

from triton.backends.compiler import GPUTarget  # noqa: E402
from triton.compiler import ASTSource  # noqa: E402

from simam import simam  # noqa: E402
from simam.formula import formula  # noqa: E402
from simam.kernels import cuda  # noqa: E402
from simam.kernels.cuda_tiles import tile  # noqa: E402


def test_interpreted_they_are_the_formula() -> None:
    script = Path(__file__).with_name("interpreted.py")
    done = subprocess.run(
        [sys.executable, script], env={**os.environ, "TRITON_INTERPRET": "1"}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "all within bounds"


class Recorder:
    """Triton's driver without a GPU: programs are compiled for one, and what would be launched is kept."""

    def __init__(self) -> None:
        self.launched: list[tuple[Any, ...]] = []
        self.utils = SimpleNamespace(
            get_device_properties=lambda device: {"max_shared_mem": 2**18},
            load_binary=lambda name, code, shared, device: (code, code, 32, 0, 1024),
            unload_module=lambda module: None,
        )

    def launcher_cls(self, source: Any, metadata: Any) -> Any:
        def launch(*given: Any) -> None:
            self.launched.append((*given[:6], *given[9:]))  # without hooks and what they are told

        return launch

    def get_current_device(self) -> int:
        return 0

    def get_current_stream(self, device: int) -> int:
        return 0

    def get_current_target(self) -> GPUTarget:
        return GPUTarget("cuda", 90, 32)


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((2, 16, 8, 8), torch.float32),
        ((1, 3, 5, 7), torch.float16),
        ((2, 1, 1, 1), torch.float64),
        ((1, 2, 100, 100), torch.bfloat16),
    ],
    ids=str,
)
def test_what_is_kept_of_a_launch_is_what_triton_finds(
    shape: tuple[int, ...], dtype: torch.dtype, channels_last: bool, backward: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder()
    monkeypatch.setattr(triton.runtime.driver, "_active", recorder)
    tensors = [torch.empty(shape, dtype=dtype) for _ in range(3 if backward else 2)]
    given = torch.Size(shape), dtype, channels_last, 1e-4, backward
    kernel, grid, arguments, warps = cuda.call(*given)
    kernel.device_caches.clear()
    kernel[grid](*tensors, *arguments, num_warps=warps)
    launch, arguments = cuda.compiled.__wrapped__(0, *given)
    launch(*tensors, *arguments)
    kernel.device_caches.clear()  # of a GPU that there may be
    (by_triton, ours) = recorder.launched
    assert len(by_triton) == len(ours)
    assert all(one is other or one == other for one, other in zip(by_triton, ours, strict=True))


def test_a_slice_that_begins_anywhere_is_not_aligned() -> None:
    whole = torch.empty(64)
    assert cuda.aligned((whole, whole[4:])) and not cuda.aligned((whole, whole[1:]))


def compiled(positions: int, channels: int, channels_last: bool, backward: bool, arch: int) -> Any:
    shape = tile(positions, channels, channels_last)
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
    check_on_a_gpu(torch.randn(shape, device="cuda", dtype=dtype).contiguous(memory_format=layout))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_slice_that_begins_anywhere_on_a_gpu() -> None:
    for shift in (0, 1, 0):  # what was kept for the one is not launched for the other
        x = torch.randn(2 * 3 * 16 * 16 + shift, device="cuda")[shift:].view(2, 3, 16, 16)
        assert x.data_ptr() % cuda.ALIGNMENT == 4 * shift
        check_on_a_gpu(x)


def check_on_a_gpu(x: torch.Tensor) -> None:
    x = x.detach().requires_grad_()
    exact = x.detach().double().requires_grad_()
    ours, theirs = simam(x), formula(exact, 1e-4)
    gradient = torch.randn_like(ours)
    [own], [slope] = torch.autograd.grad(ours, x, gradient), torch.autograd.grad(theirs, exact, gradient.double())
    for one, other in ((ours, theirs), (own, slope)):
        bound = 16 * torch.finfo(x.dtype).eps * float(other.detach().abs().max())
        assert float((one.detach().double() - other.detach()).abs().max()) <= bound
