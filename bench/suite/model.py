"""The shape of a suite file, as pydantic checks it; JSON Schema comes from here too."""

import re
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainValidator,
    Tag,
    WithJsonSchema,
    create_model,
)

from bench.suite.axes import AXES, CELL_AXES, PLACEMENTS, Axis, Choice, choices, placements
from bench.suite.datasets import DATASETS
from simam.registry import ATTENTION, BACKBONES, Registry

_UNITS = {"%": {"%": 0.01}, "s": {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}}
"""Kind of quantity → its units, as multiples of what is kept: a plain fraction, seconds."""


def quantity(kind: str, value: object) -> object:
    """``"1%"`` → 0.01 for the kind "%", ``"2min"`` → 120.0 for the kind "s"; anything else as it is."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(\S+)", value) if isinstance(value, str) else None
    scale = _UNITS.get(kind, {}).get(match[2]) if match else None
    return float(match[1]) * scale if match and scale else value


def quantity_schema(kind: str) -> dict[str, Any]:
    """What an editor accepts for a quantity."""
    units = "|".join(_UNITS[kind])
    return {"anyOf": [{"type": "number"}, {"type": "string", "pattern": rf"^\d+(\.\d+)?\s*({units})$"}]}


def _named(registry: Registry[Any]) -> Callable[[object], tuple[Choice, ...]]:
    def parse(value: object) -> tuple[Choice, ...]:
        found = choices(value)
        # A path is loaded now, so that a wrong one is an error of the suite.
        registry.get(found[0].name) or registry.load(found[0].name)
        return found

    return parse


def axis_type(axis: Axis) -> Any:
    """What pydantic checks one entry of an axis' list against; named things sweep, so they give several values."""
    registries: dict[str, Registry[Any]] = {"backbone": BACKBONES, "attention": ATTENTION, "dataset": DATASETS}
    if axis.name in registries:
        registry = registries[axis.name]
        return Annotated[Any, PlainValidator(_named(registry)), WithJsonSchema(_named_schema([*registry], code=True))]
    if axis.name == "placement":
        return Annotated[Any, PlainValidator(placements), WithJsonSchema(_named_schema([*PLACEMENTS], code=False))]
    if axis.values:
        return Literal[axis.values]
    return Annotated[int, Field(ge=axis.least, strict=True)]


def _named_schema(names: list[str], code: bool) -> dict[str, Any]:
    """A name of ours, one name with its options, or, where code may be named, a user's "package.module:Name"."""
    options = {"type": "object", "minProperties": 1, "maxProperties": 1}
    users = [{"type": "string", "pattern": ":"}] if code else []
    return {"anyOf": [{"enum": names}, *users, options]}


def _axes_model() -> type[BaseModel]:
    entries: dict[str, Any] = {}
    for axis in AXES:
        entry: Any = axis_type(axis)
        rules = Field(min_length=1, description=axis.help, validate_default=axis.default is not None)
        entries[axis.name] = (Annotated[list[entry], rules], ... if axis.name == "backbone" else [axis.default])
    return create_model("Axes", __config__=ConfigDict(extra="forbid"), **entries)


Axes = _axes_model()


def _threshold(value: object) -> float | None:
    """``exact`` → None, ``1%`` → 0.01."""
    fraction = quantity("%", value)
    if value == "exact":
        return None
    if not isinstance(fraction, float) or not 0 < fraction < 1:
        raise ValueError(f"write exact, or a threshold such as 1%; not {value!r}")
    return fraction


_Seconds = Annotated[
    float, BeforeValidator(partial(quantity, "s")), Field(gt=0, strict=True), WithJsonSchema(quantity_schema("s"))
]
_Threshold = Annotated[
    Any,
    PlainValidator(_threshold),
    WithJsonSchema({"anyOf": [{"const": "exact"}, *quantity_schema("%")["anyOf"]]}),
]


class DataModel(BaseModel):
    """Where images are."""

    model_config = ConfigDict(extra="forbid")

    root: Annotated[str | None, Field(min_length=1, description="Folder of the data sets; else BENCH_DATA.")] = None
    download: Annotated[bool, Field(strict=True, description="Whether torchvision may fetch what is missing.")] = False


HELP = {
    "name": "of the suite; a run's folder begins with it",
    "title": "of the report",
    "axes": "what is varied: a grid, or a list of grids; every value of an axis is combined with those of all others",
    "contrast": "the axes that variants may differ in from their baseline; all others part the groups",
    "baseline": "axis of the contrast → the value that makes a cell the baseline of its group",
    "measures": "what is measured, and with which options",
    "data": "where images are",
    "gate": "name of a value → what `compare` and `ab` let pass: `exact`, or a threshold such as 1%",
    "only": "axis, or `measure` → what is kept of it; everything where it is left out",
    "timeout": "seconds without an answer after which a cell is given up",
}
"""Key of a suite → what it says."""


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
        "title": (Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$", max_length=200)], ""),
        "axes": (grids, ...),
        "contrast": (Annotated[list[axis_name], Field(min_length=1)], ["attention", "placement"]),
        "baseline": (Annotated[dict[axis_name, Any], Field(min_length=1), WithJsonSchema(one_of_each)], ...),
        "measures": (Annotated[dict[str, dict[str, Any] | None], Field(min_length=1)], ...),
        "data": (DataModel, DataModel()),
        "gate": (dict[str, _Threshold], {}),
        "only": (dict[kept_name, Annotated[list[str | int], Field(min_length=1)]], {}),
        "timeout": (_Seconds, 600.0),
    }
    told: dict[str, Any] = {
        key: (Annotated[kind, Field(description=HELP[key])], default) for key, (kind, default) in entries.items()
    }
    return create_model("Suite", __config__=ConfigDict(extra="forbid"), **told)


SuiteModel = _suite_model()
