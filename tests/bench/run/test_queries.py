from pathlib import Path

import pytest

import simam
from bench.run.queries import kernels_digest


def test_kernels_digest_changes_with_any_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simam, "__file__", str(tmp_path / "simam/__init__.py"))
    assert kernels_digest() is None  # a revision without kernels
    folder = tmp_path / "simam/kernels"
    (folder / "__pycache__").mkdir(parents=True)
    (folder / "cpu.c").write_text("int one;", encoding="utf-8")
    first = kernels_digest()
    assert first is not None and len(first) == 12
    (folder / "__pycache__/x.pyc").write_bytes(b"compiled")
    assert kernels_digest() == first
    (folder / "cpu.so").write_bytes(b"built")
    built = kernels_digest()
    assert built != first
    (folder / "cpu.so").write_bytes(b"stale")
    assert kernels_digest() not in (first, built)
