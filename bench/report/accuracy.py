"""What modules bring in accuracy: a table for each network and set of images, and a sentence for each module."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from bench.report.content import Block, Cell, Heading, Table, Text, name
from bench.report.format import interval, quantity
from bench.report.names import module_name, network_name, placed_name
from bench.report.sources import records_of
from bench.results.estimates import Comparison
from bench.results.gains import Gain
from bench.results.statistics import Estimate

JUDGED = {"test": "the test set", "held_out": "images held out from the training set"}
"""By the measure's option ``judge``."""
NOTE = (
    "Of trained networks all is of the last epoch, mean over seeds with its 95 % Student-t interval; the best "
    "epoch's top-1 stands beside it since others report it, and is chosen by what it is judged by. Points are "
    "differences to the baseline of the same seed, whose shared weights, order of images and crops are the same; "
    "P(better) is of their mean, a verdict needs p < 0.05 after Holm's adjustment over the run's variants. How it "
    "is done: docs/accuracy.md."
)


def sentences(comparisons: Iterable[Comparison], gains: Iterable[Gain]) -> Iterator[str]:
    """One for each module and place; arguments as for :func:`blocks`."""
    baselines = {
        (each.run, each.group): each for each in comparisons if each.value == "top1" and each.role == "baseline"
    }
    several = len({run for run, _ in baselines}) > 1
    for gain in gains:
        baseline = baselines[gain.variant.run, gain.variant.group]
        yield _sentence(gain, f"{module_name(baseline.axes['attention'])} {_trained(baseline, several)}")


def blocks(comparisons: Sequence[Comparison], gains: Sequence[Gain]) -> Iterator[Block]:
    """For each group of accuracies a heading, which names the run where there are several, the table, and how it was
    trained.

    Args:
        comparisons: of one or several runs.
        gains: of their variants.
    """
    found = {(each.variant.run, each.variant.group, each.variant.cell): each for each in gains}
    groups: dict[tuple[str, str], list[Comparison]] = {}
    for each in comparisons:
        if each.measure == "accuracy":
            groups.setdefault((each.run, each.group), []).append(each)
    several = len({run for run, _ in groups}) > 1
    for group in groups.values():
        yield from _section(group, found, several)
    if groups:
        yield Text(NOTE)


def _section(group: Sequence[Comparison], found: Mapping[tuple[str, str, str], Gain], several: bool) -> Iterator[Block]:
    cells: dict[str, dict[str, Comparison]] = {}
    for each in group:
        cells.setdefault(each.cell, {})[each.value] = each
    cells = {cell: values for cell, values in cells.items() if "top1" in values}
    first = group[0]
    told = [(values, found.get((first.run, first.group, cell))) for cell, values in cells.items()]
    yield Heading(_trained(first, several))
    yield Table(HEADINGS, list(_rows(told)), records_of(group))
    yield Text(_how(group))


def _trained(each: Comparison, several_runs: bool) -> str:
    """The network and the images, and the run where there are several."""
    where = f", {each.run}" if several_runs else ""
    return f"{network_name(each.axes['backbone'])} on {each.details['dataset']}{where}"


def _sentence(gain: Gain, against: str) -> str:
    own = gain.variant
    pairs = len(own.differences)
    seeds = f"{pairs} seed{'s' if pairs > 1 else ''}"
    module = placed_name(own.axes["attention"], own.axes["placement"])
    text = f"{module}: {_points(gain.points)} points of top-1 over {against} ({seeds})"
    if gain.chance is not None:
        text += f", better with a probability of {_chance(gain.chance)}"
    if gain.told != "inconclusive":
        return f"{text}: {gain.told}{_p(gain)}."
    return f"{text}: inconclusive{_p(gain)}; {_settles(gain)}."


def _p(gain: Gain) -> str:
    if gain.p is None:
        return ""
    return f" (p = {gain.p:.2g}{f', Holm over {gain.family}' if gain.family > 1 else ''})"


def _settles(gain: Gain) -> str:
    if gain.seeds is not None:
        return f"if difference and spread are as seen, {gain.seeds} seeds show it in 80 % of runs"
    if len(gain.variant.differences) < 2:
        return "one seed says nothing of the spread"
    if gain.p is None:
        return "every seed gave the same difference, which says nothing of the spread"
    return "no sensible number of seeds shows so small a difference"


HEADINGS = (
    "module",
    "placement",
    "top-1, %",
    "top-5, %",
    "best epoch's top-1, %",
    "points over the baseline [95 %]",
    "P(better)",
    "verdict",
)


def _rows(told: Iterable[tuple[dict[str, Comparison], Gain | None]]) -> Iterator[list[Cell]]:
    for values, gain in told:
        axes = values["top1"].axes
        yield [
            name(module_name(axes["attention"])),
            name(axes["placement"]),
            _share(values["top1"]),
            _share(values.get("top5")),
            _share(values.get("best_top1")),
            _against(values["top1"], gain),
            name(None) if gain is None or gain.chance is None else Cell(_chance(gain.chance), gain.chance),
            name(gain.told if gain else None),
        ]


def _against(own: Comparison, gain: Gain | None) -> Cell:
    if gain is not None:
        return Cell(_points(gain.points), gain.points.point)
    return Cell("baseline", 0.0) if own.role == "baseline" else name(None)


def _share(each: Comparison | None) -> Cell:
    """A share in percent, with its interval over seeds."""
    if each is None:
        return name(None)
    own, text = each.absolute, f"{100 * each.absolute.point:.2f}"
    if own.low is not None and own.high is not None and own.method != "exact":
        text += f" {interval(100 * own.low, 100 * own.high, 2)}"
    return Cell(text, own.point)


def _points(estimate: Estimate) -> str:
    return f"{estimate.point:+.2f} {interval(estimate.low, estimate.high, 2)}".replace("-", "−")


def _chance(chance: float) -> str:
    return ">0.999" if chance > 0.999 else "<0.001" if chance < 0.001 else f"{chance:.3f}"


def _run_as(details: Mapping[str, Any]) -> str:
    """On what, and how, the networks ran."""
    ways = [
        "a GPU" if details["device"] == "cuda" else f"{details['threads']} CPU threads",
        "bfloat16 autocast" if details["autocast"] else "float32",
        *(["compiled"] if details["compile"] else []),
    ]
    return f"on {', '.join(ways)}"


def _how(group: Sequence[Comparison]) -> str:
    """What was done with the networks, in sentences."""
    details = group[0].details
    judged = f"{JUDGED[details['judge']]}, {_run_as(details)}"
    if "recipe" not in details:
        return f"Weights from {details['weights']}, judged by {judged}."
    recipe = details["recipe"]
    trained = f"Trained {recipe['epochs']} epochs of batches of {recipe['batch']}: {recipe['title']}"
    return f"{trained}. Judged by {judged}. {_speed(group)}"


def _speed(group: Iterable[Comparison]) -> str:
    """How fast they learned; in no column, since times that were taken one after the other rank no modules."""
    seen = sorted({each.absolute.point for each in group if each.value == "throughput"})
    told = " to ".join(quantity(float(each), "1") for each in dict.fromkeys((seen[0], seen[-1])))
    return (
        f"{told} images were learned a second, one network after the other: how long it takes, and not what a module "
        "costs; that is for the measure latency, in mode training."
    )
