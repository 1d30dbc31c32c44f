"""Observation of a program at torch's dispatcher, operator by operator, on real or on meta tensors."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

from bench.measure.counting.calls import Cost, operator_of, run_operator

_IGNORED_NAMESPACES = ("profiler", "prim")
"""Namespaces that do no work: profiler annotations of torch's optimizers, and metadata queries on meta tensors."""


class OperatorObserver(TorchDispatchMode):
    """Context manager that observes every operator that runs inside it.

    Nothing is computed on meta tensors, which hold no data. A call whose signature has occurred before is not even
    executed: the observer creates a new result with the same shape, strides and dtype.
    """

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func.namespace in _IGNORED_NAMESPACES:
            return func(*args, **kwargs)
        operator = operator_of(func)
        if operator.composite:  # In inference mode, composite operators arrive here; their parts are what runs.
            with self:
                return func.decompose(*args, **kwargs)
        self.before_operator(args, kwargs)
        cost, out = run_operator(operator, func, args, kwargs)
        self.after_operator(operator.name, operator.in_table, cost, out)
        return out

    def before_operator(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Handle an operator that is about to run."""

    def after_operator(self, name: str, in_table: bool, cost: Cost, out: Any) -> None:
        """Handle an operator that has run.

        Args:
            name: name of the operator, as in the tables.
            in_table: whether the tables contain its arithmetic.
            cost: cost of this call.
            out: result of the call.
        """


class CostCounter(OperatorObserver):
    """Context manager that counts the cost of all operators that run inside it.

    Args:
        current_layer: returns the name of the layer that the next operator belongs to.

    Attributes:
        costs: total cost by (layer, operator name).
        uncounted: names of operators whose arithmetic is not in the tables; their bytes are counted.
    """

    def __init__(self, current_layer: Callable[[], str] = lambda: "") -> None:
        super().__init__()
        self.costs: dict[tuple[str, str], Cost] = {}
        self.uncounted: set[str] = set()
        self._current_layer = current_layer
        self._layer = ""

    def before_operator(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        self._layer = self._current_layer()

    def after_operator(self, name: str, in_table: bool, cost: Cost, out: Any) -> None:
        key = self._layer, name
        self.costs[key] = self.costs.get(key, Cost()).plus(cost)
        if not in_table:
            self.uncounted.add(name)

    @property
    def total(self) -> Cost:
        """Total cost of all operators."""
        return Cost(*(sum(column) for column in zip(Cost(), *self.costs.values(), strict=True)))

    def by_layer(self) -> dict[str, Cost]:
        """Return the cost of each layer, in the order in which the layers first ran."""
        return self._grouped_by(0)

    def by_operator(self) -> dict[str, Cost]:
        """Return the cost of each operator, in the order in which the operators first ran."""
        return self._grouped_by(1)

    def _grouped_by(self, position: int) -> dict[str, Cost]:
        """Sum the costs over all keys that agree at one position."""
        sums: dict[str, Cost] = {}
        for key, cost in self.costs.items():
            sums[key[position]] = sums.get(key[position], Cost()).plus(cost)
        return sums
