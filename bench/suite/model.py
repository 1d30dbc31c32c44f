"""The pydantic model of a suite file, which also provides the JSON Schema."""

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
"""Kind of quantity → its units as multiples of the stored unit: 1 for fractions ("%"), seconds for times ("s")."""


def parse_quantity(kind: str, value: object) -> object:
    """Convert ``"1%"`` to 0.01 for the kind "%", ``"2min"`` to 120.0 for the kind "s"; leave other values."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(\S+)", value) if isinstance(value, str) else None
    scale = _UNITS.get(kind, {}).get(match[2]) if match else None
    return float(match[1]) * scale if match and scale else value


def quantity_schema(kind: str) -> dict[str, Any]:
    """JSON Schema of a quantity."""
    units = "|".join(_UNITS[kind])
    return {"anyOf": [{"type": "number"}, {"type": "string", "pattern": rf"^\d+(\.\d+)?\s*({units})$"}]}


def _parser(registry: Registry[Any]) -> Callable[[object], tuple[Choice, ...]]:
    def parse(value: object) -> tuple[Choice, ...]:
        parsed = choices(value)
        # A "package.module:Name" is loaded here, so that a wrong one is an error of the suite.
        registry.get(parsed[0].name) or registry.load(parsed[0].name)
        return parsed

    return parse


def axis_type(axis: Axis) -> Any:
    """The pydantic type of an entry of an axis; an entry with options may be parsed to several choices."""
    registries: dict[str, Registry[Any]] = {"backbone": BACKBONES, "attention": ATTENTION, "dataset": DATASETS}
    if axis.name in registries:
        registry = registries[axis.name]
        return Annotated[
            Any, PlainValidator(_parser(registry)), WithJsonSchema(_choice_schema([*registry], imports=True))
        ]
    if axis.name == "placement":
        return Annotated[Any, PlainValidator(placements), WithJsonSchema(_choice_schema([*PLACEMENTS], imports=False))]
    if axis.values:
        return Literal[axis.values]
    return Annotated[int, Field(ge=axis.minimum, strict=True)]


def _choice_schema(names: list[str], imports: bool) -> dict[str, Any]:
    """JSON Schema of a choice: a registered name, a name with options or, with ``imports``, "package.module:Name"."""
    options = {"type": "object", "minProperties": 1, "maxProperties": 1}
    imported = [{"type": "string", "pattern": ":"}] if imports else []
    return {"anyOf": [{"enum": names}, *imported, options]}


def _axes_model() -> type[BaseModel]:
    entries: dict[str, Any] = {}
    for axis in AXES:
        entry: Any = axis_type(axis)
        rules = Field(min_length=1, description=axis.help, validate_default=axis.default is not None)
        entries[axis.name] = (Annotated[list[entry], rules], ... if axis.name == "backbone" else [axis.default])
    return create_model("Axes", __config__=ConfigDict(extra="forbid"), **entries)


Axes = _axes_model()


def _threshold(value: object) -> float | None:
    """Parse a threshold: None for ``exact``, 0.01 for ``1%``."""
    fraction = parse_quantity("%", value)
    if value == "exact":
        return None
    if not isinstance(fraction, float) or not 0 < fraction < 1:
        raise ValueError(f"write exact, or a threshold such as 1%; not {value!r}")
    return fraction


_Seconds = Annotated[
    float, BeforeValidator(partial(parse_quantity, "s")), Field(gt=0, strict=True), WithJsonSchema(quantity_schema("s"))
]
_Threshold = Annotated[
    Any,
    PlainValidator(_threshold),
    WithJsonSchema({"anyOf": [{"const": "exact"}, *quantity_schema("%")["anyOf"]]}),
]


class DataModel(BaseModel):
    """Location of image datasets."""

    model_config = ConfigDict(extra="forbid")

    root: Annotated[
        str | None,
        Field(min_length=1, description="Folder of the datasets; by default the environment variable BENCH_DATA."),
    ] = None
    download: Annotated[bool, Field(strict=True, description="Whether torchvision may download missing datasets.")] = (
        False
    )


HELP = {
    "name": "name of the suite; the folder of a run starts with it",
    "title": "title of the report",
    "axes": "a grid, or a list of grids whose union is measured; a grid combines every value of an axis with every "
    "value of the other axes",
    "contrast": "the axes in which variants may differ from their baseline; cells are grouped by all other axes",
    "baseline": "axis of the contrast → its value in the baseline of each group",
    "measures": "the measures and their options",
    "data": "location of image datasets",
    "gate": "name of a value → the largest increase that passes `compare` and `ab`: `exact` for none, or a threshold "
    "such as 1%",
    "only": "axis or `measure` → the values to keep; by default everything is kept",
    "timeout": "seconds without output from a worker after which its cell counts as hung",
}
"""Key of a suite → its description."""


def _suite_model() -> type[BaseModel]:
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
    described: dict[str, Any] = {
        key: (Annotated[kind, Field(description=HELP[key])], default) for key, (kind, default) in entries.items()
    }
    return create_model("Suite", __config__=ConfigDict(extra="forbid"), **described)


SuiteModel = _suite_model()
