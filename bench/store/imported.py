"""Results that were measured elsewhere, as a stored run."""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import InputError
from bench.results.columns import AXIS_COLUMNS, Role
from bench.results.values import VALUES
from bench.store.directory import RunDirectory
from bench.store.environment import Environment
from bench.store.record import MeasuredRecord, Record, Value
from simam.registry import did_you_mean

if TYPE_CHECKING:
    import pandas as pd

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "backbone": ("network", "backbone", "model"),
    "attention": ("module", "attention"),
    "placement": ("placement",),
    "dataset": ("dataset",),
    "seed": ("seed",),
    "top1": ("top1", "top-1", "acc1", "accuracy"),
    "top5": ("top5", "top-5", "acc5"),
    "best_top1": ("best_top1",),
    "loss": ("loss",),
}
"""Axis or value → accepted headings of its column, the preferred one first."""
REQUIRED = ("backbone", "attention", "seed", "top1")
PLAIN = ("none", "plain", "baseline")
"""Labels of the plain network in the column of modules; an empty cell also stands for it."""
UNKNOWN_DATASET = "unknown dataset"
IMPORT_GATE = {"top1": 0.005}
"""The gate of an imported run: the loss of top-1 that ``compare`` reports."""


def import_accuracy(table: Path, folder: Path, baseline: str | None = None) -> Sequence[Record]:
    """Write the accuracies of a CSV file into a new folder as a stored run, and return its records.

    Args:
        table: a CSV file with a row for each training run, and the columns of :data:`COLUMNS`; shares are fractions,
            or percentages if one of them is above 1.
        folder: the folder to create.
        baseline: the module that the others are compared with; None for the plain network.

    Raises:
        InputError: the file cannot be read, a column or a value is missing or wrong, a row occurs twice, or a row has
            no baseline of the same seed.
    """
    rows = _read(table)
    name = baseline or "none"
    environment = Environment({"imported": table.name}, {})
    records = list(_records(table, rows, name, environment.id))
    text = _suite(table.name, name)
    with RunDirectory.create(folder, text, advice="import the table again into another folder") as directory:
        directory.add_environment(environment)
        directory.append(records)
    return records


def _read(table: Path) -> list[dict[str, Any]]:
    """The rows with the names of :data:`COLUMNS`; labels are text, and shares are fractions."""
    import pandas as pd

    try:
        frame = pd.read_csv(table, dtype=str, keep_default_na=False, skipinitialspace=True)
    except OSError as error:
        raise InputError(f"cannot read {table}: {error.strerror or error}") from error
    except (ValueError, UnicodeDecodeError) as error:
        raise InputError(f"{table} is not a CSV file: {error}") from error
    headings = {heading.strip().lower(): heading for heading in frame.columns}
    places = {
        name: headings[synonym] for name, synonyms in COLUMNS.items() for synonym in synonyms if synonym in headings
    }
    for name in REQUIRED:
        if name not in places:
            wanted = " or ".join(COLUMNS[name])
            raise InputError(f"{table} has no column {wanted}; {did_you_mean(COLUMNS[name][0], frame.columns)}")
    if frame.empty:
        raise InputError(f"{table} has no rows")
    known = frame[list(places.values())].set_axis(list(places), axis="columns")
    numbers = {name: _numbers(table, known, name, heading) for name, heading in places.items() if name in VALUES}
    shares = [name for name in numbers if VALUES[name].shown == "share"]
    if max(numbers[name].max() for name in shares) > 1:
        numbers |= {name: numbers[name] / 100 for name in shares}
    for name in shares:
        if not numbers[name].dropna().between(0, 1).all():
            raise InputError(f"{table}: {places[name]} has a value outside 0 to 1, and outside 0 to 100 %")
    known = known.assign(**numbers, seed=_seeds(table, known))
    return [dict(zip(places, row, strict=True)) for row in known.itertuples(index=False, name=None)]


def _numbers(table: Path, frame: "pd.DataFrame", name: str, heading: str) -> "pd.Series[float]":
    import pandas as pd

    numbers = pd.to_numeric(frame[name].str.strip().str.removesuffix("%"), errors="coerce")
    wrong = numbers.isna() & ((frame[name].str.strip() != "") | (name in REQUIRED))
    if wrong.any():
        # The first line of the file is the heading.
        place = int(wrong.to_numpy().argmax())
        raise InputError(f"{table}, line {place + 2}: {heading} is {frame[name].iloc[place]!r}, not a number")
    return numbers


def _seeds(table: Path, frame: "pd.DataFrame") -> list[int]:
    for place, text in enumerate(frame["seed"]):
        if not re.fullmatch(r"\d+", text.strip()):
            raise InputError(f"{table}, line {place + 2}: seed is {text!r}; write an integer from 0")
    return [int(text) for text in frame["seed"]]


def _records(table: Path, rows: Sequence[Mapping[str, Any]], baseline: str, environment: str) -> Iterator[Record]:
    """A record for each row; the rows of one network and dataset are a group."""
    groups: dict[tuple[str, str], dict[tuple[str, str | None, int], Mapping[str, Any]]] = {}
    for line, row in enumerate(rows, start=2):
        group = groups.setdefault((row["backbone"].strip(), str(row.get("dataset", "")).strip() or UNKNOWN_DATASET), {})
        attention = row["attention"].strip()
        attention = "none" if attention.lower() in ("", *PLAIN) else attention
        placement = None if attention == "none" else str(row.get("placement", "")).strip() or None
        key = (attention, placement, row["seed"])
        if key in group:
            raise InputError(
                f"{table}, line {line}: {attention} in {row['backbone']} with seed {row['seed']} occurs twice"
            )
        group[key] = row
    started = datetime.now(timezone.utc).isoformat(timespec="seconds")
    for (backbone, dataset), group in groups.items():
        references = {seed for attention, _, seed in group if attention == baseline}
        _check_baselines(table, backbone, baseline, references, group)
        seeds = sorted(references)
        for (attention, placement, seed), row in group.items():
            axes = {**dict.fromkeys(AXIS_COLUMNS), "backbone": backbone, "attention": attention}
            axes |= {"placement": placement, "dataset": dataset}
            role: Role = "baseline" if attention == baseline else "variant"
            options = _options(attention)
            yield MeasuredRecord(
                suite="imported",
                measure="accuracy",
                group=f"{backbone}/{dataset}",
                cell=f"{backbone}/{attention}{f'@{placement}' if placement else ''}/{dataset}",
                role=role,
                axes=axes,
                options={"attention": options} if options else {},
                repeat=seeds.index(seed),
                seed=seed,
                environment=environment,
                started=started,
                elapsed=0.0,
                values=tuple(_values(row)),
                details={"imported": table.name, "dataset": dataset},
            )


def _check_baselines(
    table: Path, backbone: str, baseline: str, references: set[int], group: Mapping[tuple[str, str | None, int], Any]
) -> None:
    if not references:
        modules = ", ".join(dict.fromkeys(attention for attention, _, _ in group))
        raise InputError(
            f"{table}: {backbone} has no row of the baseline {baseline}; it has {modules}; name another with --baseline"
        )
    for attention, _, seed in group:
        if seed not in references:
            raise InputError(
                f"{table}: {attention} in {backbone} has seed {seed}, but the baseline {baseline} does not; results "
                "are compared in pairs of the same seed"
            )


def _values(row: Mapping[str, Any]) -> Iterator[Value]:
    """The accuracies of a row; an empty cell has no value."""
    for name, number in row.items():
        if name in VALUES and number == number:  # not NaN
            yield Value(name, VALUES[name].unit, (float(number),))


def _options(label: str) -> dict[str, Any]:
    """The options in a label such as ``simam(e_lambda=0.1)``."""
    match = re.fullmatch(r"[^()]+\((.*)\)", label)
    pairs = [part.partition("=") for part in match[1].split(",")] if match else []
    return {name.strip(): _scalar(value.strip()) for name, equals, value in pairs if equals}


def _scalar(text: str) -> int | float | str:
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            pass
    return text


def _suite(file: str, baseline: str) -> str:
    from ruamel.yaml import YAML

    text = io.StringIO()
    YAML(typ="rt").dump(
        {
            "name": "imported",
            "title": f"Accuracies from {file}",
            "imported": file,
            "contrast": ["attention", "placement"],
            "baseline": {"attention": baseline},
            "measures": {"accuracy": {}},
            "gate": IMPORT_GATE,
            "only": {},
        },
        text,
    )
    return text.getvalue()
