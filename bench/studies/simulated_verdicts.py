"""Simulated error rates of intervals and verdicts, for processes that are drawn from known distributions.

``python -m bench.studies.simulated_verdicts reports/simulated_verdicts`` simulates everything in some minutes, and
writes ``results.json`` and ``report.md``. Nothing is timed, so the results are the same on every machine.
"""

import argparse
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import log1p, sqrt
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter
from tabulate import tabulate

from bench.results.controls import is_biased, resolution
from bench.results.shifts import Shift, Side, decide
from bench.results.statistics import ProcessEstimate, processes_disagree, ratio_of
from bench.results.time_verdicts import verdict_on_ratio
from bench.store.files import make_folder, write_whole

RUNS = 2000
THRESHOLD = 0.01
VARIANTS, PROCESSES = 4, 6
WITHIN = 0.003
"""Standard error of the median of each process, as a log ratio."""
COMPARED_SPREAD = 0.007
"""Standard deviation of a ratio over the processes of the earlier of two runs."""
COMMAND = "python -m bench.studies.simulated_verdicts reports/simulated_verdicts"

Draw: TypeAlias = np.random.Generator
Logs: TypeAlias = NDArray[np.float64]
Rates: TypeAlias = dict[str, float]


@dataclass(frozen=True)
class GroupCase:
    """A run of one group: variants that share a baseline and an A/A control.

    Args:
        spread: standard deviation of a ratio over processes.
        bias: standard deviation of a difference between identical builds that all processes share.
        slowdown: true change of every variant, as a fraction.
    """

    spread: float
    bias: float
    slowdown: float


GROUP_CASES = (
    GroupCase(0.01, 0.0, 0.0),
    GroupCase(0.005, 0.0, 0.0),
    GroupCase(0.01, 0.004, 0.0),
    GroupCase(0.005, 0.004, 0.0),
    GroupCase(0.01, 0.0, 0.03),
    GroupCase(0.01, 0.004, 0.03),
)
COMPARED_PROCESSES, SPREAD_RATIOS = (6, 12, 24, 40), (1.0, 2.0, 3.0)


def group_rates(case: GroupCase, runs: int = RUNS) -> Rates:
    """The share of each verdict, and of "biased machine", over the variants of simulated runs."""
    draw = np.random.default_rng(0)
    counts = Counter(verdict for _ in range(runs) for verdict in _group_verdicts(draw, case))
    return {verdict: count / counts.total() for verdict, count in sorted(counts.items())}


def _group_verdicts(draw: Draw, case: GroupCase) -> list[str]:
    control, *variants = _group_logs(draw, case.spread, PROCESSES, case.bias)
    reference = ratio_of(_processes(control))
    if is_biased(reference, THRESHOLD):
        return ["biased machine"] * VARIANTS
    limit = resolution(reference, THRESHOLD)
    assert limit is not None
    return [_verdict(logs + log1p(case.slowdown), limit) for logs in variants]


def _verdict(logs: Logs, limit: float) -> str:
    processes = _processes(logs)
    errors = [process.error for process in processes]
    return verdict_on_ratio(ratio_of(processes), logs.tolist(), errors, limit)[0]


def _group_logs(draw: Draw, spread: float, processes: int, bias: float = 0.0) -> Logs:
    """Log ratios of identical builds to one baseline, shape (1 + VARIANTS, processes)."""
    shape = (VARIANTS + 2, processes)
    builds = draw.normal(0, bias, (shape[0], 1)) + draw.normal(0, spread / sqrt(2), shape)
    logs: Logs = builds[1:] - builds[0]
    return logs


def _processes(logs: Logs) -> list[ProcessEstimate]:
    return [ProcessEstimate(float(log_ratio), WITHIN) for log_ratio in logs]


def compare_rates(processes: int, spread_ratio: float, runs: int = RUNS) -> Rates:
    """Two simulated runs whose true change is exactly the threshold.

    Args:
        processes: number of processes of the later run; the earlier one has six.
        spread_ratio: standard deviation over the later run's processes relative to the earlier one's.
        runs: number of comparisons.

    Returns:
        Coverage of the intervals, and share of the comparisons with a false "regressed".
    """
    draw, limit = np.random.default_rng(0), log1p(THRESHOLD)
    covered = alarms = 0
    for _ in range(runs):
        base = _group_logs(draw, COMPARED_SPREAD, PROCESSES)[1:]
        new = _group_logs(draw, COMPARED_SPREAD * spread_ratio, processes)[1:] + limit
        pairs = zip(base, new, strict=True)
        shifts = [Shift((Side(_processes(one)), Side(_processes(other))), THRESHOLD, "group") for one, other in pairs]
        decisions = decide(shifts)
        covered += sum(decision.low <= limit <= decision.high for decision in decisions)
        alarms += any(decision.kind == "regressed" for decision in decisions)
    return {"coverage": covered / (runs * VARIANTS), "false regressed": alarms / runs}


def _normal(draw: Draw) -> Logs:
    logs: Logs = draw.normal(0, 0.01, PROCESSES)
    return logs


def _two_regimes(share: float, draw: Draw) -> Logs:
    """Log ratios of processes in two regimes; a share of the processes is 5 % slower, and the mean is 0."""
    logs: Logs = draw.normal(0, 0.003, PROCESSES) + 0.05 * ((draw.random(PROCESSES) < share) - share)
    return logs


def _contaminated(draw: Draw) -> Logs:
    """Log ratios of processes, one in five of which is delayed (exponential, 2 % on average); the mean is 0."""
    delays = draw.exponential(0.02, PROCESSES) * (draw.random(PROCESSES) < 0.2)
    logs: Logs = draw.normal(0, 0.003, PROCESSES) + delays - 0.004
    return logs


def _serially_correlated(draw: Draw) -> Logs:
    """Successive processes with a correlation of 0.5."""
    steps = draw.normal(0, 0.01 * sqrt(1 - 0.5**2), PROCESSES)
    steps[0] /= sqrt(1 - 0.5**2)
    logs: Logs = lfilter([1], [1, -0.5], steps)
    return logs


DISTRIBUTIONS: Mapping[str, Callable[[Draw], Logs]] = {
    "normal": _normal,
    "two regimes, 80/20": lambda draw: _two_regimes(0.2, draw),
    "two regimes, 90/10": lambda draw: _two_regimes(0.1, draw),
    "one in five delayed": _contaminated,
    "serially correlated": _serially_correlated,
}
"""Name → log ratios of one run with mean 0."""


def coverage_rates(logs_of: Callable[[Draw], Logs], runs: int = RUNS) -> Rates:
    """Coverage of the 95 % interval of a ratio, and share of the runs whose processes disagree."""
    draw = np.random.default_rng(0)
    covered = disagreeing = covered_agreeing = 0
    for _ in range(runs):
        processes = _processes(logs_of(draw))
        ratio = ratio_of(processes)
        covers = (ratio.low or 0) <= 1 <= (ratio.high or 0)
        disagree = processes_disagree([p.point for p in processes], [p.error for p in processes])
        covered += covers
        disagreeing += disagree
        covered_agreeing += covers and not disagree
    agreeing = runs - disagreeing
    return {
        "coverage": covered / runs,
        "disagreeing": disagreeing / runs,
        "coverage of the others": covered_agreeing / agreeing if agreeing else 1.0,
    }


def simulate() -> dict[str, Any]:
    """All results, as they are stored."""
    return {
        "coverage": [{"distribution": name, **coverage_rates(draw)} for name, draw in DISTRIBUTIONS.items()],
        "group": [
            {"spread": case.spread, "bias": case.bias, "slowdown": case.slowdown, "verdicts": group_rates(case)}
            for case in GROUP_CASES
        ],
        "compare": [
            {"processes": count, "spread ratio": ratio, **compare_rates(count, ratio)}
            for count in COMPARED_PROCESSES
            for ratio in SPREAD_RATIOS
        ],
    }


def render_simulation(results: Mapping[str, Any]) -> str:
    """The report, as Markdown."""
    return TEMPLATE.format(
        coverage=_table(
            ("processes", "coverage", "processes disagree", "coverage of the others"),
            [[row["distribution"], *(_percent(row[rate]) for rate in COVERAGE_RATES)] for row in results["coverage"]],
        ),
        group=_table(
            ("true change", "spread", "build bias", *VERDICTS),
            [
                [
                    f"{100 * row['slowdown']:+g} %",
                    f"{100 * row['spread']:g} %",
                    f"{100 * row['bias']:g} %",
                    *(_percent(row["verdicts"].get(verdict, 0.0)) for verdict in VERDICTS),
                ]
                for row in results["group"]
            ],
        ),
        compare=_table(
            ("processes", "spread ratio", "coverage", "false “regressed”"),
            [
                [
                    f"6 and {row['processes']}",
                    f"{row['spread ratio']:g}",
                    *(_percent(row[rate]) for rate in COMPARE_RATES),
                ]
                for row in results["compare"]
            ],
        ),
        runs=RUNS,
        command=COMMAND,
    )


COVERAGE_RATES = ("coverage", "disagreeing", "coverage of the others")
COMPARE_RATES = ("coverage", "false regressed")
VERDICTS = ("slower", "faster", "no difference", "inconclusive", "biased machine")


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return tabulate(rows, headers=headings, tablefmt="github", disable_numparse=True)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


TEMPLATE = """# Simulated verdicts

How often intervals and verdicts are wrong, for {runs} simulated runs a row. A run has six processes, unless stated
otherwise, and four variants that share a baseline; the threshold is 1 %. The standard error of each process is 0.3 %.

## Coverage of the 95 % interval of a ratio

{coverage}

*Processes disagree*: the share of the runs whose report prints the range over processes and calls nothing unchanged.
Delays and regimes are defined around their mean. Serial correlation is 0.5 from one process to the next.

## Verdicts in a report

{group}

*Spread* is the standard deviation of a ratio over processes. A *build bias* is shared by all processes and cannot be
averaged out. Without a true change, “slower” and “faster” are false claims.

## Comparison of two runs

{compare}

The true change of every variant is exactly the threshold, so each “regressed” is false; the share is that of
comparisons with at least one. *Spread ratio*: standard deviation over the processes of the later run relative to the
earlier one.

This command simulates everything again:

```sh
{command}
```
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of the results; created if needed")
    folder = make_folder(parser.parse_args().folder)
    results = simulate()
    write_whole(folder / "results.json", json.dumps(results, indent=1) + "\n")
    write_whole(folder / "report.md", render_simulation(results))


if __name__ == "__main__":
    main()
