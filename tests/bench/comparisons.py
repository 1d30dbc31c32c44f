"""Estimates for tests, made without records."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bench.results.columns import AXIS_COLUMNS
from bench.results.estimates import Comparison
from bench.results.statistics import Estimate, ProcessEstimate, ratio_of


def exact(number: int) -> Estimate:
    return Estimate(number, number, number, "exact")


def comparison(attention: str, measure: str, value: str, unit: str = "1", **fields: Any) -> Comparison:
    """A value of CIFAR ResNet-20 with a module; ``fields`` replace axes and fields."""
    axes: dict[str, Any] = dict.fromkeys(AXIS_COLUMNS)
    axes |= {
        "backbone": "cifar_resnet20",
        "attention": attention,
        "placement": None if attention == "none" else "spatial",
    }
    axes |= {axis: fields.pop(axis) for axis in AXIS_COLUMNS if axis in fields}
    made = Comparison(
        run="a",
        measure=measure,
        group="g",
        cell=f"resnet18/{attention}",
        role="baseline" if attention == "none" else "variant",
        axes=axes,
        value=value,
        unit=unit,
        absolute=exact(1),
        ratio=None,
        difference=None,
        repeats=1,
        seeds=(None,),
        per_process=(),
        process_errors=(),
        differences=(),
        measured_seconds=0.0,
        disturbance=None,
        details={},
    )
    return replace(made, **fields)


def latency(attention: str, logs: Sequence[float], **fields: Any) -> Comparison:
    """An inference latency with a log ratio to the baseline for each process."""
    processes = [ProcessEstimate(log, 0.0) for log in logs]
    shared = {
        "unit": "s",
        "ratio": ratio_of(processes) if processes else None,
        "per_process": tuple(logs),
        "process_errors": (0.0,) * len(logs),
        "mode": "inference",
    }
    return comparison(attention, "latency", "latency", **{**shared, **fields})


def top1(attention: str, differences: Sequence[float], mean: float = 0.91, **fields: Any) -> Comparison:
    """A top-1 with a difference to the baseline for each seed."""
    absolute = Estimate(mean, mean - 0.01, mean + 0.01, "t")
    return comparison(attention, "accuracy", "top1", absolute=absolute, differences=tuple(differences), **fields)


def control(logs: Sequence[float] = (0.0, 0.001, -0.001), **fields: Any) -> Comparison:
    """The A/A control of :func:`latency`; by default one that passes at ±1 %."""
    return latency("none", logs, role="control", **fields)
