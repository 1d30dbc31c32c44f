"""A run of everything, invented: every figure of its report can be reckoned by hand."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.report.page import Report, Run, report
from bench.store.frame import load_frame
from bench.store.record import Record, Value, append_records

RUN = Path("runs/invented")
EVIL = "<script>document.title='broken'</script>"
"""What a user may call a module: it has to stay text."""
FACTS = {
    "device": "cpu",
    "cpu": "A | CPU",
    "cores": 2,
    "threads": 2,
    "memory_bytes": 2**34,
    "gpu": None,
    "system": "Linux",
    "python": "3.11",
    "packages": {"torch": "2"},
    "revision": "abc",
    "dirty": False,
}
LIMIT = {"latency_ratio": 0.01}
"""What its suite gates."""
MODULES = {"none": 1.0, "simam": 1.05, "se": 1.04, EVIL: 1.2}
"""Module → how long it takes against the plain network."""
TOP1 = {"none": 0.900, "simam": 0.910, "se": 0.905, EVIL: 0.880}
SWEEP = {"simam(e_lambda=0.1)": 0.1, "simam(e_lambda=0.01)": 0.01}


def invented(folder: Path) -> Report:
    """The report of such a run, as if it lay in runs/invented; its records are written to the folder."""
    append_records(folder / "records.jsonl", [*records()])
    environments = {"env": {"facts": FACTS, "state": {"load": [0.25, 0, 0]}}}
    frame = load_frame(folder).assign(run=str(RUN))
    return report(frame, [Run(RUN, "Everything, invented", "name: t\n", LIMIT, environments)])


def records(repeats: int = 5) -> Iterator[Record]:
    yield record(
        "machine", "none", values=[Value("copy_bandwidth", "B/s", (1e10,)), Value("matmul_rate", "FLOP/s", (1e11,))]
    )
    for number, name in enumerate(MODULES):
        counts = {
            "params": 1000 + number,
            "macs": 10**6,
            "elementwise_ops": 1000 * (1 + number),
            "operators": 10 + number,
        }
        values = [Value(key, "1", (count,)) for key, count in counts.items()]
        moved = {"by_operator": {"mul": [1, 0, 0, 0, 4000 * (1 + number)]}, "uncounted_ops": []}
        yield record(
            "complexity", name, values=[*values, Value("bytes_moved", "B", (4000 * (1 + number),))], details=moved
        )
        shares = {
            "parameters": 4000,
            "state": 0,
            "gradients": 0,
            "activations": 2000 * (1 + number),
            "temporaries": 100,
        }
        yield record(
            "memory",
            name,
            values=[
                Value("saved_bytes", "B", (5000 + number,)),
                Value("peak_bytes", "B", (sum(shares.values()),)),
            ],
            details={"peak_shares": shares},
        )
    for repeat in range(repeats):
        for role, name in (*((None, name) for name in MODULES), ("control", "none")):
            own = 0.010 * MODULES[name] * (1 + 0.001 * (repeat % 2) * list(MODULES).index(name))  # no two alike
            yield record(
                "latency",
                name,
                role=role,
                repeat=repeat,
                values=[Value("latency", "s", (own, own, own))],
                details={"rounds": 3, "stopped_by": "budget", "iterations": 1},
            )
    for seed in range(3):
        for name, share in {**TOP1, **dict.fromkeys(SWEEP, 0.895)}.items():
            own = share + 0.001 * seed * (name != "none")
            options = {"attention": {"e_lambda": SWEEP[name]}} if name in SWEEP else {}
            yield record(
                "accuracy",
                name,
                repeat=seed,
                seed=seed,
                options=options,
                values=[
                    Value("top1", "1", (own,)),
                    Value("top5", "1", (0.99,)),
                    Value("best_top1", "1", (own,)),
                    Value("throughput", "1/s", (400.0,)),
                ],
                details={
                    "dataset": "digits",
                    "eval_on": "test",
                    "device": "cpu",
                    "threads": 2,
                    "autocast": False,
                    "compile": False,
                    "recipe": {"title": "a short one", "epochs": 2, "batch": 64},
                    "epochs": {"top1": [own - 0.1, own]},
                },
            )


def record(
    measure: str,
    attention: str,
    values: list[Value],
    role: Any = None,
    repeat: int = 0,
    seed: int | None = None,
    options: Any = None,
    details: Any = None,
) -> Record:
    timed = {"mode": "inference", "batch": 1, "resolution": 224, "dtype": "fp32", "memory_format": "contiguous"}
    named = {
        "backbone": "resnet18",
        "attention": attention,
        "placement": None if attention == "none" else "spatial",
        **({"dataset": "digits"} if measure == "accuracy" else timed),
        **({"execution": "eager"} if measure == "latency" else {}),
    }
    return Record(
        suite="invented",
        measure=measure,
        group=f"resnet18/{measure}",
        cell=f"resnet18/{attention}/{measure}",
        role=role or ("baseline" if attention == "none" else "variant"),
        axes={} if measure == "machine" else named,
        options=options or {},
        repeat=repeat,
        seed=seed,
        status="ok",
        reason=None,
        traceback=None,
        values=tuple(values),
        details=details or {},
        environment="env",
        started="2026-01-01T00:00:00+00:00",
        elapsed=1.0,
    )
