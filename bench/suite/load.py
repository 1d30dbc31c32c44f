"""A suite file → :class:`Suite`, with every name and value checked."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields as dataclass_fields
from dataclasses import is_dataclass
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from bench.suite.axes import AXES, CELL_AXES
from bench.suite.measures import MEASURES, MeasureSpec
from bench.suite.model import DataModel, SuiteModel, axis_type, quantity
from bench.suite.source import Source, SuiteError
from bench.suite.suite import AxisValue, Data, Suite
from simam.registry import UnknownName, did_you_mean


def load_suite(path: Path, settings: Sequence[str] = (), only: Sequence[str] = ()) -> Suite:
    """Read and check a suite file.

    Args:
        path: the file.
        settings: texts ``KEY=VALUE`` that replace a value of the file; checked like the file.
        only: texts ``KEY=VALUE`` that keep a part of the grid; several of one key keep each of their values.

    Raises:
        SuiteError: the first thing that is wrong, with file, line, key path and what would be right.
    """
    source = Source(path, settings)
    if not isinstance(source.data, dict):
        raise source.error((), "a suite is a mapping with the keys name, axes, baseline and measures")
    _keep_only(source, only)
    try:
        model: Any = SuiteModel.model_validate(source.data)
    except ValidationError as error:
        raise _explain(source, error) from error
    grids = model.axes if isinstance(model.axes, list) else [model.axes]
    measures = tuple(_measure(source, name, options or {}) for name, options in model.measures.items())
    return Suite(
        name=model.name,
        title=model.title,
        grids=tuple({name: tuple(_flat(values)) for name, values in grid} for grid in grids),
        contrast=tuple(model.contrast),
        baseline=_baseline(source, model.contrast, model.baseline),
        measures=measures,
        data=Data(model.data.root, model.data.download),
        gate=_gate(source, model.gate, measures),
        only={key: tuple(map(str, kept)) for key, kept in model.only.items()},
        timeout=model.timeout,
        source=source,
    )


def _keep_only(source: Source, only: Sequence[str]) -> None:
    """Write what the command line keeps into the suite, so that a resumed run keeps the same."""
    kept: dict[str, list[str]] = {}
    for text in only:
        key, equals, value = text.partition("=")
        if not equals or not value:
            raise SuiteError(f"--only {text}: write KEY=VALUE, such as backbone=resnet18 or measure=latency")
        if key not in (*CELL_AXES, "measure"):
            raise SuiteError(f"--only {text}: no such key; {did_you_mean(key, (*CELL_AXES, 'measure'))}")
        kept.setdefault(key, []).append(value)
    for key, values in kept.items():
        before = source.data.get("only") if isinstance(source.data, dict) else None
        there = before.get(key) if isinstance(before, dict) else None
        for value in values:
            if isinstance(there, list) and value not in map(str, there):
                raise SuiteError(f"--only {key}={value}: the suite keeps only {', '.join(map(str, there))}")
        source.put(f"only.{key}", values, " ".join(f"--only {key}={value}" for value in values))


def _flat(values: list[Any]) -> Iterator[AxisValue]:
    """Sweeps inside a named thing become further values of the axis; the defaults of named axes become choices."""
    for value in values:
        if isinstance(value, tuple):
            yield from value
        else:
            yield value


def _baseline(source: Source, contrast: list[str], given: Mapping[str, Any]) -> dict[str, AxisValue]:
    rows = {axis.name: axis for axis in AXES}
    baseline: dict[str, AxisValue] = {}
    for name, value in given.items():
        if name not in contrast:
            raise source.error(
                ("baseline", name), f"the baseline names values on the contrast ({', '.join(contrast)}) only"
            )
        try:
            checked = list(_flat([TypeAdapter(axis_type(rows[name])).validate_python(value)]))
        except ValidationError as error:
            raise _explain(source, error, ("baseline", name)) from error
        if len(checked) != 1:
            raise source.error(("baseline", name), "the baseline is one variant; give one value instead of a sweep")
        baseline[name] = checked[0]
    return baseline


def _measure(source: Source, name: str, options: Mapping[str, Any]) -> MeasureSpec:
    where = ("measures", name)
    try:
        kind = MEASURES.load(name)
    except UnknownName as error:
        raise source.error(where, str(error)) from error
    lacking = _lacking(kind)
    if lacking:
        raise source.error(where, f"{name} is no measure: it has no {lacking}; docs/extending.md shows one")
    known = {field.name for field in dataclass_fields(kind)}
    for option in options:
        if option not in known:
            raise source.error((*where, option), f"{name} has no such option; {_choices(option, known)}")
    try:
        hints = get_type_hints(kind, include_extras=True)
    except Exception as error:  # such as a name that is imported for the type checker only
        raise source.error(where, f"the types of its options cannot be read: {error}") from error
    given = {option: _option(source, (*where, option), hints[option], value) for option, value in options.items()}
    try:
        built = kind(**given)
        spec = MeasureSpec(name, tuple((option, getattr(built, option)) for option in sorted(known)))
        hash(spec)
    except Exception as error:  # a user's measure may refuse its options in any way
        raise source.error(where, str(error)) from error
    repeats = getattr(built, "repeats", 1)
    if not isinstance(repeats, int) or repeats < 1:
        raise source.error(where, f"repeats must be a whole number from 1, not {repeats!r}")
    return spec


def _lacking(kind: Any) -> str | None:
    """What a class lacks to be a measure."""
    if not (isinstance(kind, type) and is_dataclass(kind)):
        return "fields (it is not a dataclass)"
    axes = getattr(kind, "axes", None)
    if not isinstance(axes, frozenset | set) or not axes <= {*CELL_AXES, "seed"}:
        return f"`axes`, a set of some of {', '.join((*CELL_AXES, 'seed'))}"
    if not isinstance(getattr(kind, "gates", None), tuple):
        return "`gates`, a tuple of names of values"
    if not isinstance(getattr(kind, "timed", None), bool):
        return "`timed`, true or false"
    return None if callable(getattr(kind, "measure", None)) else "method `measure`"


def _option(source: Source, where: tuple[str, ...], hint: Any, value: object) -> object:
    """One option of a measure, checked against its annotation; Seconds and Fraction may be written with a unit."""
    unit = get_args(hint)[1] if get_origin(hint) is Annotated else ""
    try:
        return TypeAdapter(hint).validate_python(quantity(unit, value), strict=True)
    except ValidationError as error:
        raise _explain(source, error, where) from error


def _choices(name: str, known: set[str]) -> str:
    return did_you_mean(name, sorted(known)) if known else "it takes none"


def _gate(source: Source, given: Mapping[str, Any], measures: tuple[MeasureSpec, ...]) -> dict[str, float | None]:
    known = [name for spec in measures for name in MEASURES.load(spec.name).gates]
    for name in given:
        if name not in known:
            raise source.error(
                ("gate", name), f"no measure of this suite gives that value; {did_you_mean(name, known)}"
            )
    for name, threshold in given.items():
        if name.endswith("_ratio") and threshold is None:
            raise source.error(("gate", name), "a ratio of times is never exact; give a threshold such as 1%")
    return dict(given)


_WANTED = {
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "float_type": "a number (a time may have a unit as in 60s, a fraction as in 1%)",
    "int_type": "a whole number",
    "string_type": "text",
    "string_pattern_mismatch": "text in one line (for a name: letters, digits, '.', '_' and '-')",
    "string_too_long": "a shorter text",
}


def _explain(source: Source, error: ValidationError, prefix: tuple[str | int, ...] = ()) -> SuiteError:
    """The first problem that pydantic found, in words that say what would be right.

    An unknown key goes first: where it is a slip of the pen, the missing key is only its echo.
    """
    problems = sorted(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
    found = (*prefix, *(part for part in problems[0]["loc"] if part not in ("[key]", "mapping", "list")))
    kind, given, context = problems[0]["type"], problems[0]["input"], problems[0].get("ctx", {})
    if kind == "missing":
        return source.error(found[:-1], f"the key {found[-1]!r} is missing")
    return source.error(found, _problem(kind, found, given, context))


def _problem(kind: str, where: tuple[str | int, ...], given: object, context: Mapping[str, Any]) -> str:
    if kind == "extra_forbidden":
        tables = {"axes": [axis.name for axis in AXES], "data": [*DataModel.__pydantic_fields__]}
        known = tables.get(str(where[0]) if len(where) > 1 else "", list(SuiteModel.__pydantic_fields__))
        return f"no such key; {did_you_mean(str(where[-1]), known)}"
    if kind == "literal_error":
        allowed = re.findall(r"'([^']*)'", context["expected"])
        return f"{given!r} is not allowed; {did_you_mean(str(given), allowed)}"
    if kind == "list_type":
        return f"a list is wanted; write [{given}]"
    if kind == "too_short":
        return "it is empty; give at least one"
    if kind in ("greater_than", "greater_than_equal"):
        bound = f"more than {context['gt']}" if "gt" in context else f"at least {context['ge']}"
        return f"it must be {bound}, not {given}"
    if kind in _WANTED:
        return f"{_WANTED[kind]} is wanted, not {given!r}"
    return str(context.get("error", f"{given!r} is not allowed here"))
