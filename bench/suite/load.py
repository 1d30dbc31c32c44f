"""Suite files: finding them, checking every name and value, and loading them as :class:`Suite`."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields as dataclass_fields
from dataclasses import is_dataclass
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from bench.suite.axes import AXES, CELL_AXES
from bench.suite.builtin import suite_names, suite_path
from bench.suite.measures import MEASURES, MeasureSpec
from bench.suite.model import DataModel, SuiteModel, axis_type, parse_quantity
from bench.suite.source import KeyPath, SuiteError, SuiteSource
from bench.suite.suite import AxisValue, DataSettings, Suite
from simam.registry import UnknownNameError, did_you_mean


def find_suite(given: Path) -> Path:
    """Find a suite file by its path or, if there is no such file, by the name of a built-in suite.

    Raises:
        SuiteError: there is neither a file nor a built-in suite.
    """
    if given.is_file():
        return given
    if builtin := suite_path(str(given)):
        return builtin
    if given.exists():
        return given  # a folder or a device; load_suite reports what cannot be read
    raise SuiteError(
        f"{given}: there is no such file and no built-in suite of that name; {did_you_mean(given.stem, suite_names())}"
    )


def load_suite(path: Path, settings: Sequence[str] = (), only: Sequence[str] = ()) -> Suite:
    """Load and check a suite file.

    Args:
        path: the file.
        settings: ``KEY=VALUE`` texts that replace values of the file; they are checked like the file.
        only: ``KEY=VALUE`` texts that keep a part of the grid; a key that occurs several times keeps all its values.

    Raises:
        SuiteError: the suite cannot be used; the message describes the first problem.
    """
    source = SuiteSource(path, settings)
    if not isinstance(source.data, dict):
        raise source.error((), "a suite is a mapping with the keys name, axes, baseline and measures")
    _apply_only(source, only)
    try:
        model: Any = SuiteModel.model_validate(source.data)
    except ValidationError as error:
        raise _suite_error(source, error) from error
    grids = model.axes if isinstance(model.axes, list) else [model.axes]
    measures = tuple(_measure(source, name, options or {}) for name, options in model.measures.items())
    return Suite(
        name=model.name,
        title=model.title,
        grids=tuple({name: tuple(_flatten(values)) for name, values in grid} for grid in grids),
        contrast=tuple(model.contrast),
        baseline=_baseline(source, model.contrast, model.baseline),
        measures=measures,
        data=DataSettings(model.data.root, model.data.download),
        gate=_gate(source, model.gate, measures),
        only={key: tuple(map(str, kept)) for key, kept in model.only.items()},
        timeout=model.timeout,
        source=source,
    )


def _apply_only(source: SuiteSource, only: Sequence[str]) -> None:
    """Add the ``--only`` options to the suite data, so that a resumed run keeps the same part of the grid."""
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
        allowed = before.get(key) if isinstance(before, dict) else None
        for value in values:
            if isinstance(allowed, list) and value not in map(str, allowed):
                raise SuiteError(f"--only {key}={value}: the suite keeps only {', '.join(map(str, allowed))}")
        source.put(f"only.{key}", values, " ".join(f"--only {key}={value}" for value in values))


def _flatten(values: list[Any]) -> Iterator[AxisValue]:
    """Flatten the choices that the options of one entry sweep over into values of the axis."""
    for value in values:
        if isinstance(value, tuple):
            yield from value
        else:
            yield value


def _baseline(source: SuiteSource, contrast: list[str], given: Mapping[str, Any]) -> dict[str, AxisValue]:
    axes = {axis.name: axis for axis in AXES}
    baseline: dict[str, AxisValue] = {}
    for name, value in given.items():
        if name not in contrast:
            raise source.error(
                ("baseline", name), f"the baseline may only name axes of the contrast ({', '.join(contrast)})"
            )
        try:
            checked = list(_flatten([TypeAdapter(axis_type(axes[name])).validate_python(value)]))
        except ValidationError as error:
            raise _suite_error(source, error, ("baseline", name)) from error
        if len(checked) != 1:
            raise source.error(
                ("baseline", name), "the baseline is a single variant; give one value instead of a sweep"
            )
        baseline[name] = checked[0]
    return baseline


def _measure(source: SuiteSource, name: str, options: Mapping[str, Any]) -> MeasureSpec:
    where = ("measures", name)
    try:
        kind = MEASURES.load(name)
    except UnknownNameError as error:
        raise source.error(where, str(error)) from error
    if missing := _missing_attribute(kind):
        raise source.error(where, f"{name} is not a measure: it has no {missing}; docs/extending.md shows an example")
    known = {field.name for field in dataclass_fields(kind)}
    for option in options:
        if option not in known:
            raise source.error((*where, option), f"{name} has no such option; {_option_hint(option, known)}")
    try:
        hints = get_type_hints(kind, include_extras=True)
    except Exception as error:  # for example a name that is imported for the type checker only
        raise source.error(where, f"cannot resolve the types of its options: {error}") from error
    given = {option: _option(source, (*where, option), hints[option], value) for option, value in options.items()}
    try:
        built = kind(**given)
        spec = MeasureSpec(name, tuple((option, getattr(built, option)) for option in sorted(known)))
        hash(spec)
    except Exception as error:  # a user's measure may raise any error about its options
        raise source.error(where, str(error)) from error
    repeats = getattr(built, "repeats", 1)
    if not isinstance(repeats, int) or repeats < 1:
        raise source.error(where, f"repeats must be a positive integer, not {repeats!r}")
    return spec


def _missing_attribute(kind: Any) -> str | None:
    """The first attribute that a class needs to be a measure but does not have."""
    if not (isinstance(kind, type) and is_dataclass(kind)):
        return "fields (it is not a dataclass)"
    axes = getattr(kind, "axes", None)
    if not isinstance(axes, frozenset | set) or not axes <= {*CELL_AXES, "seed"}:
        return f"`axes`, a subset of {', '.join((*CELL_AXES, 'seed'))}"
    if not isinstance(getattr(kind, "gates", None), tuple):
        return "`gates`, a tuple of value names"
    if not isinstance(getattr(kind, "timed", None), bool):
        return "`timed`, a bool"
    return None if callable(getattr(kind, "measure", None)) else "method `measure`"


def _option(source: SuiteSource, where: tuple[str, ...], hint: Any, value: object) -> object:
    """Check an option of a measure against its annotation; Seconds and Fraction may have a unit."""
    unit = get_args(hint)[1] if get_origin(hint) is Annotated else ""
    try:
        return TypeAdapter(hint).validate_python(parse_quantity(unit, value), strict=True)
    except ValidationError as error:
        raise _suite_error(source, error, where) from error


def _option_hint(name: str, known: set[str]) -> str:
    return did_you_mean(name, sorted(known)) if known else "it has no options"


def _gate(source: SuiteSource, given: Mapping[str, Any], measures: tuple[MeasureSpec, ...]) -> dict[str, float | None]:
    known = [name for spec in measures for name in MEASURES.load(spec.name).gates]
    for name in given:
        if name not in known:
            raise source.error(
                ("gate", name),
                f"no measure of this suite has a gateable value of that name; {did_you_mean(name, known)}",
            )
    for name, threshold in given.items():
        if name.endswith("_ratio") and threshold is None:
            raise source.error(("gate", name), "a ratio of times cannot be exact; give a threshold such as 1%")
    return dict(given)


_EXPECTED = {
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "float_type": "a number (a time may have a unit, as in 60s; a fraction too, as in 1%)",
    "int_type": "an integer",
    "string_type": "text",
    "string_pattern_mismatch": "text on one line (for a name: letters, digits, '.', '_' and '-')",
    "string_too_long": "a shorter text",
}
"""Type of a pydantic error → the value that is expected instead."""


def _suite_error(source: SuiteSource, error: ValidationError, prefix: KeyPath = ()) -> SuiteError:
    """Convert the first problem that pydantic reports to an error with its place and its remedy.

    Unknown keys come first, because a misspelt key is also reported as a missing one.
    """
    problems = sorted(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
    where = (*prefix, *(part for part in problems[0]["loc"] if part not in ("[key]", "mapping", "list")))
    kind, given, context = problems[0]["type"], problems[0]["input"], problems[0].get("ctx", {})
    if kind == "missing":
        return source.error(where[:-1], f"the key {where[-1]!r} is missing")
    return source.error(where, _problem(kind, where, given, context))


def _problem(kind: str, where: KeyPath, given: object, context: Mapping[str, Any]) -> str:
    """Describe a pydantic error and its remedy.

    Args:
        kind: pydantic's type of the error.
        where: key path of the value.
        given: the value.
        context: pydantic's details, such as the allowed values.
    """
    if kind == "extra_forbidden":
        nested = {"axes": [axis.name for axis in AXES], "data": [*DataModel.__pydantic_fields__]}
        known = nested.get(str(where[0]) if len(where) > 1 else "", list(SuiteModel.__pydantic_fields__))
        return f"no such key; {did_you_mean(str(where[-1]), known)}"
    if kind == "literal_error":
        allowed = re.findall(r"'([^']*)'", context["expected"])
        return f"{given!r} is not allowed; {did_you_mean(str(given), allowed)}"
    if kind == "list_type":
        return f"expected a list; write [{given}]"
    if kind == "too_short":
        return "this value is empty; give at least one entry"
    if kind in ("greater_than", "greater_than_equal"):
        bound = f"more than {context['gt']}" if "gt" in context else f"at least {context['ge']}"
        return f"this value must be {bound}, not {given}"
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind]}, not {given!r}"
    return str(context.get("error", f"{given!r} is not allowed here"))
