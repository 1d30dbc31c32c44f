"""Where a side's worker takes its code from."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def ask(tree: Path, own: Path, code: str) -> "subprocess.CompletedProcess[str]":
    program = f"""
from pathlib import Path
from bench.ab.tree_worker import use
use(Path({str(tree)!r}), Path({str(own)!r}))
{code}
"""
    return subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)


def package(folder: Path, name: str, content: str = "") -> None:
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text(content, encoding="utf-8")


def test_simam_comes_from_the_tree_and_bench_does_not(tmp_path: Path) -> None:
    package(tmp_path, "simam", "MARK = 'theirs'")
    package(tmp_path, "bench", "raise ImportError('the wrong bench')")
    done = ask(tmp_path, ROOT, "import simam, bench.errors; print(simam.MARK, bench.errors.__file__)")
    assert done.stdout.split() == ["theirs", str(ROOT / "bench/errors.py")]


def test_what_a_suite_names_comes_from_the_tree_or_not_at_all(tmp_path: Path) -> None:
    own, tree = tmp_path / "own", tmp_path / "tree"
    package(own, "only_here")
    package(own, "mine", "SIDE = 'own'")
    package(tree / "src", "mine", "SIDE = 'tree'")
    found = f"import sys; sys.path.insert(0, {str(own)!r}); use(Path({str(tree)!r}), Path({str(own)!r}))"
    assert ask(tree, own, f"{found}; import mine; print(mine.SIDE)").stdout.strip() == "tree"
    assert "No module named 'only_here'" in ask(tree, own, f"{found}; import only_here").stderr


def test_a_tree_without_simam_uses_the_one_installed(tmp_path: Path) -> None:
    done = ask(tmp_path, tmp_path / "own", "import simam; print(simam.__file__)")
    assert done.stdout.strip() == str(ROOT / "simam/__init__.py")


def test_another_simam_than_the_trees_is_refused(tmp_path: Path) -> None:
    (tmp_path / "simam").mkdir()
    program = "import simam, sys; from pathlib import Path; from bench.ab.tree_worker import use"
    done = subprocess.run(
        [sys.executable, "-c", f"{program}; use(Path({str(tmp_path)!r}), Path('/nowhere'))"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert f"not from {tmp_path}" in done.stderr


def test_an_editable_install_of_our_own_tree_gives_nothing(tmp_path: Path) -> None:
    """Such installs put a finder on the meta path, which would find what the tree lacks."""
    own, tree = tmp_path / "own", tmp_path / "tree"
    package(own, "mine", "SIDE = 'own'")
    tree.mkdir()
    finder = f"""
import importlib.util, sys, types
module = types.ModuleType("__editable___mine_finder")
module.MAPPING = {{"mine": {str(own / "mine")!r}}}
sys.modules[module.__name__] = module
class Finder:
    __module__ = module.__name__
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        place = module.MAPPING.get(name)
        return importlib.util.spec_from_file_location(name, place + "/__init__.py") if place else None
sys.meta_path.append(Finder)
"""
    before = f"{finder}\nimport mine; print(mine.SIDE)"
    assert subprocess.run([sys.executable, "-c", before], capture_output=True, text=True).stdout.strip() == "own"
    after = f"{finder}\nuse(Path({str(tree)!r}), Path({str(own)!r}))\nimport mine"
    assert "No module named 'mine'" in ask(tree, own, after).stderr
