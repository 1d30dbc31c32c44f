"""One call at torch's dispatcher: its cost and its result, on tensors without numbers from an earlier one like it."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from bench.measure.counting.operators import ALLOCATIONS, ELEMENTWISE, MACS, OVERWRITES, SAME, VIEWS


class Cost(NamedTuple):
    """What one or several calls of operators cost.

    Args:
        operators: calls.
        macs: multiply-adds.
        elementwise_ops: other arithmetic.
        bytes_read: of all tensors that go in.
        bytes_written: of all tensors that come out or are written into.
    """

    operators: int = 0
    macs: int = 0
    elementwise_ops: int = 0
    bytes_read: int = 0
    bytes_written: int = 0

    @property
    def bytes_moved(self) -> int:
        return self.bytes_read + self.bytes_written

    def plus(self, other: "Cost") -> "Cost":
        return Cost(*map(sum, zip(self, other, strict=True)))


class Operator(NamedTuple):
    """What is known of an operator before it is called.

    Args:
        name: as the tables have it.
        composite: whether torch runs it as other operators.
        view: whether it gives another view of what goes in.
        repeatable: whether a call on tensors without numbers can stand for others like it.
        known: whether its arithmetic is in the tables.
        written: places and names of the arguments that it writes into.
        unread: those of them that it does not read.
        returned: places of the results that are such arguments.
    """

    name: str
    composite: bool
    view: bool
    repeatable: bool
    known: bool
    written: frozenset[int | str]
    unread: frozenset[int | str]
    returned: frozenset[int]


@cache
def operator_of(func: Any) -> Operator:
    schema = func._schema
    name = str(schema.name).removeprefix("aten::")
    name = SAME.get(name, name)
    written = {
        argument.name if argument.kwarg_only else place
        for place, argument in enumerate(schema.arguments)
        if argument.alias_info is not None and argument.alias_info.is_write
    }
    if written and name.endswith("_") and not name.endswith("__"):
        name = name.removesuffix("_")
    view = func.is_view or name in VIEWS
    outputs = {each for each in written if isinstance(each, str)}
    return Operator(
        name=name,
        composite=func.has_kernel_for_dispatch_key(torch._C.DispatchKey.CompositeImplicitAutograd),
        view=view,
        # What is written into without being in the table, and any `out=`, may get another shape.
        repeatable=not view and not outputs and (not written or name in ELEMENTWISE),
        known=view or name in ALLOCATIONS or name in ELEMENTWISE,
        written=frozenset(written),
        unread=frozenset(written if name in OVERWRITES else outputs),
        returned=frozenset(place for place, each in enumerate(schema.returns) if each.alias_info is not None),
    )


_SEEN: dict[Any, tuple[Cost, Any]] = {}
"""Call on meta tensors → its cost, and how to make its result; the networks of a family share most of their calls."""
_MOST_SEEN = 100_000


def perform(operator: Operator, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Cost, Any]:
    """A call's cost and its result; made only where none like it was made before."""
    key = _signature(func, args, kwargs) if operator.repeatable else None
    if key is not None and key in _SEEN:
        cost, recipe = _SEEN[key]
        return cost, args[0] if recipe is _FIRST_ARGUMENT else _made(recipe)
    out = _as_on_a_device(operator, args, func(*args, **kwargs))
    cost = _cost(operator, args, kwargs, out)
    if key is not None and len(_SEEN) < _MOST_SEEN:
        recipe = _FIRST_ARGUMENT if args and out is args[0] else _recipe(out)
        if recipe is not None:
            _SEEN[key] = cost, recipe
    return cost, out


def _as_on_a_device(operator: Operator, args: Sequence[Any], out: Any) -> Any:
    """Batch norms alone differ on meta: with running statistics they return some for backward, where on a device they
    note none, and their gradient there has another order in memory than the input.
    """
    if operator.name == "native_batch_norm" and args[5] is not True and out[0].is_meta:
        return out[0], *(torch.empty(0, device="meta") for _ in out[1:])
    if operator.name == "native_batch_norm_backward" and out[0] is not None and out[0].is_meta:
        return torch.empty_like(args[1]), *out[1:]
    return out


class _NotAlike(Exception):
    """A call that cannot be told by its shapes."""


def _signature(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """What tells a call on meta tensors from others; None where its cost or its result depends on more."""
    order: dict[int, int] = {}
    try:
        key = func, tuple(_mark(each, order) for each in args), tuple((k, _mark(v, order)) for k, v in kwargs.items())
        hash(key)
    except (_NotAlike, TypeError):
        return None
    return key


def _mark(value: Any, order: dict[int, int]) -> Any:
    if isinstance(value, Tensor):
        if not value.is_meta or type(value) not in (Tensor, torch.nn.Parameter):
            raise _NotAlike
        # The same tensor twice is read once, so which arguments are one tensor belongs to the call.
        return value.shape, value.stride(), value.dtype, order.setdefault(id(value), len(order))
    if isinstance(value, list | tuple):
        return tuple(_mark(each, order) for each in value)
    return type(value), value


_FIRST_ARGUMENT = object()
"""The recipe of an in-place operator's result."""


def _recipe(out: Any) -> Any:
    """How to make results like these; None where there is anything else than new tensors on meta."""
    if isinstance(out, Tensor):
        plain = out.is_meta and type(out) is Tensor and out.storage_offset() == 0
        return (out.shape, out.stride(), out.dtype) if plain else None
    if isinstance(out, tuple):
        parts = [None if part is None else _recipe(part) for part in out]
        whole = all(part is None or recipe is not None for part, recipe in zip(out, parts, strict=True))
        return parts if whole else None
    return None


def _made(recipe: Any) -> Any:
    if isinstance(recipe, list):
        return tuple(None if part is None else _made(part) for part in recipe)
    shape, stride, dtype = recipe
    return torch.empty_strided(shape, stride, dtype=dtype, device="meta")


def _cost(operator: Operator, args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> Cost:
    if operator.view or operator.name in ALLOCATIONS:
        return Cost(operators=1)
    arguments = [*enumerate(args), *kwargs.items()]
    read = _bytes(value for place, value in arguments if place not in operator.unread)
    written = _bytes(value for place, value in arguments if place in operator.written)
    return Cost(
        operators=1,
        macs=_count(MACS, operator, args, kwargs, out),
        elementwise_ops=_count(ELEMENTWISE, operator, args, kwargs, out),
        bytes_read=read,
        bytes_written=written + _bytes(_fresh(operator, out)) + _statistics(operator, args),
    )


def _count(table: Mapping[str, Any], operator: Operator, args: Any, kwargs: Any, out: Any) -> int:
    handler = table.get(operator.name)
    return int(handler(args, kwargs, out)) if handler else 0


def _fresh(operator: Operator, out: Any) -> Iterable[Any]:
    """Those of the results that are no argument written into."""
    results = out if isinstance(out, tuple | list) else (out,)
    return (each for place, each in enumerate(results) if place not in operator.returned)


def _statistics(operator: Operator, args: Sequence[Any]) -> int:
    """A batch norm writes its running statistics, too, when it looks at a batch; not all of its schemas say so."""
    told = bool(operator.written)
    return _bytes(args[3:5]) if operator.name == "native_batch_norm" and args[5] is True and not told else 0


def _bytes(values: Iterable[Any]) -> int:
    """Bytes of the distinct tensors among some values."""
    found: dict[int, Tensor] = {}
    for value in values:
        for each in value if isinstance(value, list | tuple) else (value,):
            if isinstance(each, Tensor):
                found[id(each)] = each
    return sum(map(_extent, found.values()))


def _extent(tensor: Tensor) -> int:
    """Bytes that a tensor has elements in: a dimension that repeats its elements counts once."""
    if 0 in tensor.stride():
        distinct = 1
        for size, stride in zip(tensor.shape, tensor.stride(), strict=True):
            distinct *= size if stride else min(size, 1)
        return distinct * tensor.element_size()
    return tensor.nbytes
