"""The axes of a grid, its cells, and the canonical id of a cell."""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, TypeAlias

Scalar: TypeAlias = bool | int | float | str | None


@dataclass(frozen=True)
class Choice:
    """A registered name or ``"package.module:Name"`` with options, such as ``simam(e_lambda=0.1)``."""

    name: str
    options: tuple[tuple[str, Scalar], ...] = ()

    def __str__(self) -> str:
        if not self.options:
            return self.name
        return f"{self.name}({','.join(f'{key}={value}' for key, value in self.options)})"

    def plain(self) -> "str | dict[str, Scalar | dict[str, Scalar]]":
        """The choice in the form that a suite file has."""
        if self.name == "layers":
            return {"layers": dict(self.options)["glob"]}
        return {self.name: dict(self.options)} if self.options else self.name


def choices(value: object) -> tuple[Choice, ...]:
    """Parse a YAML value: ``name``, or ``{name: {option: value or [values]}}`` with a choice for each listed value.

    Raises:
        ValueError: The value has another form; the message shows the right one.
    """
    if isinstance(value, str):
        return (Choice(value),)
    if not (isinstance(value, Mapping) and len(value) == 1):
        raise ValueError("write a name, or one name with its options: {name: {option: value}}")
    [(name, options)] = value.items()
    if not isinstance(name, str) or not isinstance(options, Mapping) or not options:
        raise ValueError(f"write the options of {name} as a mapping: {{{name}: {{option: value}}}}")
    sweeps = [_sweep(str(option), given) for option, given in sorted(options.items(), key=lambda item: str(item[0]))]
    return tuple(Choice(name, tuple(point)) for point in itertools.product(*sweeps))


def placements(value: object) -> tuple[Choice, ...]:
    """Parse a placement like :func:`choices`: ``spatial``, ``branch_end``, ``paper`` or ``{layers: glob}``."""
    if isinstance(value, Mapping) and list(value) == ["layers"]:
        if not isinstance(value["layers"], str):
            raise ValueError('layers takes a glob on layer names, such as {layers: "layer[1-4].*.conv2"}')
        return (Choice("layers", (("glob", value["layers"]),)),)
    if not isinstance(value, str) or value not in PLACEMENTS:
        raise ValueError(f"placement is one of {', '.join(PLACEMENTS)}, or {{layers: glob}}; not {value!r}")
    return (Choice(value),)


def _sweep(option: str, given: object) -> list[tuple[str, Scalar]]:
    values: list[Any] = given if isinstance(given, list) else [given]
    if not values:
        raise ValueError(f"option {option!r} has an empty list; give at least one value")
    for value in values:
        if isinstance(value, str) and not value.isprintable():
            raise ValueError(f"option {option!r} has unprintable characters: {value!r}")
        if not (value is None or isinstance(value, bool | int | float | str)):
            raise ValueError(f"option {option!r} takes a value or a list of values, not {value!r}")
    return [(option, value) for value in values]


PLACEMENT_DESCRIPTIONS = {
    "paper": "where the module's paper inserts it, or the nearest of the two placements below",
    "spatial": "after the block's main spatial convolution, before its norm",
    "branch_end": "at the end of the residual branch",
    "{layers: glob}": "after every layer whose name matches",
}
PLACEMENTS = ("paper", "spatial", "branch_end")
"""The placements with a name; the other one is given by a glob."""


@dataclass(frozen=True)
class Axis:
    """One axis of the grid.

    Args:
        name: Key in a suite and column in a frame.
        help: One-line description for the documentation.
        default: Value if a suite omits the axis; None if the axis is required or has no fixed default.
        values: Allowed values; None for names and integers.
        minimum: Smallest allowed integer; None for axes without integers.
    """

    name: str
    help: str
    default: Any = None
    values: tuple[str, ...] | None = None
    minimum: int | None = None


AXES = (
    Axis("backbone", "network"),
    Axis("attention", "attention module and its options", default="none"),
    Axis(
        "placement",
        f"where the module is inserted: {'; '.join(map(': '.join, PLACEMENT_DESCRIPTIONS.items()))}",
        default="paper",
    ),
    Axis("mode", "forward pass only, or a whole training step", default="inference", values=("inference", "training")),
    Axis("execution", "how the network is executed", default="eager", values=("eager", "compile", "graph")),
    Axis("batch", "images per call", default=1, minimum=1),
    Axis("resolution", "side of the square input in pixels; by default the backbone's native resolution", minimum=1),
    Axis("dtype", "floating-point format", default="fp32", values=("fp32", "bf16", "fp16", "autocast")),
    Axis("memory_format", "memory format", default="contiguous", values=("contiguous", "channels_last")),
    Axis("threads", "CPU threads of a process; by default torch's own choice", minimum=1),
    Axis("dataset", "images to train on; by default scikit-learn's digits"),
    Axis("seed", "random seed of a replicate; seeds are replicates and never compared", default=0, minimum=0),
)


@dataclass(frozen=True)
class Cell:
    """One point of the grid: a value on every axis except `seed`, None on axes that do not apply."""

    backbone: Choice | None = None
    attention: Choice | None = None
    placement: Choice | None = None
    mode: str | None = None
    execution: str | None = None
    batch: int | None = None
    resolution: int | None = None
    dtype: str | None = None
    memory_format: str | None = None
    threads: int | None = None
    dataset: Choice | None = None

    @property
    def id(self) -> str:
        """Canonical, readable id: ``resnet50/simam(e_lambda=0.1)@spatial/inference/eager/b1/224/fp32``.

        The id is ``all`` if no axis applies.
        """
        placement = f"@{self.placement}" if self.placement else ""
        parts = [
            self.backbone,
            f"{self.attention or ''}{placement}",
            self.dataset,
            self.mode,
            self.execution,
            f"b{self.batch}" if self.batch else None,
            self.resolution,
            self.dtype,
            self.memory_format if self.memory_format != "contiguous" else None,
            f"t{self.threads}" if self.threads else None,
        ]
        return "/".join(str(part) for part in parts if part) or "all"

    def unsupported_on(self, device: str) -> str | None:
        """The reason why this cell cannot run on a device; None if it can."""
        return "execution graph needs a CUDA device" if self.execution == "graph" and device == "cpu" else None

    def project(self, axes: Iterable[str]) -> "Cell":
        """A copy with None on every axis outside ``axes``."""
        kept = set(axes)
        return replace(self, **{name: None for name in CELL_AXES if name not in kept})

    def without(self, axes: Iterable[str]) -> "Cell":
        """A copy with None on ``axes``."""
        return replace(self, **dict.fromkeys(axes))

    def labels(self) -> dict[str, str | int | None]:
        """Axis → value as stored in a record; choices become text."""
        values = {name: getattr(self, name) for name in CELL_AXES}
        return {name: str(value) if isinstance(value, Choice) else value for name, value in values.items()}

    def options(self) -> dict[str, dict[str, Scalar]]:
        """Axis → options of its choice, for choices with options."""
        values = {name: getattr(self, name) for name in CELL_AXES}
        return {
            name: dict(value.options) for name, value in values.items() if isinstance(value, Choice) and value.options
        }


CELL_AXES = tuple(field.name for field in fields(Cell))
