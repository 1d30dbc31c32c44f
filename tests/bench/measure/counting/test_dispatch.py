"""Cost of operators, checked by hand, by general properties, and against torch's counter of multiply-adds."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from bench.measure.complexity import count_costs
from bench.measure.counting.calls import Cost
from bench.measure.counting.dispatch import CostCounter
from bench.run.workload import build_workload
from bench.suite.axes import Cell, Choice
from simam import CBAM, ECA, SE, SimAM
from simam.kernels import available
from tests.helpers import counted


def run(program, *tensors: torch.Tensor) -> CostCounter:
    with torch.no_grad(), CostCounter() as counter:
        program(*tensors)
    return counter


def on_meta(module: nn.Module) -> nn.Module:
    return module.to("meta").eval()


def meta(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.empty(shape, dtype=dtype, device="meta")


N, C, H, W = 2, 16, 6, 5
M, E, B = H * W, N * C * H * W, 4
"""Positions of a map, elements of a batch, bytes per element."""


def test_simam_by_hand() -> None:
    # A map of M positions takes M for the mean, M differences, M squares, M − 1 for their sum, 1 division by M − 1,
    # 1 sum with λ, a reciprocal and a product for q = ¼ ÷ (v + λ), M products with q, M sums with ½, M sigmoids and M
    # products with x: 8 per element and 3 per map.
    counter = run(on_meta(SimAM(implementation="eager")), meta(N, C, H, W))
    assert counter.total.elementwise_ops == 8 * E + 3 * N * C
    assert counter.total.macs == 0 and not counter.uncounted
    # The mean reads x, the difference reads x and writes d, the square reads d and writes d², the sum reads d², the
    # product reads d² and writes u, the sum with ½ reads u and writes u', the sigmoid reads u' and writes g, and the
    # product reads x and g and writes y: 9 reads and 6 writes of whole tensors.
    small = N * C * B  # tensors with one number per map: mean, sum, and 4 steps from the sum to q
    assert counter.total.bytes_read == 9 * E * B + (1 + 1 + 1 + 2 + 1) * small
    assert counter.total.bytes_written == 6 * E * B + (1 + 1 + 1 + 1 + 2) * small


@pytest.mark.skipif(not available("cpu"), reason="no C kernels in this installation")
def test_fused_simam_by_hand() -> None:
    counter = run(on_meta(SimAM()), meta(N, C, H, W))
    # The same arithmetic; input and output are transferred once.
    assert counter.total == Cost(1, 0, 8 * E + 3 * N * C, E * B, E * B)
    x = meta(N, C, H, W).requires_grad_()
    with CostCounter() as counter:
        SimAM()(x).backward(meta(N, C, H, W))
    assert counter.by_operator()["simam::simam_backward"] == Cost(1, 0, 20 * E + 9 * N * C, 2 * E * B, E * B)
    assert not counter.uncounted


def test_se_by_hand() -> None:
    hidden = C // 16
    counter = run(on_meta(SE(C)), meta(N, C, H, W))
    # Mean: 1 per element. ReLU: N·hidden. Sigmoid: N·C. Product with the gate: 1 per element. No biases.
    assert counter.total == Cost(
        operators=counter.total.operators,
        macs=2 * N * C * hidden,
        elementwise_ops=E + N * hidden + N * C + E,
        bytes_read=B * (E + (N * C + C * hidden) + N * hidden + (N * hidden + hidden * C) + N * C + (E + N * C)),
        bytes_written=B * (N * C + N * hidden + N * hidden + N * C + N * C + E),
    )


def test_eca_by_hand() -> None:
    cost = run(on_meta(ECA(C)), meta(N, C, H, W)).total  # 16 channels give a kernel of 3
    assert cost.macs == 3 * N * C
    assert cost.elementwise_ops == E + N * C + E


def test_cbam_by_hand() -> None:
    hidden, positions = C // 16, N * M
    cost = run(on_meta(CBAM(C)), meta(N, C, H, W)).total
    assert cost.macs == 2 * (2 * N * C * hidden) + positions * 2 * 49
    channel = E + (E - N * C) + 2 * (N * hidden + N * hidden + N * C) + N * C + N * C + E
    # Maximum and mean over channels, batch norm of one channel, sigmoid, product.
    spatial = (E - positions) + E + (2 * positions + 5) + positions + E
    assert cost.elementwise_ops == channel + spatial


@pytest.mark.parametrize(
    ("program", "shapes", "operations", "read", "written"),
    [
        pytest.param(lambda x, y: x + y, [(4, 3), (3,)], 12, 15, 12, id="broadcast argument"),
        pytest.param(lambda x, y: torch.add(x, y, alpha=2), [(4,), (4,)], 8, 8, 4, id="add with alpha"),
        pytest.param(lambda x: x * x, [(4, 3)], 12, 12, 12, id="same tensor twice"),
        pytest.param(lambda x: x.mul_(2), [(4, 3)], 12, 12, 12, id="in place"),
        pytest.param(lambda x: x.zero_(), [(4, 3)], 0, 0, 12, id="overwritten"),
        pytest.param(lambda x, y: x.copy_(y), [(4, 3), (4, 3)], 0, 12, 12, id="copy"),
        pytest.param(lambda x: x.view(12).t().unsqueeze(0), [(4, 3)], 0, 0, 0, id="views"),
        pytest.param(lambda x: torch.empty_like(x), [(4, 3)], 0, 0, 0, id="allocation"),
        pytest.param(lambda x: x.expand(5, 4).contiguous(), [(4,)], 0, 4, 20, id="expanded view"),
        pytest.param(lambda x: x.sum(1), [(4, 3)], 8, 12, 4, id="sum"),
        pytest.param(lambda x: x.mean(1), [(4, 3)], 12, 12, 4, id="mean"),
        pytest.param(lambda x: x.amax(1), [(4, 3)], 8, 12, 4, id="maximum"),
        pytest.param(lambda x: x.var(1), [(4, 3)], 48, 12, 4, id="variance"),
        pytest.param(lambda x: F.softmax(x, 1), [(4, 3)], 4 * (2 + 3 + 3 + 2 + 3), 12, 12, id="softmax"),
        pytest.param(lambda x: F.log_softmax(x, 1), [(4, 3)], 4 * (2 + 3 + 3 + 2 + 1 + 3), 12, 12, id="log-softmax"),
        pytest.param(lambda x: F.avg_pool2d(x, 2), [(1, 2, 4, 4)], 32, 32, 8, id="average pooling"),
        pytest.param(lambda x: torch.cat((x, x)), [(4, 3)], 0, 12, 24, id="cat"),
        pytest.param(lambda x, y, z: torch.addcmul(x, y, z), [(4,), (4,), (4,)], 8, 12, 4, id="addcmul"),
        pytest.param(lambda x, y, z: torch.addcmul(x, y, z, value=3), [(4,)] * 3, 12, 12, 4, id="addcmul with a value"),
        pytest.param(
            lambda x, m, v: F.batch_norm(x, m, v),
            [(2, 3, 4, 4), (3,), (3,)],
            2 * 96 + 15,
            102,
            96,
            id="norm, inference",
        ),
    ],
)
def test_operators_by_hand(program, shapes, operations: int, read: int, written: int) -> None:
    for device in ("meta", "cpu"):
        tensors = [torch.zeros(shape, device=device) for shape in shapes]
        counter = run(program, *tensors)
        assert (counter.total.elementwise_ops, counter.total.bytes_read / B, counter.total.bytes_written / B) == (
            operations,
            read,
            written,
        ), device
        assert not counter.uncounted


def test_out_argument_is_resized_in_every_call() -> None:
    x = meta(4)
    for _ in range(2):
        out = torch.empty(0, device="meta")
        with CostCounter():
            torch.add(x, x, out=out)
        assert out.shape == (4,)


def test_pooling_writes_its_indices() -> None:
    counter = run(lambda x: F.max_pool2d(x, 3, 2, 1), meta(1, 2, 8, 8).requires_grad_())
    assert counter.total.elementwise_ops == 8 * 32
    with CostCounter() as counter:
        F.max_pool2d(meta(1, 2, 8, 8).requires_grad_(), 3, 2, 1)
    assert counter.total.bytes_written == 32 * (4 + 8)


def test_batch_norm_in_training_by_hand() -> None:
    x = torch.randn(2, 3, 4, 4)
    weight, bias, mean, variance = (torch.zeros(3) for _ in range(4))
    cost = run(lambda: F.batch_norm(x, mean, variance, weight, bias, training=True)).total
    assert cost.elementwise_ops == 6 * 96 + 12 * 3
    assert cost.bytes_read == B * (96 + 4 * 3)
    assert cost.bytes_written == B * (96 + 2 * 3 + 2 * 3)  # output, saved statistics, running statistics


def test_uncounted_operators_are_named() -> None:
    counter = run(lambda x: torch.special.bessel_j0(x), meta(4))
    assert counter.uncounted == {"special_bessel_j0"}
    assert counter.total.elementwise_ops == 0 and counter.total.bytes_moved == 2 * 4 * B


CONVOLUTION = st.tuples(
    st.integers(1, 3),  # images
    st.sampled_from([(4, 6, 1), (4, 6, 2), (6, 6, 6)]),  # input channels, output channels, groups
    st.integers(1, 3),  # kernel
    st.integers(1, 2),  # stride
    st.integers(0, 1),  # padding
    st.booleans(),  # transposed
    st.booleans(),  # bias
)


@given(CONVOLUTION)
def test_convolution_macs_match_torch(drawn) -> None:
    images, (channels_in, channels_out, groups), kernel, stride, padding, transposed, bias = drawn
    cls = nn.ConvTranspose2d if transposed else nn.Conv2d
    layer = cls(channels_in, channels_out, kernel, stride, padding, groups=groups, bias=bias).to("meta")
    x = meta(images, channels_in, 7, 6)
    with torch.no_grad(), FlopCounterMode(display=False) as torch_counter:
        out = layer(x)
    cost = counted(layer, x)
    assert 2 * cost.macs == torch_counter.get_total_flops()
    assert cost.elementwise_ops == (out.numel() if bias else 0)


def test_convolution_backward_costs_twice_the_forward() -> None:
    # Each weight is used once per output position for the gradient of the weight, and once for that of the input.
    layer, x = nn.Conv2d(4, 6, 3, padding=1, device="meta"), meta(2, 4, 5, 5).requires_grad_()
    with CostCounter() as counter:
        layer(x).sum().backward()
    assert counter.total.macs == 3 * (2 * 25 * 6 * 4 * 9)
    with CostCounter() as counter:
        layer(x.detach()).sum().backward()  # the input needs no gradient
    assert counter.total.macs == 2 * (2 * 25 * 6 * 4 * 9)


def test_matrix_products_by_hand() -> None:
    assert counted(nn.Linear(7, 5).to("meta"), meta(3, 7)).macs == 3 * 7 * 5
    assert run(torch.matmul, meta(2, 3, 4), meta(2, 4, 5)).total.macs == 2 * 3 * 4 * 5
    assert run(torch.mv, meta(3, 4), meta(4)).total.macs == 12
    assert run(torch.dot, meta(4), meta(4)).total.macs == 4


LAYERS = st.lists(
    st.sampled_from(
        [
            lambda: nn.Conv2d(4, 4, 3, padding=1),
            lambda: nn.BatchNorm2d(4),
            lambda: nn.ReLU(),
            lambda: nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU(inplace=True)),
            lambda: SimAM(),
            lambda: SimAM(implementation="eager"),
            lambda: SE(4, reduction=2),
            lambda: CBAM(4, reduction=2),
            lambda: ECA(4),
            lambda: nn.Identity(),
        ]
    ),
    min_size=1,
    max_size=5,
)


@given(LAYERS)
@settings(max_examples=30)
def test_counts_add_up_over_a_sequence(makers) -> None:
    with torch.device("meta"):
        layers = [make().eval() for make in makers]
    whole = counted(nn.Sequential(*layers), meta(2, 4, 6, 6))
    costs = [counted(layer, meta(2, 4, 6, 6)) for layer in layers]
    assert whole == Cost(*map(sum, zip(*costs, strict=True)))


@given(LAYERS, st.integers(2, 9))
@settings(max_examples=30)
def test_counts_are_linear_in_the_batch(makers, batch: int) -> None:
    with torch.device("meta"):
        network = nn.Sequential(*(make().eval() for make in makers))
    one, two, many = (counted(network, meta(images, 4, 6, 6)) for images in (1, 2, batch))
    for first, second, last in zip(one, two, many, strict=True):
        assert last == first + (batch - 1) * (second - first)


@given(LAYERS, st.booleans(), st.sampled_from([torch.contiguous_format, torch.channels_last]))
@settings(max_examples=30)
def test_counts_on_meta_equal_those_on_cpu(makers, training: bool, layout: torch.memory_format) -> None:
    costs = []
    for device in ("cpu", "meta"):
        with torch.device(device):
            network = nn.Sequential(*(make() for make in makers)).train(training).to(memory_format=layout)
            x = torch.randn(2, 4, 6, 6).to(memory_format=layout).requires_grad_()
        with CostCounter() as counter:
            network(x).sum().backward()
        costs.append(counter.by_operator())
    assert costs[0] == costs[1]


@pytest.mark.parametrize("attention", ["none", "simam", "cbam"])
def test_costs_by_layer(attention: str) -> None:
    placement = None if attention == "none" else Choice("spatial")
    cell = Cell(Choice("cifar_resnet8"), Choice(attention), placement, mode="training", batch=2, resolution=32)
    workload = build_workload(cell, 0, "meta")
    counter = count_costs(workload)
    by_layer = counter.by_layer()
    assert Cost(*map(sum, zip(*by_layer.values(), strict=True))) == counter.total
    # The stem has 27 weights per channel and 32² positions. Backward computes the gradient of the weight only.
    assert by_layer["conv1"].macs == 2 * (2 * 32**2 * 27 * 16)
    # Forward and backward of a batch norm on 16 × 32² elements per image.
    assert by_layer["bn1"].elementwise_ops == (6 + 9) * 2 * 16 * 1024 + (12 + 4) * 16 + 1
    linear = by_layer["fc"] if "fc" in by_layer else by_layer["linear"]
    assert linear.macs == 3 * (2 * 64 * 10)
    if attention == "simam":
        names = [name for name in by_layer if name.endswith("conv2.1")]
        assert len(names) == 3 and all(by_layer[name].macs == 0 for name in names)
        assert by_layer[names[0]].elementwise_ops > 2 * 8 * 2 * 16 * 1024  # backward costs at least as much as forward


def test_cached_results_equal_computed_results() -> None:
    network, image = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).to("meta").train(), meta(2, 3, 9, 9)
    outputs = []
    for _ in range(2):
        with CostCounter():
            outputs.append(network(image))
    assert outputs[0].shape == outputs[1].shape == (2, 4, 7, 7)
    assert outputs[0].stride() == outputs[1].stride() and outputs[0].is_meta


def test_inference_mode_has_the_same_cost() -> None:
    layer, x = nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8)).to("meta"), meta(3, 8)
    with torch.inference_mode(), CostCounter() as counter:
        layer(x)
    assert counter.total == counted(layer, x)
