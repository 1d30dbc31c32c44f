"""The tables of a page as LaTeX: a document that compiles, made of tables that can be copied into a paper."""

import re

from bench.report.blocks import Heading, Page, Table, TableCell

_HEAD = r"""% Each table stands by itself and needs booktabs; \resizebox, from graphicx, makes it as wide as the text.
\documentclass{article}
\usepackage[utf8]{inputenc}
\usepackage{booktabs,graphicx}
\begin{document}
"""
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
    **{each: f"\\{each}" for each in "&%$#_{}"},
}


def latex(page: Page) -> str:
    """All tables that are not folded away, each with its heading as caption."""
    caption, tables = page.title, []
    for block in page.blocks:
        if isinstance(block, Heading):
            caption = block.text
        elif isinstance(block, Table):
            tables.append(_table(block, caption))
    # LaTeX puts off tables that find no place, and gives up when they are many.
    body = "\\clearpage\n".join(tables)
    return f"{_HEAD}\n{body}\n\\end{{document}}\n"


def _table(table: Table, caption: str) -> str:
    columns = "".join("r" if numeric else "l" for numeric in table.numeric)
    rows = "\n".join(f"{' & '.join(map(_cell, row))} \\\\" for row in table.rows)
    return rf"""\begin{{table}}
\centering
\caption{{{escape(caption)}}}
\resizebox{{\textwidth}}{{!}}{{%
\begin{{tabular}}{{{columns}}}
\toprule
{" & ".join(map(escape, table.headings))} \\
\midrule
{rows}
\bottomrule
\end{{tabular}}}}
\end{{table}}
"""


def _cell(cell: TableCell) -> str:
    return rf"\textbf{{{escape(cell.text)}}}" if cell.best else escape(cell.text)


_KNOWN = "–—‘’“”…"
"""Beyond Latin-1, what LaTeX prints without further packages."""


def escape(text: str) -> str:
    """Text that LaTeX prints as it is; a question mark for letters that it would stop at."""
    escaped = re.sub("|".join(map(re.escape, _SPECIAL)), lambda found: _SPECIAL[found[0]], text)
    return re.sub(rf"[^\x00-\xff{_KNOWN}]", "?", escaped)
