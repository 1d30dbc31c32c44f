"""Sentences on the work that modules add: by operator, and against the limits of the machine."""

from collections.abc import Iterable, Iterator

from bench.report.names import module_name
from bench.report.numbers import enumerated, format_quantity, ratio
from bench.results.estimates import Comparison
from bench.results.roofline import AddedWork, MachineLimits, added_work

MOST_OPERATORS = 3
"""Maximum number of operators that a sentence names for a module."""


def added_work_sentences(comparisons: Iterable[Comparison], machine: MachineLimits | None) -> Iterator[str]:
    """Sentences on the work that the variants of one group add, its bound, and its operators.

    Variants that add the same work share a sentence.

    Args:
        comparisons: the values of one group's complexity.
        machine: the limits of the machine, if they are known.
    """
    subjects: dict[str, dict[str, dict[str | None, None]]] = {}
    for added in added_work(comparisons):
        axes = added.variant.axes
        modules = subjects.setdefault(_predicate(added, machine), {})
        modules.setdefault(module_name(axes["attention"]), {})[axes["placement"]] = None
    for predicate, modules in subjects.items():
        names = [f"{module}{_at(placements)}" for module, placements in modules.items()]
        yield f"{enumerated(names)} {'each add' if len(names) > 1 else 'adds'} {predicate}"


def _at(placements: Iterable[str | None]) -> str:
    named = [placement for placement in placements if placement is not None]
    return f" at {' or '.join(named)}" if named else ""


def _predicate(added: AddedWork, machine: MachineLimits | None) -> str:
    """The sentence without its subject and verb."""
    moved = f" ({ratio(added.variant.ratio)})" if added.variant.ratio else ""
    operators = f"{_amount(added.operators, '1')} operator{'' if added.operators == 1 else 's'}"
    operations = f"{_amount(added.operations, '1')} operations"
    text = f"{operators}, {operations} and {_amount(added.bytes_moved, 'B')} moved{moved}."
    if added.operations > 0 and added.bytes_moved > 0:
        text += _limit(added.operations, added.bytes_moved, machine)
    return f"{text}{_operators(added)}"


def _limit(operations: float, moved: float, machine: MachineLimits | None) -> str:
    """The bound of the work, and its minimum time."""
    intensity = f"{operations / moved:#.2g} operations per byte"
    if machine is None:
        return f" Arithmetic intensity: {intensity}."
    seconds = format_quantity(max(operations / machine.rate, moved / machine.bandwidth), "s")
    if operations / moved < machine.ridge:
        return f" At {intensity} this is memory-bound and takes at least {seconds} without cache hits."
    return f" At {intensity} this is compute-bound and takes at least {seconds}."


def _operators(added: AddedWork) -> str:
    """The operators that the added bytes belong to, the largest share first."""
    total = sum(added.by_operator.values())
    shares = {name: 100 * count / total for name, count in added.by_operator.items()}
    named = [f"{name} {share:.0f} %" for name, share in list(shares.items())[:MOST_OPERATORS] if share >= 1]
    return f" Added bytes by operator: {', '.join(named)}." if named else ""


def _amount(number: float, unit: str) -> str:
    return f"{'−' if number < 0 else ''}{format_quantity(abs(number), unit)}"
