"""The best variants of a network, by paired tests against the best one."""

from collections.abc import Sequence
from math import fsum
from typing import Literal

from bench.results.estimates import Comparison
from bench.results.statistics import SIGNIFICANCE, holm_of_known, t_test


def best_variants(variants: Sequence[Comparison], better: Literal["lower", "higher"]) -> list[Comparison]:
    """The variant with the best mean, and every variant without a significant difference from it.

    Differences are tested in pairs of processes or seeds, two-sided at 0.05, Holm-adjusted over the variants. Variants
    that were not measured together cannot be tested and count as not different.

    Args:
        variants: comparisons of one value of one network, each with an estimate for each process or seed.
        better: the direction of an improvement.
    """
    sign = -1 if better == "lower" else 1
    best = max(variants, key=lambda variant: sign * _mean(paired_values(variant)))
    others = [variant for variant in variants if variant is not best]
    adjusted = holm_of_known([_difference_p(variant, best) for variant in others])
    return [best, *(variant for variant, p in zip(others, adjusted, strict=True) if p is None or p >= SIGNIFICANCE)]


def paired_values(variant: Comparison) -> Sequence[float]:
    """One value relative to the baseline for each process or seed: log ratios of times, differences of other values."""
    return variant.per_process if variant.unit == "s" else variant.differences


def _mean(values: Sequence[float]) -> float:
    return fsum(values) / len(values)


def _difference_p(variant: Comparison, best: Comparison) -> float | None:
    """The p-value of "no difference", by a paired t test; None for variants that were not measured together."""
    ours, theirs = paired_values(variant), paired_values(best)
    together = (variant.run, variant.group, variant.seeds) == (best.run, best.group, best.seeds)
    if not together or len(ours) != len(theirs):
        return None
    return t_test([one - other for one, other in zip(ours, theirs, strict=True)])
