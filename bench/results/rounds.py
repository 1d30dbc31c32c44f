"""The rounds of a timed process that count: a round in which a sample was disturbed is left out.

The sampler marks disturbed rounds without looking at the durations, see :mod:`bench.measure.timing.disturbance`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

Sample = TypeVar("Sample")

MIN_CLEAN_ROUNDS = 8
"""Undisturbed rounds that a process needs if its sampling ended because patience ran out."""
MIN_USABLE_PROCESSES = 3
"""Usable processes that a group needs; with fewer, the whole group counts as disturbed."""


@dataclass(frozen=True)
class Disturbance:
    """Disturbance of the timing of a group.

    Args:
        rounds: number of rounds, all processes together.
        disturbed: number of disturbed rounds.
        left_out: number of processes that are left out, because too few of their rounds were undisturbed.
        busy: whether the machine was too busy for a group without disturbance; then all rounds are used.
    """

    rounds: int
    disturbed: int
    left_out: int
    busy: bool

    @property
    def share(self) -> float:
        """Disturbed rounds as a share of all rounds."""
        return self.disturbed / self.rounds if self.rounds else 0.0


def disturbed_rounds(details: Mapping[str, Any]) -> frozenset[int]:
    """The indices of the disturbed rounds in a record's details; empty for records that do not state them."""
    return frozenset(details.get("disturbed") or ())


def is_usable(rounds: int, disturbed: int, stopped_by: str | None) -> bool:
    """Whether enough rounds of a process were undisturbed."""
    return stopped_by != "patience" or rounds - disturbed >= MIN_CLEAN_ROUNDS


def is_usable_process(samples: Sequence[object], details: Mapping[str, Any]) -> bool:
    """Like :func:`is_usable`, for the samples and details of a record."""
    return is_usable(len(samples), len(disturbed_rounds(details)), details.get("stopped_by"))


def clean_samples(samples: Sequence[Sample], details: Mapping[str, Any]) -> Sequence[Sample]:
    """The samples of the undisturbed rounds, in the order measured."""
    disturbed = disturbed_rounds(details)
    if not disturbed:
        return samples
    return [sample for number, sample in enumerate(samples) if number not in disturbed]


def counted_processes(usable: Sequence[bool]) -> list[int]:
    """The indices of the processes that an estimate uses: the usable ones if they are enough, otherwise all."""
    chosen = [index for index, enough in enumerate(usable) if enough]
    return chosen if len(chosen) >= min(MIN_USABLE_PROCESSES, len(usable)) else list(range(len(usable)))
