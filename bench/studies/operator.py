"""The fused operator compared with the formula, with torch.compile's code, and with a copy; its cost in networks.

``python -m bench.studies.operator reports/fused`` measures the cases that are not in ``operator.jsonl`` and
``profile.jsonl``. It writes ``report.md`` from all cases, and from the run of ``suites/fused.yaml`` in ``networks`` if
there is one. ``bench.paired`` times each case: in fresh processes, or in this process with ``--processes 1``. On a GPU
only the operator is measured; ``suites/latency_gpu.yaml`` measures networks there.
"""

import argparse
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from math import expm1, log1p, prod
from pathlib import Path
from typing import Any

import numpy as np

from bench.report.numbers import format_quantity, interval, percent
from bench.results.controls import resolution
from bench.results.statistics import Estimate
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

SHAPES = {
    "cpu": [(1, 64, 56, 56), (32, 64, 56, 56), (32, 256, 14, 14), (32, 512, 7, 7), (128, 16, 32, 32)],
    "cuda": [(256, 64, 56, 56), (256, 256, 14, 14), (256, 512, 7, 7), (2048, 16, 32, 32)],
}
LAYOUTS = ("contiguous", "channels_last")
TARGET_SPEEDUPS = {"forward": 6, "forward and backward": 5}
"""Pass → target speedup over the formula."""
TARGET_COPY_RATIO = 1.6
"""Target upper bound for the forward time of large tensors, relative to a copy."""
LARGE_TENSOR = {"cpu": 16 * 2**20, "cuda": 64 * 2**20}
"""Smallest size in bytes at which a tensor and its copy exceed the cache."""
TARGET_RESOLUTION = 0.01
BASELINE = "fused"
PROFILED_CALLS = 20
OVERHEAD_NOTES = {
    "cpu": "The time of a call includes the allocation of its result, which dominates from some megabytes on.",
    "cuda": "Python launches every call: where the GPU finishes sooner, the launches determine the time.",
}
"""What a time includes in addition to the computation."""
ONE_PROCESS_NOTE = "all rounds are from one process, so intervals leave out differences between processes"
COMMANDS = {
    "cpu": "python -m bench.studies.operator reports/fused",
    "cuda": "python -m bench.studies.operator reports/fused_gpu --device cuda --processes 1 --budget 1",
}


@dataclass(frozen=True)
class Case:
    """One timed case, in float32.

    Args:
        shape: N, C, H, W.
        layout: memory format.
        what: the pass.
        device: "cpu" or "cuda".
    """

    shape: tuple[int, ...]
    layout: str
    what: str
    device: str = "cpu"

    def __str__(self) -> str:
        return f"{self.what}, {self.layout}, {'×'.join(map(str, self.shape))}"


def operator_cases(device: str) -> list[Case]:
    return [
        Case(shape, layout, what, device) for what in TARGET_SPEEDUPS for layout in LAYOUTS for shape in SHAPES[device]
    ]


@dataclass(frozen=True)
class Network:
    """A network with SimAM, run as in ``suites/fused.yaml``.

    Args:
        backbone, mode, batch, resolution: as in a suite.
        layout: memory format.
        speed: target speed as a fraction of the plain network's.
    """

    backbone: str
    mode: str
    batch: int
    resolution: int
    layout: str
    speed: float

    def __str__(self) -> str:
        return f"{self.backbone}, {self.mode}, batch {self.batch}, {self.layout}"


NETWORKS = [
    Network(backbone, mode, batch, resolution, layout, speed)
    for backbone, mode, batch, resolution, speed in (
        ("cifar_resnet20", "training", 128, 32, 0.94),
        ("resnet50", "inference", 1, 224, 0.97),
    )
    for layout in LAYOUTS
]


def operator_calls(case: Case) -> dict[str, Callable[[], object]]:
    """The timed callables. The operator is first, so ratios are times relative to the operator's."""
    import torch

    from simam.formula import formula
    from simam.kernels import fused

    torch.manual_seed(0)
    layout = torch.channels_last if case.layout == "channels_last" else torch.contiguous_format
    x = torch.randn(case.shape, device=case.device).contiguous(memory_format=layout)
    gradient = torch.randn_like(x)

    def forward(function: Callable[..., Any]) -> object:
        with torch.inference_mode():
            return function(x, 1e-4)

    def forward_and_backward(function: Callable[..., Any]) -> object:
        leaf = x.detach().requires_grad_()
        return torch.autograd.grad(function(leaf, 1e-4), leaf, gradient)

    timed = forward if case.what == "forward" else forward_and_backward
    torch._dynamo.reset()  # every case compiles anew, and torch limits the number of recompilations
    compiled = torch.compile(formula, fullgraph=True, dynamic=False)
    functions: dict[str, Callable[[], object]] = {
        BASELINE: partial(timed, fused),
        "formula": partial(timed, formula),
        "torch.compile": partial(timed, compiled),
    }
    if case.what == "forward":
        functions["clone"] = partial(torch.clone, x)
    return functions


def measure_operator(case: Case, budget: float, processes: int) -> dict[str, Any]:
    import bench

    timed = operator_calls(case) if processes == 1 else partial(operator_calls, case)
    result = bench.paired(timed, budget=budget, target="1%", processes=processes, device=case.device)
    return {**asdict(case), **paired_fields(result)}


def profile_network(network: Network) -> dict[str, Any]:
    """Measure the operator's share of a call's time, forward and backward, with torch's profiler."""
    from torch.profiler import ProfilerActivity, profile

    from bench.run.workload import build_workload
    from bench.suite.axes import Cell, Choice

    cell = Cell(
        Choice(network.backbone),
        Choice("simam"),
        Choice("spatial"),
        network.mode,
        "eager",
        network.batch,
        network.resolution,
        memory_format=network.layout,
    )
    call = build_workload(cell, 0, "cpu").call
    for _ in range(3):
        call()
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        for _ in range(PROFILED_CALLS):
            call()
    times = {event.key: event.self_cpu_time_total for event in profiler.key_averages()}
    in_operator = sum(time for name, time in times.items() if name.startswith("simam::"))
    return {**asdict(network), "share": in_operator / sum(times.values())}


def render_operator_report(folder: Path) -> str:
    """The report of a folder of records, as Markdown."""
    from tabulate import tabulate

    facts = read_study_facts(folder)
    device = facts["device"]
    recorded = read_cases(folder / "operator.jsonl")
    measured = [recorded[str(case)] for case in operator_cases(device) if str(case) in recorded]
    has_networks = (folder / "networks").exists()
    table = partial(tabulate, tablefmt="github", disable_numparse=True)
    targets = [*_operator_targets(measured, device), *(_network_targets(folder) if has_networks else ())]
    headings = ("pass", "layout", "shape", "fused", "formula ×", "torch.compile ×", "clone ×", "A/A control ×")
    return "\n".join(
        [
            "# The fused operator compared with the formula",
            "",
            table(targets, headers=("target", "measured", "met")),
            "",
            "Times are of one call of SimAM alone, in float32. *×* is a time divided by the fused operator's, with its",
            "95 % confidence interval, from shuffled rounds. *A/A control* is a second build of the operator.",
            OVERHEAD_NOTES[device],
            "",
            *(f"Basis of the intervals: {note}.\n" for note in dict.fromkeys(map(_note, measured))),
            table([_case_row(case) for case in measured], headers=headings),
            "",
            *(_networks_section(folder) if has_networks else ()),
            *provenance(facts, COMMANDS[device]),
        ]
    )


def _note(case: Mapping[str, Any]) -> str:
    return case["note"] if case["control"] else ONE_PROCESS_NOTE


def _networks_section(folder: Path) -> list[str]:
    from tabulate import tabulate

    from bench.store.environment import read_environments

    headings = ("network", "speed relative to plain", "A/A control", "share of the operator")
    environments = read_environments(folder / "networks").values()
    revisions = ", ".join(dict.fromkeys(str(environment.facts["revision"]) for environment in environments))
    return [
        "## In networks",
        "",
        tabulate(list(_network_rows(folder)), headers=headings, tablefmt="github", disable_numparse=True),
        "",
        "Speeds are relative to the plain network, timed in the same rounds in fresh processes ([records](networks) of",
        f"revision {revisions}, measured by `python -m bench run fused --out reports/fused/networks`).",
        "The share of the operator is its share of a call's time in torch's profiler. The rest of a network's slowdown",
        "is spent outside the operator. Likely causes, which were not measured separately, are the additional tensor",
        "that each module allocates, and more cache misses in neighbouring layers.",
        "",
    ]


def _case_row(case: Mapping[str, Any]) -> list[str]:
    ratios = [ratio_text(case["ratios"].get(name)) for name in ("formula", "torch.compile", "clone")]
    time = format_quantity(case["seconds"][BASELINE]["point"], "s")
    shape = "×".join(map(str, case["shape"]))
    return [case["what"], case["layout"], shape, time, *ratios, ratio_text(case["control"])]


def _operator_targets(measured: Sequence[Mapping[str, Any]], device: str) -> Iterator[list[str]]:
    controls = [case["control"] for case in measured if case["control"]]
    # A case of one process has no control, and its interval is from many rounds instead of few processes.
    freedom = PROCESSES - 1 if controls else math.inf
    for what, target in TARGET_SPEEDUPS.items():
        speedups = [case["ratios"]["formula"] for case in measured if case["what"] == what]
        mean, points = geometric_mean(speedups, freedom), [speedup["point"] for speedup in speedups]
        yield [
            f"{what}: {target} times as fast as the formula (geometric mean)",
            f"{ratio_text(mean)} times; {min(points):.1f} to {max(points):.1f}",
            _ratio_meets(mean, target),
        ]
        yield [
            f"{what}: faster than the formula at every shape",
            f"at least {min(points):.2f} times as fast",
            _all_met(_ratio_meets(speedup, 1) for speedup in speedups),
        ]
    compiled = [case["ratios"]["torch.compile"] for case in measured]
    insignificant = sum(speedup["low"] <= 1 <= speedup["high"] for speedup in compiled)
    yield [
        "never slower than torch.compile's code",
        f"at least {min(speedup['point'] for speedup in compiled):.2f} times as fast; "
        f"no significant difference in {insignificant} of {len(compiled)}",
        _all_met(_ratio_meets(speedup, 1) for speedup in compiled),
    ]
    clones = [
        case["ratios"]["clone"]
        for case in measured
        if "clone" in case["ratios"] and 4 * prod(case["shape"]) >= LARGE_TENSOR[device]
    ]
    if clones:
        size = f"{LARGE_TENSOR[device] // 2**20} MiB"
        yield [
            f"at most {TARGET_COPY_RATIO} times a clone's time, tensors of {size} and more",
            f"at most {max(1 / ratio['point'] for ratio in clones):.2f} times",
            _all_met(_ratio_meets(ratio, 1 / TARGET_COPY_RATIO) for ratio in clones),
        ]
    if controls:
        resolved = sum(_resolves(Estimate(**control)) for control in controls)
        name = f"the A/A control gives a resolution of ±{100 * TARGET_RESOLUTION:g} %"
        yield [name, f"in {resolved} of {len(controls)}", yes_or_no(resolved == len(controls))]


def geometric_mean(ratios: Sequence[Mapping[str, Any]], freedom: float) -> dict[str, float]:
    """The geometric mean of independent ratios with its 95 % interval (Welch–Satterthwaite degrees of freedom).

    Args:
        ratios: ``point``, ``low`` and ``high`` of each ratio, with bounds from Student's t.
        freedom: degrees of freedom of the bounds; infinite for bounds from many rounds.
    """
    from scipy.stats import t

    half_widths = np.array([np.log(ratio["high"] / ratio["low"]) / 2 for ratio in ratios])
    variances = (half_widths / t.ppf(0.975, freedom) / len(ratios)) ** 2
    joint_freedom = freedom * variances.sum() ** 2 / (variances**2).sum()
    half_width = t.ppf(0.975, joint_freedom) * np.sqrt(variances.sum())
    mean = np.mean([np.log(ratio["point"]) for ratio in ratios])
    bounds = {"point": mean, "low": mean - half_width, "high": mean + half_width}
    return {name: float(np.exp(bound)) for name, bound in bounds.items()}


_ANSWERS = ("no", "no, not significantly", "yes, not significantly", "yes")
"""The answers to whether a target is met, the worst first."""


def _ratio_meets(ratio: Mapping[str, Any], target: float) -> str:
    """Whether a ratio reaches a target, and whether its interval excludes the target."""
    significant = not ratio["low"] <= target <= ratio["high"]
    return f"{yes_or_no(ratio['point'] >= target)}{'' if significant else ', not significantly'}"


def _all_met(answers: Iterable[str]) -> str:
    """The worst of several answers."""
    return min(answers, key=_ANSWERS.index)


def _network_ratios(folder: Path) -> dict[str, tuple[Estimate, Estimate | None]]:
    """For each network, the ratio of its time to the plain network's, and the ratio of the A/A control."""
    from bench.results.estimates import estimate
    from bench.store.stored_run import StoredRun

    ratios: dict[tuple[str, str], dict[str, Estimate]] = {}
    for member in estimate(StoredRun.load(folder / "networks").frame):
        is_shown = member.role == "control" or member.axes["attention"] == "simam"
        if member.value == "latency" and member.ratio and is_shown:
            ratios.setdefault((member.axes["backbone"], member.axes["memory_format"]), {})[member.role] = member.ratio
    return {
        str(network): (
            ratios[network.backbone, network.layout]["variant"],
            ratios[network.backbone, network.layout].get("control"),
        )
        for network in NETWORKS
    }


def _relative_speed(ratio: Estimate) -> str:
    """The relative speed, in percent, for a ratio of times."""
    low, high = (None if bound is None else 100 / bound for bound in (ratio.high, ratio.low))
    return f"{100 / ratio.point:.1f} % {interval(low, high, 1)}"


def _network_targets(folder: Path) -> Iterator[list[str]]:
    ratios = _network_ratios(folder)
    for network in NETWORKS:
        ratio, control = ratios[str(network)]
        target = f"{network}: {100 * network.speed:.0f} % of the plain network's speed"
        assert ratio.low is not None and ratio.high is not None
        speed = {"point": 1 / ratio.point, "low": 1 / ratio.high, "high": 1 / ratio.low}
        limit = resolution(control, TARGET_RESOLUTION)
        known = "no control" if limit is None else f"resolution ±{100 * expm1(limit):.2g} %"
        doubt = "" if _resolves(control) else f"; {known}"
        yield [target, _relative_speed(ratio), f"{_ratio_meets(speed, network.speed)}{doubt}"]


def _resolves(control: Estimate | None) -> bool:
    """Whether a control shows that differences beyond the target resolution are not noise."""
    return resolution(control, TARGET_RESOLUTION) == log1p(TARGET_RESOLUTION)


def _network_rows(folder: Path) -> Iterator[list[str]]:
    profiles = read_cases(folder / "profile.jsonl")
    for name, (ratio, control) in _network_ratios(folder).items():
        share = f"{100 * profiles[name]['share']:.1f} %" if name in profiles else "–"
        yield [name, _relative_speed(ratio), percent(control) if control else "–", share]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of the records; created if needed")
    parser.add_argument("--budget", type=float, default=12.0, help="measured seconds for each case (default 12)")
    parser.add_argument(
        "--processes",
        type=int,
        choices=(1, PROCESSES),
        default=PROCESSES,
        help="fresh processes for each case; 1 measures in this process",
    )
    parser.add_argument("--device", choices=SHAPES, default="cpu")
    arguments = parser.parse_args()
    folder, device = arguments.folder, arguments.device
    operator = [
        (str(case), partial(measure_operator, case, arguments.budget, arguments.processes))
        for case in operator_cases(device)
    ]
    measure_missing(folder, "operator", operator, device)
    if device == "cpu":
        measure_missing(folder, "profile", [(str(network), partial(profile_network, network)) for network in NETWORKS])
    write_whole(folder / "report.md", render_operator_report(folder))


if __name__ == "__main__":
    main()
