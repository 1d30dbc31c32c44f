"""What the authors of SimAM publish, beside what was measured here."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from bench.report.content import Cell, Table, name
from bench.report.format import enumerated
from bench.report.names import module_name, network_name
from bench.report.sources import records_of
from bench.results.estimates import Comparison

README = "the authors' README"
CODE = "a run of the authors' code"


@dataclass(frozen=True)
class Figure:
    """A figure from outside.

    Args:
        backbone, attention: labels of what it is of. A count is of one image, forward, at the backbone's own
            resolution; an accuracy is of ImageNet's validation set.
        value: the name of the value that it is to equal.
        published: the figure.
        unit: what it is in multiples of.
        digits: after the decimal point, as printed; None for an integer, to be met exactly.
        source: where it stands.
    """

    backbone: str
    attention: str
    value: str
    published: float
    unit: float
    digits: int | None
    source: str


def _columns() -> Iterator[Figure]:
    """Parameters in millions, FLOPs in billions with batch norms counted, as fvcore counts them; top-1 and top-5 in
    percent, of the best epoch and with λ = 0.1, which no count depends on.
    """
    for backbone, params, flops, top1, top5 in (
        ("resnet18", 11.69, 1.82, 71.31, 89.88),
        ("resnet34", 21.80, 3.67, 74.49, 92.02),
        ("resnet50", 25.56, 4.11, 77.45, 93.66),
        ("resnet101", 44.55, 7.83, 78.65, 94.11),
        ("resnext50_32x4d", 25.03, 4.26, 78.00, 93.93),
        ("mobilenet_v2", 3.50, 0.31, 72.36, 90.74),
    ):
        yield Figure(backbone, "simam", "params", params, 1e6, 2, README)
        yield Figure(backbone, "simam", "fvcore_flops", flops, 1e9, 2, README)
        yield Figure(backbone, "simam(e_lambda=0.1)", "top1", top1, 0.01, 2, README)
        yield Figure(backbone, "simam(e_lambda=0.1)", "top5", top5, 0.01, 2, README)


def _integers() -> Iterator[Figure]:
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
        yield Figure(backbone, attention, "params", params, 1, None, CODE)
        yield Figure(backbone, attention, "macs", macs, 1, None, CODE)


FIGURES = (*_columns(), *_integers())
"""Yang, Zhang, Li, Xie, *SimAM*, ICML 2021: the README of their code (commit ae98f43), and counts of their code."""

_PLACES = {"none": None, "simam": "spatial", "simam(e_lambda=0.1)": "spatial", "se": "branch_end", "cbam": "branch_end"}
"""Where the authors put each."""
_SIDES = {"cifar_resnet20": 32}
"""Of the image, in pixels; 224 elsewhere."""
_NAMES = {
    "params": "params",
    "macs": "MACs",
    "fvcore_flops": "FLOPs, norms counted",
    "top1": "ImageNet top-1",
    "top5": "ImageNet top-5",
}
_SUFFIXES = {1e6: " M", 1e9: " G", 0.01: " %"}
IMAGENET = "imagenet"
"""Name of the set of images that accuracies are published for."""


def published_table(comparisons: Iterable[Comparison]) -> Table | None:
    """Published | measured | difference, of every figure that these measurements can be held to; None for none."""
    seen: dict[tuple[Any, ...], list[Comparison]] = {}
    for one in comparisons:
        if (value := _stands_for(one)) is not None:
            seen.setdefault((value, one.axes["backbone"], one.axes["attention"]), []).append(one)
    alike = ((figure, seen.get((figure.value, figure.backbone, figure.attention), [])) for figure in FIGURES)
    found = [(figure, each) for figure, members in alike if (each := _counterpart(figure, members)) is not None]
    if not found:
        return None
    headings = ("network", "module", "value", "published", "measured", "difference", "source")
    return Table(headings, [_row(figure, each) for figure, each in found], records_of(each for _, each in found))


def agreement(table: Table) -> str:
    """How many figures of the table are those of each source, in a sentence."""
    place, of = map(table.headings.index, ("difference", "source"))
    equal: dict[str, list[bool]] = {}
    for cells in table.rows:
        equal.setdefault(cells[of].text, []).append(cells[place].number == 0)
    told = [f"{sum(each)} of {len(each)} figures from {source}" for source, each in equal.items()]
    return f"Equal at the digits given: {enumerated(told)}."


def _stands_for(each: Comparison) -> str | None:
    """The published value that it can be held to: of accuracies those by the test set, of training the best epoch."""
    if each.measure != "accuracy":
        return each.value
    if each.details.get("judge") != "test":
        return None
    best = {"best_top1": "top1"} if "recipe" in each.details else {"top1": "top1", "top5": "top5"}
    return best.get(each.value)


def published_of(backbone: str, attention: str, placement: str | None) -> str:
    """What the authors' README says of a network, such as "11.69 M params (the authors' README)"; empty for nothing.

    What it costs does not depend on λ, so it is told of SimAM whatever its λ.
    """
    of_simam = attention.partition("(")[0] == "simam"
    told = [
        f"{each.published:.{each.digits}f}{_SUFFIXES[each.unit]} {_NAMES[each.value]}"
        for each in FIGURES
        if each.source == README
        and each.backbone == backbone
        and placement == _PLACES[each.attention]
        and (each.attention == attention or (of_simam and each.attention == "simam"))
    ]
    return f"{', '.join(told)} ({README})" if told else ""


def _counterpart(figure: Figure, members: list[Comparison]) -> Comparison | None:
    """What was measured of the same, among what has the figure's value, network and module."""
    wanted: dict[str, Any] = {"placement": _PLACES[figure.attention]}
    if figure.unit == 0.01:
        wanted["dataset"] = IMAGENET
    else:
        wanted["resolution"] = _SIDES.get(figure.backbone, 224)
    for each in members:
        alike = all(each.axes[axis] == value for axis, value in wanted.items())
        one_image = each.axes["batch"] in (None, 1) and each.axes["mode"] in (None, "inference")
        if each.role != "twin" and alike and one_image:
            return each
    return None


def _row(figure: Figure, each: Comparison) -> list[Cell]:
    measured = each.absolute.point
    if figure.digits is None:
        off: float = round(measured) - round(figure.published)
        shown, told = f"{round(figure.published):,}", f"{round(measured):,}"
        difference = f"{off:+,}" if off else "0"
    else:
        suffix = _SUFFIXES[figure.unit]
        off = round(round(measured / figure.unit, figure.digits) - figure.published, figure.digits)
        shown = f"{figure.published:.{figure.digits}f}{suffix}"
        told = f"{measured / figure.unit:.{figure.digits}f}{suffix}"
        told += f" ({round(measured):,})" if figure.unit > 1 else ""
        difference = f"{off:+.{figure.digits}f}{suffix}" if off else "0"
    return [
        name(network_name(figure.backbone)),
        name(module_name(figure.attention)),
        name(_NAMES[figure.value]),
        Cell(shown, figure.published * figure.unit),
        Cell(told, measured),
        Cell(difference.replace("-", "−"), off * figure.unit),
        name(figure.source),
    ]
