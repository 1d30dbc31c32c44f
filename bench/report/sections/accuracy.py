"""The accuracy gain of each module: a table for each network and dataset, and a sentence for each module."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from bench.report.blocks import Block, Details, Heading, Paragraph, Table, TableCell, first_figures, text_cell
from bench.report.data import ReportData
from bench.report.names import module_name, network_name, run_name, variant_name
from bench.report.numbers import enumerated, format_quantity, interval
from bench.report.sections.sources import records_of
from bench.results.accuracy import LEAST_SEEDS, MOST_SEEDS, AccuracyGain, SeedRange
from bench.results.estimates import Comparison
from bench.results.statistics import Estimate
from bench.results.values import VALUES

EVALUATED_ON = {"test": "the test set", "held_out": "images held out from the training set"}
"""The measure's option ``eval_on`` in words."""
ACCURACY_HEADINGS = (
    "module",
    "placement",
    *(f"{VALUES[name].title} (%)" for name in ("top1", "top5", "best_top1")),
    f"Δ {VALUES['top1'].title} (pp) [95 % CI]",
    "P(better)",
    "verdict",
)
ACCURACY_NOTE = (
    "Accuracies of trained networks are those of the last epoch: means over seeds with 95 % Student-t intervals. The "
    "best epoch's top-1 is shown because other publications report it; the best epoch is selected on the images that "
    "measure it. "
    "Δ top-1 is the difference from the baseline of the same seed, in percentage points; both share the initial "
    "weights of their common layers, the order of images and the crops. P(better) is the probability that the mean "
    "difference is positive. A verdict needs p < 0.05, Holm-adjusted over the variants of the run. Numbers of seeds "
    "are for fresh seeds: adding seeds to these and testing again doubles the rate of false verdicts. docs/accuracy.md "
    "describes the method."
)


def accuracy(data: ReportData) -> Iterator[Block]:
    """A table for each group of accuracies with the training of its networks, and figures."""
    from bench.report.figures.curves import curves
    from bench.report.figures.lambdas import lambdas
    from bench.report.figures.placement import placement

    yield from accuracy_tables(data.comparisons, data.gains)
    for draw in (lambdas, placement, curves):
        yield from first_figures(draw(data))


def accuracy_sentences(comparisons: Iterable[Comparison], gains: Iterable[AccuracyGain]) -> Iterator[str]:
    """One sentence for all variants of a group with the same verdict on their accuracy."""
    baselines = {
        (member.run, member.group): member
        for member in comparisons
        if member.value == "top1" and member.role == "baseline"
    }
    several_runs = len({run for run, _ in baselines}) > 1
    groups: dict[tuple[str, str], list[AccuracyGain]] = {}
    for gain in gains:
        groups.setdefault((gain.variant.run, gain.variant.group), []).append(gain)
    for key, group in groups.items():
        baseline = f"{module_name(baselines[key].axes['attention'])} {_network(baselines[key], several_runs)}"
        for verdict in ("better", "worse", "inconclusive"):
            if members := [gain for gain in group if gain.verdict == verdict]:
                yield _sentence(members, len(group), baseline)


def _sentence(gains: Sequence[AccuracyGain], variants: int, baseline: str) -> str:
    """The sentence on the variants of a group with the same verdict."""
    first, several = gains[0], len(gains) > 1
    if first.verdict == "inconclusive":
        return _no_difference(gains, variants, baseline)
    listed = enumerated([f"{variant_name(gain.variant)} ({_points(gain.points)} pp)" for gain in gains])
    more = "more" if first.verdict == "better" else "less"
    largest = max(gain.p for gain in gains if gain.p is not None)
    facts = f"{_seeds(first)}; p {'≤' if several else '='} {largest:.2g}{_family(first)}"
    return f"{listed} {'are' if several else 'is'} significantly {more} accurate than {baseline} ({facts})."


def _no_difference(gains: Sequence[AccuracyGain], variants: int, baseline: str) -> str:
    best = max(gains, key=lambda gain: gain.points.point)
    result = f"{_points(best.points)} pp"
    facts = [_seeds(best), *([f"p = {best.p:.2g}{_family(best)}"] if best.p is not None else []), _resolution(best)]
    if len(gains) == 1:
        name = variant_name(best.variant)
        return f"{name} does not differ significantly in top-1 from {baseline}: {result} ({'; '.join(facts)})."
    subject = "No variant differs" if len(gains) == variants else f"The other {len(gains)} variants do not differ"
    facts[0] += f"; best: {variant_name(best.variant)} with {result}"
    return f"{subject} significantly in top-1 from {baseline} ({'; '.join(facts)})."


def _seeds(gain: AccuracyGain) -> str:
    count = len(gain.variant.differences)
    return f"{count} seed{'s' if count > 1 else ''}"


def _family(gain: AccuracyGain) -> str:
    return f", Holm-adjusted over {gain.family} variants" if gain.family > 1 else ""


def accuracy_tables(comparisons: Sequence[Comparison], gains: Sequence[AccuracyGain]) -> Iterator[Block]:
    """A heading, a table and a paragraph on the training for each group of accuracies, and a note on all tables."""
    by_cell = {(gain.variant.run, gain.variant.group, gain.variant.cell): gain for gain in gains}
    groups: dict[tuple[str, str], list[Comparison]] = {}
    for comparison in comparisons:
        if comparison.measure == "accuracy":
            groups.setdefault((comparison.run, comparison.group), []).append(comparison)
    several_runs = len({run for run, _ in groups}) > 1
    if groups:
        yield Heading("Accuracy")
    for group in groups.values():
        table = Table(ACCURACY_HEADINGS, list(_rows(group, by_cell)), records_of(group))
        yield Details(
            f"{_network(group[0], several_runs)}: accuracies and training", [table, Paragraph(_training(group))]
        )
    if groups:
        yield Details("How to read the tables of accuracies", [Paragraph(ACCURACY_NOTE)])


def _network(comparison: Comparison, several_runs: bool) -> str:
    """The network and its dataset, with the run if there are several."""
    run = f", {run_name(comparison.run)}" if several_runs else ""
    return f"{network_name(comparison.axes['backbone'])} on {comparison.details['dataset']}{run}"


def _resolution(gain: AccuracyGain) -> str:
    """The number of seeds that would detect the difference."""
    if gain.seeds is not None:
        return f"{_seed_range(gain.seeds)} fresh seeds would detect such a difference with 80 % power"
    if len(gain.variant.differences) < 2:
        return "one seed gives no estimate of the spread"
    if gain.p is None:
        return "every seed gave the same difference, which gives no estimate of the spread"
    return f"fewer than {LEAST_SEEDS} seeds do not show how many would detect such a difference"


def _seed_range(seeds: SeedRange) -> str:
    """The range as "12 to 85", or "more than 1000"."""
    ends = [f"more than {MOST_SEEDS}" if end is None else str(end) for end in (seeds.low, seeds.high)]
    return " to ".join(dict.fromkeys(ends))


def _rows(group: Sequence[Comparison], gains: Mapping[tuple[str, str, str], AccuracyGain]) -> Iterator[list[TableCell]]:
    cells: dict[str, dict[str, Comparison]] = {}
    for comparison in group:
        cells.setdefault(comparison.cell, {})[comparison.value] = comparison
    for cell, values in cells.items():
        if (top1 := values.get("top1")) is None:
            continue
        gain = gains.get((top1.run, top1.group, cell))
        probability = gain.probability if gain else None
        yield [
            text_cell(module_name(top1.axes["attention"])),
            text_cell(top1.axes["placement"]),
            *(_share(values.get(name)) for name in ("top1", "top5", "best_top1")),
            _difference(top1, gain),
            text_cell(None) if probability is None else TableCell(_probability(probability), probability),
            text_cell(gain.verdict if gain else None),
        ]


def _difference(top1: Comparison, gain: AccuracyGain | None) -> TableCell:
    if gain is not None:
        return TableCell(_points(gain.points), gain.points.point)
    return TableCell("baseline", 0.0) if top1.role == "baseline" else text_cell(None)


def _share(comparison: Comparison | None) -> TableCell:
    """A share in percent, with its interval over seeds."""
    if comparison is None:
        return text_cell(None)
    share = comparison.absolute
    text = f"{100 * share.point:.2f}"
    if share.low is not None and share.high is not None and share.method != "exact":
        text += f" {interval(100 * share.low, 100 * share.high, 2)}"
    return TableCell(text, share.point)


def _points(estimate: Estimate) -> str:
    return f"{estimate.point:+.2f} {interval(estimate.low, estimate.high, 2)}".replace("-", "−")


def _probability(probability: float) -> str:
    return ">0.999" if probability > 0.999 else "<0.001" if probability < 0.001 else f"{probability:.3f}"


def _training(group: Sequence[Comparison]) -> str:
    """Sentences on how the networks of a group were trained and evaluated."""
    details = group[0].details
    if "imported" in details:
        return f"Imported from {details['imported']}; the training is unknown."
    evaluated = f"valuated on {EVALUATED_ON[details['eval_on']]}; {_execution(details)}."
    if "recipe" not in details:
        return f"Weights from {details['weights']}, e{evaluated}"
    recipe = details["recipe"]
    trained = f"Trained for {recipe['epochs']} epochs with batch size {recipe['batch']} (recipe: {recipe['title']})."
    return f"{trained} E{evaluated} {_speed(group)}"


def _execution(details: Mapping[str, Any]) -> str:
    """The device and the mode of execution."""
    facts = [
        "GPU" if details["device"] == "cuda" else f"{details['threads']} CPU threads",
        "bfloat16 autocast" if details["autocast"] else "float32",
        *(["compiled"] if details["compile"] else []),
    ]
    return ", ".join(facts)


def _speed(group: Iterable[Comparison]) -> str:
    """The range of training speeds. They have no column, because times that are not paired cannot rank modules."""
    speeds = sorted({member.absolute.point for member in group if member.value == "throughput"})
    span = " to ".join(format_quantity(float(speed), "1") for speed in dict.fromkeys((speeds[0], speeds[-1])))
    return (
        f"Training speed: {span} images/s. Networks are trained one after another, so these speeds do not compare "
        "modules; to compare them, measure latency in training mode."
    )
