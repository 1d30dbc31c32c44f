"""How many calls a sample should have: error of a process, and influence of the call before a sample.

``python -m bench.studies.sample_length reports/sample_length --seconds 120`` times those groups of
``suites/latency.yaml`` that are not in the folder yet for 120 seconds each, and writes ``report.md``. Run it on a
machine that is otherwise idle.

Every member of a group is called twice in each round, in random order, and each call is timed by itself. The first call
follows a call of another network, and the second one a call of the same network. After the median of each member is
subtracted, the calls are a series of the machine's noise, in which any schedule of samples can be simulated.
"""

import argparse
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import log, sqrt
from pathlib import Path
from statistics import fmean, median
from time import monotonic
from typing import Any

from tabulate import tabulate

from bench.report.names import network_name
from bench.report.numbers import format_quantity, interval
from bench.results.statistics import median_interval
from bench.store.files import make_folder, write_whole
from bench.studies.cases import measure_missing, read_cases

WARMUP_CALLS = 5
PROCESS_SECONDS = 10.0
"""Wall time of one simulated process."""
SHUFFLES = 20
"""Simulated processes for each stretch of the series."""
SCHEDULES = {
    "3 calls after an untimed one": (3, 1),
    "1 call after an untimed one": (1, 1),
    "1 call": (1, 0),
}
"""Name of a schedule → timed calls of a sample, and untimed calls before it."""
COMMAND = "python -m bench.studies.sample_length reports/sample_length"


def measure_groups(folder: Path, seconds: float) -> None:
    """Time the groups that a folder does not have yet."""
    from bench.suite.load import find_suite, load_suite
    from bench.suite.plan import expand

    plan = expand(load_suite(find_suite(Path("latency")), (), ("measure=latency",)))
    cases = [
        (group.id, partial(time_group, [member.cell for member in group.members], seconds)) for group in plan.groups
    ]
    measure_missing(make_folder(folder), "calls", cases)


def time_group(cells: Sequence[Any], seconds: float) -> Mapping[str, Any]:
    """Time single calls of networks, twice in each round, for some seconds."""
    from bench.run.workload import build_workload

    calls = [build_workload(cell, 0, "cpu").call for cell in cells]
    for call in calls:
        for _ in range(WARMUP_CALLS):
            call()
    rounds = list(time_rounds(calls, random.Random(0), seconds))
    return {
        "backbone": str(cells[0].backbone),
        "members": [str(cell.attention) for cell in cells[:-1]] + ["A/A control"],
        "orders": [order for order, _ in rounds],
        "seconds": [seconds_of_round for _, seconds_of_round in rounds],
    }


def time_rounds(
    calls: Sequence[Callable[[], object]],
    draws: random.Random,
    seconds: float,
    clock: Callable[[], float] = monotonic,
) -> Iterator[tuple[list[int], list[list[float]]]]:
    """Yield the order of each round, and for each of its places the seconds of the first and the second call."""
    end = clock() + seconds
    while clock() < end:
        order = draws.sample(range(len(calls)), len(calls))
        durations = []
        for index in order:
            start = clock()
            calls[index]()
            middle = clock()
            calls[index]()
            durations.append([round(middle - start, 6), round(clock() - middle, 6)])
        yield order, durations


@dataclass(frozen=True)
class CallSeries:
    """The timed calls of one group.

    Args:
        network: name of the network.
        members: names of the members, the baseline first.
        first, second: log seconds of each member in each round, as the first and as the second call.
        noise: log seconds of all calls in the order of time, less the median of the member.
        call: median seconds of a call.
    """

    network: str
    members: Sequence[str]
    first: Sequence[Sequence[float]]
    second: Sequence[Sequence[float]]
    noise: Sequence[float]
    call: float


def read_series(case: Mapping[str, Any]) -> CallSeries:
    """The series of a stored group."""
    count = len(case["members"])
    first: list[list[float]] = [[] for _ in range(count)]
    second: list[list[float]] = [[] for _ in range(count)]
    for order, durations in zip(case["orders"], case["seconds"], strict=True):
        for index, (one, other) in zip(order, durations, strict=True):
            first[index].append(log(one))
            second[index].append(log(other))
    centres = [median([*first[index], *second[index]]) for index in range(count)]
    noise = [
        log(duration) - centres[index]
        for order, durations in zip(case["orders"], case["seconds"], strict=True)
        for index, pair in zip(order, durations, strict=True)
        for duration in pair
    ]
    call = median(duration for durations in case["seconds"] for pair in durations for duration in pair)
    return CallSeries(network_name(case["backbone"]), case["members"], first, second, noise, call)


def carry_over(series: CallSeries, index: int) -> tuple[float, float, float]:
    """Difference of a member's log ratio to the baseline between first and second calls, in percent.

    Returns:
        Median over rounds with its 95 % interval.
    """
    members = zip(series.first[index], series.second[index], series.first[0], series.second[0], strict=True)
    excess = [100 * ((one - other) - (base_one - base_other)) for one, other, base_one, base_other in members]
    return median(excess), *median_interval(excess)


def process_error(series: CallSeries, timed: int, untimed: int) -> float:
    """Error of the median log ratio of two identical builds in a process, in percent: root mean square over stretches.

    Args:
        series: the calls of a group.
        timed: timed calls of a sample.
        untimed: calls before them.
    """
    count, length = len(series.members), round(PROCESS_SECONDS / series.call)
    draws, squares = random.Random(0), []
    for start in range(0, len(series.noise) - length + 1, length):
        stretch = series.noise[start : start + length]
        for _ in range(SHUFFLES):
            ratios = list(_simulated_ratios(stretch, count, timed, untimed, draws))
            if ratios:
                squares += [median(column) ** 2 for column in zip(*ratios, strict=True)]
    return 100 * sqrt(fmean(squares))


def _simulated_ratios(
    noise: Sequence[float], count: int, timed: int, untimed: int, draws: random.Random
) -> Iterator[list[float]]:
    """The log ratios of each round of a schedule that runs through a series of noise."""
    block = timed + untimed
    for start in range(0, len(noise) - count * block + 1, count * block):
        samples = [0.0] * count
        for place, index in enumerate(draws.sample(range(count), count)):
            begin = start + place * block + untimed
            samples[index] = fmean(noise[begin : begin + timed])
        yield [sample - samples[0] for sample in samples[1:]]


def correlation(noise: Sequence[float], lag: int) -> float:
    """Correlation of calls that are some calls apart."""
    import numpy as np

    return float(np.corrcoef(noise[:-lag], noise[lag:])[0, 1])


def render_sample_report(folder: Path) -> str:
    """The report of a folder of timed calls, as Markdown."""
    groups = [read_series(case) for case in read_cases(folder / "calls.jsonl").values()]
    table = partial(tabulate, tablefmt="github", disable_numparse=True)
    return TEMPLATE.format(
        errors=table(map(_error_row, groups), headers=("network", "call", *SCHEDULES)),
        correlations=table(map(_correlation_row, groups), headers=("network", *(f"{lag} apart" for lag in LAGS))),
        carry=table([row for group in groups for row in _carry_rows(group)], headers=CARRY_HEADINGS),
        command=COMMAND,
    )


LAGS = (1, 2, 4, 8, 16, 32)
CARRY_HEADINGS = ("network", "module", "Δ % in first calls", "Δ % in second calls", "difference [95 % CI]")


def _error_row(series: CallSeries) -> list[str]:
    errors = (process_error(series, timed, untimed) for timed, untimed in SCHEDULES.values())
    return [series.network, format_quantity(series.call, "s"), *(f"{error:.2f} %" for error in errors)]


def _correlation_row(series: CallSeries) -> list[str]:
    return [series.network, *(f"{correlation(series.noise, lag):.2f}".replace("-", "−") for lag in LAGS)]


def _carry_rows(series: CallSeries) -> Iterator[list[str]]:
    for index, name in enumerate(series.members[1:], start=1):
        point, low, high = carry_over(series, index)
        ratios = [
            100 * median(one - base for one, base in zip(calls[index], calls[0], strict=True))
            for calls in (series.first, series.second)
        ]
        row = [f"{ratio:+.1f}".replace("-", "−") for ratio in ratios]
        yield [series.network, name, *row, f"{point:+.2f} {interval(low, high, 2)}".replace("-", "−")]


TEMPLATE = """# Calls of a sample

Error of the ratio of two identical builds from one process of 10 s, for three schedules of the same calls:

{errors}

A network that was recorded twice has two rows. The error is the root mean square over simulated processes that run
through the recorded series of calls, with the members of `suites/latency.yaml` in random order. It depends on how
similar the noise of neighbouring calls is (correlation of calls that are 1 to 32 calls apart):

{correlations}

## Influence of the call before a sample

First calls follow a call of another network, and second calls follow a call of the same network. The difference is zero
if the call before a sample has no influence, or the same influence on the plain network and on the module.

{carry}

This command makes the report from the records; `--seconds` times the groups that are missing:

```sh
{command}
```
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of the records; created if needed")
    parser.add_argument("--seconds", type=float, default=0.0, help="seconds for each group that is missing (default 0)")
    arguments = parser.parse_args()
    if arguments.seconds > 0:
        measure_groups(arguments.folder, arguments.seconds)
    if not read_cases(arguments.folder / "calls.jsonl"):
        parser.error(f"{arguments.folder} has no timed calls; --seconds 120 times them")
    write_whole(arguments.folder / "report.md", render_sample_report(arguments.folder))


if __name__ == "__main__":
    main()
