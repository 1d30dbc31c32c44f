"""``import``: turn a table of results from elsewhere into a stored run."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from bench.commands.failures import user_errors

EXAMPLES = "Example: `simam-bench import accuracy results.csv --out runs/mine`, then `simam-bench report runs/mine`"


class Imported(str, Enum):
    """Measures whose results can be imported."""

    accuracy = "accuracy"


def import_results(
    measure: Annotated[Imported, typer.Argument(help="What the table contains.")],
    table: Annotated[Path, typer.Argument(help="CSV file with one row for each training run.", metavar="TABLE")],
    out: Annotated[Path | None, typer.Option(help="Folder to create; default runs/ and the table's name.")] = None,
    baseline: Annotated[
        str | None, typer.Option(help="Module that the others are compared with; default the plain network.")
    ] = None,
) -> None:
    """Turn a table of your own results into a stored run, which can be reported and compared like a measured run.

    Columns: network, module (none for the plain network), seed and top1; optional: placement, dataset, top5, best_top1
    and loss. A module may have options, as in simam(e_lambda=0.1). Results are compared in pairs of the same seed.
    """
    from bench.store.directory import RUNS
    from bench.store.imported import import_accuracy

    with user_errors():
        folder = out or RUNS / table.stem
        records = import_accuracy(table, folder, baseline)
        groups = len({record.group for record in records})
        print(f"{len(records)} results of {groups} {'network' if groups == 1 else 'networks'} imported into {folder}")
