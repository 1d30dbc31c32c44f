"""docs/extending.md: its files and commands work."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench.store.frame import load_frame

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's files in an empty folder, and all of its commands run there."""
    home = tmp_path_factory.mktemp("mine")
    text = PAGE.read_text(encoding="utf-8")
    files = re.findall(r"^```\w+\n# file: (\S+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert [name for name, _ in files] == [
        "mine.py",
        "attention.yaml",
        "networks.py",
        "backbone.yaml",
        "measures.py",
        "measure.yaml",
    ]
    for name, content in files:
        (home / name).write_text(content, encoding="utf-8")
    commands = re.findall(r"^```sh\n(.*?)\n```$", text, re.MULTILINE | re.DOTALL)
    assert len(commands) == 3
    for command in commands:
        arguments = [sys.executable, *command.split()[1:]]
        done = subprocess.run(arguments, cwd=home, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
    return home


def values(run: Path, name: str) -> dict[str, list[float]]:
    frame = load_frame(run)
    assert set(frame["status"]) == {"ok"}
    rows = frame[frame["value"] == name]
    return dict(zip(rows["attention"], rows["samples"].map(list), strict=True))


def test_user_attention_module(folder: Path) -> None:
    params = values(folder / "runs" / "attention", "params")
    plain = params["none"][0]
    assert params["simam"] == [plain]
    # ResNet-8 has one block a stage: a gate for 16, 32 and 64 channels.
    assert params["mine:SoftGate(start=0.0)"] == params["mine:SoftGate(start=2.0)"] == [plain + 16 + 32 + 64]


def test_user_network(folder: Path) -> None:
    frame = load_frame(folder / "runs" / "backbone")
    params = frame[(frame["value"] == "params") & (frame["attention"] == "none")]
    by_width = dict(zip(params["backbone"], params["median"], strict=True))
    assert by_width == {
        "networks:small(width=8)": 9 * 3 * 8 + 8 + 9 * 64 + 8 + 80 + 10,
        "networks:small(width=16)": 9 * 3 * 16 + 16 + 9 * 256 + 16 + 160 + 10,
    }


def test_user_measure(folder: Path) -> None:
    run = folder / "runs" / "measure"
    assert values(run, "layers") == {"none": [7], "mine:SoftGate": [9]}
    assert values(run, "largest")["none"][0] > 0
    assert "largest" in (run / "report.md").read_text()
