"""Records of many processes, cut and joined to what shorter or larger measurements would have seen."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.store.record import Role

Samples: TypeAlias = NDArray[np.float64]
Process: TypeAlias = tuple[Samples, Samples, float]
"""A's samples, B's samples, and the measured seconds of both."""


@dataclass(frozen=True)
class Setup:
    """How an invocation is measured.

    Args:
        processes: or pairs of them, the independent units.
        seconds: measured, of both sides of a pair together, over all processes.
    """

    processes: int
    seconds: float


SHORT = 0.1
"""Of its seconds that a process' last window may lack: a budget is shared with the control, a little more or less."""
SETUPS = (Setup(6, 10.0), Setup(12, 20.0), Setup(36, 60.0))
"""What is tried: more seconds go into more processes, since a process's own luck does not shrink with time."""


def invocations(frames: Sequence[pd.DataFrame], setup: Setup) -> list[list[pd.DataFrame]]:
    """Records joined and cut to what an invocation sees: for each stretch of processes, a frame for each window.

    Args:
        frames: in the order measured.
        setup: what is wanted; the i-th window of each of so many processes in a row makes one.
    """
    every = joined(frames)
    names = list(dict.fromkeys(every["repeat"]))
    starts = range(0, len(names) - setup.processes + 1, setup.processes)
    stretches = [every[every["repeat"].isin(names[start : start + setup.processes])] for start in starts]
    return [windows(stretch, setup.seconds / setup.processes) for stretch in stretches]


def joined(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One frame of the processes of all, numbered anew."""
    several = [
        frame.assign(repeat=[f"{number}.{each}" for each in frame["repeat"]]) for number, frame in enumerate(frames)
    ]
    return pd.concat(several, ignore_index=True)


def windows(frame: pd.DataFrame, seconds: float) -> list[pd.DataFrame]:
    """Cut every process into stretches of so many measured seconds of variant and baseline together.

    Args:
        frame: of one group's latency.
        seconds: of one process.

    Returns:
        Frames like the given one; the i-th has the i-th stretch of every process.
    """
    cuts = {repeat: _cuts(rows, seconds) for repeat, rows in frame.groupby("repeat", sort=False)}
    return [_stretch(frame, cuts, number) for number in range(min(map(len, cuts.values())))]


def _cuts(rows: pd.DataFrame, seconds: float) -> list[slice]:
    """Where one process is cut, in rounds."""
    pair = rows[rows["role"].isin(["baseline", "variant"])].to_dict("records")
    spent = np.cumsum(sum(np.asarray(row["samples"]) * row["details"]["iterations"] for row in pair))
    count = int(spent[-1] / seconds + SHORT)
    # Like a repeat, a window ends with the round in which its seconds run out.
    ends = [min(len(spent), int(np.searchsorted(spent, seconds * number - 1e-9)) + 1) for number in range(1, count + 1)]
    return [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]


def _stretch(frame: pd.DataFrame, cuts: Mapping[Any, list[slice]], number: int) -> pd.DataFrame:
    cut = frame.copy()
    places = zip(frame["repeat"], frame["samples"], strict=True)
    cut["samples"] = [samples[cuts[repeat][number]] for repeat, samples in places]
    return cut


def processes(frame: pd.DataFrame, role: Role = "variant") -> Iterator[Process]:
    """The processes of a frame, in the order measured: A is the baseline, B has the role."""
    for _, rows in frame.groupby("repeat", sort=False):
        sides = {row["role"]: row for row in rows.to_dict("records")}
        a, b = sides["baseline"], sides[role]
        spent = sum(sum(side["samples"]) * side["details"]["iterations"] for side in (a, b))
        yield np.asarray(a["samples"]), np.asarray(b["samples"]), float(spent)


def sequential(measured: Sequence[Process], seconds: float) -> Iterator[tuple[Samples, Samples]]:
    """Identical code timed one after the other: A in some processes, then B in the next ones, so long together.

    Args:
        measured: in the order measured.
        seconds: of A and B together.
    """
    left = iter(measured)
    while (a := _gathered(left, 0, seconds)) is not None and (b := _gathered(left, 1, seconds)) is not None:
        yield a, b


def _gathered(left: Iterator[Process], side: Literal[0, 1], seconds: float) -> Samples | None:
    """One side's half of so many seconds, from as many processes as it takes; None where they run out."""
    parts: list[Samples] = []
    spent = 0.0
    for process in left:
        share = min(1.0, (seconds - spent) / process[2])
        parts.append(process[side][: max(2, round(len(process[side]) * share))])
        spent += process[2] * share
        if spent > seconds * (1 - 1e-6):
            gathered: Samples = np.concatenate(parts)
            return gathered
    return None
