import subprocess
import sys
from pathlib import Path

import pytest
import torch

import simam

LOAD_AND_RUN = "import torch; print(torch.export.load({path!r}).module()(torch.ones(1, 1, 2, 2)).sum().item())"


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


@pytest.mark.parametrize("imports", ["import simam", "import torch.export.pt2_archive, simam"])
def test_saved_program_loads_after_import_of_simam(tmp_path: Path, imports: str) -> None:
    program = torch.export.export(simam.SimAM(), (torch.ones(1, 1, 2, 2),))
    assert torch.ops.simam.simam.default in [node.target for node in program.graph.nodes]
    torch.export.save(program, path := tmp_path / "program.pt2")
    done = run(f"{imports}; {LOAD_AND_RUN.format(path=str(path))}")
    assert done.returncode == 0, done.stderr
    # A constant map is multiplied by sigmoid(1/2).
    assert float(done.stdout) == pytest.approx(4 / (1 + 2.718281828459045**-0.5))


def test_torch_imports_no_kernels_before_they_are_needed() -> None:
    done = run("import simam, torch, sys; sys.exit('simam.kernels' in sys.modules)")
    assert done.returncode == 0, done.stderr
