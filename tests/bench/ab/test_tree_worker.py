"""Imports of a worker of another tree."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.ab.tree_worker import _is_source

ROOT = Path(__file__).parents[3]


def run_with_imports_from(tree: Path, current: Path, code: str) -> "subprocess.CompletedProcess[str]":
    program = f"""
from pathlib import Path
from bench.ab.tree_worker import import_from
import_from(Path({str(tree)!r}), Path({str(current)!r}))
{code}
"""
    return subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)


def package(folder: Path, name: str, content: str = "") -> None:
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text(content, encoding="utf-8")


def test_simam_comes_from_tree_and_bench_does_not(tmp_path: Path) -> None:
    package(tmp_path, "simam", "MARK = 'theirs'")
    package(tmp_path, "bench", "raise ImportError('the wrong bench')")
    done = run_with_imports_from(tmp_path, ROOT, "import simam, bench.errors; print(simam.MARK, bench.errors.__file__)")
    assert done.stdout.split() == ["theirs", str(ROOT / "bench/errors.py")]


def test_modules_of_a_suite_come_from_tree_or_not_at_all(tmp_path: Path) -> None:
    current, tree = tmp_path / "current", tmp_path / "tree"
    package(current, "only_here")
    package(current, "mine", "SIDE = 'current'")
    package(tree / "src", "mine", "SIDE = 'tree'")
    redirect = (
        f"import sys; sys.path.insert(0, {str(current)!r}); import_from(Path({str(tree)!r}), Path({str(current)!r}))"
    )
    assert run_with_imports_from(tree, current, f"{redirect}; import mine; print(mine.SIDE)").stdout.strip() == "tree"
    assert "No module named 'only_here'" in run_with_imports_from(tree, current, f"{redirect}; import only_here").stderr


def test_tree_without_simam_uses_the_installed_one(tmp_path: Path) -> None:
    done = run_with_imports_from(tmp_path, tmp_path / "current", "import simam; print(simam.__file__)")
    assert done.stdout.strip() == str(ROOT / "simam/__init__.py")


def test_simam_from_elsewhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "simam").mkdir()
    program = "import simam, sys; from pathlib import Path; from bench.ab.tree_worker import import_from"
    done = subprocess.run(
        [sys.executable, "-c", f"{program}; import_from(Path({str(tmp_path)!r}), Path('/nowhere'))"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert f"not from {tmp_path}" in done.stderr


@pytest.mark.parametrize("entry", ["ml/attention", "python"])
def test_entries_inside_the_checkout_are_mapped(tmp_path: Path, entry: str) -> None:
    """A working directory, or an entry of PYTHONPATH, below the top of the repository."""
    current, tree = tmp_path / "current", tmp_path / "tree"
    for folder in (current, tree):
        (folder / entry).mkdir(parents=True)
        (folder / entry / "mine.py").write_text(f"SIDE = {folder.name!r}", encoding="utf-8")
    (current / entry / "only_here.py").touch()
    redirect = (
        f"import sys; sys.path.insert(0, {str(current / entry)!r}); "
        f"import_from(Path({str(tree)!r}), Path({str(current)!r}))"
    )
    assert run_with_imports_from(tree, current, f"{redirect}; import mine; print(mine.SIDE)").stdout.strip() == "tree"
    assert "No module named 'only_here'" in run_with_imports_from(tree, current, f"{redirect}; import only_here").stderr


def test_module_found_in_the_checkout_in_another_way_is_refused(tmp_path: Path) -> None:
    current, tree = tmp_path / "current", tmp_path / "tree"
    package(current / "sources", "mine")
    tree.mkdir()
    code = f"""
sys.path.append({str(current / "sources")!r})
import mine
"""
    stderr = run_with_imports_from(tree, current, f"import sys{code}").stderr
    assert "No module named 'mine' in the revision's tree" in stderr and "sources/mine/__init__.py" in stderr


def test_installation_inside_the_checkout_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A virtual environment in the repository's folder."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    monkeypatch.setattr(sys, "base_prefix", "/usr")
    assert not _is_source(tmp_path / ".venv/lib/site-packages/torch/__init__.py", tmp_path)
    assert _is_source(tmp_path / "mine.py", tmp_path) and not _is_source(Path("/elsewhere/mine.py"), tmp_path)
    monkeypatch.setattr(sys, "base_prefix", str(tmp_path.parent))  # the repository lies in the installation
    assert _is_source(tmp_path / "mine.py", tmp_path)


def test_editable_install_of_current_tree_is_ignored(tmp_path: Path) -> None:
    """The finder of an editable installation would otherwise import modules that the tree lacks."""
    current, tree = tmp_path / "current", tmp_path / "tree"
    package(current, "mine", "SIDE = 'current'")
    tree.mkdir()
    finder = f"""
import importlib.util, sys, types
module = types.ModuleType("__editable___mine_finder")
module.MAPPING = {{"mine": {str(current / "mine")!r}}}
sys.modules[module.__name__] = module
class Finder:
    __module__ = module.__name__
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        folder = module.MAPPING.get(name)
        return importlib.util.spec_from_file_location(name, folder + "/__init__.py") if folder else None
sys.meta_path.append(Finder)
"""
    before = f"{finder}\nimport mine; print(mine.SIDE)"
    assert subprocess.run([sys.executable, "-c", before], capture_output=True, text=True).stdout.strip() == "current"
    after = f"{finder}\nimport_from(Path({str(tree)!r}), Path({str(current)!r}))\nimport mine"
    assert "No module named 'mine'" in run_with_imports_from(tree, current, after).stderr
