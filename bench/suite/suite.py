"""A suite after it has been loaded and checked."""

import io
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TypeAlias

from bench.suite.axes import Choice, Scalar
from bench.suite.measures import MeasureSpec
from bench.suite.source import SuiteSource

AxisValue: TypeAlias = Choice | Scalar


@dataclass(frozen=True)
class DataSettings:
    """The location of image datasets.

    Args:
        root: the folder of the datasets; None for the folder in the environment variable BENCH_DATA.
        download: whether torchvision may download missing datasets.
    """

    root: str | None = None
    download: bool = False


DEFAULT_DATA = DataSettings()
"""The settings of a suite without the key `data`."""


@dataclass(frozen=True)
class Suite:
    """A suite with all quantities in SI units and all defaults filled in.

    Args:
        name: identifier that is safe in file names.
        title: display name, one line.
        grids: mappings from an axis to its values; the suite's grid is their union.
        contrast: the axes that are compared.
        baseline: axis of the contrast → value of each group's reference variant.
        measures: the measures in the order of the file.
        data: location of image datasets.
        gate: name of a value → threshold as a fraction, or None for exact values, which must not increase.
        only: axis or "measure" → the labels or names to keep; empty to keep everything.
        timeout: seconds without output from a worker after which its cell counts as hung.
        source: the file that the suite was loaded from, for error messages.
    """

    name: str
    title: str
    grids: tuple[Mapping[str, tuple[AxisValue, ...]], ...]
    contrast: tuple[str, ...]
    baseline: Mapping[str, AxisValue]
    measures: tuple[MeasureSpec, ...]
    data: DataSettings
    gate: Mapping[str, float | None]
    only: Mapping[str, tuple[str, ...]]
    timeout: float
    source: SuiteSource = field(compare=False, repr=False)

    def to_yaml(self) -> str:
        """The text of a suite file that loads to an equal suite."""
        from ruamel.yaml import YAML

        grids = [
            {axis: [_plain(value) for value in values if value is not None] for axis, values in grid.items()}
            for grid in self.grids
        ]
        yaml = YAML(typ="rt")  # block style, because ruamel's flow style does not quote texts such as "? a"
        yaml.width = 10_000  # without line breaks, no text of a user begins a line
        text = io.StringIO()
        yaml.dump(
            {
                "name": self.name,
                "title": self.title,
                "axes": [{axis: values for axis, values in grid.items() if values} for grid in grids],
                "contrast": list(self.contrast),
                "baseline": {axis: _plain(value) for axis, value in self.baseline.items()},
                "measures": {spec.name: dict(spec.options) for spec in self.measures},
                **({"data": asdict(self.data)} if self.data != DEFAULT_DATA else {}),
                "gate": {name: "exact" if threshold is None else threshold for name, threshold in self.gate.items()},
                "only": {key: list(kept) for key, kept in self.only.items()},
                "timeout": self.timeout,
            },
            text,
        )
        return text.getvalue()


def _plain(value: AxisValue) -> object:
    return value.plain() if isinstance(value, Choice) else value
