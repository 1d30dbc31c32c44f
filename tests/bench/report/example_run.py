"""A small run with every measure, whose report can be computed by hand."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.report.page import Report, compose
from bench.results.columns import Role
from bench.store.record import Record, Value
from bench.store.stored_run import StoredRun
from tests import factories
from tests.factories import stored_run

RUN = Path("runs/example")
EVIL = "<script>document.title='broken'</script>"
"""A module's name that must stay text on every page."""
MODULES = {"none": 1.0, "simam": 1.05, "se": 1.04, EVIL: 1.2}
"""Module → its latency as a multiple of the baseline's."""
TOP1 = {"none": 0.900, "simam": 0.910, "se": 0.905, EVIL: 0.880}
SWEEP = {"simam(e_lambda=0.1)": 0.1, "simam(e_lambda=0.01)": 0.01}
"""Modules of the sweep over λ → λ."""
TRAINING = {
    "dataset": "digits",
    "eval_on": "test",
    "device": "cpu",
    "threads": 2,
    "autocast": False,
    "compile": False,
    "recipe": {"title": "a short one", "epochs": 2, "batch": 64},
}


def example_run(*others: Record) -> StoredRun:
    """The run, with further records if some are given."""
    return stored_run(RUN, [*records(), *others], title="Every measure")


def example_report() -> Report:
    """The report of the run."""
    return compose([example_run()])


def records(repeats: int = 5) -> Iterator[Record]:
    """The records of the run.

    Args:
        repeats: processes of the latency.
    """
    yield record("machine", "none", Value("copy_bandwidth", "B/s", (1e10,)), Value("matmul_rate", "FLOP/s", (1e11,)))
    for number, name in enumerate(MODULES):
        yield _complexity(number, name)
        yield _memory(number, name)
    members: list[tuple[Role | None, str]] = [*((None, name) for name in MODULES), ("control", "none")]
    for repeat in range(repeats):
        for role, name in members:
            # The factor makes the ratio of every module vary over processes, each by another amount.
            seconds = 0.010 * MODULES[name] * (1 + 0.001 * (repeat % 2) * list(MODULES).index(name))
            details = {"rounds": 3, "stopped_by": "budget", "iterations": 1}
            latency = Value("latency", "s", (seconds,) * 3)
            yield record("latency", name, latency, role=role, repeat=repeat, details=details)
    for seed in range(3):
        for name, share in {**TOP1, **dict.fromkeys(SWEEP, 0.895)}.items():
            yield _accuracy(seed, name, share + 0.001 * seed * (name != "none"))


def _complexity(number: int, name: str) -> Record:
    counts = {"params": 1000 + number, "macs": 10**6, "elementwise_ops": 1000 * (1 + number), "operators": 10 + number}
    moved = 4000 * (1 + number)
    return record(
        "complexity",
        name,
        *(Value(key, "1", (count,)) for key, count in counts.items()),
        Value("bytes_moved", "B", (moved,)),
        details={"by_operator": {"mul": [1, 0, 0, 0, moved]}, "uncounted_ops": []},
    )


def _memory(number: int, name: str) -> Record:
    shares = {
        "parameters": 4000,
        "state": 0,
        "gradients": 0,
        "activations": 2000 * (1 + number),
        "temporaries": 100,
    }
    saved, peak = Value("saved_bytes", "B", (5000 + number,)), Value("peak_bytes", "B", (sum(shares.values()),))
    return record("memory", name, saved, peak, details={"peak_shares": shares})


def _accuracy(seed: int, name: str, top1: float) -> Record:
    return record(
        "accuracy",
        name,
        Value("top1", "1", (top1,)),
        Value("top5", "1", (0.99,)),
        Value("best_top1", "1", (top1,)),
        Value("throughput", "1/s", (400.0,)),
        repeat=seed,
        seed=seed,
        options={"attention": {"e_lambda": SWEEP[name]}} if name in SWEEP else {},
        details={**TRAINING, "epochs": {"top1": [top1 - 0.1, top1]}},
    )


def record(measure: str, attention: str, *values: Value, role: Role | None = None, **fields: Any) -> Record:
    """A record of ResNet-18 with a module; ``fields`` are arguments of :func:`tests.factories.record`."""
    timed = {"mode": "inference", "batch": 1, "resolution": 224, "dtype": "fp32", "memory_format": "contiguous"}
    axes = {
        "backbone": "resnet18",
        "attention": attention,
        "placement": None if attention == "none" else "spatial",
        **({"dataset": "digits"} if measure == "accuracy" else timed),
        **({"execution": "eager"} if measure == "latency" else {}),
    }
    return factories.record(
        *values,
        measure=measure,
        group=f"resnet18/{measure}",
        cell=f"resnet18/{attention}/{measure}",
        role=role or ("baseline" if attention == "none" else "variant"),
        axes={} if measure == "machine" else axes,
        **{"details": {}, **fields},
    )
