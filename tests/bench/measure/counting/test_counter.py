"""What operators cost: sums made by hand, laws, and torch's own counter for multiply-adds."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from bench.measure.complexity import count
from bench.measure.counting.calls import Cost
from bench.measure.counting.counter import Counter
from bench.run.workload import build
from bench.suite.axes import Cell, Choice
from simam import CBAM, ECA, SE, SimAM
from simam.kernels import available
from tests.helpers import counted


def run(program, *tensors: torch.Tensor) -> Counter:
    with torch.no_grad(), Counter() as counter:
        program(*tensors)
    return counter


def on_meta(module: nn.Module) -> nn.Module:
    return module.to("meta").eval()


def meta(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.empty(shape, dtype=dtype, device="meta")


N, C, H, W = 2, 16, 6, 5
M, E, B = H * W, N * C * H * W, 4
"""Positions of a map, elements of a batch, bytes of an element."""


def test_simam_by_hand() -> None:
    # Of a map of M positions: mean M; difference M; square M; their sum M − 1, by M − 1: 1; + λ 1; 0.25 / it: a
    # reciprocal and a product, 2; times it M; + ½ M; sigmoid M; times x M. Eight an element and 3 a map.
    seen = run(on_meta(SimAM(implementation="eager")), meta(N, C, H, W))
    assert seen.total.elementwise_ops == 8 * E + 3 * N * C
    assert seen.total.macs == 0 and not seen.uncounted
    # mean reads x; difference x, writes d; square d → d²; sum d²; product d² → u; + ½ u → u'; sigmoid u' → g;
    # product x, g → y: 9 reads and 6 writes of whole tensors.
    small = N * C * B  # a number a map: mean (written, read), sum (written, read), and 4 more that read and write
    assert seen.total.bytes_read == 9 * E * B + (1 + 1 + 1 + 2 + 1) * small
    assert seen.total.bytes_written == 6 * E * B + (1 + 1 + 1 + 1 + 2) * small


@pytest.mark.skipif(not available("cpu"), reason="no C kernels in this installation")
def test_the_fused_operator_by_hand() -> None:
    seen = run(on_meta(SimAM()), meta(N, C, H, W))
    # The same arithmetic, and of each tensor one transfer.
    assert seen.total == Cost(1, 0, 8 * E + 3 * N * C, E * B, E * B)
    x = meta(N, C, H, W).requires_grad_()
    with Counter() as counter:
        SimAM()(x).backward(meta(N, C, H, W))
    assert counter.by_operator()["simam::simam_backward"] == Cost(1, 0, 20 * E + 9 * N * C, 2 * E * B, E * B)
    assert not counter.uncounted


def test_se_by_hand() -> None:
    hidden = C // 16
    seen = run(on_meta(SE(C)), meta(N, C, H, W))
    # mean: an operation an element. ReLU N·hidden, sigmoid N·C, the gate's product one an element. No biases.
    assert seen.total == Cost(
        operators=seen.total.operators,
        macs=2 * N * C * hidden,
        elementwise_ops=E + N * hidden + N * C + E,
        bytes_read=B * (E + (N * C + C * hidden) + N * hidden + (N * hidden + hidden * C) + N * C + (E + N * C)),
        bytes_written=B * (N * C + N * hidden + N * hidden + N * C + N * C + E),
    )


def test_eca_by_hand() -> None:
    seen = run(on_meta(ECA(C)), meta(N, C, H, W)).total  # 16 channels: a kernel of 3
    assert seen.macs == 3 * N * C
    assert seen.elementwise_ops == E + N * C + E


def test_cbam_by_hand() -> None:
    hidden, positions = C // 16, N * M
    seen = run(on_meta(CBAM(C)), meta(N, C, H, W)).total
    assert seen.macs == 2 * (2 * N * C * hidden) + positions * 2 * 49
    channel = E + (E - N * C) + 2 * (N * hidden + N * hidden + N * C) + N * C + N * C + E
    # maximum and mean over channels, the norm of one channel, sigmoid, product
    spatial = (E - positions) + E + (2 * positions + 5) + positions + E
    assert seen.elementwise_ops == channel + spatial


@pytest.mark.parametrize(
    ("program", "shapes", "operations", "read", "written"),
    [
        pytest.param(lambda x, y: x + y, [(4, 3), (3,)], 12, 15, 12, id="a broadcast tensor is read as it is"),
        pytest.param(lambda x, y: torch.add(x, y, alpha=2), [(4,), (4,)], 8, 8, 4, id="alpha is a product"),
        pytest.param(lambda x: x * x, [(4, 3)], 12, 12, 12, id="one tensor twice is read once"),
        pytest.param(lambda x: x.mul_(2), [(4, 3)], 12, 12, 12, id="in place"),
        pytest.param(lambda x: x.zero_(), [(4, 3)], 0, 0, 12, id="written over unread"),
        pytest.param(lambda x, y: x.copy_(y), [(4, 3), (4, 3)], 0, 12, 12, id="copied into"),
        pytest.param(lambda x: x.view(12).t().unsqueeze(0), [(4, 3)], 0, 0, 0, id="views"),
        pytest.param(lambda x: torch.empty_like(x), [(4, 3)], 0, 0, 0, id="room"),
        pytest.param(lambda x: x.expand(5, 4).contiguous(), [(4,)], 0, 4, 20, id="an expanded view is no larger"),
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
        seen = run(program, *tensors)
        assert (seen.total.elementwise_ops, seen.total.bytes_read / B, seen.total.bytes_written / B) == (
            operations,
            read,
            written,
        ), device
        assert not seen.uncounted


def test_a_result_that_is_written_into_gets_its_shape_each_time() -> None:
    x = meta(4)
    for _ in range(2):
        out = torch.empty(0, device="meta")
        with Counter():
            torch.add(x, x, out=out)
        assert out.shape == (4,)


def test_a_pooling_writes_its_indices() -> None:
    seen = run(lambda x: F.max_pool2d(x, 3, 2, 1), meta(1, 2, 8, 8).requires_grad_())
    assert seen.total.elementwise_ops == 8 * 32
    with Counter() as counter:
        F.max_pool2d(meta(1, 2, 8, 8).requires_grad_(), 3, 2, 1)
    assert counter.total.bytes_written == 32 * (4 + 8)


def test_a_norm_in_training_by_hand() -> None:
    x = torch.randn(2, 3, 4, 4)
    weight, bias, mean, variance = (torch.zeros(3) for _ in range(4))
    seen = run(lambda: F.batch_norm(x, mean, variance, weight, bias, training=True)).total
    assert seen.elementwise_ops == 6 * 96 + 12 * 3
    assert seen.bytes_read == B * (96 + 4 * 3)
    assert seen.bytes_written == B * (96 + 2 * 3 + 2 * 3)  # the output, what backward needs, both running statistics


def test_what_is_not_in_the_table_is_named() -> None:
    seen = run(lambda x: torch.special.bessel_j0(x), meta(4))
    assert seen.uncounted == {"special_bessel_j0"}
    assert seen.total.elementwise_ops == 0 and seen.total.bytes_moved == 2 * 4 * B


CONVOLUTION = st.tuples(
    st.integers(1, 3),  # images
    st.sampled_from([(4, 6, 1), (4, 6, 2), (6, 6, 6)]),  # channels in, out, groups
    st.integers(1, 3),  # kernel
    st.integers(1, 2),  # stride
    st.integers(0, 1),  # padding
    st.booleans(),  # transposed
    st.booleans(),  # bias
)


@given(CONVOLUTION)
def test_multiply_adds_of_convolutions_are_torchs(drawn) -> None:
    images, (inside, outside, groups), kernel, stride, padding, transposed, bias = drawn
    kind = nn.ConvTranspose2d if transposed else nn.Conv2d
    layer = kind(inside, outside, kernel, stride, padding, groups=groups, bias=bias).to("meta")
    x = meta(images, inside, 7, 6)
    with torch.no_grad(), FlopCounterMode(display=False) as theirs:
        out = layer(x)
    ours = counted(layer, x)
    assert 2 * ours.macs == theirs.get_total_flops()
    assert ours.elementwise_ops == (out.numel() if bias else 0)


def test_backward_of_a_convolution_is_twice_forward() -> None:
    # Each weight meets each output position once for the gradient of the weight, and once for that of the input.
    layer, x = nn.Conv2d(4, 6, 3, padding=1, device="meta"), meta(2, 4, 5, 5).requires_grad_()
    with Counter() as counter:
        layer(x).sum().backward()
    assert counter.total.macs == 3 * (2 * 25 * 6 * 4 * 9)
    with Counter() as counter:
        layer(x.detach()).sum().backward()  # nobody wants the input's
    assert counter.total.macs == 2 * (2 * 25 * 6 * 4 * 9)


def test_products_of_matrices() -> None:
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
    parts = [counted(layer, meta(2, 4, 6, 6)) for layer in layers]
    assert whole == Cost(*map(sum, zip(*parts, strict=True)))


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
def test_counts_are_those_of_a_real_run(makers, training: bool, layout: torch.memory_format) -> None:
    costs = []
    for device in ("cpu", "meta"):
        with torch.device(device):
            network = nn.Sequential(*(make() for make in makers)).train(training).to(memory_format=layout)
            x = torch.randn(2, 4, 6, 6).to(memory_format=layout).requires_grad_()
        with Counter() as counter:
            network(x).sum().backward()
        costs.append(counter.by_operator())
    assert costs[0] == costs[1]


@pytest.mark.parametrize("attention", ["none", "simam", "cbam"])
def test_layers_add_up_and_are_told_apart(attention: str) -> None:
    place = None if attention == "none" else Choice("spatial")
    cell = Cell(Choice("cifar_resnet8"), Choice(attention), place, mode="training", batch=2, resolution=32)
    workload = build(cell, 0, "meta")
    seen = count(workload)
    by_layer = seen.by_place()
    assert Cost(*map(sum, zip(*by_layer.values(), strict=True))) == seen.total
    # The stem: 27 weights a channel meet 32² positions; backward again for the weight, and nobody wants the image's.
    assert by_layer["conv1"].macs == 2 * (2 * 32**2 * 27 * 16)
    # A batch norm at work on 16 × 32² numbers an image, forward and backward.
    assert by_layer["bn1"].elementwise_ops == (6 + 9) * 2 * 16 * 1024 + (12 + 4) * 16 + 1
    linear = by_layer["fc"] if "fc" in by_layer else by_layer["linear"]
    assert linear.macs == 3 * (2 * 64 * 10)
    if attention == "simam":
        names = [name for name in by_layer if name.endswith("conv2.1")]
        assert len(names) == 3 and all(by_layer[name].macs == 0 for name in names)
        assert by_layer[names[0]].elementwise_ops > 2 * 8 * 2 * 16 * 1024  # forward, and at least as much backward


def test_a_shared_call_gives_what_a_first_one_gives() -> None:
    network, image = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).to("meta").train(), meta(2, 3, 9, 9)
    outputs = []
    for _ in range(2):
        with Counter():
            outputs.append(network(image))
    assert outputs[0].shape == outputs[1].shape == (2, 4, 7, 7)
    assert outputs[0].stride() == outputs[1].stride() and outputs[0].is_meta


def test_inference_mode_runs_the_same_program() -> None:
    layer, x = nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8)).to("meta"), meta(3, 8)
    with torch.inference_mode(), Counter() as counter:
        layer(x)
    assert counter.total == counted(layer, x)
