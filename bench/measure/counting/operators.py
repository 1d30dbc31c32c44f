"""Arithmetic cost of one operator call; docs/counting.md has the table in words.

A handler takes the arguments and the result of a call and returns a number of operations. An operator that is in none
of the tables is reported as uncounted. Operator names are those of the dispatcher, without "aten::" and without the
trailing underscore of the in-place form, which has the same cost.
"""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any, TypeAlias

Handler: TypeAlias = Callable[[Sequence[Any], Mapping[str, Any], Any], int]
"""Maps the positional arguments, the keyword arguments and the result of a call to a number of operations."""


def _main_output(out: Any) -> Any:
    """Return the first of several results, such as the values and not the indices of a pooling."""
    return out[0] if isinstance(out, tuple | list) else out


def _per_output(count: int) -> Handler:
    """Return a handler for ``count`` operations per element of the result."""
    return lambda args, kwargs, out: count * int(_main_output(out).numel())


def _per_input(count: int) -> Handler:
    """Return a handler for ``count`` operations per element of the first argument."""
    return lambda args, kwargs, out: count * int(args[0].numel())


def _add(args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> int:
    """Count ``x + alpha · y``: one sum per element, and one product if alpha is not 1."""
    return (1 + bool(kwargs.get("alpha", 1) != 1)) * int(_main_output(out).numel())


def _addcmul(args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> int:
    """Count ``x + value · y · z`` or ``x + value · y / z``: 2 per element, and 3 if the value is not 1."""
    return (2 + bool(kwargs.get("value", 1) != 1)) * int(_main_output(out).numel())


def _reduction(args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> int:
    """Count the reduction of M elements to one: M − 1 sums or comparisons."""
    return int(args[0].numel()) - int(_main_output(out).numel())


def _lines_along(args: Sequence[Any], dim: int) -> int:
    """Return the number of lines (one-dimensional slices) of the first argument along a dimension."""
    size = args[0].shape[dim] if args[0].dim() else 1
    return int(args[0].numel()) // max(1, int(size))


def _softmax(args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> int:
    """Count 5 M − 2 per line of M: maximum (M − 1), differences, exponentials, their sum (M − 1), quotients."""
    return 5 * int(args[0].numel()) - 2 * _lines_along(args, args[1])


def _log_softmax(args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> int:
    """Count 5 M − 1 per line of M.

    These are the maximum (M − 1), differences, exponentials, their sum (M − 1), its logarithm, and differences.
    """
    return 5 * int(args[0].numel()) - _lines_along(args, args[1])


def _softmax_backward(args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> int:
    """Count 4 M − 1 per line of M.

    Softmax: y·g, the sum of these products (M − 1), g minus the sum, times y. Log-softmax: the sum of g (M − 1),
    exp(y), its product with the sum, g minus the product.
    """
    return 4 * int(args[0].numel()) - _lines_along(args, args[2])


def _batch_norm(args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> int:
    """Count 2 per element and 5 per channel in inference, and 6 per element and 12 per channel in training.

    The normalisation takes one product and one sum per element, and 5 operations per channel for the two factors.
    Training adds 4 per element for the mean (1) and the variance (difference, square, sum), and 7 per channel for the
    update (1 − m) r + m s of both running statistics and the unbiased variance that one of them uses.
    """
    elements, channels = int(args[0].numel()), int(args[0].shape[1])
    return 6 * elements + 12 * channels if args[5] is True else 2 * elements + 5 * channels


def _batch_norm_backward(args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> int:
    """Count 9 per element and 4 per channel with batch statistics, and 5 and 2 with running statistics.

    Batch statistics: the sum of g; x − μ, its product with g, and their sum; for dx, x − μ, its product with a factor,
    two differences and a product. Running statistics: the same sums, and the product of g with a factor. The counts per
    channel are those of the factors, minus the additions that a sum over M elements saves.
    """
    elements, channels = int(args[0].numel()), int(args[0].shape[1])
    return 9 * elements + 4 * channels if args[7] else 5 * elements + 2 * channels


def _layer_norm(args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> int:
    """Count 6 per element: mean 1, variance 3, normalisation 2. Weights add 2."""
    return (6 + 2 * (args[2] is not None)) * int(args[0].numel())


def _layer_norm_backward(args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> int:
    """Count 9 per element without weights and 13 with: g·γ 1, x̂ 2, two sums 3, dx 4, gradients of the weights 3."""
    return (9 if args[5] is None else 13) * int(args[0].numel())


def _pooling(args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> int:
    """Count k − 1 comparisons per result for a window of k elements."""
    return (_window(args[1]) - 1) * int(_main_output(out).numel())


def _average_pooling(args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> int:
    """Count k − 1 sums and a division per result for a window of k elements."""
    return _window(args[1]) * int(_main_output(out).numel())


def _average_pooling_backward(args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> int:
    """Count a division of each gradient, and its addition to the k elements of its window."""
    return (1 + _window(args[2])) * int(args[0].numel())


def _window(kernel: Sequence[int]) -> int:
    """Return the number of elements in a pooling window; a single number is the side of a square."""
    return int(prod(kernel)) if len(kernel) > 1 else int(kernel[0]) ** 2


def _convolution(args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> int:
    """Count the multiply-adds: each weight is used at each output position, or input position if transposed."""
    x, weight, transposed = args[0], args[1], args[6]
    return _convolution_macs(weight, x if transposed else out)


def _convolution_backward(args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> int:
    """Count the multiply-adds of the backward pass.

    The gradient of the input and the gradient of the weight each take as many multiply-adds as the forward pass.
    """
    gradient, x, weight, transposed, mask = args[0], args[1], args[2], args[7], args[10]
    return sum(map(bool, mask[:2])) * _convolution_macs(weight, x if transposed else gradient)


def _convolution_macs(weight: Any, positions: Any) -> int:
    """Return the weights times the images and spatial positions of a tensor."""
    return int(weight.numel()) * int(positions.shape[0]) * int(prod(positions.shape[2:]))


def _convolution_bias(args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> int:
    return int(out.numel()) if args[2] is not None else 0


def _convolution_bias_backward(args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> int:
    """Count the sum of the gradient over images and positions."""
    return int(args[0].numel()) - int(args[0].shape[1]) if args[10][2] else 0


def _matrix_product(left: int, right: int) -> Handler:
    """Return a handler for the product of the arguments at two positions, of shapes (…, m, k) and (…, k, n)."""
    return lambda args, kwargs, out: int(args[left].numel()) * int(args[right].shape[-1])


def _vector_product(left: int) -> Handler:
    """Return a handler for the product of the argument at a position, a matrix or a vector, with a vector."""
    return lambda args, kwargs, out: int(args[left].numel())


def _zero(args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> int:
    return 0


def _addmm(args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> int:
    """Count the sum of a matrix product and the first argument, and products with a beta or alpha that is not 1."""
    scales = bool(kwargs.get("beta", 1) != 1) + bool(kwargs.get("alpha", 1) != 1)
    return (1 + scales) * int(out.numel())


def _simam(args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> int:
    """Count 8 per element and 3 per map.

    A map of M positions takes M for the mean, M differences, M squares, M − 1 for their sum, 2 M for u = q d² + ½,
    M sigmoids and M products with x. It also takes the division by M − 1, the sum with λ, and a reciprocal and a
    product for q.
    """
    x = args[0]
    return 8 * int(x.numel()) + 3 * int(x.shape[0] * x.shape[1])


def _simam_backward(args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> int:
    """Count 20 per element and 9 per map.

    Per element: 7 to recompute s (mean, d, d², their sum, u, sigmoid); 4 for g s, 1 − s and h = g s x (1 − s); 4 for
    h d, A = Σ h d, h d² and B = Σ h d²; 5 for 2 q h, minus the slope, times d, plus g s, minus the shift. Per map:
    4 for q, 4 for the slope 8 q² B / (M − 1), 3 for the shift 2 q A / M and 1 for 2 q, minus 3 because each of the
    three sums takes M − 1 additions.
    """
    x = args[1]
    return 20 * int(x.numel()) + 9 * int(x.shape[0] * x.shape[1])


def _table(groups: Mapping[str, Handler]) -> dict[str, Handler]:
    """Expand keys that list several operator names, separated by spaces."""
    return {name: handler for names, handler in groups.items() for name in names.split()}


MACS: Mapping[str, Handler] = {
    "convolution": _convolution,
    "convolution_backward": _convolution_backward,
    "mm": _matrix_product(0, 1),
    "bmm": _matrix_product(0, 1),
    "addmm": _matrix_product(1, 2),
    "baddbmm": _matrix_product(1, 2),
    "mv": _vector_product(0),
    "addmv": _vector_product(1),
    "dot": _vector_product(0),
    "vdot": _vector_product(0),
}
"""Handlers for multiply-adds by operator; one multiply-add counts as 1."""

ELEMENTWISE: Mapping[str, Handler] = {
    "convolution": _convolution_bias,
    "convolution_backward": _convolution_bias_backward,
    **_table(
        {
            "mm bmm mv dot vdot": _zero,
            "addmm baddbmm addmv": _addmm,
            # One function or one operation per element, regardless of how it is computed.
            "abs neg sign sgn sqrt rsqrt reciprocal square exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos "
            "atan sinh cosh tanh sigmoid log_sigmoid_forward erf erfc floor ceil round trunc frac mul div remainder "
            "fmod floor_divide pow maximum minimum fmax fmin atan2 clamp clamp_min clamp_max hardtanh relu leaky_relu "
            "elu celu selu silu gelu mish softplus hardswish hardsigmoid rrelu prelu _prelu_kernel threshold "
            "threshold_backward hardtanh_backward where masked_fill eq ne lt le gt ge logical_and logical_or "
            "logical_not logical_xor bitwise_and bitwise_or bitwise_not bitwise_xor isnan isinf isfinite heaviside "
            "bernoulli uniform normal rand randn rand_like randn_like normal_functional": _per_output(1),
            "add sub rsub": _add,
            # The derivative of the function, and its product with the gradient.
            "leaky_relu_backward elu_backward silu_backward gelu_backward mish_backward softplus_backward "
            "hardswish_backward hardsigmoid_backward log_sigmoid_backward native_dropout_backward": _per_output(2),
            # g · y · (1 − y), g · (1 − y²)
            "sigmoid_backward tanh_backward": _per_output(3),
            "native_dropout": _per_output(3),  # the random draw and two products
            "addcmul addcdiv": _addcmul,
            "lerp": _per_output(3),
            "sum nansum prod amax amin max min argmax argmin any all": _reduction,
            "mean": _per_input(1),
            "cumsum cumprod": _per_output(1),
            "var std var_mean std_mean": _per_input(4),  # mean, difference, square, sum
            "norm linalg_vector_norm": _per_input(2),
            "_softmax": _softmax,
            "_log_softmax": _log_softmax,
            "_softmax_backward_data _log_softmax_backward_data": _softmax_backward,
            "nll_loss_forward nll_loss2d_forward": lambda args, kwargs, out: 2 * int(args[1].numel()),
            "nll_loss_backward nll_loss2d_backward": lambda args, kwargs, out: int(args[2].numel()),
            "mse_loss": _per_input(3),
            "mse_loss_backward": _per_output(3),
            "native_batch_norm cudnn_batch_norm miopen_batch_norm": _batch_norm,
            "native_batch_norm_backward": _batch_norm_backward,
            "native_layer_norm": _layer_norm,
            "native_layer_norm_backward": _layer_norm_backward,
            "native_group_norm": _per_output(6),
            "native_group_norm_backward": _per_output(9),
            "max_pool2d_with_indices": _pooling,
            "max_pool2d_with_indices_backward": _per_input(1),
            "avg_pool2d": _average_pooling,
            "avg_pool2d_backward": _average_pooling_backward,
            "_adaptive_avg_pool2d": _per_input(1),
            "_adaptive_avg_pool2d_backward adaptive_max_pool2d_backward": _per_output(1),
            "adaptive_max_pool2d": _reduction,
            "embedding_dense_backward index_add scatter_add": _per_input(1),
            "simam::simam": _simam,
            "simam::simam_backward": _simam_backward,
            # Operators that only move data.
            "copy _to_copy clone contiguous fill zero zeros zeros_like new_zeros ones ones_like new_ones full "
            "full_like new_full scalar_tensor arange linspace cat stack index index_select index_put gather scatter "
            "slice_backward select_backward slice_scatter select_scatter diagonal_scatter constant_pad_nd "
            "reflection_pad2d replication_pad2d embedding flip roll repeat tril triu eye im2col col2im "
            "pixel_shuffle pixel_unshuffle channel_shuffle native_channel_shuffle upsample_nearest2d "
            "masked_select": _zero,
        }
    ),
}
"""Handlers for all operations other than multiply-adds, by operator."""

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
"""Operators that allocate a tensor without reading or writing its elements."""

ALIASES = {
    "_native_batch_norm_legit": "native_batch_norm",
    "_native_batch_norm_legit_no_training": "native_batch_norm",
}
"""Operators that are equivalent to another one, by the device that uses them. The sixth argument is the training flag,
except in ``_native_batch_norm_legit_no_training``, where it is the momentum. Code that tests for training therefore
compares it with ``is True``."""

VIEWS = frozenset(["_unsafe_view", "_reshape_alias", "lift_fresh", "detach", "alias"])
"""View operators that the dispatcher does not declare as views."""

OVERWRITES = frozenset(["copy", "fill", "zero", "bernoulli", "uniform", "normal"])
"""In-place operators that overwrite their tensor without reading it."""
