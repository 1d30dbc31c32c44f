"""What modules bring in accuracy: a table for each network and set of images, and a sentence for each module."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.report.format import escape, interval, quantity
from bench.report.names import module_name, network_name
from bench.results.estimates import Comparison
from bench.results.gains import Gain, gains
from bench.results.statistics import Estimate

JUDGED = {"test": "the test set", "held_out": "images held out from the training set"}
"""By the measure's option ``judge``."""


@dataclass(frozen=True)
class Section:
    """One network on one set of images: a heading, what was found, the table, and how it was trained."""

    heading: str
    sentences: list[str]
    table: str
    how: str


def sections(comparisons: Sequence[Comparison]) -> list[Section]:
    """A section for each group of accuracies; where there are several runs, headed by its run, too."""
    found = {(each.variant.run, each.variant.group, each.variant.cell): each for each in gains(comparisons)}
    groups: dict[tuple[str, str], dict[str, dict[str, Comparison]]] = {}
    for each in comparisons:
        if each.measure == "accuracy":
            groups.setdefault((each.run, each.group), {}).setdefault(each.cell, {})[each.value] = each
    several = len({run for run, _ in groups}) > 1
    return [_section(list(cells.values()), found, several) for cells in groups.values()]


def _section(cells: list[dict[str, Comparison]], found: dict[tuple[str, str, str], Gain], several: bool) -> Section:
    first = next(iter(cells[0].values()))
    baseline = next((values["top1"] for values in cells if values["top1"].role == "baseline"), None)
    told = [(values, found.get((first.run, first.group, values["top1"].cell))) for values in cells]
    against = f"{module_name(baseline.axes['attention'])} {network_name(first.axes['backbone'])}" if baseline else ""
    return Section(
        f"{network_name(first.axes['backbone'])} on {escape(first.details['dataset'])}"
        + (f", {escape(first.run)}" if several else ""),
        [_sentence(gain, against) for _, gain in told if gain],
        _table(told),
        _how(first),
    )


def _sentence(gain: Gain, against: str) -> str:
    own = gain.variant
    place = f" at {escape(own.axes['placement'])}" if own.axes["placement"] else ""
    seeds = f"{own.repeats} seed{'s' if own.repeats > 1 else ''}"
    text = (
        f"{module_name(own.axes['attention'])}{place}: {_points(gain.points)} points of top-1 over {against} ({seeds})"
    )
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
        return f"at this difference and spread {gain.seeds} seeds would settle it"
    if gain.variant.repeats < 2:
        return "one seed says nothing of the spread"
    if gain.p is None:
        return "every seed gave the same difference, which says nothing of the spread"
    return "more seeds would hardly settle so small a difference"


def _table(told: Iterable[tuple[dict[str, Comparison], Gain | None]]) -> str:
    from tabulate import tabulate

    headings = (
        "module",
        "placement",
        "top-1, %",
        "top-5, %",
        "best epoch's top-1, %",
        "points over the baseline [95 %]",
        "P(better)",
        "verdict",
        "images/s",
    )
    return tabulate(list(_rows(told)), headers=headings, tablefmt="github", disable_numparse=True)


def _rows(told: Iterable[tuple[dict[str, Comparison], Gain | None]]) -> Iterator[list[str]]:
    for values, gain in told:
        own = values["top1"]
        speed = values.get("throughput")
        yield [
            module_name(own.axes["attention"]),
            escape(own.axes["placement"] or "–"),
            _share(own.absolute),
            _share(values["top5"].absolute),
            _share(values["best_top1"].absolute) if "best_top1" in values else "–",
            _points(gain.points) if gain else "baseline",
            _chance(gain.chance) if gain and gain.chance is not None else "–",
            gain.told if gain else "–",
            quantity(float(speed.absolute.point), "1") if speed else "–",
        ]


def _share(estimate: Estimate) -> str:
    """A share in percent, with its interval over seeds."""
    if estimate.low is None or estimate.high is None or estimate.method == "exact":
        return f"{100 * estimate.point:.2f}"
    return f"{100 * estimate.point:.2f} {interval(100 * estimate.low, 100 * estimate.high, 2)}"


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


def _how(first: Comparison) -> str:
    """What was done with the network, in a sentence."""
    details = first.details
    judged = f"{JUDGED[details['judge']]}, {_run_as(details)}"
    if "recipe" not in details:
        return f"Weights from {escape(details['weights'])}, judged by {judged}."
    recipe = details["recipe"]
    trained = f"Trained {recipe['epochs']} epochs of batches of {recipe['batch']}: {escape(recipe['title'])}"
    return f"{trained}. Judged by {judged}."
