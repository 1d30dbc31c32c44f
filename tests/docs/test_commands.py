"""Every `python -m bench` in a block of a page is one that the program takes, and its suite is planned."""

import re
import shlex
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner

from bench.cli import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "reports").rglob("*.md"))]
EXTENDING = ROOT / "docs" / "extending.md"
"""Its suites and modules stand in the page itself, and are run by a test of its own."""
TAKEN = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def shown() -> list[tuple[Path, tuple[str, ...]]]:
    """Every command in a block of shell or YAML, as its page and its arguments."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        blocks = re.findall(r"^```(?:sh|yaml)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        for line in re.findall(r"python -m bench (.*)", "\n".join(blocks)):
            found.append((page, tuple(shlex.split(line.partition("||")[0], comments=True))))
    return list(dict.fromkeys(found))


COMMANDS = shown()


def test_the_pages_show_every_command() -> None:
    assert {arguments[0] for _, arguments in COMMANDS} == TAKEN.keys()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the README's reader stands: the project's folder, with the module that extending.md gives beside it."""
    [module] = re.findall(r"^```python\n# file: mine.py\n(.*?)^```$", EXTENDING.read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "mine.py").write_text(module, encoding="utf-8")
    (tmp_path / "suites").symlink_to(ROOT / "suites")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("page", "arguments"),
    COMMANDS,
    ids=[f"{page.relative_to(ROOT).as_posix()}: {' '.join(arguments)}" for page, arguments in COMMANDS],
)
def test_the_program_takes_it(page: Path, arguments: tuple[str, ...], folder: Path) -> None:
    name, *rest = arguments
    given = TAKEN[name].make_context(name, rest).params
    suite = given.get("suite")
    if suite is None or page == EXTENDING:
        return
    suites = [suite]
    if str(suite) == "suite.yaml":  # at the end of a report; it stands below the command, and lies beside the records
        suites = [*page.parent.glob("suite.yaml"), *page.parent.glob("*/suite.yaml")]
    only = [part for each in given.get("only") or () for part in ("--only", each)]
    settings = [part for each in given.get("settings") or () for part in ("--set", each)]
    assert suites
    for each in suites:
        planned = CliRunner().invoke(app, ["plan", str(each), *only, *settings])
        assert planned.exit_code == 0, planned.output
