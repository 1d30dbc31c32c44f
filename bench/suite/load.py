"""A suite file → :class:`Suite`, with every name and value checked."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields as dataclass_fields
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainValidator,
    Tag,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
    create_model,
)

from bench.suite.axes import AXES, CELL_AXES, PLACEMENTS, Axis, Choice, choices, placements
from bench.suite.measures import MEASURES, MeasureSpec
from bench.suite.source import Source, SuiteError
from bench.suite.suite import AxisValue, Suite
from simam.registry import ATTENTION, BACKBONES, Registry, UnknownName, did_you_mean

_UNITS = {"%": 0.01, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}


def _quantity(value: object) -> object:
    """``"1%"`` → 0.01 and ``"60s"`` → 60.0; anything else as it is."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(%|ms|s|min|h)", value) if isinstance(value, str) else None
    return float(match[1]) * _UNITS[match[2]] if match else value


def _named(registry: Registry[Any]) -> Callable[[object], tuple[Choice, ...]]:
    def parse(value: object) -> tuple[Choice, ...]:
        found = choices(value)
        # A path is loaded now, so that a wrong one is an error of the suite.
        registry.get(found[0].name) or registry.load(found[0].name)
        return found

    return parse


def _axis_type(axis: Axis) -> Any:
    """What pydantic checks one entry of an axis' list against; named things sweep, so they give several values."""
    parsers = {"backbone": _named(BACKBONES), "attention": _named(ATTENTION), "placement": placements}
    if axis.name in parsers:
        names = {"backbone": [*BACKBONES], "attention": [*ATTENTION], "placement": [*PLACEMENTS]}[axis.name]
        return Annotated[Any, PlainValidator(parsers[axis.name]), WithJsonSchema(_named_schema(names))]
    if axis.values:
        return Literal[axis.values]
    return Annotated[int, Field(ge=axis.least, strict=True)]


def _named_schema(names: list[str]) -> dict[str, Any]:
    """A name of ours, a user's "package.module:Name", or one name with its options."""
    options = {"type": "object", "minProperties": 1, "maxProperties": 1}
    return {"anyOf": [{"enum": names}, {"type": "string", "pattern": ":"}, options]}


def _axes_model() -> type[BaseModel]:
    entries: dict[str, Any] = {}
    for axis in AXES:
        entry: Any = _axis_type(axis)
        rules = Field(min_length=1, description=axis.help, validate_default=axis.default is not None)
        entries[axis.name] = (Annotated[list[entry], rules], ... if axis.name == "backbone" else [axis.default])
    return create_model("Axes", __config__=ConfigDict(extra="forbid"), **entries)


Axes = _axes_model()


def _threshold(value: object) -> float | None:
    """``exact`` → None, ``1%`` → 0.01."""
    fraction = _quantity(value)
    if value == "exact":
        return None
    if not isinstance(fraction, float) or not 0 < fraction < 1:
        raise ValueError(f"write exact, or a threshold such as 1%; not {value!r}")
    return fraction


QUANTITY_SCHEMA: dict[str, Any] = {
    "anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^\d+(\.\d+)?\s*(%|ms|s|min|h)$"}]
}
_Seconds = Annotated[float, BeforeValidator(_quantity), Field(gt=0, strict=True), WithJsonSchema(QUANTITY_SCHEMA)]
_Threshold = Annotated[
    Any,
    PlainValidator(_threshold),
    WithJsonSchema({"anyOf": [{"const": "exact"}, *QUANTITY_SCHEMA["anyOf"]]}),
]


def _suite_model() -> type[BaseModel]:
    """The shape of a suite file."""
    axis_name: Any = Literal[CELL_AXES]
    kept_name: Any = Literal[(*CELL_AXES, "measure")]
    one_of_each = {"type": "object", "minProperties": 1, "propertyNames": {"enum": [*CELL_AXES]}}
    grids = Annotated[
        Annotated[Axes, Tag("mapping")] | Annotated[list[Axes], Tag("list"), Field(min_length=1)],  # type: ignore[valid-type]
        Discriminator(lambda value: "list" if isinstance(value, list) else "mapping"),
    ]
    entries: dict[str, Any] = {
        "name": (Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=80)], ...),
        "title": (str, ""),
        "axes": (grids, ...),
        "contrast": (Annotated[list[axis_name], Field(min_length=1)], ["attention", "placement"]),
        "baseline": (Annotated[dict[axis_name, Any], Field(min_length=1), WithJsonSchema(one_of_each)], ...),
        "measures": (Annotated[dict[str, dict[str, Any] | None], Field(min_length=1)], ...),
        "gate": (dict[str, _Threshold], {}),
        "only": (dict[kept_name, Annotated[list[str | int], Field(min_length=1)]], {}),
        "timeout": (_Seconds, 600.0),
    }
    return create_model("Suite", __config__=ConfigDict(extra="forbid"), **entries)


SuiteModel = _suite_model()


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
            checked = list(_flat([TypeAdapter(_axis_type(rows[name])).validate_python(value)]))
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
    known = {field.name for field in dataclass_fields(kind)}
    for option in options:
        if option not in known:
            raise source.error((*where, option), f"{name} has no such option; {_choices(option, known)}")
    hints = get_type_hints(kind)
    given: dict[str, Any] = {}
    for option, value in options.items():
        try:
            given[option] = TypeAdapter(hints[option]).validate_python(_quantity(value), strict=True)
        except ValidationError as error:
            raise _explain(source, error, (*where, option)) from error
    try:
        built = kind(**given)
    except (TypeError, ValueError) as error:
        raise source.error(where, str(error)) from error
    return MeasureSpec(name, tuple((option, getattr(built, option)) for option in sorted(known)))


def _choices(name: str, known: set[str]) -> str:
    return did_you_mean(name, sorted(known)) if known else "it takes none"


def _gate(source: Source, given: Mapping[str, Any], measures: tuple[MeasureSpec, ...]) -> dict[str, float | None]:
    known = [name for spec in measures for name in MEASURES.load(spec.name).gates]
    for name in given:
        if name not in known:
            raise source.error(
                ("gate", name), f"no measure of this suite gives that value; {did_you_mean(name, known)}"
            )
    return dict(given)


_WANTED = {
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "float_type": "a number, or one with a unit such as 1% or 60s,",
    "int_type": "a whole number",
    "string_type": "text",
    "string_pattern_mismatch": "a name of letters, digits, '.', '_' and '-'",
    "string_too_long": "a shorter name",
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
        known = [axis.name for axis in AXES] if "axes" in where else list(SuiteModel.__pydantic_fields__)
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
