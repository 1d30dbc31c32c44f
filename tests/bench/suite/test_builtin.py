"""Built-in suites and recipes are found by name from any folder."""

from pathlib import Path

import pytest

from bench.measure.training.recipe import load_recipe
from bench.suite.builtin import recipe_names, recipe_path, suite_names, suite_path
from bench.suite.load import find_suite
from bench.suite.source import SuiteError


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_names() -> None:
    assert {"smoke", "latency", "complexity", "memory"} <= set(suite_names())
    assert {"smoke_digits", "paper_cifar"} <= set(recipe_names())
    assert suite_path("no_such_suite") is None and recipe_path("no_such_recipe") is None


def test_suite_by_name() -> None:
    path = find_suite(Path("smoke"))
    assert path.is_file() and path.name == "smoke.yaml"


def test_existing_file_comes_first(tmp_path: Path) -> None:
    (tmp_path / "smoke").write_text("name: mine")
    assert find_suite(Path("smoke")) == Path("smoke")


def test_unknown_suite() -> None:
    with pytest.raises(SuiteError, match="did you mean 'smoke'"):
        find_suite(Path("smok"))


def test_recipe_by_name() -> None:
    assert load_recipe("smoke_digits").epochs > 0
