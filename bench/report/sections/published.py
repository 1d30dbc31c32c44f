"""Published numbers of the SimAM authors, compared with measured ones."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from bench.report.blocks import Block, Heading, Table, TableCell, text_cell
from bench.report.data import ReportData
from bench.report.names import module_name, network_name
from bench.report.numbers import enumerated
from bench.report.sections.sources import records_of
from bench.results.estimates import Comparison
from bench.results.values import VALUES

README = "the authors' README"
CODE = "a run of the authors' code"
IMAGENET = "imagenet"
"""The dataset of the published accuracies."""


@dataclass(frozen=True)
class PublishedFigure:
    """A published number.

    Args:
        backbone, attention: labels of the network. Counts are for a forward pass of one image at the network's own
            resolution, accuracies for the validation set of ImageNet.
        value: the name of the value that it corresponds to.
        number: as published, in multiples of ``unit``.
        unit: the multiple: 1, a million, a billion, or a percent.
        digits: printed digits after the decimal point; None for an integer, which must be equal exactly.
        source: place of publication.
    """

    backbone: str
    attention: str
    value: str
    number: float
    unit: float
    digits: int | None
    source: str


def _readme_figures() -> Iterator[PublishedFigure]:
    """Parameters in millions; FLOPs in billions, with batch norms, as fvcore counts them; accuracies in percent.

    Accuracies are of the best epoch and for λ = 0.1. Counts do not depend on λ.
    """
    for backbone, params, flops, top1, top5 in (
        ("resnet18", 11.69, 1.82, 71.31, 89.88),
        ("resnet34", 21.80, 3.67, 74.49, 92.02),
        ("resnet50", 25.56, 4.11, 77.45, 93.66),
        ("resnet101", 44.55, 7.83, 78.65, 94.11),
        ("resnext50_32x4d", 25.03, 4.26, 78.00, 93.93),
        ("mobilenet_v2", 3.50, 0.31, 72.36, 90.74),
    ):
        yield PublishedFigure(backbone, "simam", "params", params, 1e6, 2, README)
        yield PublishedFigure(backbone, "simam", "fvcore_flops", flops, 1e9, 2, README)
        yield PublishedFigure(backbone, "simam(e_lambda=0.1)", "top1", top1, 0.01, 2, README)
        yield PublishedFigure(backbone, "simam(e_lambda=0.1)", "top5", top5, 0.01, 2, README)


def _code_figures() -> Iterator[PublishedFigure]:
    """Parameters, and multiply-adds of convolution and linear layers."""
    for backbone, attention, params, macs in (
        ("cifar_resnet20", "none", 272_474, 40_813_184),
        ("cifar_resnet20", "simam", 272_474, 40_813_184),
        ("cifar_resnet20", "se", 274_490, 40_815_200),
        ("cifar_resnet20", "cbam", 275_747, 41_212_352),
        ("resnet18", "none", 11_689_512, 1_814_073_344),
        ("resnet18", "simam", 11_689_512, 1_814_073_344),
        ("resnet18", "se", 11_776_552, 1_814_160_384),
        ("resnet18", "cbam", 11_779_392, 1_815_063_764),
        ("resnet50", "none", 25_557_032, 4_089_184_256),
        ("resnet50", "simam", 25_557_032, 4_089_184_256),
        ("resnet50", "se", 28_071_976, 4_091_699_200),
        ("resnet50", "cbam", 28_089_624, 4_095_573_110),
        ("mobilenet_v2", "none", 3_504_872, 300_774_272),
        ("mobilenet_v2", "simam", 3_504_872, 300_774_272),
    ):
        yield PublishedFigure(backbone, attention, "params", params, 1, None, CODE)
        yield PublishedFigure(backbone, attention, "macs", macs, 1, None, CODE)


PUBLISHED = (*_readme_figures(), *_code_figures())
"""Yang, Zhang, Li, Xie, *SimAM*, ICML 2021: the README of their code (commit ae98f43), and counts of their code."""

_PLACEMENTS = {
    "none": None,
    "simam": "spatial",
    "simam(e_lambda=0.1)": "spatial",
    "se": "branch_end",
    "cbam": "branch_end",
}
"""Module → its placement in the authors' code."""
_RESOLUTIONS = {"cifar_resnet20": 32}
"""Backbone → its resolution in pixels; 224 for all others."""
_NAMES = {
    "params": VALUES["params"].title,
    "macs": VALUES["macs"].title,
    "fvcore_flops": "FLOPs with norms",
    "top1": f"ImageNet {VALUES['top1'].title}",
    "top5": f"ImageNet {VALUES['top5'].title}",
}
_SUFFIXES = {1e6: " M", 1e9: " G", 0.01: " %"}


def published(data: ReportData) -> Iterator[Block]:
    """The table, if a published number can be compared with a measured one."""
    if (table := published_table(data.comparisons)) is not None:
        yield Heading("Published and measured")
        yield table


def published_table(comparisons: Iterable[Comparison]) -> Table | None:
    """Published and measured numbers with their differences; None if no measured number is published."""
    measured: dict[tuple[Any, ...], list[Comparison]] = {}
    for comparison in comparisons:
        if (value := _published_value(comparison)) is not None:
            key = value, comparison.axes["backbone"], comparison.axes["attention"]
            measured.setdefault(key, []).append(comparison)
    candidates = ((figure, measured.get((figure.value, figure.backbone, figure.attention), [])) for figure in PUBLISHED)
    pairs = [(figure, match) for figure, members in candidates if (match := _counterpart(figure, members)) is not None]
    if not pairs:
        return None
    headings = ("network", "module", "value", "published", "measured", "difference", "source")
    return Table(headings, [_row(figure, match) for figure, match in pairs], records_of(match for _, match in pairs))


def agreement(table: Table) -> str:
    """A sentence with the number of published numbers of each source that equal the measured ones."""
    difference, source = map(table.headings.index, ("difference", "source"))
    equal: dict[str, list[bool]] = {}
    for cells in table.rows:
        equal.setdefault(cells[source].text, []).append(cells[difference].number == 0)
    counts = [f"{sum(matches)} of {len(matches)} from {name}" for name, matches in equal.items()]
    return f"Measured numbers that equal the published ones at the printed digits: {enumerated(counts)}."


def published_of(backbone: str, attention: str, placement: str | None) -> str:
    """The numbers in the authors' README on a network: "11.69 M params (the authors' README)"; empty if there are none.

    Counts are given for SimAM with any λ, since they do not depend on it.
    """
    is_simam = attention.partition("(")[0] == "simam"
    numbers = [
        f"{figure.number:.{figure.digits}f}{_SUFFIXES[figure.unit]} {_NAMES[figure.value]}"
        for figure in PUBLISHED
        if figure.source == README
        and figure.backbone == backbone
        and placement == _PLACEMENTS[figure.attention]
        and (figure.attention == attention or (is_simam and figure.attention == "simam"))
    ]
    return f"{', '.join(numbers)} ({README})" if numbers else ""


def _published_value(comparison: Comparison) -> str | None:
    """The published value that a measured one corresponds to.

    Published accuracies are those of the test set and, of a training run, of its best epoch.
    """
    if comparison.measure != "accuracy":
        return comparison.value
    if comparison.details.get("eval_on") != "test":
        return None
    published_as = {"best_top1": "top1"} if "recipe" in comparison.details else {"top1": "top1", "top5": "top5"}
    return published_as.get(comparison.value)


def _counterpart(figure: PublishedFigure, members: list[Comparison]) -> Comparison | None:
    """The measured counterpart of a published number, among members with its value, network and module."""
    required: dict[str, Any] = {"placement": _PLACEMENTS[figure.attention]}
    if figure.unit == 0.01:
        required["dataset"] = IMAGENET
    else:
        required["resolution"] = _RESOLUTIONS.get(figure.backbone, 224)
    for member in members:
        matches = all(member.axes[axis] == label for axis, label in required.items())
        one_image = member.axes["batch"] in (None, 1) and member.axes["mode"] in (None, "inference")
        if member.role != "control" and matches and one_image:
            return member
    return None


def _row(figure: PublishedFigure, match: Comparison) -> list[TableCell]:
    measured = match.absolute.point
    if figure.digits is None:
        deviation: float = round(measured) - round(figure.number)
        published_text, measured_text = f"{round(figure.number):,}", f"{round(measured):,}"
        difference = f"{deviation:+,}" if deviation else "0"
    else:
        suffix = _SUFFIXES[figure.unit]
        deviation = round(round(measured / figure.unit, figure.digits) - figure.number, figure.digits)
        published_text = f"{figure.number:.{figure.digits}f}{suffix}"
        measured_text = f"{measured / figure.unit:.{figure.digits}f}{suffix}"
        measured_text += f" ({round(measured):,})" if figure.unit > 1 else ""
        difference = f"{deviation:+.{figure.digits}f}{suffix}" if deviation else "0"
    return [
        text_cell(network_name(figure.backbone)),
        text_cell(module_name(figure.attention)),
        text_cell(_NAMES[figure.value]),
        TableCell(published_text, figure.number * figure.unit),
        TableCell(measured_text, measured),
        TableCell(difference.replace("-", "−"), deviation * figure.unit),
        text_cell(figure.source),
    ]
