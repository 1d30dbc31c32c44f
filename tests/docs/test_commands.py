"""Every command that README and docs show is one that the program takes, and its suite is planned."""

import re
import shlex
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner

from bench.cli import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "reports").rglob("*.md"))]
ELSEWHERE = ROOT / "docs" / "extending.md"
"""Its suites lie in the page itself, and are run by a test of its own."""
RUNNER = CliRunner()


def shown() -> list[tuple[str, tuple[str, ...]]]:
    """Every command in a block of shell or YAML, in the order of pages, as page and arguments."""
    found = []
    for page in PAGES:
        blocks = re.findall(r"^```(?:sh|yaml)\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
        for line in re.findall(r"python -m bench (.*)", "\n".join(blocks)):
            arguments = shlex.split(line.partition("||")[0], comments=True)
            found.append((page.relative_to(ROOT).as_posix(), tuple(arguments)))
    return list(dict.fromkeys(found))


COMMANDS = shown()


def test_the_pages_show_every_command() -> None:
    assert {arguments[0] for _, arguments in COMMANDS} == set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("page", "arguments"), COMMANDS, ids=[f"{page}: {' '.join(each)}" for page, each in COMMANDS])
def test_the_program_takes_it(page: str, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    name, *rest = arguments
    command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
    given = command.make_context(name, rest).params
    if "suite" not in given or given["suite"] is None or page == ELSEWHERE.relative_to(ROOT).as_posix():
        return
    monkeypatch.chdir(ROOT)
    if given["suite"] == Path("suite.yaml"):  # the end of a report: the suite stands below it, and beside it
        given["suite"] = Path(page).parent / "suite.yaml"
    options = [part for key in ("only", "settings") for value in given.get(key) or () for part in (OPTIONS[key], value)]
    monkeypatch.setattr("sys.path", [str(ROOT / "tests" / "docs"), *__import__("sys").path])
    planned = RUNNER.invoke(app, ["plan", str(given["suite"]), *options])
    assert planned.exit_code == 0, planned.output


OPTIONS = {"only": "--only", "settings": "--set"}
