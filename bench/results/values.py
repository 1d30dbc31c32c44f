"""Descriptions of the values that the built-in measures return.

Table headings, notes, figures, default gates, the suite schema and the documentation are generated from them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Shown = Literal["difference", "ratio", "time", "share", "plain"]


@dataclass(frozen=True)
class ValueSpec:
    """Description of a value that a measure returns.

    Args:
        name: its name in records.
        measure: the measure that returns it.
        unit: SI unit of its samples.
        title: short name for headings.
        description: a definition, for notes and documentation.
        shown: how a table shows it beside the baseline: with the difference (counts), with the ratio, as a time with
            its paired ratio, as a share with the difference in percentage points, or alone.
        better: the direction of an improvement; None if there is none.
        paired: whether the samples of a round belong together, so that a time has a ratio to the baseline.
        gateable: whether a suite's `gate` may name it.
        default_gate: the gate of a suite that has none: "exact", a threshold as a fraction, or None for no gate.
    """

    name: str
    measure: str
    unit: str
    title: str
    description: str
    shown: Shown = "plain"
    better: Literal["lower", "higher"] | None = "lower"
    paired: bool = True
    gateable: bool = False
    default_gate: Literal["exact"] | float | None = None

    @property
    def gate_name(self) -> str:
        """The name that a suite's `gate` uses: a time is gated by its ratio to the baseline."""
        return f"{self.name}_ratio" if self.unit == "s" and self.paired else self.name


def _exact(name: str, measure: str, unit: str, title: str, shown: Shown, description: str) -> ValueSpec:
    return ValueSpec(name, measure, unit, title, description, shown, gateable=True, default_gate="exact")


_SPECS = (
    _exact("params", "complexity", "1", "params", "difference", "Learned parameters; shared ones count once."),
    _exact(
        "macs",
        "complexity",
        "1",
        "MACs",
        "difference",
        "Multiply-adds of convolution, linear and matmul operators in one call; one multiply-add counts as 1.",
    ),
    _exact(
        "elementwise_ops",
        "complexity",
        "1",
        "elementwise ops",
        "ratio",
        "All arithmetic outside the MACs in one call.",
    ),
    _exact(
        "bytes_moved",
        "complexity",
        "B",
        "bytes moved",
        "ratio",
        "Tensor bytes that the operators of the eager program read and write in one call.",
    ),
    _exact(
        "operators", "complexity", "1", "operators", "difference", "Operators that the dispatcher runs in one call."
    ),
    ValueSpec("kernels", "complexity", "1", "kernels", "CUDA kernels of one call, measured.", "difference"),
    ValueSpec(
        "fvcore_flops",
        "counters",
        "1",
        "fvcore FLOPs",
        "fvcore's total for a forward pass of one image: one multiply-add counts as 1, norms and pooling are added.",
        "difference",
        gateable=True,
    ),
    ValueSpec(
        "torch_flops",
        "counters",
        "1",
        "torch FLOPs",
        "The total of torch's FlopCounterMode for a forward pass of one image: one multiply-add counts as 2.",
        "difference",
        gateable=True,
    ),
    _exact(
        "saved_bytes",
        "memory",
        "B",
        "saved activations",
        "ratio",
        "Activation memory that autograd saves for backward in training mode.",
    ),
    _exact(
        "peak_bytes",
        "memory",
        "B",
        "peak memory",
        "ratio",
        "Largest total of live tensors during one call; excludes buffers inside oneDNN operators.",
    ),
    ValueSpec(
        "peak_allocated_bytes", "memory", "B", "peak allocated", "Peak of torch's CUDA allocator, measured.", "ratio"
    ),
    ValueSpec(
        "peak_reserved_bytes",
        "memory",
        "B",
        "peak reserved",
        "Peak of the memory that torch's CUDA allocator reserves, measured.",
        "ratio",
    ),
    ValueSpec(
        "latency",
        "latency",
        "s",
        "latency",
        "Time of one call. Its ratio to the baseline is the mean over fresh processes of the median ratio within a "
        "round, with a 95 % Student-t interval over processes; the time itself is the median with the 5th and 95th "
        "percentile of all samples.",
        "time",
        gateable=True,
        default_gate=0.01,
    ),
    ValueSpec("wall", "latency", "s", "wall time", "The host's time for the same calls, on CUDA.", "time"),
    ValueSpec(
        "compile_time",
        "latency",
        "s",
        "compile time",
        "Time of the first, compiling call.",
        paired=False,
    ),
    ValueSpec(
        "graph_breaks",
        "latency",
        "1",
        "graph breaks",
        "Places where the compiled program returns to Python.",
        "difference",
    ),
    ValueSpec(
        "top1",
        "accuracy",
        "1",
        "top-1",
        "Share of evaluated images whose class is the most likely one, after the last epoch.",
        "share",
        "higher",
        gateable=True,
    ),
    ValueSpec(
        "top5",
        "accuracy",
        "1",
        "top-5",
        "Share of evaluated images whose class is among the five most likely ones, after the last epoch.",
        "share",
        "higher",
        gateable=True,
    ),
    ValueSpec("loss", "accuracy", "1", "loss", "Mean cross-entropy of the evaluated images, after the last epoch."),
    ValueSpec(
        "best_top1",
        "accuracy",
        "1",
        "best epoch's top-1",
        "Top-1 of the best epoch, selected on the images that it is evaluated on.",
        "share",
        "higher",
    ),
    ValueSpec(
        "throughput", "accuracy", "1/s", "images/s", "Training images per second, for each epoch.", better="higher"
    ),
    ValueSpec("epoch_time", "accuracy", "s", "epoch time", "Training time of each epoch.", paired=False),
    ValueSpec(
        "copy_bandwidth",
        "machine",
        "B/s",
        "copy bandwidth",
        "Bytes per second of a large copy, read plus written.",
        better="higher",
    ),
    ValueSpec(
        "matmul_rate",
        "machine",
        "FLOP/s",
        "matmul rate",
        "fp32 operations per second of a large matrix product; one multiply-add counts as 2.",
        better="higher",
    ),
)

VALUES: Mapping[str, ValueSpec] = {spec.name: spec for spec in _SPECS}
"""Name of a value → its description, in the order of a table's columns."""

DEFAULT_GATE: Mapping[str, float | None] = {
    spec.gate_name: None if spec.default_gate == "exact" else spec.default_gate
    for spec in _SPECS
    if spec.default_gate is not None
}
"""Gated value → threshold as a fraction, None for an exact value: the gate of a suite that has none."""

ACCURACIES = frozenset(spec.name for spec in _SPECS if spec.shown == "share" and spec.gateable)
"""Shares of correctly classified images that a suite may gate."""

UNPAIRED = frozenset(spec.name for spec in _SPECS if not spec.paired)
"""Times without a ratio to the baseline: each variant is timed at another moment, so the samples are not paired."""


def value_spec(name: str, unit: str = "1") -> ValueSpec:
    """The description of a value; for a user-defined value, it has only the name and the unit."""
    if name in VALUES:
        return VALUES[name]
    return ValueSpec(
        name, "", unit, name, "", "time" if unit == "s" else "ratio" if unit == "B" else "difference", None
    )


def gate_names(measure: str) -> tuple[str, ...]:
    """The names of a built-in measure's values that a suite's `gate` may use."""
    return tuple(spec.gate_name for spec in _SPECS if spec.measure == measure and spec.gateable)
