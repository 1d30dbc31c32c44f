"""Training on images of CIFAR-10's size beside the way the SimAM authors train: images a second, the whole pipeline.

``python -m bench.studies.training_throughput reports/training`` measures what is not in ``training.jsonl`` there yet, a line a case,
and writes ``report.md`` from all of it. Each call is a piece of an epoch of a ResNet-20, from images to weights, and
both ways take turns in fresh processes. Images are random: their content changes no time.

The authors' way: contiguous, the formula, images one by one through PIL's transforms in a loader with two processes.
These are started anew in each call, so that none of them works beside what is timed next.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from bench.studies.cases import complete, facts_of, figures, lines_of, made_where, met, times

STEPS, BATCH, IMAGES = 16, 128, 50_000
PROCESSES = 3
OURS, THEIRS = "ours", "the authors' way"
TARGETS = {"simam": 1.5, "none": 1.35}
"""Module → how many times as many images a second as the authors' way."""
TITLES = {"simam": "ResNet-20 + SimAM", "none": "plain ResNet-20"}
COMMAND = "python -m bench.studies.training_throughput reports/training"


def network(attention: str, implementation: str) -> Any:
    from bench.run.workload import build_network
    from bench.suite.axes import Cell, Choice

    options = (("implementation", implementation),) if attention == "simam" else ()
    placement = Choice("spatial") if attention == "simam" else None
    return build_network(Cell(Choice("cifar_resnet20"), Choice(attention, options), placement), 0, classes=10)


def pixels() -> Any:
    import torch

    return torch.randint(256, (IMAGES, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def our_split() -> Any:
    import torch

    from bench.measure.training.recipe import load_recipe
    from bench.measure.training.small import SmallDataset

    images, labels = pixels(), torch.arange(IMAGES) % 10
    data = SmallDataset("random", 10, images, labels, images[:1], labels[:1], ((0.5,) * 3, (0.2,) * 3))
    return data.split("test", load_recipe("paper_cifar").augmentation, "cpu", torch.channels_last)


def ours(attention: str) -> Callable[[], None]:
    import torch

    from bench.measure.training.images import Draws

    model, split, draws = network(attention, "auto").to(memory_format=torch.channels_last), our_split(), Draws.of(0)
    return partial(learn, model, lambda: split.training(BATCH, draws))


def theirs(attention: str) -> Callable[[], None]:
    from PIL import Image
    from torch.utils.data import DataLoader, Dataset
    from torchvision import transforms

    chain = transforms.Compose(
        [
            transforms.RandomCrop(32, padding=4),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)),
        ]
    )
    arrays = pixels().permute(0, 2, 3, 1).contiguous().numpy()

    class Images(Dataset[Any]):
        def __len__(self) -> int:
            return STEPS * BATCH

        def __getitem__(self, index: int) -> Any:
            return chain(Image.fromarray(arrays[index])), index % 10

    model = network(attention, "eager")
    return partial(learn, model, lambda: iter(DataLoader(Images(), BATCH, shuffle=True, num_workers=2)))


def learn(model: Any, batches: Callable[[], Iterator[Any]]) -> None:
    """A piece of an epoch."""
    import torch

    from bench.measure.training.recipe import load_recipe

    model.train()
    optimizer = load_recipe("paper_cifar").make_optimizer(model)
    for _, (images, labels) in zip(range(STEPS), batches(), strict=False):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()


def both(attention: str) -> dict[str, Callable[[], None]]:
    return {OURS: ours(attention), THEIRS: theirs(attention)}


def pipeline() -> dict[str, Callable[[], None]]:
    """A piece of an epoch, and its images alone."""
    from bench.measure.training.images import Draws

    split, draws = our_split(), Draws.of(0)

    def images() -> None:
        for _ in zip(range(STEPS), split.training(BATCH, draws), strict=False):
            pass

    return {OURS: ours("simam"), "images alone": images}


def measure(calls: Callable[[], dict[str, Callable[[], None]]], budget: float) -> dict[str, Any]:
    import bench

    return figures(bench.paired(calls, budget=budget, target="1%", processes=PROCESSES))


def render(folder: Path) -> str:
    """The page: what was aimed at, and what was seen."""
    from tabulate import tabulate

    known = {line["case"]: line for line in lines_of(folder / "training.jsonl")}
    table = partial(tabulate, tablefmt="github", disable_numparse=True)
    return "\n".join(
        [
            "# Training on images of CIFAR-10's size beside the authors' way",
            "",
            table(list(_targets(known)), headers=("target", "seen", "met")),
            "",
            table(list(_speeds(known)), headers=("network", "ours, images/s", "their way, images/s", "×", "control")),
            "",
            f"The whole pipeline, batches of {BATCH}, both ways in turn: images, forward, backward and optimizer of",
            f"{STEPS} steps a call, {PROCESSES} fresh processes, 95 % interval over them. Their way: contiguous, SimAM",
            "as its formula, PIL's transforms in a loader with two processes. Ours: channels last, the fused operator,",
            "all images of a batch cropped and flipped at once. Their processes are started anew in each call, in an",
            "epoch once in 390 steps, which is somewhat to our advantage. Images are random: their content changes no",
            "time. Their way is written here, after their code.",
            "",
            *made_where(facts_of(folder), COMMAND),
        ]
    )


def _targets(known: Mapping[str, Any]) -> Iterator[list[str]]:
    for attention, least in TARGETS.items():
        ratio = known[attention]["ratios"][THEIRS]
        name = f"{TITLES[attention]}: {least} times as many images a second"
        yield [name, f"{times(ratio)} times", met(ratio["point"] >= least)]
    share = known["pipeline"]["ratios"]["images alone"]
    yield ["images under 5 % of a step", f"{100 * share['point']:.1f} %", met(share["point"] < 0.05)]


def _speeds(known: Mapping[str, Any]) -> Iterator[list[str]]:
    for attention in TARGETS:
        line = known[attention]
        speeds = [f"{STEPS * BATCH / line['seconds'][name]['point']:.0f}" for name in (OURS, THEIRS)]
        yield [TITLES[attention], *speeds, times(line["ratios"][THEIRS]), times(line["control"])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="holds the records, or will")
    parser.add_argument("--budget", type=float, default=150.0, help="measured seconds a case (default 150)")
    given = parser.parse_args()
    cases = [(attention, partial(measure, partial(both, attention), given.budget)) for attention in TARGETS]
    complete(given.folder, "training", [*cases, ("pipeline", partial(measure, pipeline, given.budget / 5))])
    (given.folder / "report.md").write_text(render(given.folder), encoding="utf-8")


if __name__ == "__main__":
    main()
