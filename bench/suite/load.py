"""A suite file → :class:`Suite`, with every name and value checked."""

import re
from collections.abc import Callable, Iterator, Mapping
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
    create_model,
)

from bench.suite.axes import AXES, CELL_AXES, Axis, Choice, choices, placements
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
        for choice in found:
            registry.get(choice.name)
        return found

    return parse


def _axis_type(axis: Axis) -> Any:
    """What pydantic checks one entry of an axis' list against; named things sweep, so they give several values."""
    parsers = {"backbone": _named(BACKBONES), "attention": _named(ATTENTION), "placement": placements}
    if axis.name in parsers:
        return Annotated[Any, PlainValidator(parsers[axis.name])]
    if axis.values:
        return Literal[axis.values]
    return Annotated[int, Field(ge=axis.least, strict=True)]


def _axes_model() -> type[BaseModel]:
    entries: dict[str, Any] = {
        axis.name: (
            Annotated[list[_axis_type(axis)], Field(min_length=1, description=axis.help)],  # type: ignore[misc]
            ... if axis.name == "backbone" else [axis.default],
        )
        for axis in AXES
    }
    return create_model("Axes", __config__=ConfigDict(extra="forbid"), **entries)


Axes = _axes_model()
_Percentage = Annotated[float, BeforeValidator(_quantity), Field(gt=0, lt=1, strict=True)]
_Seconds = Annotated[float, BeforeValidator(_quantity), Field(gt=0, strict=True)]
_GRIDS = {"mapping": Annotated[Axes, Tag("mapping")], "list": Annotated[list[Axes], Tag("list"), Field(min_length=1)]}  # type: ignore[valid-type]


class SuiteModel(BaseModel):
    """The shape of a suite file; JSON Schema comes from here."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=80)]
    title: str = ""
    axes: Annotated[  # type: ignore[valid-type]
        _GRIDS["mapping"] | _GRIDS["list"],
        Discriminator(lambda value: "list" if isinstance(value, list) else "mapping"),
    ]
    contrast: Annotated[list[Literal[CELL_AXES]], Field(min_length=1)] = ["attention", "placement"]  # type: ignore[valid-type]
    baseline: Annotated[dict[Literal[CELL_AXES], Any], Field(min_length=1)]  # type: ignore[valid-type]
    measures: Annotated[dict[str, dict[str, Any] | None], Field(min_length=1)]
    gate: dict[str, Literal["exact"] | _Percentage] = {}
    timeout: _Seconds = 600.0


def load_suite(path: Path) -> Suite:
    """Read and check a suite file.

    Raises:
        SuiteError: the first thing that is wrong, with file, line, key path and what would be right.
    """
    source = Source(path)
    if not isinstance(source.data, dict):
        raise source.error((), "a suite is a mapping with the keys name, axes, baseline and measures")
    try:
        model = SuiteModel.model_validate(source.data)
    except ValidationError as error:
        raise _explain(source, error) from error
    grids: list[Any] = model.axes if isinstance(model.axes, list) else [model.axes]  # type: ignore[has-type]
    measures = tuple(_measure(source, name, options or {}) for name, options in model.measures.items())
    return Suite(
        name=model.name,
        title=model.title,
        grids=tuple({name: tuple(_flat(values)) for name, values in grid} for grid in grids),
        contrast=tuple(model.contrast),
        baseline=_baseline(source, model.contrast, model.baseline),
        measures=measures,
        gate=_gate(source, model.gate, measures),
        timeout=model.timeout,
    )


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
    return {name: None if threshold == "exact" else threshold for name, threshold in given.items()}


def _explain(source: Source, error: ValidationError, prefix: tuple[str | int, ...] = ()) -> SuiteError:
    """The first problem that pydantic found, in our words where its own do not say what would be right."""
    problem = error.errors()[0]
    found = (*prefix, *(part for part in problem["loc"] if part not in ("[key]", "mapping", "list")))
    kind, context = problem["type"], problem.get("ctx", {})
    if kind == "extra_forbidden":
        known = list(Axes.model_fields) if "axes" in found else list(SuiteModel.model_fields)
        return source.error(found, f"no such key; {did_you_mean(str(found[-1]), known)}")
    if kind == "literal_error":
        return source.error(found, f"{problem['input']!r} is not allowed; {_literals(problem['input'], context)}")
    if kind == "missing":
        return source.error(found[:-1], f"the key {found[-1]!r} is missing")
    if kind == "list_type":
        return source.error(found, f"a list is wanted; write [{problem['input']}]")
    text = str(context.get("error", problem["msg"]))
    return source.error(found, f"{text[0].lower()}{text[1:]}{_got(problem['input'], kind)}")


def _literals(given: object, context: Mapping[str, Any]) -> str:
    return did_you_mean(str(given), re.findall(r"'([^']*)'", str(context.get("expected", ""))))


def _got(value: object, kind: str) -> str:
    return "" if kind == "value_error" or isinstance(value, dict | list) else f", not {value!r}"
