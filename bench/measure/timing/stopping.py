"""When a repeat has seen enough. Only the width is looked at, never the ratio itself, and only now and then."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.results.statistics import log_ratios, median_halfwidth

FIRST_LOOK = 8
"""Rounds; further looks at 16, 32, 64 … A look at every round would stop at the luckiest one."""


@dataclass(frozen=True)
class Stopping:
    """Stop at the target width or at the end of the budget.

    Args:
        target: half-width of each variant's ratio to the baseline, as a fraction.
        budget: measured seconds.
    """

    target: float
    budget: float

    def reason(self, seconds: Sequence[Sequence[float]], spent: float) -> str | None:
        """``"target"``, ``"budget"``, or None to go on.

        Args:
            seconds: one list of samples a variant, the baseline first, one sample a round.
            spent: measured seconds so far.
        """
        rounds = len(seconds[0])
        if self._is_look(rounds) and self._narrow(seconds):
            return "target"
        return "budget" if spent >= self.budget else None

    def _is_look(self, rounds: int) -> bool:
        looks, rest = divmod(rounds, FIRST_LOOK)
        return rest == 0 and looks > 0 and looks & (looks - 1) == 0

    def _narrow(self, seconds: Sequence[Sequence[float]]) -> bool:
        baseline, *others = seconds
        return all(median_halfwidth(log_ratios(other, baseline)) <= self.target for other in others)
