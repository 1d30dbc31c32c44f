"""The columns of a results frame: one row for each record and value."""

from typing import Literal, TypeAlias

Role: TypeAlias = Literal["baseline", "variant", "control"]
"""A member's part in its group; the control is a second, identical build of the baseline (the A/A control)."""
Key: TypeAlias = tuple[str, str, str, Role, int]
"""Measure, group, cell, role, repeat: the identity of a record within its run."""

AXIS_COLUMNS = {
    "backbone": "label of the network",
    "attention": "label of the attention module, its options in brackets",
    "placement": "label of the placement; None for the plain network",
    "mode": "inference or training",
    "execution": "how the network is executed",
    "batch": "images in one call",
    "resolution": "side of the input in pixels",
    "dtype": "number type",
    "memory_format": "memory format",
    "threads": "requested CPU threads; None for torch's own choice",
    "dataset": "label of the training images",
}
"""The columns of a cell's coordinates; None if an axis does not apply or the measure does not depend on it."""

COLUMNS = {
    "run": "folder of the run, as the caller named it",
    "suite": "name of the suite",
    "measure": "name of the measure",
    "group": "id of the group",
    "cell": "id of the cell",
    "role": "baseline, variant or control",
    **AXIS_COLUMNS,
    "options": "axis → options of its named value",
    "repeat": "index of the fresh process, from 0",
    "seed": "seed of the replicate; None if the measure uses no seed",
    "status": "ok, skipped or failed",
    "reason": "why the record was skipped or failed, or why samples are missing",
    "value": "name of the value; None if the status is not ok",
    "unit": "SI unit of the samples: s, B, 1 for counts",
    "samples": "the raw samples, in the order measured",
    "median": "median of the samples of undisturbed rounds, in the unit",
    "details": "settings and circumstances of the measurement",
    "environment": "id of the environment",
    "started": "ISO 8601, UTC",
    "elapsed": "seconds from the start of the unit of work to this record",
}
"""Column → its content."""
