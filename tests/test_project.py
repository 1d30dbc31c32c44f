"""Rules for the whole project: requirements, suites and imports."""

import ast
import graphlib
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from bench.suite.load import load_suite
from bench.suite.plan import expand
from simam.registry import ATTENTION, BACKBONES

ROOT = Path(__file__).parent.parent


def requirements() -> dict[str, str]:
    """Package → its minimum version in pyproject.toml."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return dict(re.findall(r'"([\w.-]+)>=([\w.]+)"', text.partition("[project]")[2]))


def test_ci_runs_the_floors_of_every_requirement() -> None:
    pinned = dict(re.findall(r"^([\w.-]+)==([\w.]+)$", (ROOT / ".ci/floors.txt").read_text(), re.MULTILINE))
    floors = {name: floor for name, floor in requirements().items() if name not in ("torch", "torchvision")}
    assert pinned.keys() == floors.keys()
    for name, floor in floors.items():
        assert pinned[name] == floor or pinned[name].startswith(f"{floor}.")


def test_ci_runs_the_readmes_test_command() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^pip install .*&&.*$", readme, re.MULTILINE)
    assert commands[1] in (ROOT / ".ci/run").read_text().splitlines()


def test_the_modules_suite_has_every_module() -> None:
    [grid] = load_suite(ROOT / "suites/modules.yaml").grids
    assert {str(choice) for choice in grid["attention"]} == set(ATTENTION)


def test_the_complexity_suite_has_every_network() -> None:
    grids = load_suite(ROOT / "suites/complexity.yaml").grids
    assert {str(choice) for grid in grids for choice in grid["backbone"]} == set(BACKBONES)
    for grid in grids:
        assert grid["mode"] == ("inference", "training")
        assert [len(grid[axis]) for axis in ("placement", "batch", "resolution")] == [2, 2, 2]


@pytest.mark.parametrize("path", sorted((ROOT / "suites").glob("*.yaml")), ids=lambda path: path.name)
def test_every_suite_expands(path: Path) -> None:
    suite = load_suite(path)
    assert suite.name == path.stem and suite.title
    assert expand(suite).groups


def test_help_and_plan_import_nothing_heavy() -> None:
    code = "import sys, bench.cli; sys.exit(bool({'torch', 'pandas', 'pydantic', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


LEVELS = (
    {"__main__"},
    {"cli"},
    {"commands"},
    {"studies"},
    {"ab", "doctor", "pairing"},
    {"run", "report"},
    {"measure"},
    {"store"},
    {"suite"},
    {"results"},
    {"errors"},
)
"""The parts of ``bench``, from the top down: a part imports from its own folder and from lower levels only."""


def modules() -> dict[str, Path]:
    """Dotted name → file, of every module of both packages."""
    files = [path for package in ("bench", "simam") for path in (ROOT / package).rglob("*.py")]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in files}


def imports(path: Path, known: Iterable[str]) -> Iterator[str]:
    """The modules of this project that a file imports, inside functions too, but not for the type checker alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    guarded = [
        node for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    skipped = {child for node in guarded for child in ast.walk(node)}
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module in known:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in known else node.module for name in names)


def test_imports_point_down() -> None:
    known = modules()
    level = {part: number for number, parts in enumerate(LEVELS) for part in parts}
    wrong = [
        f"{name} imports {imported}"
        for name, path in known.items()
        if name.startswith("bench.")
        for imported in imports(path, known)
        if imported.startswith("bench.")
        and imported.split(".")[1] != name.split(".")[1]
        and level[imported.split(".")[1]] <= level[name.split(".")[1]]
    ]
    assert not wrong


def test_no_import_cycles() -> None:
    known = modules()
    graph = {name: {imported for imported in imports(path, known) if imported != name} for name, path in known.items()}
    with pytest.raises(graphlib.CycleError):  # the check itself finds a circle
        graphlib.TopologicalSorter({"a": {"b"}, "b": {"a"}}).prepare()
    graphlib.TopologicalSorter(graph).prepare()


def test_simam_does_not_import_bench() -> None:
    known = modules()
    for name, path in known.items():
        if name.startswith("simam"):
            assert not [imported for imported in imports(path, known) if imported.startswith("bench")], name


def test_test_modules_do_not_import_each_other() -> None:
    for path in (ROOT / "tests").rglob("*.py"):
        assert not re.search(r"^\s*from tests[\w.]*\.test_", path.read_text(encoding="utf-8"), re.MULTILINE), path
