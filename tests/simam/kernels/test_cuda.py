"""GPU kernels: interpreted, compiled ahead of time for two architectures, and run on a GPU if there is one."""

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
from simam.kernels.cuda_tiles import select_tile  # noqa: E402


def test_interpreted_kernels_match_formula() -> None:
    script = Path(__file__).with_name("check_interpreted_kernels.py")
    completed = subprocess.run(
        [sys.executable, script], env={**os.environ, "TRITON_INTERPRET": "1"}, capture_output=True, text=True
    )
    assert completed.returncode == 0, completed.stderr
    assert completed.stdout.strip() == "all within tolerance"


class RecordingDriver:
    """Driver for Triton that compiles for an H100 without needing one and records the arguments of launches."""

    def __init__(self) -> None:
        self.launches: list[tuple[Any, ...]] = []
        self.utils = SimpleNamespace(
            get_device_properties=lambda device: {"max_shared_mem": 2**18},
            load_binary=lambda name, code, shared, device: (code, code, 32, 0, 1024),
            unload_module=lambda module: None,
        )

    def launcher_cls(self, source: Any, metadata: Any) -> Any:
        def launch(*arguments: Any) -> None:
            self.launches.append((*arguments[:6], *arguments[9:]))  # without hooks and their metadata

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
def test_compiled_launch_matches_triton_launch(
    shape: tuple[int, ...], dtype: torch.dtype, channels_last: bool, backward: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = RecordingDriver()
    monkeypatch.setattr(triton.runtime.driver, "_active", driver)
    tensors = [torch.empty(shape, dtype=dtype) for _ in range(3 if backward else 2)]
    options = torch.Size(shape), dtype, channels_last, 1e-4, backward
    kernel, grid, arguments, warps = cuda.launch_parameters(*options)
    kernel.device_caches.clear()
    kernel[grid](*tensors, *arguments, num_warps=warps)
    launch, arguments = cuda.compiled_launch.__wrapped__(0, *options)
    launch(*tensors, *arguments)
    kernel.device_caches.clear()  # which hold kernels of the recording driver, unusable on a real GPU
    expected, actual = driver.launches
    assert len(expected) == len(actual)
    assert all(one is other or one == other for one, other in zip(expected, actual, strict=True))


def test_alignment_of_slices() -> None:
    tensor = torch.empty(64)
    assert cuda.is_aligned((tensor, tensor[4:])) and not cuda.is_aligned((tensor, tensor[1:]))


def compile_kernel(positions: int, channels: int, channels_last: bool, backward: bool, arch: int) -> Any:
    """Compile the kernel for maps of a size ahead of time, for compute capability ``arch`` / 10."""
    tile = select_tile(positions, channels, channels_last)
    kernel = cuda.select_kernel(tile, backward)
    signature = dict.fromkeys(kernel.arg_names, "constexpr")
    signature.update({name: "*fp32" for name in kernel.arg_names if name.endswith("_ptr")})
    signature.update(dict.fromkeys(("maps", "C", "M", "map_stride", "position_stride"), "i32"))
    constants = dict(cuda.compile_time_arguments(tile, torch.float32, 1e-4))
    # Triton turns an argument that is 1 into a constant.
    unit_stride = "map_stride" if channels_last else "position_stride"
    signature[unit_stride], constants[unit_stride] = "constexpr", 1
    constexprs = {(kernel.arg_names.index(name),): value for name, value in constants.items()}
    source = ASTSource(fn=kernel, signature=signature, constexprs=constexprs)
    return triton.compile(source, target=GPUTarget("cuda", arch, 32), options={"num_warps": tile.warps})


def register_usage(program: Any, arch: int, folder: Path) -> tuple[int, int]:
    """Number of registers per thread and of spilled bytes, as reported by the assembler."""
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
    log = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    [registers], [spilled] = re.findall(r"Used (\d+) registers", log), re.findall(r"(\d+) bytes spill stores", log)
    return int(registers), int(spilled)


# Positions and channels of the SimAM inputs in ResNet-50 at 224 px.
RESNET50_SIZES = [(56 * 56, 64), (28 * 28, 128), (14 * 14, 256), (7 * 7, 512)]


@pytest.mark.parametrize("arch", [80, 90])
@pytest.mark.parametrize("channels_last", [False, True])
def test_no_register_spills_at_resnet50_sizes(arch: int, channels_last: bool, tmp_path: Path) -> None:
    for positions, channels in RESNET50_SIZES:
        for backward in (False, True):
            program = compile_kernel(positions, channels, channels_last, backward, arch)
            registers, spilled = register_usage(program, arch, tmp_path)
            assert spilled == 0 and registers <= 255, (positions, channels, backward, registers, spilled)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("shape", [(4, 64, 56, 56), (3, 18, 130, 130), (5, 3, 1, 1), (2, 1, 9, 7)], ids=str)
def test_gpu_kernels_match_formula(
    shape: tuple[int, ...], dtype: torch.dtype, memory_format: torch.memory_format
) -> None:
    assert_matches_formula(torch.randn(shape, device="cuda", dtype=dtype).contiguous(memory_format=memory_format))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_unaligned_slices_on_gpu() -> None:
    for shift in (0, 1, 0):  # the cached launch for aligned tensors must not be used for others
        x = torch.randn(2 * 3 * 16 * 16 + shift, device="cuda")[shift:].view(2, 3, 16, 16)
        assert x.data_ptr() % cuda.ALIGNMENT == 4 * shift
        assert_matches_formula(x)


def assert_matches_formula(x: torch.Tensor) -> None:
    x = x.detach().requires_grad_()
    x_double = x.detach().double().requires_grad_()
    y, expected_y = simam(x), formula(x_double, 1e-4)
    gradient = torch.randn_like(y)
    [dx] = torch.autograd.grad(y, x, gradient)
    [expected_dx] = torch.autograd.grad(expected_y, x_double, gradient.double())
    for actual, expected in ((y, expected_y), (dx, expected_dx)):
        tolerance = 16 * torch.finfo(x.dtype).eps * float(expected.detach().abs().max())
        assert float((actual.detach().double() - expected.detach()).abs().max()) <= tolerance
