from pathlib import Path

import pytest

import simam
from bench.run.probe import _kernels


def test_kernels_are_known_by_their_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simam, "__file__", str(tmp_path / "simam/__init__.py"))
    assert _kernels() is None  # a revision that has none
    folder = tmp_path / "simam/kernels"
    (folder / "__pycache__").mkdir(parents=True)
    (folder / "cpu.c").write_text("int one;", encoding="utf-8")
    first = _kernels()
    assert first is not None and len(first) == 12
    (folder / "__pycache__/x.pyc").write_bytes(b"compiled")
    assert _kernels() == first
    (folder / "cpu.so").write_bytes(b"built")
    built = _kernels()
    assert built != first
    (folder / "cpu.so").write_bytes(b"stale")
    assert _kernels() not in (first, built)
