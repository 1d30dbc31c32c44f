"""What is asked, once it is read and checked."""

import io
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TypeAlias

from bench.suite.axes import Choice, Scalar
from bench.suite.measures import MeasureSpec
from bench.suite.source import Source

AxisValue: TypeAlias = Choice | Scalar


@dataclass(frozen=True)
class Data:
    """Where images are.

    Args:
        root: the folder of the data sets; None where the environment variable BENCH_DATA says it.
        download: whether torchvision may fetch what is missing.
    """

    root: str | None = None
    download: bool = False


NO_DATA = Data()
"""Nothing is said of it."""


@dataclass(frozen=True)
class Suite:
    """A suite with every quantity in SI units and every default filled in.

    Args:
        name: file-name safe.
        title: one line for people.
        grids: each a mapping from axis to its values; the suite's grid is their union.
        contrast: the axes that are compared.
        baseline: the values on the contrast of each group's reference variant.
        measures: in the order of the file.
        data: where images are.
        gate: value name → threshold as a fraction, or None for values that must not grow at all.
        only: axis, or "measure", → the labels or names that are kept; everything where it is empty.
        timeout: seconds of silence after which a cell counts as hung.
        source: the file it was read from, to point into when something in it turns out to be unusable.
    """

    name: str
    title: str
    grids: tuple[Mapping[str, tuple[AxisValue, ...]], ...]
    contrast: tuple[str, ...]
    baseline: Mapping[str, AxisValue]
    measures: tuple[MeasureSpec, ...]
    data: Data
    gate: Mapping[str, float | None]
    only: Mapping[str, tuple[str, ...]]
    timeout: float
    source: Source = field(compare=False, repr=False)

    def to_yaml(self) -> str:
        """As a suite file that loads to this very suite."""
        from ruamel.yaml import YAML

        grids = [
            {axis: [_plain(value) for value in values if value is not None] for axis, values in grid.items()}
            for grid in self.grids
        ]
        yaml = YAML(typ="rt")  # in block style; ruamel's flow style does not quote a text such as "? a"
        yaml.width = 10_000  # so that no text of a user begins a line
        text = io.StringIO()
        yaml.dump(
            {
                "name": self.name,
                "title": self.title,
                "axes": [{axis: values for axis, values in grid.items() if values} for grid in grids],
                "contrast": list(self.contrast),
                "baseline": {axis: _plain(value) for axis, value in self.baseline.items()},
                "measures": {spec.name: dict(spec.options) for spec in self.measures},
                **({"data": asdict(self.data)} if self.data != NO_DATA else {}),
                "gate": {name: "exact" if threshold is None else threshold for name, threshold in self.gate.items()},
                "only": {key: list(kept) for key, kept in self.only.items()},
                "timeout": self.timeout,
            },
            text,
        )
        return text.getvalue()


def _plain(value: AxisValue) -> object:
    return value.plain() if isinstance(value, Choice) else value
