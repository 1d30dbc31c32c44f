"""The one table of axes, the cells they span, and the cells' canonical ids."""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, TypeAlias

Scalar: TypeAlias = bool | int | float | str | None


@dataclass(frozen=True)
class Choice:
    """A named thing with its options, such as ``simam(e_lambda=0.1)``; the name may be a "package.module:Name"."""

    name: str
    options: tuple[tuple[str, Scalar], ...] = ()

    def __str__(self) -> str:
        if not self.options:
            return self.name
        return f"{self.name}({','.join(f'{key}={value}' for key, value in self.options)})"

    def plain(self) -> "str | dict[str, Scalar | dict[str, Scalar]]":
        """As a suite writes it."""
        if self.name == "layers":
            return {"layers": dict(self.options)["glob"]}
        return {self.name: dict(self.options)} if self.options else self.name


def choices(value: object) -> tuple[Choice, ...]:
    """A YAML value as choices: ``name``, or ``{name: {option: value or [values]}}``, where lists are swept.

    Raises:
        ValueError: the value has another form; the message shows the right one.
    """
    if isinstance(value, str):
        return (Choice(value),)
    if not (isinstance(value, Mapping) and len(value) == 1):
        raise ValueError("write a name, or one name with its options: {name: {option: value}}")
    [(name, options)] = value.items()
    if not isinstance(name, str) or not isinstance(options, Mapping) or not options:
        raise ValueError(f"write the options of {name} as a mapping: {{{name}: {{option: value}}}}")
    swept = [_sweep(str(option), given) for option, given in sorted(options.items(), key=lambda item: str(item[0]))]
    return tuple(Choice(name, tuple(point)) for point in itertools.product(*swept))


def placements(value: object) -> tuple[Choice, ...]:
    """Like :func:`choices`, for ``spatial``, ``branch_end``, ``paper`` or ``{layers: glob}``."""
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
            raise ValueError(f"option {option!r} has characters that cannot be shown: {value!r}")
        if not (value is None or isinstance(value, bool | int | float | str)):
            raise ValueError(f"option {option!r} takes a value or a list of values, not {value!r}")
    return [(option, value) for value in values]


PLACEMENTS = ("paper", "spatial", "branch_end")


@dataclass(frozen=True)
class Axis:
    """One axis of the grid.

    Args:
        name: the key in a suite and the column in a frame.
        values: the allowed values; None where they are named things or whole numbers.
        least: the smallest allowed whole number; None where the values are not numbers.
        default: what a suite that leaves the axis out gets; None where it must be given or has no fixed default.
        help: one line for people.
    """

    name: str
    help: str
    default: Any = None
    values: tuple[str, ...] | None = None
    least: int | None = None


AXES = (
    Axis("backbone", "the network"),
    Axis("attention", "the attention module and its options", default="none"),
    Axis(
        "placement",
        "where the module goes: spatial (behind the block's main spatial convolution, before its norm), branch_end (at "
        "the end of the residual branch), paper (SimAM spatial, the others branch_end), or {layers: glob}",
        default="paper",
    ),
    Axis("mode", "forward only, or a whole training step", default="inference", values=("inference", "training")),
    Axis("execution", "how torch runs the program", default="eager", values=("eager", "compile", "graph")),
    Axis("batch", "images in one call", default=1, least=1),
    Axis("resolution", "side of the square input in pixels; left out: what the backbone was designed for", least=1),
    Axis("dtype", "number type", default="fp32", values=("fp32", "bf16", "fp16", "autocast")),
    Axis("memory_format", "order in memory", default="contiguous", values=("contiguous", "channels_last")),
    Axis("threads", "CPU threads of one process; left out: torch's own choice", least=1),
    Axis("dataset", "the images that are learned; left out: scikit-learn's digits"),
    Axis("seed", "replicate: repeated, never compared", default=0, least=0),
)


@dataclass(frozen=True)
class Cell:
    """One point of the grid: a value on every axis but the replicate, None where the axis means nothing."""

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
        """Canonical and readable: ``resnet50/simam(e_lambda=0.1)@spatial/inference/eager/b1/224/fp32``.

        ``all`` where no axis means anything.
        """
        place = f"@{self.placement}" if self.placement else ""
        parts = [
            self.backbone,
            f"{self.attention or ''}{place}",
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

    def unfit(self, device: str) -> str | None:
        """Why this cell cannot run on a device; None where it can."""
        return "execution graph needs a CUDA device" if self.execution == "graph" and device == "cpu" else None

    def project(self, axes: Iterable[str]) -> "Cell":
        """This cell with None on every axis outside ``axes``."""
        kept = set(axes)
        return replace(self, **{name: None for name in CELL_AXES if name not in kept})

    def without(self, axes: Iterable[str]) -> "Cell":
        """This cell with None on ``axes``."""
        return replace(self, **dict.fromkeys(axes))

    def labels(self) -> dict[str, str | int | None]:
        """Axis → its value as a record keeps it: named things as text."""
        values = {name: getattr(self, name) for name in CELL_AXES}
        return {name: str(value) if isinstance(value, Choice) else value for name, value in values.items()}

    def options(self) -> dict[str, dict[str, Scalar]]:
        """Axis → the options of its named thing, for the axes that have any."""
        named = {name: getattr(self, name) for name in CELL_AXES}
        return {
            name: dict(value.options) for name, value in named.items() if isinstance(value, Choice) and value.options
        }


CELL_AXES = tuple(field.name for field in fields(Cell))
