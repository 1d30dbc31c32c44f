"""The registry of measures. Their modules import torch only when they measure, so planning is fast."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simam.registry import Entry, Registry

MEASURES: Registry[Entry] = Registry(
    "measure",
    {
        "complexity": Entry("bench.measure.complexity:Complexity", "complexity"),
        "counters": Entry("bench.measure.counters:Counters", "other counters"),
        "machine": Entry("bench.measure.machine:Machine", "machine"),
        "memory": Entry("bench.measure.memory:Memory", "memory"),
        "accuracy": Entry("bench.measure.accuracy:Accuracy", "accuracy"),
        "latency": Entry("bench.measure.latency:Latency", "latency"),
    },
)


@dataclass(frozen=True)
class MeasureSpec:
    """A measure of a suite: its registered name or ``"package.module:Name"``, and its checked options."""

    name: str
    options: tuple[tuple[str, Any], ...] = ()

    def build(self) -> Any:
        """Create the measure, see :class:`bench.measure.Measure`."""
        return MEASURES.load(self.name)(**self.as_options())

    def as_options(self) -> Mapping[str, Any]:
        return dict(self.options)
