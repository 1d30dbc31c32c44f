"""Printing of verdicts, for the commands `compare` and `ab`."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.results.verdicts import OnInconclusive, Verdict


def print_verdicts(
    verdicts: "Sequence[Verdict]", form: str, job_summary: Path | None, on_inconclusive: "OnInconclusive"
) -> int:
    """Print verdicts. Returns the exit code.

    Args:
        verdicts: the verdicts of one comparison.
        form: terminal, markdown or json.
        job_summary: file of the summary of a GitHub Actions job; None without --github.
        on_inconclusive: treatment of single inconclusive verdicts.
    """
    from rich.console import Console

    from bench.report import verdicts as text
    from bench.results.verdicts import exit_code

    code = exit_code(verdicts, on_inconclusive)
    if form == "markdown":
        print(text.verdicts_markdown(verdicts))
    elif form == "json":
        print(text.as_json(verdicts, code))
    else:
        # In a pipe, the width is large, so that no line is cut off.
        console = Console() if sys.stdout.isatty() else Console(width=1000)
        table = text.terminal(verdicts)
        if table.row_count:
            console.print(table)
        console.print(f"\n{text.summary(verdicts)}", markup=False, highlight=False)
    if job_summary is not None:
        with job_summary.open("a", encoding="utf-8") as file:
            file.write(text.verdicts_markdown(verdicts))
        print(text.annotations(verdicts, on_inconclusive), end="")
    return code


def job_summary_file(form: str) -> Path:
    """Return the file of a GitHub Actions job's summary; it is checked before anything is measured.

    Raises:
        InputError: this is not a GitHub Actions job, the file cannot be written, or the format is json.
    """
    from bench.errors import InputError

    if form == "json":
        raise InputError("--github prints annotations, which are not JSON; use it with --format terminal or markdown")
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        raise InputError(
            "--github works only in a job of GitHub Actions, which sets GITHUB_STEP_SUMMARY; the variable is not set"
        )
    try:
        with Path(path).open("a", encoding="utf-8"):
            return Path(path)
    except OSError as error:
        raise InputError(f"cannot write GITHUB_STEP_SUMMARY, {path}: {error.strerror or error}") from error
