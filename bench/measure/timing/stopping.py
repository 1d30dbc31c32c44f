"""The rule that ends sampling in a process.

The rule depends on the width of the intervals and never on the ratios themselves, and it checks the width only a few
times.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.results.statistics import log_ratios, median_halfwidth

FIRST_CHECK = 8
"""Rounds before the first check of the width. Further checks follow after 16, 32, 64 … rounds: a check after every
round would tend to stop at a width that is small by chance."""


@dataclass(frozen=True)
class StoppingRule:
    """Rule that stops at the target width or at the end of the budget.

    Args:
        target: half-width of the interval of each variant's log ratio to its reference.
        budget: measured seconds.
        references: index of each variant's reference; None if the first variant is the reference of all others.
    """

    target: float
    budget: float
    references: tuple[int, ...] | None = None

    def reason(self, seconds: Sequence[Sequence[float]], spent: float) -> str | None:
        """Return the reason to stop, ``"target"`` or ``"budget"``, or None to continue.

        Args:
            seconds: samples of each variant, one per round.
            spent: measured seconds so far.
        """
        rounds = len(seconds[0])
        if self._is_check(rounds) and self._is_narrow(seconds):
            return "target"
        return "budget" if spent >= self.budget else None

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
