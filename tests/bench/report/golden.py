"""The pages under ``golden``, which hold the prose of a report.

``python -m tests.bench.report.golden`` regenerates them; read the diff.
"""

from pathlib import Path

from bench.report.formats import FORMATS
from tests.bench.report.example_run import example_report

FOLDER = Path(__file__).parent / "golden"
FORMS = {"report.md": "md", "table.tex": "latex"}
"""File → format."""


def example_page(file: str) -> str:
    """A page of the example run."""
    return str(dict(FORMATS[FORMS[file]](example_report()))[file])


if __name__ == "__main__":
    for file in FORMS:
        (FOLDER / file).write_text(example_page(file), encoding="utf-8")
