"""The measures a suite may ask for. Their modules import torch only when they measure, so a plan is quick."""

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
    """A measure as a suite asks for it: its name (or "package.module:Name") and its options, checked."""

    name: str
    options: tuple[tuple[str, Any], ...] = ()

    def build(self) -> Any:
        """The measure itself, see :class:`bench.measure.Measure`."""
        return MEASURES.load(self.name)(**self.as_options())

    def as_options(self) -> Mapping[str, Any]:
        return dict(self.options)
