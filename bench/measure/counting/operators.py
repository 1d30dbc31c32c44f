"""What one call of an operator costs in arithmetic: the table of docs/counting.md.

A handler takes an operator's arguments and its result and gives a number of operations. An operator that is in no table
here is listed as uncounted wherever it is met. Names are those of the dispatcher without "aten::", without the
underscore of the in-place form, which costs the same.
"""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any, TypeAlias

Handler: TypeAlias = Callable[[Sequence[Any], Mapping[str, Any], Any], int]
"""Positional arguments, keyword arguments, result → operations."""


def _first(out: Any) -> Any:
    """The result that counts: of several the first, such as a pooling's values before its indices."""
    return out[0] if isinstance(out, tuple | list) else out


def _each(count: int) -> Handler:
    """So many operations an element of the result."""
    return lambda args, kwargs, out: count * int(_first(out).numel())


def _each_of_input(count: int) -> Handler:
    """So many operations an element of the first argument."""
    return lambda args, kwargs, out: count * int(args[0].numel())


def _scaled(args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> int:
    """Of ``x + alpha · y`` the sum, and the product where there is one."""
    return (1 + bool(kwargs.get("alpha", 1) != 1)) * int(_first(out).numel())


def _with_value(args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> int:
    """Of ``x + value · y · z`` or ``x + value · y / z``."""
    return (2 + bool(kwargs.get("value", 1) != 1)) * int(_first(out).numel())


def _reduction(args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> int:
    """M elements become one by M − 1 sums or comparisons."""
    return int(args[0].numel()) - int(_first(out).numel())


def _lines(args: Sequence[Any], dim: int) -> int:
    """How many lines a tensor has along a dimension."""
    size = args[0].shape[dim] if args[0].dim() else 1
    return int(args[0].numel()) // max(1, int(size))


def _softmax(args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> int:
    """Of each line the maximum (M − 1), differences, exponentials, their sum (M − 1), quotients."""
    return 5 * int(args[0].numel()) - 2 * _lines(args, args[1])


def _log_softmax(args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> int:
    """Of each line the maximum (M − 1), differences, exponentials, their sum (M − 1), its logarithm, differences."""
    return 5 * int(args[0].numel()) - _lines(args, args[1])


def _softmax_backward(args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> int:
    """Softmax: y·g, their sum, g less it, times y. log-softmax: the sum of g, exp(y), their product, g less it."""
    return 4 * int(args[0].numel()) - _lines(args, args[2])


def _batch_norm(args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> int:
    """One product and one sum an element, 5 a channel to make both factors of; 4 and 7 more where it has to look.

    Of a batch: the mean (1 an element), the variance (difference, square, sum); both running statistics
    ((1 − m) r + m s) and the unbiased variance that goes into one of them.
    """
    elements, channels = int(args[0].numel()), int(args[0].shape[1])
    return 6 * elements + 12 * channels if args[5] is True else 2 * elements + 5 * channels


def _batch_norm_backward(args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> int:
    """Of a batch 9 an element: the sum of g; x − μ, times g, its sum; and of dx x − μ, times a factor, two differences,
    a product. With running statistics 5: the same sums, and g times a factor. 4 or 2 a channel for the factors, less
    what the sums save.
    """
    elements, channels = int(args[0].numel()), int(args[0].shape[1])
    return 9 * elements + 4 * channels if args[7] else 5 * elements + 2 * channels


def _layer_norm(args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> int:
    """Mean 1, variance 3, normalisation 2, and 2 with weights, an element."""
    return (6 + 2 * (args[2] is not None)) * int(args[0].numel())


def _layer_norm_backward(args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> int:
    """g·γ 1, x̂ 2, two sums 3, dx 4, and with weights 3 for their gradients, an element."""
    return (9 if args[5] is None else 13) * int(args[0].numel())


def _pooling(args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> int:
    """A window of k elements: k − 1 comparisons."""
    return (_window(args[1]) - 1) * int(_first(out).numel())


def _average_pooling(args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> int:
    """A window of k elements: k − 1 sums and a division."""
    return _window(args[1]) * int(_first(out).numel())


def _average_pooling_backward(args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> int:
    """Each gradient divided, and added to the k elements of its window."""
    return (1 + _window(args[2])) * int(args[0].numel())


def _window(kernel: Sequence[int]) -> int:
    return int(prod(kernel)) if len(kernel) > 1 else int(kernel[0]) ** 2


def _convolution(args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> int:
    """Multiply-adds: every weight meets every position of the output, of the input where it is transposed."""
    x, weight, transposed = args[0], args[1], args[6]
    return _meetings(weight, x if transposed else out)


def _convolution_backward(args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> int:
    """As many multiply-adds as forward for the gradient of the input, and as many for that of the weight."""
    gradient, x, weight, transposed, mask = args[0], args[1], args[2], args[7], args[10]
    return sum(map(bool, mask[:2])) * _meetings(weight, x if transposed else gradient)


def _meetings(weight: Any, positions: Any) -> int:
    return int(weight.numel()) * int(positions.shape[0]) * int(prod(positions.shape[2:]))


def _convolution_bias(args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> int:
    return int(out.numel()) if args[2] is not None else 0


def _convolution_bias_backward(args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> int:
    """The gradient summed over images and positions."""
    return int(args[0].numel()) - int(args[0].shape[1]) if args[10][2] else 0


def _product(left: int, right: int) -> Handler:
    """Multiply-adds of a matrix product of two of the arguments: (…, m, k) × (…, k, n)."""
    return lambda args, kwargs, out: int(args[left].numel()) * int(args[right].shape[-1])


def _product_with_vector(left: int) -> Handler:
    return lambda args, kwargs, out: int(args[left].numel())


def _nothing(args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> int:
    return 0


def _added(args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> int:
    """Beside a matrix product: the sum with the first argument, and products with beta and alpha where they are."""
    scales = bool(kwargs.get("beta", 1) != 1) + bool(kwargs.get("alpha", 1) != 1)
    return (1 + scales) * int(out.numel())


def _simam(args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> int:
    """Of a map of M positions: mean M, differences M, squares M, their sum M − 1, u = q d² + ½ 2 M, sigmoid M, times x
    M; and of the map the division by M − 1, + λ, and the factor of a reciprocal and a product.
    """
    x = args[0]
    return 8 * int(x.numel()) + 3 * int(x.shape[0] * x.shape[1])


def _simam_backward(args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> int:
    """Of an element 7 for s again (mean, d, d², its sum, u, sigmoid); g s, 1 − s, and h = g s x (1 − s) 4; h d, its
    sum, h d², its sum 4; 2 q h, less the slope, times d, + g s, less the shift 5. Of a map 4 for q, 4 for the slope
    8 q² B / (M − 1), 3 for the shift 2 q A / M, 1 for 2 q; less 3 for the sums.
    """
    x = args[1]
    return 20 * int(x.numel()) + 9 * int(x.shape[0] * x.shape[1])


def _table(groups: Mapping[str, Handler]) -> dict[str, Handler]:
    return {name: handler for names, handler in groups.items() for name in names.split()}


MACS: Mapping[str, Handler] = {
    "convolution": _convolution,
    "convolution_backward": _convolution_backward,
    "mm": _product(0, 1),
    "bmm": _product(0, 1),
    "addmm": _product(1, 2),
    "baddbmm": _product(1, 2),
    "mv": _product_with_vector(0),
    "addmv": _product_with_vector(1),
    "dot": _product_with_vector(0),
    "vdot": _product_with_vector(0),
}
"""Operator → multiply-adds; one multiply-add is 1."""

ELEMENTWISE: Mapping[str, Handler] = {
    "convolution": _convolution_bias,
    "convolution_backward": _convolution_bias_backward,
    **_table(
        {
            "mm bmm mv dot vdot": _nothing,
            "addmm baddbmm addmv": _added,
            # One function or one operation an element, whatever it takes to compute.
            "abs neg sign sgn sqrt rsqrt reciprocal square exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos "
            "atan sinh cosh tanh sigmoid log_sigmoid_forward erf erfc floor ceil round trunc frac mul div remainder "
            "fmod floor_divide pow maximum minimum fmax fmin atan2 clamp clamp_min clamp_max hardtanh relu leaky_relu "
            "elu celu selu silu gelu mish softplus hardswish hardsigmoid rrelu prelu _prelu_kernel threshold "
            "threshold_backward hardtanh_backward where masked_fill eq ne lt le gt ge logical_and logical_or "
            "logical_not logical_xor bitwise_and bitwise_or bitwise_not bitwise_xor isnan isinf isfinite heaviside "
            "bernoulli uniform normal rand randn rand_like randn_like normal_functional": _each(1),
            "add sub rsub": _scaled,
            # The function's derivative, and its product with the gradient.
            "leaky_relu_backward elu_backward silu_backward gelu_backward mish_backward softplus_backward "
            "hardswish_backward hardsigmoid_backward log_sigmoid_backward native_dropout_backward": _each(2),
            # g · y · (1 − y), g · (1 − y²)
            "sigmoid_backward tanh_backward": _each(3),
            "native_dropout": _each(3),  # the draw, two products
            "addcmul addcdiv": _with_value,
            "lerp": _each(3),
            "sum nansum prod amax amin max min argmax argmin any all": _reduction,
            "mean": _each_of_input(1),
            "cumsum cumprod": _each(1),
            "var std var_mean std_mean": _each_of_input(4),  # the mean 1, difference, square, sum
            "norm linalg_vector_norm": _each_of_input(2),
            "_softmax": _softmax,
            "_log_softmax": _log_softmax,
            "_softmax_backward_data _log_softmax_backward_data": _softmax_backward,
            "nll_loss_forward nll_loss2d_forward": lambda args, kwargs, out: 2 * int(args[1].numel()),
            "nll_loss_backward nll_loss2d_backward": lambda args, kwargs, out: int(args[2].numel()),
            "mse_loss": _each_of_input(3),
            "mse_loss_backward": _each(3),
            "native_batch_norm cudnn_batch_norm miopen_batch_norm": _batch_norm,
            "native_batch_norm_backward": _batch_norm_backward,
            "native_layer_norm": _layer_norm,
            "native_layer_norm_backward": _layer_norm_backward,
            "native_group_norm": _each(6),
            "native_group_norm_backward": _each(9),
            "max_pool2d_with_indices": _pooling,
            "max_pool2d_with_indices_backward": _each_of_input(1),
            "avg_pool2d": _average_pooling,
            "avg_pool2d_backward": _average_pooling_backward,
            "_adaptive_avg_pool2d": _each_of_input(1),
            "_adaptive_avg_pool2d_backward adaptive_max_pool2d_backward": _each(1),
            "adaptive_max_pool2d": _reduction,
            "embedding_dense_backward index_add scatter_add": _each_of_input(1),
            "simam::simam": _simam,
            "simam::simam_backward": _simam_backward,
            # What only moves numbers.
            "copy _to_copy clone contiguous fill zero zeros zeros_like new_zeros ones ones_like new_ones full "
            "full_like new_full scalar_tensor arange linspace cat stack index index_select index_put gather scatter "
            "slice_backward select_backward slice_scatter select_scatter diagonal_scatter constant_pad_nd "
            "reflection_pad2d replication_pad2d embedding flip roll repeat tril triu eye im2col col2im "
            "pixel_shuffle pixel_unshuffle channel_shuffle native_channel_shuffle upsample_nearest2d "
            "masked_select": _nothing,
        }
    ),
}
"""Operator → operations outside multiply-adds."""

ALLOCATIONS = frozenset(
    {
        "empty",
        "empty_like",
        "empty_strided",
        "new_empty",
        "new_empty_strided",
        "empty_permuted",
        "_efficientzerotensor",
        "resize",
    }
)
"""Operators that make room for a tensor and touch none of it."""

SAME = {
    "_native_batch_norm_legit": "native_batch_norm",
    "_native_batch_norm_legit_no_training": "native_batch_norm",
}
"""Operators that are another one under another name, by device. Without training the sixth argument is the momentum, so
that a batch is looked at where it ``is True``."""

VIEWS = frozenset(["_unsafe_view", "_reshape_alias", "lift_fresh", "detach", "alias"])
"""Views that the dispatcher's schemas do not tell."""

OVERWRITES = frozenset(["copy", "fill", "zero", "bernoulli", "uniform", "normal"])
"""In-place operators that read nothing of what they write over."""
