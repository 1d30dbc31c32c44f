"""What :func:`bench.paired` found, as a table."""

from typing import TYPE_CHECKING

from bench.report.format import escape, percent, quantity, ratio

if TYPE_CHECKING:
    from bench.paired import Paired


def text(seen: "Paired") -> str:
    """For a terminal."""
    from tabulate import tabulate

    return f"{tabulate(_rows(seen), headers=_HEADINGS, disable_numparse=True)}\n\n{_note(seen)}"


def markdown(seen: "Paired") -> str:
    """For a notebook."""
    from tabulate import tabulate

    rows = [[escape(cell) for cell in row] for row in _rows(seen)]
    return f"{tabulate(rows, headers=_HEADINGS, tablefmt='github', disable_numparse=True)}\n\n{escape(_note(seen))}"


_HEADINGS = ("", "time a call (p5–p95)", "× [95 %]")


def _rows(seen: "Paired") -> list[list[str]]:
    rows = []
    for name, time in seen.seconds.items():
        low, high = (quantity(bound, "s") for bound in (time.low, time.high) if bound is not None)
        own = "baseline" if name == seen.baseline else ratio(seen.ratios[name])
        rows.append([name, f"{quantity(time.point, 's')} ({low}–{high})", own])
    return rows


def _note(seen: "Paired") -> str:
    control = f"; a second build of {seen.baseline}: {percent(seen.control)}" if seen.control else ""
    return f"{seen.note}{control}"
