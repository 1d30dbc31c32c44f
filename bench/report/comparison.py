"""Verdicts of comparisons for Python programs and notebooks."""

from collections.abc import Collection
from html import escape

from bench.report.blocks import Table, text_cell
from bench.report.formats.html import fragment
from bench.report.verdicts import FOOTNOTE, summary, verdict_rows, verdicts_markdown
from bench.results import compare
from bench.results.verdicts import OnInconclusive, Verdict, exit_code
from bench.store.stored_run import StoredRun


class Verdicts(list[Verdict]):
    """The verdicts of a comparison, the worst first."""

    def exit_code(self, on_inconclusive: OnInconclusive = "warn") -> int:
        """The exit code of the command, see :func:`bench.results.verdicts.exit_code`."""
        return exit_code(self, on_inconclusive)

    def __str__(self) -> str:
        return verdicts_markdown(self)

    def _repr_html_(self) -> str:
        """The summary and the table for notebooks."""
        caption, headings, rows = verdict_rows(self)
        table = Table(headings, [[text_cell(cell) for cell in row] for row in rows])
        note = f"{caption} {FOOTNOTE}".strip()
        return f"<p><b>{escape(summary(self))}</b></p>\n{fragment([table])}\n<p>{escape(note)}</p>"


def compare_runs(base: StoredRun, new: StoredRun, accept: Collection[str] = ()) -> Verdicts:
    """Compare a run with an earlier one, see :func:`bench.results.compare.compare_runs`."""
    return Verdicts(compare.compare_runs(base, new, accept))


def compare_sides(run: StoredRun) -> Verdicts:
    """Compare the two revisions of a run of ``ab``, see :func:`bench.results.compare.compare_sides`."""
    return Verdicts(compare.compare_sides(run))
