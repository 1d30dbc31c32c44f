"""Windows of long records of many processes, combined into records of shorter or larger measurements."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.results.columns import Role
from bench.results.compare import RecordedEnvironment
from bench.results.rounds import clean_samples

Samples: TypeAlias = NDArray[np.float64]
PairedSamples: TypeAlias = tuple[Samples, Samples, float]
"""Samples of A, samples of B, and the measured seconds of both, in one process."""


@dataclass(frozen=True)
class Window:
    """A window of records; :mod:`bench.results.compare` compares it like a stored run.

    Args:
        name: its name in messages.
        frame: the records.
        environments: environment id → environment.
        gate: gated value → threshold as a fraction.
        complete: whether every gated value must be present.
    """

    name: str
    frame: pd.DataFrame
    environments: Mapping[str, RecordedEnvironment]
    gate: Mapping[str, float | None]
    complete: bool = True


@dataclass(frozen=True)
class Setup:
    """The size of an invocation.

    Args:
        processes: number of processes, or of pairs of processes: the independent units.
        seconds: measured seconds of both sides of a pair together, over all processes.
    """

    processes: int
    seconds: float


SHORTFALL = 0.1
"""Fraction of its seconds that the last window of a process may lack: processes share their budget with the control."""
SETUPS = (Setup(6, 10.0), Setup(12, 20.0), Setup(36, 60.0))
"""The calibrated setups. Longer ones have more processes: differences between processes do not average out in time."""


def invocations(frames: Sequence[pd.DataFrame], setup: Setup) -> list[list[pd.DataFrame]]:
    """The records of every invocation: for each block of processes, one frame for each window.

    Args:
        frames: records, in the order measured.
        setup: the size of an invocation; the i-th window of every process of a block makes one invocation.
    """
    records = joined(frames)
    names = list(dict.fromkeys(records["repeat"]))
    starts = range(0, len(names) - setup.processes + 1, setup.processes)
    blocks = [records[records["repeat"].isin(names[start : start + setup.processes])] for start in starts]
    return [windows(block, setup.seconds / setup.processes) for block in blocks]


def joined(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The undisturbed rounds of the processes of all frames, as one run with new numbers of processes."""
    renumbered = [
        frame.assign(run="joined", repeat=[f"{number}.{repeat}" for repeat in frame["repeat"]])
        for number, frame in enumerate(frames)
    ]
    return _undisturbed(pd.concat(renumbered, ignore_index=True))


def _undisturbed(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame without disturbed rounds, whose indices in the details a window would shift."""
    clean = frame.copy()
    rows = list(zip(frame["samples"], frame["details"], strict=True))
    clean["samples"] = [clean_samples(samples, details) for samples, details in rows]
    clean["details"] = pd.Series([{**details, "disturbed": ()} for _, details in rows], clean.index, dtype=object)
    return clean


def windows(frame: pd.DataFrame, seconds: float) -> list[pd.DataFrame]:
    """Cut every process into consecutive windows of equal measured time of variant and baseline together.

    Args:
        frame: latency of one group.
        seconds: measured seconds of one process in one window.

    Returns:
        Frames like the given one; the i-th has the i-th window of every process.
    """
    cuts = {repeat: _cuts(rows, seconds) for repeat, rows in frame.groupby("repeat", sort=False)}
    return [_cut_window(frame, cuts, number) for number in range(min(map(len, cuts.values())))]


def _cuts(rows: pd.DataFrame, seconds: float) -> list[slice]:
    """The rounds of each window of one process."""
    pair = rows[rows["role"].isin(["baseline", "variant"])].to_dict("records")
    spent = np.cumsum(sum(np.asarray(row["samples"]) * row["details"]["iterations"] for row in pair))
    count = int(spent[-1] / seconds + SHORTFALL)
    # Like sampling, a window ends with the round that exceeds its seconds.
    ends = [min(len(spent), int(np.searchsorted(spent, seconds * number - 1e-9)) + 1) for number in range(1, count + 1)]
    return [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]


def _cut_window(frame: pd.DataFrame, cuts: Mapping[Any, list[slice]], number: int) -> pd.DataFrame:
    cut = frame.copy()
    rows = zip(frame["repeat"], frame["samples"], strict=True)
    cut["samples"] = [samples[cuts[repeat][number]] for repeat, samples in rows]
    return cut


def paired_samples(frame: pd.DataFrame, role: Role = "variant") -> Iterator[PairedSamples]:
    """The samples of each process, in the order measured: A is the baseline, B has the role."""
    for _, rows in frame.groupby("repeat", sort=False):
        sides = {row["role"]: row for row in rows.to_dict("records")}
        a, b = sides["baseline"], sides[role]
        spent = sum(sum(side["samples"]) * side["details"]["iterations"] for side in (a, b))
        yield np.asarray(a["samples"]), np.asarray(b["samples"]), float(spent)


def sequential(measured: Sequence[PairedSamples], seconds: float) -> Iterator[tuple[Samples, Samples]]:
    """Identical code timed one side after the other: A in some processes, then B in the next ones.

    Args:
        measured: the processes, in the order measured.
        seconds: measured seconds of A and B together.
    """
    remaining = iter(measured)
    while (a := _take(remaining, 0, seconds)) is not None and (b := _take(remaining, 1, seconds)) is not None:
        yield a, b


def _take(remaining: Iterator[PairedSamples], side: Literal[0, 1], seconds: float) -> Samples | None:
    """The samples of one side from as many processes as the seconds need; None if too few remain."""
    taken: list[Samples] = []
    spent = 0.0
    for process in remaining:
        share = min(1.0, (seconds - spent) / process[2])
        taken.append(process[side][: max(2, round(len(process[side]) * share))])
        spent += process[2] * share
        if spent > seconds * (1 - 1e-6):
            samples: Samples = np.concatenate(taken)
            return samples
    return None
