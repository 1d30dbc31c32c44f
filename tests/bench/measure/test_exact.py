"""Counts of complexity and memory, checked against the SimAM authors' counts and against calculations by hand."""

import pytest
import torch
from torch import nn

from bench.measure import Subject, Workload
from bench.measure.complexity import Complexity, count_kernels, count_parameters
from bench.measure.counters import Counters, _materialised, count_fvcore
from bench.measure.memory import Memory, count_peak_bytes, count_saved_bytes, measure_allocator_peaks
from bench.run.workload import build_workload
from bench.suite.axes import Cell, Choice
from simam import BACKBONES, SimAM, insert
from tests.helpers import counted


@pytest.mark.parametrize("attention", [None, SimAM])
@pytest.mark.parametrize(
    ("name", "params", "macs"),
    [
        ("resnet18", 11_689_512, 1_814_073_344),
        ("resnet50", 25_557_032, 4_089_184_256),
        ("mobilenet_v2", 3_504_872, 300_774_272),
    ],
)
def test_counts_of_published_models(name: str, params: int, macs: int, attention: type[nn.Module] | None) -> None:
    with torch.device("meta"):
        network, image = BACKBONES.load(name)(), torch.empty(1, 3, 224, 224)
    if attention:
        insert(network, attention, "spatial")
    network.eval()
    assert count_parameters(network) == params
    assert counted(network, image).macs == macs


def test_macs_by_hand() -> None:
    # A 3×3 convolution 2→4 on 5×5 has 4·25 outputs with 2·9 products each; linear 100→7 has 700. Biases do not count.
    network = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(100, 7))
    assert counted(network, torch.randn(1, 2, 5, 5)).macs == 4 * 25 * 18 + 700


def test_fvcore_counts_norms_but_not_simam() -> None:
    plain = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4)).eval()
    with_simam = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), SimAM(), nn.BatchNorm2d(4)).eval()
    image = torch.randn(1, 2, 5, 5)
    # fvcore counts 2 operations per element for a batch norm in inference.
    assert count_fvcore(plain, image) == count_fvcore(with_simam, image) == 4 * 25 * 18 + 2 * 100


def test_counters_of_one_image() -> None:
    cell = Cell(Choice("tests.helpers:tiny"), Choice("none"), resolution=8)
    subject = Subject(0, "baseline", lambda device: build_workload(cell, 0, device or "cpu"))
    ((_, outcome),) = Counters().measure([subject], lambda subject: None, 0)
    # A 3×3 convolution 3→4 on 8×8 and a linear layer 256→5. torch counts a multiply-add as 2. fvcore counts it as 1 and
    # adds 2 per element of the norm.
    macs = 4 * 64 * 27 + 256 * 5
    samples = {value.name: value.samples for value in outcome.values}
    assert samples["torch_flops"] == (2 * macs,)
    assert samples["fvcore_flops"] == (macs + 2 * 256,)


def test_shared_parameters_count_once() -> None:
    layer = nn.Linear(3, 3, bias=False)
    assert count_parameters(nn.Sequential(layer, layer)) == 9


def saved(network: nn.Module, image: torch.Tensor) -> int:
    return count_saved_bytes(network, lambda: network(image))


def test_saved_bytes_by_hand() -> None:
    image = torch.randn(2, 3, 8, 8)
    convolution = nn.Conv2d(3, 5, 3)
    # A convolution saves its input, and a ReLU its output.
    assert saved(convolution, image) == image.nbytes
    assert saved(nn.Sequential(convolution, nn.ReLU()), image) == image.nbytes + 2 * 5 * 6 * 6 * 4
    assert saved(nn.Sequential(convolution, nn.ReLU(), nn.Flatten()), image) == image.nbytes + 2 * 5 * 6 * 6 * 4


def test_views_of_one_storage_count_once() -> None:
    image = torch.randn(4, 4, requires_grad=True)
    assert count_saved_bytes(nn.Identity(), lambda: image * image.t()) == image.nbytes


CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@pytest.mark.gpu
@CUDA
def test_kernel_count_of_three_operators() -> None:
    x = torch.randn(1024, 1024, device="cuda")
    assert count_kernels(lambda: (x + 1).sin().exp()) == 3


@pytest.mark.gpu
@CUDA
def test_allocator_peaks_are_consistent_with_the_count() -> None:
    cell = Cell(Choice("cifar_resnet20"), Choice("none"), mode="training", batch=64, resolution=32)
    counted_peak = count_peak_bytes(build_workload(cell, 0, "meta")).total
    allocated, reserved = (value.samples[0] for value in measure_allocator_peaks(build_workload(cell, 0, "cuda").call))
    assert 0.95 * counted_peak < allocated <= reserved


def test_no_saved_bytes_without_gradients() -> None:
    with torch.no_grad():
        assert saved(nn.Conv2d(3, 5, 3), torch.randn(1, 3, 8, 8)) == 0


def test_meta_weights_are_restored_after_an_error() -> None:
    with torch.device("meta"):
        network = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4))
    before = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    with pytest.raises(RuntimeError, match="no trace"), _materialised(network):
        assert all(not tensor.is_meta for tensor in network.state_dict().values())
        raise RuntimeError("no trace")
    after = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    assert before.keys() == after.keys() and all(after[name] is tensor for name, tensor in before.items())


class PooledNorm(nn.Module):
    """A batch norm on pooled values, which needs two images in training mode."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 1), nn.BatchNorm1d(4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.conv(x).mean((2, 3)))  # type: ignore[no-any-return]


def test_saved_bytes_are_null_where_training_mode_fails() -> None:
    subject = Subject(0, "baseline", lambda device: workload_of(PooledNorm().to(device), torch.ones(1, 3, 8, 8)))
    [(_, outcome)] = Memory().measure([subject], lambda *arguments: None, 0)
    saved, peak = outcome.values
    assert saved.samples == (None,) and "Expected more than 1 value per channel" in str(saved.reason)
    assert isinstance(peak.samples[0], int) and peak.samples[0] > 0


def test_torchs_count_stands_where_fvcore_fails() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1, bias=False), torch.jit.script(nn.ReLU()))
    subject = Subject(0, "baseline", lambda device: workload_of(network, torch.ones(1, 3, 8, 8)))
    [(_, outcome)] = Counters().measure([subject], lambda *arguments: None, 0)
    fvcore, torchs = outcome.values
    assert fvcore.samples == (None,) and "fvcore cannot trace" in str(fvcore.reason)
    assert torchs.samples == (2 * 3 * 4 * 64,)


def test_network_that_fails_on_meta_is_counted_on_the_cpu() -> None:
    def build(device: str | None) -> Workload:
        if device == "meta":
            raise NotImplementedError("no meta")
        return workload_of(nn.Conv2d(3, 4, 1, bias=False), torch.ones(1, 3, 8, 8))

    [(_, outcome)] = Complexity().measure([Subject(0, "baseline", build)], lambda *arguments: None, 0)
    assert outcome.details["counted_on_cpu"] == "NotImplementedError: no meta"
    assert {value.name: value.samples for value in outcome.values}["macs"] == (768,)


def workload_of(network: nn.Module, images: torch.Tensor) -> Workload:
    def call() -> torch.Tensor:
        with torch.inference_mode():
            return network.eval()(images)  # type: ignore[no-any-return]

    return Workload(network, images, call, lambda: network(images))
