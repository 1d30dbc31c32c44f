"""The fused operator against the formula, torch.compile's code for it, and a copy; and what it costs in networks.

``python -m bench.studies.operator reports/fused`` measures what is not in ``operator.jsonl`` and ``profile.jsonl`` there
yet, a line a case, and writes ``report.md`` from all of it and from the run of ``suites/fused.yaml`` in ``networks``
where there is one. Each case is timed by ``bench.paired``, in fresh processes or, with ``--processes 1``, in this one.
On a GPU the operator alone is measured, the networks by ``suites/latency_gpu.yaml``.
"""

import argparse
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from bench.report.numbers import interval, percent, quantity
from bench.results.controls import passes
from bench.results.statistics import Estimate
from bench.studies.cases import complete, facts_of, figures, lines_of, made_where, met, times

SHAPES = {
    "cpu": [(1, 64, 56, 56), (32, 64, 56, 56), (32, 256, 14, 14), (32, 512, 7, 7), (128, 16, 32, 32)],
    "cuda": [(256, 64, 56, 56), (256, 256, 14, 14), (256, 512, 7, 7), (2048, 16, 32, 32)],
}
LAYOUTS = ("contiguous", "channels_last")
PASSES = ("forward", "forward and backward")
MEMORY_SIZED = {"cpu": 16 * 2**20, "cuda": 64 * 2**20}
"""Bytes of a tensor from which it does not stay in a cache with its copy."""
BASELINE = "fused"
PROCESSES = 3
"""Fresh ones for a case."""
PROFILED = 20
"""Calls."""
PACE = {
    "cpu": "A call allocates its result, which from some megabytes on is much of what it does.",
    "cuda": "Calls are launched from Python: where the GPU is done sooner, a time is that of the launches.",
}
"""What else is in a time."""
COMMANDS = {
    "cpu": "python -m bench.studies.operator reports/fused",
    "cuda": "python -m bench.studies.operator reports/fused_gpu --device cuda --processes 1 --budget 1",
}


@dataclass(frozen=True)
class Case:
    """What is timed: one shape (N, C, H, W), order in memory and pass, in float32, on one device."""

    shape: tuple[int, ...]
    layout: str
    what: str
    device: str = "cpu"

    def __str__(self) -> str:
        return f"{self.what}, {self.layout}, {'×'.join(map(str, self.shape))}"


def cases(device: str) -> list[Case]:
    return [Case(shape, layout, what, device) for what in PASSES for layout in LAYOUTS for shape in SHAPES[device]]


@dataclass(frozen=True)
class Network:
    """A network with SimAM, run as in ``suites/fused.yaml``.

    Args:
        speed: of the plain network's, that it shall keep.
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
    Network(*network, layout, speed)
    for *network, speed in (("cifar_resnet20", "training", 128, 32, 0.94), ("resnet50", "inference", 1, 224, 0.97))
    for layout in LAYOUTS
]


def calls(case: Case) -> dict[str, Callable[[], object]]:
    """The operator first, so that ratios say how many times as long the others take."""
    import torch

    from simam.formula import formula
    from simam.kernels import fused

    torch.manual_seed(0)
    layout = torch.channels_last if case.layout == "channels_last" else torch.contiguous_format
    x = torch.randn(case.shape, device=case.device).contiguous(memory_format=layout)
    gradient = torch.randn_like(x)

    def forward(run: Callable[..., Any]) -> object:
        with torch.inference_mode():
            return run(x, 1e-4)

    def both(run: Callable[..., Any]) -> object:
        leaf = x.detach().requires_grad_()
        return torch.autograd.grad(run(leaf, 1e-4), leaf, gradient)

    timed = forward if case.what == "forward" else both
    found = {BASELINE: partial(timed, fused), "formula": partial(timed, formula)}
    torch._dynamo.reset()  # each case compiles anew, and torch counts how often
    found["torch.compile"] = partial(timed, torch.compile(formula, fullgraph=True, dynamic=False))
    if case.what == "forward":
        found["clone"] = partial(torch.clone, x)
    return found


def measure(case: Case, budget: float, processes: int) -> dict[str, Any]:
    import bench

    given = calls(case) if processes == 1 else partial(calls, case)
    seen = bench.paired(given, budget=budget, target="1%", processes=processes, device=case.device)
    return {**asdict(case), **figures(seen)}


def profiled(network: Network) -> dict[str, Any]:
    """The share of a call's time that is spent in the operator itself, forward and backward, by torch's profiler."""
    from torch.profiler import ProfilerActivity, profile

    from bench.run.workload import build
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
    call = build(cell, 0, "cpu").call
    for _ in range(3):
        call()
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        for _ in range(PROFILED):
            call()
    times = {event.key: event.self_cpu_time_total for event in profiler.key_averages()}
    own = sum(time for name, time in times.items() if name.startswith("simam::"))
    return {**asdict(network), "share": own / sum(times.values())}


def render(folder: Path) -> str:
    """The page: what was aimed at, and every case."""
    from tabulate import tabulate

    facts = facts_of(folder)
    known = {line["case"]: line for line in lines_of(folder / "operator.jsonl")}
    lines = [known[str(case)] for case in cases(facts["device"]) if str(case) in known]
    in_networks = (folder / "networks").exists()
    table = partial(tabulate, tablefmt="github", disable_numparse=True)
    heads = ("pass", "order in memory", "shape", "fused", "formula ×", "torch.compile ×", "clone ×", "control")
    return "\n".join(
        [
            "# The fused operator beside the formula",
            "",
            table(
                [*_targets(lines, facts["device"]), *(_network_targets(folder) if in_networks else ())],
                headers=("target", "seen", "met"),
            ),
            "",
            "Times of one call of SimAM alone, float32. *×*: how many times as long as the fused operator, with its",
            "95 % interval, from shuffled rounds. *Control*: a second build of the operator against the first.",
            PACE[facts["device"]],
            "",
            *(f"What the intervals rest on: {note}.\n" for note in dict.fromkeys(line["note"] for line in lines)),
            table([_row(line) for line in lines], headers=heads),
            "",
            *(_networks_section(folder) if in_networks else ()),
            *made_where(facts, COMMANDS[facts["device"]]),
        ]
    )


def _networks_section(folder: Path) -> list[str]:
    from tabulate import tabulate

    from bench.store.directory import read_environments

    heads = ("network", "speed of plain's", "control", "the operator's own share")
    environments = read_environments(folder / "networks").values()
    revisions = ", ".join(dict.fromkeys(str(each["facts"]["revision"]) for each in environments))
    return [
        "## In networks",
        "",
        tabulate(list(_networks(folder)), headers=heads, tablefmt="github", disable_numparse=True),
        "",
        "Speed: of the plain network's, timed in the same rounds in fresh processes ([records](networks), of revision",
        f"{revisions}, by `python -m bench run suites/fused.yaml --out reports/fused/networks`). The",
        "operator's own share: of a call's time in torch's profiler. What a network loses beyond that is not spent",
        "in the operator; the tensor more that each module allocates, and what its neighbours find less in the",
        "caches, are the likely causes, and were not measured apart.",
        "",
    ]


def _row(line: Mapping[str, Any]) -> list[str]:
    ratios = [times(line["ratios"].get(name)) for name in ("formula", "torch.compile", "clone")]
    time = quantity(line["seconds"][BASELINE]["point"], "s")
    return [line["what"], line["layout"], "×".join(map(str, line["shape"])), time, *ratios, times(line["control"])]


def _targets(lines: Sequence[Mapping[str, Any]], device: str) -> Iterator[list[str]]:
    # Of one process, which has no control, the interval is from many rounds, not from few processes.
    freedom = PROCESSES - 1 if any(line["control"] for line in lines) else math.inf
    for what, least in zip(PASSES, (6, 5), strict=True):
        formula = [line["ratios"]["formula"] for line in lines if line["what"] == what]
        mean, points = geometric_mean(formula, freedom), [each["point"] for each in formula]
        yield [
            f"{what}: {least} times as fast as the formula (geometric mean)",
            f"{times(mean)} times; {min(points):.1f} to {max(points):.1f}",
            _told(mean, least),
        ]
        yield [
            f"{what}: faster than the formula at every shape",
            f"least {min(points):.2f} times",
            _all_told([_told(each, 1) for each in formula]),
        ]
    compiled = [line["ratios"]["torch.compile"] for line in lines]
    open_ = sum(each["low"] <= 1 <= each["high"] for each in compiled)
    yield [
        "never slower than torch.compile's code",
        f"least {min(each['point'] for each in compiled):.2f} times as fast; {open_} of {len(compiled)} cannot be told "
        "from equal",
        _all_told([_told(each, 1) for each in compiled]),
    ]
    large = [line for line in lines if "clone" in line["ratios"] and 4 * prod(line["shape"]) >= MEMORY_SIZED[device]]
    if large:
        clones = [line["ratios"]["clone"] for line in large]
        yield [
            f"within 1.6 times a clone, tensors of {MEMORY_SIZED[device] // 2**20} MiB and more",
            f"at most {max(1 / each['point'] for each in clones):.2f} times",
            _all_told([_told(each, 1 / 1.6) for each in clones]),
        ]
    controls = [line["control"] for line in lines if line["control"]]
    if controls:
        close = sum(passes(Estimate(**each), 0.01) for each in controls)
        yield ["the control passes at ±1 %", f"in {close} of {len(controls)}", met(close == len(controls))]


def geometric_mean(ratios: Sequence[Mapping[str, Any]], freedom: float) -> dict[str, float]:
    """Of independent ratios, with its 95 % interval, from theirs: Welch and Satterthwaite's degrees of freedom.

    Args:
        ratios: ``point``, ``low`` and ``high``, the bounds as from Student's t.
        freedom: its degrees of freedom; infinite where the bounds are from many rounds.
    """
    from scipy.stats import t

    halves = np.array([np.log(each["high"] / each["low"]) / 2 for each in ratios])
    variances = (halves / t.ppf(0.975, freedom) / len(ratios)) ** 2
    joint = t.ppf(0.975, freedom * variances.sum() ** 2 / (variances**2).sum()) * np.sqrt(variances.sum())
    mean = np.mean([np.log(each["point"]) for each in ratios])
    return {"point": float(np.exp(mean)), "low": float(np.exp(mean - joint)), "high": float(np.exp(mean + joint))}


def _told(ratio: Mapping[str, Any], least: float) -> str:
    """Whether a ratio is at least that, and whether its interval is sure of it."""
    sure = not ratio["low"] <= least <= ratio["high"]
    return f"{'' if sure else 'as seen, '}{met(ratio['point'] >= least)}{'' if sure else '; cannot be told'}"


def _all_told(answers: Sequence[str]) -> str:
    """The worst of several answers."""
    order = ("no", "as seen, no; cannot be told", "as seen, yes; cannot be told", "yes")
    return min(answers, key=order.index)


def _speeds(folder: Path) -> dict[str, tuple[Estimate, Estimate | None]]:
    """Of each network its speed against plain, and that of the control, both as ratios of times."""
    from bench.results.estimates import estimate
    from bench.store.frame import load_frame

    ratios: dict[tuple[str, str], dict[str, Estimate]] = {}
    for each in estimate(load_frame(folder / "networks")):
        if each.value == "latency" and each.ratio and (each.role == "control" or each.axes["attention"] == "simam"):
            ratios.setdefault((each.axes["backbone"], each.axes["memory_format"]), {})[each.role] = each.ratio
    return {
        str(network): (
            ratios[network.backbone, network.layout]["variant"],
            ratios[network.backbone, network.layout].get("control"),
        )
        for network in NETWORKS
    }


def _speed(ratio: Estimate) -> str:
    """A ratio of times as the other way round, in percent."""
    low, high = (None if bound is None else 100 / bound for bound in (ratio.high, ratio.low))
    return f"{100 / ratio.point:.1f} % {interval(low, high, 1)}"


def _network_targets(folder: Path) -> Iterator[list[str]]:
    speeds = _speeds(folder)
    for network in NETWORKS:
        ratio, control = speeds[str(network)]
        aim = f"{network}: {100 * network.speed:.0f} % of plain's speed"
        assert ratio.low is not None and ratio.high is not None
        speed = {"point": 1 / ratio.point, "low": 1 / ratio.high, "high": 1 / ratio.low}
        doubt = "" if passes(control, 0.01) else "; the control does not pass at ±1 %"
        yield [aim, _speed(ratio), f"{_told(speed, network.speed)}{doubt}"]


def _networks(folder: Path) -> Iterator[list[str]]:
    shares = {line["case"]: line["share"] for line in lines_of(folder / "profile.jsonl")}
    for name, (ratio, control) in _speeds(folder).items():
        share = f"{100 * shares[name]:.1f} %" if name in shares else "–"
        yield [name, _speed(ratio), percent(control) if control else "–", share]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="holds the records, or will")
    parser.add_argument("--budget", type=float, default=12.0, help="measured seconds a case (default 12)")
    parser.add_argument(
        "--processes",
        type=int,
        choices=(1, PROCESSES),
        default=PROCESSES,
        help="fresh ones for a case; 1: all in this one",
    )
    parser.add_argument("--device", choices=SHAPES, default="cpu")
    given = parser.parse_args()
    operator = [(str(case), partial(measure, case, given.budget, given.processes)) for case in cases(given.device)]
    complete(given.folder, "operator", operator, given.device)
    if given.device == "cpu":
        complete(given.folder, "profile", [(str(network), partial(profiled, network)) for network in NETWORKS])
    (given.folder / "report.md").write_text(render(given.folder), encoding="utf-8")


if __name__ == "__main__":
    main()
