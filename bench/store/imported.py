"""Results that were measured elsewhere, as a stored run."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from math import isfinite
from pathlib import Path
from typing import Any

from bench.errors import InputError
from bench.results.columns import AXIS_COLUMNS, Role
from bench.results.values import VALUES
from bench.store.directory import RunDirectory
from bench.store.environment import Environment
from bench.store.record import MeasuredRecord, Record, Value
from simam.registry import did_you_mean

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


@dataclass(frozen=True)
class TableRow:
    """One row of the table.

    Args:
        where: file and line, for messages.
        texts: name of a column → its text.
        numbers: name of a value, or seed → its number; None for an empty cell.
    """

    where: str
    texts: Mapping[str, str]
    numbers: Mapping[str, float | None]


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
    if folder.exists():
        raise InputError(f"{folder} exists already; name another folder with --out")
    rows = _read(table)
    name = baseline or "none"
    environment = Environment({"imported": table.name}, {})
    records = list(_records(table, rows, name, environment.id))
    text = _suite(table.name, name)
    with RunDirectory.create(folder, text, advice="import the table again into another folder") as directory:
        directory.add_environment(environment)
        directory.append(records)
    return records


def _read(table: Path) -> list[TableRow]:
    """The rows with the names of :data:`COLUMNS`; shares are fractions, and missing numbers None."""
    text = _text(table)
    lines = csv.reader(io.StringIO(text), delimiter=_separator(text), skipinitialspace=True)
    headings = next(lines, [])
    places = _places(table, headings)
    rows = []
    for cells in lines:
        where = f"{table}, line {lines.line_num}"
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(headings):
            raise InputError(f"{where}: {len(cells)} cells, but {len(headings)} headings")
        texts = {name: cells[place].strip() for name, place in places.items()}
        rows.append(TableRow(where, texts, _numbers(where, texts)))
    if not rows:
        raise InputError(f"{table} has no rows")
    return _with_fractions(rows)


def _text(table: Path) -> str:
    try:
        return table.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"cannot read {table}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{table} is not UTF-8 text; save it as CSV in UTF-8") from error


def _separator(text: str) -> str:
    """The separator of the first line: a comma, a semicolon or a tab."""
    first = text.partition("\n")[0]
    return max(",;\t", key=first.count)


def _places(table: Path, headings: Sequence[str]) -> dict[str, int]:
    """Name of each known column → its place."""
    lower = [heading.strip().lower() for heading in headings]
    places: dict[str, int] = {}
    for name, synonyms in COLUMNS.items():
        matching = [place for place, heading in enumerate(lower) if heading in synonyms]
        if len(matching) > 1:
            raise InputError(
                f"{table} has two columns for {synonyms[0]}: {', '.join(headings[one] for one in matching)}"
            )
        if not matching and name in REQUIRED:
            raise InputError(f"{table} has no column {' or '.join(synonyms)}; {did_you_mean(synonyms[0], headings)}")
        if matching:
            places[name] = matching[0]
    return places


def _numbers(where: str, texts: Mapping[str, str]) -> dict[str, float | None]:
    """The values of a row, and its seed."""
    numbers: dict[str, float | None] = {}
    for name, text in texts.items():
        if name not in VALUES and name != "seed":
            continue
        try:
            number = float(text.removesuffix("%")) if text or name in REQUIRED else None
        except ValueError:
            raise InputError(f"{where}: {name} is {text!r}, not a number") from None
        if number is not None and not isfinite(number):
            raise InputError(f"{where}: {name} is {text!r}, not a finite number")
        if name == "seed" and (number is None or number < 0 or number != int(number)):
            raise InputError(f"{where}: seed is {text!r}; write an integer from 0")
        numbers[name] = number
    return numbers


def _with_fractions(rows: Sequence[TableRow]) -> list[TableRow]:
    """The rows with shares as fractions; they are percentages if one of them is above 1."""
    shares = [
        (row, name, number)
        for row in rows
        for name, number in row.numbers.items()
        if number is not None and name in VALUES and VALUES[name].shown == "share"
    ]
    in_percent = any(number > 1 for _, _, number in shares)
    for row, name, number in shares:
        if in_percent and 0 < number <= 1:
            raise InputError(f"{row.where}: {name} is {number:g}, but other accuracies are percentages above 1")
        if not 0 <= number <= (100 if in_percent else 1):
            raise InputError(f"{row.where}: {name} is {number:g}; write a fraction up to 1, or a percentage up to 100")
    if not in_percent:
        return list(rows)
    names = {name for _, name, _ in shares}
    return [
        replace(
            row,
            numbers={
                name: number / 100 if name in names and number is not None else number
                for name, number in row.numbers.items()
            },
        )
        for row in rows
    ]


def _records(table: Path, rows: Sequence[TableRow], baseline: str, environment: str) -> Iterator[Record]:
    """A record for each row; the rows of one network and dataset are a group."""
    groups: dict[tuple[str, str], dict[tuple[str, str | None, int], TableRow]] = {}
    for row in rows:
        backbone = row.texts["backbone"]
        group = groups.setdefault((backbone, row.texts.get("dataset") or UNKNOWN_DATASET), {})
        attention = row.texts["attention"]
        attention = "none" if attention.lower() in ("", *PLAIN) else attention
        if attention.count("(") != attention.count(")"):
            raise InputError(f"{row.where}: module {attention!r} has unbalanced brackets; write name(option=value)")
        placement = None if attention == "none" else row.texts.get("placement") or None
        key = (attention, placement, int(row.numbers["seed"] or 0))
        if key in group:
            raise InputError(f"{row.where}: {attention} in {backbone} with seed {key[2]} occurs twice")
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


def _values(row: TableRow) -> Iterator[Value]:
    """The values of a row; an empty cell has none."""
    for name, number in row.numbers.items():
        if name in VALUES and number is not None:
            yield Value(name, VALUES[name].unit, (number,))


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
