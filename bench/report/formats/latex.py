"""The tables of a page as LaTeX: a document that compiles, whose tables can be copied into a paper."""

import re

from bench.report.blocks import Details, Heading, Page, Table, TableCell

_HEAD = r"""% Each table is self-contained and needs booktabs; \resizebox, from graphicx, scales it to the text width.
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
    **{character: f"\\{character}" for character in "&%$#_{}"},
}


def latex(page: Page) -> str:
    """All tables, each with its heading as caption; a table that is collapsed twice is left out."""
    caption, tables = page.title, []
    for block in page.blocks:
        if isinstance(block, Heading):
            caption = block.text
        elif isinstance(block, Table):
            tables.append(_table(block, caption))
        elif isinstance(block, Details):
            tables += [_table(inner, block.summary) for inner in block.blocks if isinstance(inner, Table)]
    # LaTeX defers tables that do not fit, and fails when too many are deferred.
    body = "\\clearpage\n".join(tables)
    return f"{_HEAD}\n{body}\n\\end{{document}}\n"


def _table(table: Table, caption: str) -> str:
    columns = "".join("r" if numeric else "l" for numeric in table.numeric)
    rows = "\n".join(f"{' & '.join(map(_cell, row))} \\\\" for row in table.rows)
    return rf"""\begin{{table}}
\centering
\caption{{{escape_latex(caption)}}}
\resizebox{{\textwidth}}{{!}}{{%
\begin{{tabular}}{{{columns}}}
\toprule
{" & ".join(map(escape_latex, table.headings))} \\
\midrule
{rows}
\bottomrule
\end{{tabular}}}}
\end{{table}}
"""


def _cell(cell: TableCell) -> str:
    return rf"\textbf{{{escape_latex(cell.text)}}}" if cell.best else escape_latex(cell.text)


_KNOWN = "–—‘’“”…"
"""Characters beyond Latin-1 that LaTeX prints without further packages."""


def escape_latex(text: str) -> str:
    """Escape text; characters that LaTeX cannot print become question marks."""
    escaped = re.sub("|".join(map(re.escape, _SPECIAL)), lambda match: _SPECIAL[match[0]], text)
    return re.sub(rf"[^\x00-\xff{_KNOWN}]", "?", escaped)
