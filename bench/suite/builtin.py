"""The built-in suites and recipes, which are found by name from any working directory."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

_PACKAGE = "bench.suites"
"""The package name that an installation gives to the top-level folder ``suites``."""


@cache
def folder() -> Path:
    """The folder of the built-in suites: ``suites`` next to ``bench`` in a checkout, else the package data."""
    beside = Path(__file__).parents[2] / "suites"
    if beside.is_dir():
        return beside
    spec = find_spec(_PACKAGE)
    assert spec is not None and spec.submodule_search_locations  # part of every installation
    return Path(next(iter(spec.submodule_search_locations)))


def suite_names() -> list[str]:
    return sorted(path.stem for path in folder().glob("*.yaml"))


def recipe_names() -> list[str]:
    return sorted(path.stem for path in (folder() / "recipes").glob("*.yaml"))


def suite_path(name: str) -> Path | None:
    """The file of a built-in suite; None if no suite has that name."""
    return folder() / f"{name}.yaml" if name in suite_names() else None


def recipe_path(name: str) -> Path | None:
    """The file of a built-in recipe; None if no recipe has that name."""
    return folder() / "recipes" / f"{name}.yaml" if name in recipe_names() else None
