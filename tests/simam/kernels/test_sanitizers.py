"""C kernels under the address sanitizer and the undefined-behaviour sanitizer."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from simam.kernels import cpu

SOURCE = Path(cpu.__file__).with_name("cpu.c")
DRIVER = Path(__file__).with_name("sanitizer_driver.c")


def sanitizers_available(folder: Path) -> bool:
    """Whether a C compiler with the libraries of the sanitizers is installed."""
    (folder / "empty.c").write_text("int main(void) { return 0; }")
    command = ["cc", "-fsanitize=address,undefined", "-fopenmp", folder / "empty.c", "-o", folder / "empty"]
    return shutil.which("cc") is not None and subprocess.run(command, capture_output=True).returncode == 0


def test_kernels_pass_sanitizers(tmp_path: Path) -> None:
    if not sanitizers_available(tmp_path):
        pytest.skip("no C compiler with sanitizers")
    flags = ["-std=gnu11", "-O1", "-g", "-fopenmp", "-fno-math-errno", "-DNO_TARGET_CLONES", "-Wno-psabi"]
    strict = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-Wall", "-Wextra", "-Werror"]
    command = ["cc", *flags, *strict, SOURCE, DRIVER, "-lm", "-o", tmp_path / "sanitized"]
    subprocess.run(command, check=True)
    # OpenMP keeps its thread pool until the process ends, which the sanitizer would report as a leak.
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
    completed = subprocess.run([tmp_path / "sanitized"], env=environment, capture_output=True, text=True)
    assert completed.returncode == 0, completed.stderr
    assert completed.stdout == f"{10 * 4 * 2 * 3 * 2} calls\n"  # shapes, types, memory formats, threads, directions
