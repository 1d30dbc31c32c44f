"""Every command in a block of a documentation page is valid, and its suite can be planned."""

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
"""Its suites and modules are in the page itself; test_extending.py runs them."""
COMMAND_TABLE = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def commands_on_pages() -> list[tuple[Path, tuple[str, ...]]]:
    """Every command in a block of shell or YAML, as its page and its arguments."""
    commands = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        blocks = re.findall(r"^```(?:sh|yaml)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        for line in re.findall(r"(?:python -m bench|simam-bench) (.*)", "\n".join(blocks)):
            commands.append((page, tuple(shlex.split(line.partition("||")[0], comments=True))))
    return list(dict.fromkeys(commands))


COMMANDS = commands_on_pages()


def test_pages_show_every_command() -> None:
    assert {arguments[0] for _, arguments in COMMANDS} == COMMAND_TABLE.keys()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder like the project's, with the module of extending.md in it."""
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
def test_command_is_valid(page: Path, arguments: tuple[str, ...], folder: Path) -> None:
    name, *rest = arguments
    given = COMMAND_TABLE[name].make_context(name, rest).params
    suite = given.get("suite")
    if suite is None or page == EXTENDING:
        return
    suites = [suite]
    if str(suite) == "suite.yaml":  # at the end of a report; the file is beside the records
        suites = [*page.parent.glob("suite.yaml"), *page.parent.glob("*/suite.yaml")]
    only = [part for text in given.get("only") or () for part in ("--only", text)]
    settings = [part for text in given.get("settings") or () for part in ("--set", text)]
    assert suites
    for path in suites:
        planned = CliRunner().invoke(app, ["plan", str(path), *only, *settings])
        assert planned.exit_code == 0, planned.output
