"""The rule that ends sampling in a process.

The rule depends on the width of the intervals and never on the ratios themselves, and it checks the width only a few
times.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bench.results.rounds import MIN_CLEAN_ROUNDS
from bench.results.statistics import log_ratios, median_halfwidth

FIRST_CHECK = MIN_CLEAN_ROUNDS
"""Rounds before the first check of the width. Further checks follow after 16, 32, 64 … rounds: a check after every
round would tend to stop at a width that is small by chance."""


@dataclass(frozen=True)
class StoppingRule:
    """Rule that stops at the target width, at the end of the budget, or when patience runs out.

    Args:
        target: half-width of the interval of each variant's log ratio to its reference.
        budget: measured seconds of undisturbed rounds.
        patience: wall-clock seconds after which sampling ends in any case.
        references: index of each variant's reference; None if the first variant is the reference of all others.
    """

    target: float
    budget: float
    patience: float = math.inf
    references: tuple[int, ...] | None = None

    def reason(self, seconds: Sequence[Sequence[float]], spent: float, elapsed: float = 0.0) -> str | None:
        """Return the reason to stop, ``"target"``, ``"budget"`` or ``"patience"``, or None to continue.

        Args:
            seconds: samples of each variant, one per undisturbed round.
            spent: measured seconds of these rounds.
            elapsed: wall-clock seconds since sampling began.
        """
        rounds = len(seconds[0])
        if self._is_check(rounds) and self._is_narrow(seconds):
            return "target"
        if spent >= self.budget:
            return "budget"
        return "patience" if elapsed >= self.patience else None

    def _is_check(self, rounds: int) -> bool:
        multiple, remainder = divmod(rounds, FIRST_CHECK)
        return remainder == 0 and multiple > 0 and multiple & (multiple - 1) == 0

    def _is_narrow(self, seconds: Sequence[Sequence[float]]) -> bool:
        references = self.references or (0,) * len(seconds)
        pairs = [(index, reference) for index, reference in enumerate(references) if index != reference]
        return all(
            median_halfwidth(log_ratios(seconds[index], seconds[reference])) <= self.target
            for index, reference in pairs
        )
