"""The C kernels under the compiler's sanitizers of addresses and undefined behaviour."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from simam.kernels import cpu

SOURCE = Path(cpu.__file__).with_name("cpu.c")
DRIVER = Path(__file__).with_name("sanitize.c")


def sanitizers_work(folder: Path) -> bool:
    """Whether there is a compiler with their libraries."""
    (folder / "empty.c").write_text("int main(void) { return 0; }")
    command = ["cc", "-fsanitize=address,undefined", "-fopenmp", folder / "empty.c", "-o", folder / "empty"]
    return shutil.which("cc") is not None and subprocess.run(command, capture_output=True).returncode == 0


def test_no_byte_beside_a_tensor_is_touched_and_nothing_is_undefined(tmp_path: Path) -> None:
    if not sanitizers_work(tmp_path):
        pytest.skip("no C compiler with sanitizers")
    flags = ["-std=gnu11", "-O1", "-g", "-fopenmp", "-fno-math-errno", "-DONE_TARGET", "-Wno-psabi"]
    strict = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-Wall", "-Wextra", "-Werror"]
    command = ["cc", *flags, *strict, SOURCE, DRIVER, "-lm", "-o", tmp_path / "sanitized"]
    subprocess.run(command, check=True)
    # OpenMP keeps its pool of threads until the end; that is no leak of ours.
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
    done = subprocess.run([tmp_path / "sanitized"], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{10 * 4 * 2 * 3 * 2} calls\n"
