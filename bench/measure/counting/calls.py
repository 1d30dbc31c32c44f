"""Cost and result of one operator call at torch's dispatcher.

On meta tensors, which hold no data, the cost and the result of a call depend only on its signature. They are cached, so
that a repeated call is not executed again.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from bench.measure.counting.operators import ALIASES, ALLOCATIONS, ELEMENTWISE, MACS, OVERWRITES, VIEWS


class Cost(NamedTuple):
    """Cost of one or several operator calls.

    Args:
        operators: number of calls.
        macs: multiply-adds of convolution, linear and matmul.
        elementwise_ops: all other arithmetic operations.
        bytes_read: bytes of all input tensors.
        bytes_written: bytes of all output tensors, and of all tensors that are modified in place.
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
    """Static properties of an operator.

    Positional arguments are identified by their position, keyword-only arguments by their name.

    Args:
        name: name of the operator, as in the tables.
        composite: whether torch implements it by other operators.
        view: whether its result is a view of an argument.
        cacheable: whether a call on meta tensors has the same cost and result as an earlier call of equal signature.
        in_table: whether the tables contain its arithmetic.
        written: arguments that it writes to.
        unread: the written arguments that it does not read.
        returned: positions of the results that are written arguments.
    """

    name: str
    composite: bool
    view: bool
    cacheable: bool
    in_table: bool
    written: frozenset[int | str]
    unread: frozenset[int | str]
    returned: frozenset[int]


@cache
def operator_of(func: Any) -> Operator:
    """Return the properties of an operator overload of the dispatcher."""
    schema = func._schema
    name = str(schema.name).removeprefix("aten::")
    name = ALIASES.get(name, name)
    written = {
        argument.name if argument.kwarg_only else position
        for position, argument in enumerate(schema.arguments)
        if argument.alias_info is not None and argument.alias_info.is_write
    }
    if written and name.endswith("_") and not name.endswith("__"):
        name = name.removesuffix("_")
    view = func.is_view or name in VIEWS
    outputs = {argument for argument in written if isinstance(argument, str)}
    return Operator(
        name=name,
        composite=func.has_kernel_for_dispatch_key(torch._C.DispatchKey.CompositeImplicitAutograd),
        view=view,
        # An `out=` argument, or a tensor that an operator outside the table modifies, may change its shape.
        cacheable=not view and not outputs and (not written or name in ELEMENTWISE),
        in_table=view or name in ALLOCATIONS or name in ELEMENTWISE,
        written=frozenset(written),
        unread=frozenset(written if name in OVERWRITES else outputs),
        returned=frozenset(position for position, result in enumerate(schema.returns) if result.alias_info is not None),
    )


_CALL_CACHE: dict[Any, tuple[Cost, Any]] = {}
"""Cost and result template of every call on meta tensors, by signature. Networks of a family share most of their
calls."""
_CACHE_LIMIT = 100_000


def run_operator(operator: Operator, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Cost, Any]:
    """Return the cost and the result of a call, and execute it only if its signature is not in the cache."""
    key = _signature(func, args, kwargs) if operator.cacheable else None
    if key is not None and key in _CALL_CACHE:
        cost, template = _CALL_CACHE[key]
        return cost, args[0] if template is _FIRST_ARGUMENT else _from_template(template)
    out = _correct_meta_result(operator, args, func(*args, **kwargs))
    cost = _cost(operator, args, kwargs, out)
    if key is not None and len(_CALL_CACHE) < _CACHE_LIMIT:
        template = _FIRST_ARGUMENT if args and out is args[0] else _template(out)
        if template is not None:
            _CALL_CACHE[key] = cost, template
    return cost, out


def _correct_meta_result(operator: Operator, args: Sequence[Any], out: Any) -> Any:
    """Return the result that a call on a real device has.

    Only batch norm differs on meta. With running statistics, it returns saved statistics that are empty on a real
    device. The gradient of its input has other strides than on a real device, where they are those of the input.
    """
    if operator.name == "native_batch_norm" and args[5] is not True and out[0].is_meta:
        return out[0], *(torch.empty(0, device="meta") for _ in out[1:])
    if operator.name == "native_batch_norm_backward" and out[0] is not None and out[0].is_meta:
        return torch.empty_like(args[1]), *out[1:]
    return out


class _NotCacheable(Exception):
    """Raised for a call that is not determined by its signature."""


def _signature(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Return a cache key for a call on meta tensors, or None if its cost or its result depends on more."""
    tensor_numbers: dict[int, int] = {}
    try:
        key = (
            func,
            tuple(_argument_key(value, tensor_numbers) for value in args),
            tuple((name, _argument_key(value, tensor_numbers)) for name, value in kwargs.items()),
        )
        hash(key)
    except (_NotCacheable, TypeError):
        return None
    return key


def _argument_key(value: Any, tensor_numbers: dict[int, int]) -> Any:
    if isinstance(value, Tensor):
        if not value.is_meta or type(value) not in (Tensor, torch.nn.Parameter):
            raise _NotCacheable
        # A tensor that is passed twice is read once, so the key includes which arguments are the same tensor.
        number = tensor_numbers.setdefault(id(value), len(tensor_numbers))
        return value.shape, value.stride(), value.dtype, number
    if isinstance(value, list | tuple):
        return tuple(_argument_key(item, tensor_numbers) for item in value)
    return type(value), value


_FIRST_ARGUMENT = object()
"""Template for the result of an in-place operator."""


def _template(out: Any) -> Any:
    """Return a template for results like ``out``, or None if ``out`` contains anything but new meta tensors."""
    if isinstance(out, Tensor):
        is_new = out.is_meta and type(out) is Tensor and out.storage_offset() == 0
        return (out.shape, out.stride(), out.dtype) if is_new else None
    if isinstance(out, tuple):
        templates = [None if part is None else _template(part) for part in out]
        complete = all(part is None or template is not None for part, template in zip(out, templates, strict=True))
        return templates if complete else None
    return None


def _from_template(template: Any) -> Any:
    """Create a result from a template."""
    if isinstance(template, list):
        return tuple(None if part is None else _from_template(part) for part in template)
    shape, stride, dtype = template
    return torch.empty_strided(shape, stride, dtype=dtype, device="meta")


def _cost(operator: Operator, args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> Cost:
    if operator.view or operator.name in ALLOCATIONS:
        return Cost(operators=1)
    arguments = [*enumerate(args), *kwargs.items()]
    read = _bytes(value for key, value in arguments if key not in operator.unread)
    written = _bytes(value for key, value in arguments if key in operator.written)
    return Cost(
        operators=1,
        macs=_operations(MACS, operator, args, kwargs, out),
        elementwise_ops=_operations(ELEMENTWISE, operator, args, kwargs, out),
        bytes_read=read,
        bytes_written=written + _bytes(_new_results(operator, out)) + _running_statistics_bytes(operator, args),
    )


def _operations(table: Mapping[str, Any], operator: Operator, args: Any, kwargs: Any, out: Any) -> int:
    """Return the number of operations of a call by a table; 0 if the operator is not in it."""
    handler = table.get(operator.name)
    return int(handler(args, kwargs, out)) if handler else 0


def _new_results(operator: Operator, out: Any) -> Iterable[Any]:
    """Return the results that are not written arguments."""
    results = out if isinstance(out, tuple | list) else (out,)
    return (result for position, result in enumerate(results) if position not in operator.returned)


def _running_statistics_bytes(operator: Operator, args: Sequence[Any]) -> int:
    """Return the bytes of the running statistics that a batch norm in training mode updates.

    The result is 0 if the operator's schema declares the update, because it is counted as a written argument then.
    """
    declared = bool(operator.written)
    return _bytes(args[3:5]) if operator.name == "native_batch_norm" and args[5] is True and not declared else 0


def _bytes(values: Iterable[Any]) -> int:
    """Return the bytes of the distinct tensors among some values and lists of values."""
    tensors: dict[int, Tensor] = {}
    for value in values:
        for item in value if isinstance(value, list | tuple) else (value,):
            if isinstance(item, Tensor):
                tensors[id(item)] = item
    return sum(map(_tensor_bytes, tensors.values()))


def _tensor_bytes(tensor: Tensor) -> int:
    """Return the bytes of a tensor's elements in memory; an expanded dimension counts as one element."""
    if 0 in tensor.stride():
        elements = 1
        for size, stride in zip(tensor.shape, tensor.stride(), strict=True):
            elements *= size if stride else min(size, 1)
        return elements * tensor.element_size()
    return tensor.nbytes
