"""The pages that the golden files hold still.

``python -m tests.bench.report.golden`` writes them anew, to be read in the diff.
"""

import tempfile
from pathlib import Path

from bench.report.formats import FORMATS
from tests.bench.report.invented import invented

FORMS = {"report.md": "md", "report.tex": "latex"}


def written(folder: Path, name: str) -> str:
    """The page of the invented run."""
    return str(dict(FORMATS[FORMS[name]](invented(folder)))[name])


if __name__ == "__main__":
    for name in FORMS:
        with tempfile.TemporaryDirectory() as home:
            (Path(__file__).parent / "golden" / name).write_text(written(Path(home), name), encoding="utf-8")
