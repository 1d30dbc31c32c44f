"""What a program does, operator by operator: counted at torch's dispatcher while it runs, on tensors real or not."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

from bench.measure.counting.calls import Cost, operator_of, perform

_NO_WORK = ("profiler", "prim")
"""Namespaces of what torch's optimizers note for its profiler, and of questions to tensors that are not real."""


class Watch(TorchDispatchMode):
    """Sees every operator that runs under it, as a context manager.

    Tensors on the meta device hold no numbers: with them nothing is computed, and a call like an earlier one is not
    even made; its result is one of the same shape.
    """

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func.namespace in _NO_WORK:
            return func(*args, **kwargs)
        operator = operator_of(func)
        if operator.composite:  # in inference mode these come as they are; what they are made of is what runs
            with self:
                return func.decompose(*args, **kwargs)
        self.before(args, kwargs)
        cost, out = perform(operator, func, args, kwargs)
        self.after(operator.name, operator.known, cost, out)
        return out

    def before(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Called before an operator runs."""

    def after(self, name: str, known: bool, cost: Cost, out: Any) -> None:
        """Called when it has run.

        Args:
            name: as the tables have it.
            known: whether its arithmetic is in the tables.
            cost: of this call.
            out: its result.
        """


class Counter(Watch):
    """Counts what runs under it.

    Args:
        place: where an operator that is about to run belongs, such as the name of a layer.

    Attributes:
        costs: (place, operator's name) → what all its calls cost.
        uncounted: names of operators whose arithmetic is not known; what they move is in the costs.
    """

    def __init__(self, place: Callable[[], str] = lambda: "") -> None:
        super().__init__()
        self.costs: dict[tuple[str, str], Cost] = {}
        self.uncounted: set[str] = set()
        self._place = place
        self._here = ""

    def before(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        self._here = self._place()

    def after(self, name: str, known: bool, cost: Cost, out: Any) -> None:
        where = self._here, name
        self.costs[where] = self.costs.get(where, Cost()).plus(cost)
        if not known:
            self.uncounted.add(name)

    @property
    def total(self) -> Cost:
        """The cost of all of it."""
        return Cost(*(sum(each) for each in zip(Cost(), *self.costs.values(), strict=True)))

    def by_place(self) -> dict[str, Cost]:
        """Costs by place, in the order they were first come to."""
        return self._by(0)

    def by_operator(self) -> dict[str, Cost]:
        """Costs by operator, in the order they first ran."""
        return self._by(1)

    def _by(self, index: int) -> dict[str, Cost]:
        found: dict[str, Cost] = {}
        for where, cost in self.costs.items():
            found[where[index]] = found.get(where[index], Cost()).plus(cost)
        return found
