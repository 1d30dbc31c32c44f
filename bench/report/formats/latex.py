r"""A table of results as a LaTeX fragment for ``\input``, with the rules of booktabs."""

import re
from collections.abc import Iterator
from itertools import groupby

from bench.report.blocks import Table, TableCell

PACKAGES = ("booktabs", "multirow")
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "−": "$-$",
    "×": r"$\times$",
    "±": r"$\pm$",
    "Δ": r"$\Delta$",
    "λ": r"$\lambda$",
    "µ": r"$\mu$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "\n": " ",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}


def latex_table(table: Table, caption: str, label: str) -> str:
    r"""A ``table`` environment. The rows of one network are joined by ``\multirow``.

    Args:
        table: the table; its first column is the network.
        caption: the caption.
        label: what follows ``tab:`` in the label.
    """
    columns = "".join("r" if numeric else "l" for numeric in table.numeric)
    return rf"""% \usepackage{{{",".join(PACKAGES)}}}
\begin{{table}}
\centering
\caption{{{escape_latex(caption)}}}
\label{{tab:{re.sub(r"[^A-Za-z0-9-]+", "-", label)}}}
\begin{{tabular}}{{{columns}}}
\toprule
{" & ".join(map(escape_latex, table.headings))} \\
{"".join(_blocks(table))}\bottomrule
\end{{tabular}}
\end{{table}}
"""


def _blocks(table: Table) -> Iterator[str]:
    """The rows of each network, after a rule."""
    for network, members in groupby(table.rows, key=lambda row: row[0].text):
        rows = list(members)
        yield "\\midrule\n"
        for place, row in enumerate(rows):
            first = _joined(network, len(rows)) if place == 0 else ""
            yield f"{' & '.join([first, *map(_cell, row[1:])])} \\\\\n"


def _joined(network: str, rows: int) -> str:
    name = escape_latex(network)
    return rf"\multirow{{{rows}}}{{*}}{{{name}}}" if rows > 1 else name


def _cell(cell: TableCell) -> str:
    return rf"\textbf{{{escape_latex(cell.text)}}}" if cell.best else escape_latex(cell.text)


_KNOWN = "–—‘’“”…"
"""Characters beyond Latin-1 that LaTeX prints without further packages."""


def escape_latex(text: str) -> str:
    """Escape text; characters that LaTeX cannot print become question marks."""
    escaped = re.sub("|".join(map(re.escape, _SPECIAL)), lambda match: _SPECIAL[match[0]], text)
    return re.sub(rf"[^\x00-\xff{_KNOWN}]", "?", escaped)
