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
        target: half-width of each variant's ratio to its reference, as a fraction.
        budget: measured seconds.
        references: per variant, the one that it is judged against; None where that is the first for all.
    """

    target: float
    budget: float
    references: tuple[int, ...] | None = None

    def reason(self, seconds: Sequence[Sequence[float]], spent: float) -> str | None:
        """``"target"``, ``"budget"``, or None to go on.

        Args:
            seconds: one list of samples a variant, one sample a round.
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
        references = self.references or (0,) * len(seconds)
        pairs = [(index, reference) for index, reference in enumerate(references) if index != reference]
        return all(median_halfwidth(log_ratios(seconds[one], seconds[other])) <= self.target for one, other in pairs)
