"""Training throughput on images of CIFAR-10's size, compared with the training pipeline of the SimAM authors.

``python -m bench.studies.training_throughput reports/training`` measures the cases that are not in ``training.jsonl``,
and writes ``report.md`` from all cases. A call trains a ResNet-20 on a part of an epoch, from images to weights. Calls
of both pipelines alternate in fresh processes. The images are random, since their content does not affect times.

The authors' pipeline uses contiguous tensors, the eager formula, and PIL transforms of single images in a data loader
with two worker processes. Every call starts these workers anew, so that none of them runs during the next call.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from bench.store.files import write_whole
from bench.studies.cases import (
    PROCESSES,
    measure_missing,
    paired_fields,
    provenance,
    ratio_text,
    read_cases,
    read_study_facts,
    yes_or_no,
)

STEPS_PER_CALL, BATCH, IMAGES = 16, 128, 50_000
OURS, THEIRS = "ours", "the authors' way"
"""The names of both pipelines in the records."""
TARGET_THROUGHPUT_RATIOS = {"simam": 1.5, "none": 1.35}
"""Attention module → target ratio of our images per second to the authors'."""
TARGET_INPUT_SHARE = 0.05
"""Target upper bound for the share of the input pipeline in a step."""
TITLES = {"simam": "ResNet-20 + SimAM", "none": "plain ResNet-20"}
COMMAND = "python -m bench.studies.training_throughput reports/training"


def resnet20_with(attention: str, implementation: str) -> Any:
    from bench.run.workload import build_network
    from bench.suite.axes import Cell, Choice

    options = (("implementation", implementation),) if attention == "simam" else ()
    placement = Choice("spatial") if attention == "simam" else None
    return build_network(Cell(Choice("cifar_resnet20"), Choice(attention, options), placement), 0, classes=10)


def random_images() -> Any:
    import torch

    return torch.randint(256, (IMAGES, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def our_split() -> Any:
    import torch

    from bench.measure.training.recipe import load_recipe
    from bench.measure.training.small import SmallDataset

    images, labels = random_images(), torch.arange(IMAGES) % 10
    data = SmallDataset("random", 10, images, labels, images[:1], labels[:1], ((0.5,) * 3, (0.2,) * 3))
    return data.split("test", load_recipe("paper_cifar").augmentation, "cpu", torch.channels_last)


def our_pipeline(attention: str) -> Callable[[], None]:
    import torch

    from bench.measure.training.images import Draws

    model = resnet20_with(attention, "auto").to(memory_format=torch.channels_last)
    split, draws = our_split(), Draws.of(0)
    return partial(train, model, lambda: split.training(BATCH, draws))


def authors_pipeline(attention: str) -> Callable[[], None]:
    from PIL import Image
    from torch.utils.data import DataLoader, Dataset
    from torchvision import transforms

    transform = transforms.Compose(
        [
            transforms.RandomCrop(32, padding=4),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)),
        ]
    )
    arrays = random_images().permute(0, 2, 3, 1).contiguous().numpy()

    class Images(Dataset[Any]):
        def __len__(self) -> int:
            return STEPS_PER_CALL * BATCH

        def __getitem__(self, index: int) -> Any:
            return transform(Image.fromarray(arrays[index])), index % 10

    model = resnet20_with(attention, "eager")
    return partial(train, model, lambda: iter(DataLoader(Images(), BATCH, shuffle=True, num_workers=2)))


def train(model: Any, batches: Callable[[], Iterator[Any]]) -> None:
    """Train for a part of an epoch."""
    import torch

    from bench.measure.training.recipe import load_recipe

    model.train()
    optimizer = load_recipe("paper_cifar").make_optimizer(model)
    for _, (images, labels) in zip(range(STEPS_PER_CALL), batches(), strict=False):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(images), labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def both_pipelines(attention: str) -> dict[str, Callable[[], None]]:
    return {OURS: our_pipeline(attention), THEIRS: authors_pipeline(attention)}


def with_and_without_training() -> dict[str, Callable[[], None]]:
    """A part of an epoch, and the same images without training."""
    from bench.measure.training.images import Draws

    split, draws = our_split(), Draws.of(0)

    def load_images() -> None:
        for _ in zip(range(STEPS_PER_CALL), split.training(BATCH, draws), strict=False):
            pass

    return {OURS: our_pipeline("simam"), "images alone": load_images}


def measure_pipelines(calls: Callable[[], dict[str, Callable[[], None]]], budget: float) -> dict[str, Any]:
    import bench

    return paired_fields(bench.paired(calls, budget=budget, target="1%", processes=PROCESSES))


def render_training_report(folder: Path) -> str:
    """The report of a folder of records, as Markdown."""
    from tabulate import tabulate

    cases = read_cases(folder / "training.jsonl")
    table = partial(tabulate, tablefmt="github", disable_numparse=True)
    headings = ("network", "ours, images/s", "authors' pipeline, images/s", "speedup", "A/A control")
    return "\n".join(
        [
            "# Training throughput on images of CIFAR-10's size",
            "",
            table(list(_throughput_targets(cases)), headers=("target", "measured", "met")),
            "",
            table(list(_throughput_rows(cases)), headers=headings),
            "",
            f"The whole pipeline is timed with batches of {BATCH}: images, forward, backward and optimizer. Calls of",
            f"{STEPS_PER_CALL} steps alternate between both pipelines, in {PROCESSES} fresh processes. Brackets are",
            "95 % confidence intervals over processes. The authors' pipeline uses contiguous tensors, SimAM's eager",
            "formula, and PIL transforms in a data loader with two worker processes; it is reimplemented here after",
            "their code. Ours uses channels-last tensors and the fused operator, and crops and flips all images of a",
            "batch at once. Every call starts the workers of the authors' pipeline anew, where an epoch starts them",
            "once in 390 steps; this favours our pipeline slightly. The images are random, since their content does",
            "not affect times.",
            "",
            *provenance(read_study_facts(folder), COMMAND),
        ]
    )


def _throughput_targets(cases: Mapping[str, Any]) -> Iterator[list[str]]:
    for attention, target in TARGET_THROUGHPUT_RATIOS.items():
        ratio = cases[attention]["ratios"][THEIRS]
        name = f"{TITLES[attention]}: {target} times as many images per second"
        yield [name, f"{ratio_text(ratio)} times", yes_or_no(ratio["point"] >= target)]
    share = cases["pipeline"]["ratios"]["images alone"]["point"]
    met = yes_or_no(share < TARGET_INPUT_SHARE)
    yield [f"images take less than {100 * TARGET_INPUT_SHARE:g} % of a step", f"{100 * share:.1f} %", met]


def _throughput_rows(cases: Mapping[str, Any]) -> Iterator[list[str]]:
    for attention in TARGET_THROUGHPUT_RATIOS:
        case = cases[attention]
        speeds = [f"{STEPS_PER_CALL * BATCH / case['seconds'][name]['point']:.0f}" for name in (OURS, THEIRS)]
        yield [TITLES[attention], *speeds, ratio_text(case["ratios"][THEIRS]), ratio_text(case["control"])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of the records; created if needed")
    parser.add_argument("--budget", type=float, default=150.0, help="measured seconds for each case (default 150)")
    arguments = parser.parse_args()
    cases = [
        *(
            (name, partial(measure_pipelines, partial(both_pipelines, name), arguments.budget))
            for name in TARGET_THROUGHPUT_RATIOS
        ),
        ("pipeline", partial(measure_pipelines, with_and_without_training, arguments.budget / 5)),
    ]
    measure_missing(arguments.folder, "training", cases)
    write_whole(arguments.folder / "report.md", render_training_report(arguments.folder))


if __name__ == "__main__":
    main()
