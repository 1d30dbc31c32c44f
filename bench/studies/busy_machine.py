"""Timing beside a competitor: does the interval still contain the ratio that a quiet machine shows?

``python -m bench.studies.busy_machine reports/busy_machine --trials 20`` measures the trials that are not in the folder
yet, and writes ``report.md`` from all of them. Run it on a machine that is otherwise idle.

A trial times a group of ``suites/busy_machine.yaml`` for 60 measured seconds while another process uses one core in
random bursts, half of the time. Two other tools time the same networks one after the other beside the same competitor.
"""

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from math import log
from pathlib import Path
from statistics import median
from time import monotonic, sleep
from typing import Any

from rich.console import Console
from tabulate import tabulate

from bench.report.numbers import change, percent
from bench.results.estimates import Comparison, estimate
from bench.results.statistics import Estimate
from bench.store.files import write_whole
from bench.store.stored_run import StoredRun
from bench.studies.cases import yes_or_no
from bench.suite.plan import Plan

GROUPS = {"resnet18": "ResNet-18, inference", "cifar_resnet20": "ResNet-20, training"}
"""Backbone of a group → its title."""
QUIET_RUNS = 2
BURST_SECONDS = 1.0
"""Mean duration of a burst and of the pause after it; both are exponentially distributed."""
TOOL_SECONDS = 5.0
"""Measured seconds of another tool for each network."""
TARGET_COVERAGE, MAX_WIDENING = 0.90, 2.5
"""Targets: share of the trials whose interval contains the quiet ratio, and median width over the quiet width."""
COMMAND = "python -m bench.studies.busy_machine reports/busy_machine"

Tools = dict[str, float]
"""Name of a tool → ratio of its medians."""


def use_a_core(seed: int) -> None:
    """Use one core in random bursts until the process is killed."""
    draws = random.Random(seed)
    while True:
        end = monotonic() + draws.expovariate(1 / BURST_SECONDS)
        while monotonic() < end:
            pass
        sleep(draws.expovariate(1 / BURST_SECONDS))


@contextmanager
def competitor(seed: int) -> Iterator[None]:
    """Run :func:`use_a_core` in another process."""
    code = f"from bench.studies.busy_machine import use_a_core; use_a_core({seed})"
    process = subprocess.Popen([sys.executable, "-c", code])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def measure_trials(folder: Path, trials: int, console: Console) -> None:
    """Measure the quiet runs and the trials that a folder does not have yet."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(QUIET_RUNS):
        for backbone in GROUPS:
            _measure_once(folder / f"quiet-{number + 1:02d}-{backbone}", backbone, console)
    for number in range(trials):
        for backbone in GROUPS:
            path = folder / f"busy-{number + 1:02d}-{backbone}"
            if not (path / "tools.json").exists():
                with competitor(number):
                    _measure_once(path, backbone, console)
                    tools = time_with_tools(backbone)
                (path / "tools.json").write_text(json.dumps(tools) + "\n", encoding="utf-8")


def _measure_once(path: Path, backbone: str, console: Console) -> None:
    from bench.run.session import begin

    if not path.exists():
        half = path.with_name(f".{path.name}.half")
        shutil.rmtree(half, ignore_errors=True)
        begin(load_group(backbone), half, "cpu", console)
        half.rename(path)


def time_with_tools(backbone: str) -> Tools:
    """Time both networks with other tools, one after the other. Returns the ratio of the medians by tool."""
    names = {"torch.utils.benchmark": torch_median, "pytest-benchmark": pytest_benchmark_median}
    ratios = {}
    for tool, time in names.items():
        plain, simam = (time(backbone, attention) for attention in ("none", "simam"))
        ratios[tool] = simam / plain
    return ratios


def load_group(backbone: str) -> Plan:
    """The plan of one group of the suite."""
    from bench.suite.load import find_suite, load_suite
    from bench.suite.plan import expand

    return expand(load_suite(find_suite(Path("busy_machine")), (), (f"backbone={backbone}",)))


def workload_call(backbone: str, attention: str) -> Any:
    """One call of a network of the suite, as the suite times it."""
    from bench.run.workload import build_workload

    [group] = load_group(backbone).groups
    cells = {cell.attention.name: cell for cell in (group.baseline, *group.variants) if cell.attention}
    return build_workload(cells[attention], 0, "cpu").call


def torch_median(backbone: str, attention: str) -> float:
    """Median seconds of a call by ``torch.utils.benchmark``."""
    from torch.utils.benchmark import Timer

    timer = Timer("call()", globals={"call": workload_call(backbone, attention)}, num_threads=2)
    return float(timer.blocked_autorange(min_run_time=TOOL_SECONDS).median)


def pytest_benchmark_median(backbone: str, attention: str) -> float:
    """Median seconds of a call by pytest-benchmark, in a process of its own."""
    source = f"""
from bench.studies.busy_machine import workload_call

def test_call(benchmark):
    benchmark(workload_call({backbone!r}, {attention!r}))
"""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "test_call.py").write_text(source, encoding="utf-8")
        options = ["--benchmark-json=out.json", f"--benchmark-max-time={TOOL_SECONDS}", "--benchmark-warmup=on"]
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, "test_call.py"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        results = json.loads((Path(folder) / "out.json").read_text(encoding="utf-8"))
    return float(results["benchmarks"][0]["stats"]["median"])


@dataclass(frozen=True)
class Trial:
    """One trial beside the competitor.

    Args:
        simam: SimAM's comparison.
        tools: the ratios of other tools.
    """

    simam: Comparison
    tools: Tools

    @property
    def interval(self) -> tuple[float, float]:
        ratio = self.simam.ratio
        assert ratio is not None and ratio.low is not None and ratio.high is not None
        return ratio.low, ratio.high


def read_trials(folder: Path, backbone: str) -> list[Trial]:
    """The trials of a group, in the order measured."""
    return [
        Trial(simam_of([path]), json.loads((path / "tools.json").read_text(encoding="utf-8")))
        for path in sorted(folder.glob(f"busy-*-{backbone}"))
        if (path / "tools.json").exists()
    ]


def simam_of(paths: Sequence[Path]) -> Comparison:
    """SimAM's comparison over the processes of several runs of one group."""
    import pandas as pd

    frames = [StoredRun.load(path).frame for path in paths]
    renumbered = [frame.assign(run="all", repeat=frame["repeat"] + 1000 * n) for n, frame in enumerate(frames)]
    comparisons = estimate(pd.concat(renumbered, ignore_index=True))
    return next(member for member in comparisons if member.role == "variant" and member.value == "latency")


@dataclass(frozen=True)
class GroupResult:
    """The quiet runs and the trials of a group.

    Args:
        title: name of the group.
        quiet: SimAM's ratio over the processes of all quiet runs.
        quiet_width: median width of the interval of a quiet run, as a log ratio.
        trials: the trials.
    """

    title: str
    quiet: Estimate
    quiet_width: float
    trials: Sequence[Trial]

    @property
    def covering(self) -> int:
        """Number of trials whose interval contains the quiet ratio."""
        return sum(low <= self.quiet.point <= high for low, high in (trial.interval for trial in self.trials))

    @property
    def widening(self) -> float:
        """Median width of the trials' intervals over the quiet width."""
        return median(_width(trial.interval) for trial in self.trials) / self.quiet_width

    @property
    def shares(self) -> list[float]:
        """Share of disturbed rounds in each trial."""
        return [trial.simam.disturbance.share for trial in self.trials if trial.simam.disturbance]


def read_group(folder: Path, backbone: str) -> GroupResult:
    """The result of a group, from the folder of all trials."""
    quiet_runs = sorted(folder.glob(f"quiet-*-{backbone}"))
    quiet = simam_of(quiet_runs).ratio
    assert quiet is not None
    widths = [_width(Trial(simam_of([run]), {}).interval) for run in quiet_runs]
    return GroupResult(GROUPS[backbone], quiet, median(widths), read_trials(folder, backbone))


def render_busy_report(folder: Path) -> str:
    """The report of a folder of trials, as Markdown."""
    groups = [read_group(folder, backbone) for backbone in GROUPS]
    table = partial(tabulate, tablefmt="github", disable_numparse=True)
    return TEMPLATE.format(
        targets=table([row for group in groups for row in _targets(group)], headers=("target", "measured", "met")),
        trials=table(map(_trial_row, groups), headers=TRIAL_HEADINGS),
        tools=table(
            [row for group in groups for row in _tool_rows(group)], headers=("group", "tool", "Δ % of the trials")
        ),
        command=COMMAND,
    )


def _targets(group: GroupResult) -> Iterator[list[str]]:
    count = len(group.trials)
    yield [
        f"{group.title}: {100 * TARGET_COVERAGE:g} % of the intervals contain the quiet ratio",
        f"{group.covering} of {count}",
        yes_or_no(group.covering >= TARGET_COVERAGE * count),
    ]
    yield [
        f"{group.title}: intervals are at most {MAX_WIDENING:g} times as wide as quiet ones",
        f"{group.widening:.2f} times",
        yes_or_no(group.widening <= MAX_WIDENING),
    ]
    stated = sum(share > 0 for share in group.shares)
    yield [f"{group.title}: every report states the disturbance", f"{stated} of {count}", yes_or_no(stated == count)]


TRIAL_HEADINGS = ("group", "quiet Δ % [95 % CI]", "Δ % of the trials", "half-width of the trials", "disturbed rounds")


def _trial_row(group: GroupResult) -> list[str]:
    ratios = [trial.simam.ratio.point for trial in group.trials if trial.simam.ratio]
    halves = [100 * _width(trial.interval) / 2 for trial in group.trials]
    return [
        group.title,
        percent(group.quiet),
        _range(ratios),
        f"{min(halves):.1f} to {max(halves):.1f} %",
        f"{100 * min(group.shares):.0f} to {100 * max(group.shares):.0f} %",
    ]


def _tool_rows(group: GroupResult) -> Iterator[list[str]]:
    for tool in group.trials[0].tools:
        yield [group.title, tool, _range([trial.tools[tool] for trial in group.trials])]


def _range(ratios: Sequence[float]) -> str:
    """The least and the largest change, "+1.0 % to +5.2 %"."""
    return " to ".join(f"{change(ratio):+.1f} %".replace("-", "−") for ratio in (min(ratios), max(ratios)))


TEMPLATE = """# Timing beside a competitor

{targets}

A competitor uses one of two cores in random bursts, half of the time, while SimAM is timed against the plain network
for 60 measured seconds in six processes. Δ % is the latency that SimAM adds.

{trials}

*Quiet*: two runs without the competitor, joined. *Disturbed rounds* are recorded, left out of the estimate and measured
again. Ranges are over all trials.

## Other tools

{tools}

Medians of the same networks beside the same competitor, one network after the other, with 5 s for each.

This command makes the report from the records; `--trials N` adds trials:

```sh
{command}
```
"""


def _width(interval: tuple[float, float]) -> float:
    """Width of the interval of a ratio, as a log ratio."""
    low, high = interval
    return log(high / low)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of the trials; created if needed")
    parser.add_argument("--trials", type=int, default=0, help="total number of trials of each group (default 0)")
    arguments = parser.parse_args()
    measure_trials(arguments.folder, arguments.trials, Console(stderr=True))
    if all(read_trials(arguments.folder, backbone) for backbone in GROUPS):
        write_whole(arguments.folder / "report.md", render_busy_report(arguments.folder))
    else:
        print(f"{arguments.folder} has no trial of each group yet; --trials N measures N of each")


if __name__ == "__main__":
    main()
