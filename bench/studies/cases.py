"""Cases of a study: JSON lines that survive an interruption, and the environment beside them."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.pairing import Paired

PROCESSES = 3
"""Number of fresh processes for a case."""


def paired_fields(result: Paired) -> dict[str, Any]:
    """The fields of a case that was timed by :func:`bench.paired`."""
    return {
        "ratios": {name: asdict(estimate) for name, estimate in result.ratios.items()},
        "seconds": {name: asdict(estimate) for name, estimate in result.seconds.items()},
        "control": asdict(result.control) if result.control else None,
        "note": result.note,
    }


def read_cases(path: Path) -> dict[str, dict[str, Any]]:
    """Name → fields of every measured case; empty if there is no file."""
    if not path.exists():
        return {}
    lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return {line["case"]: line for line in lines}


def measure_missing(
    folder: Path, name: str, cases: Iterable[tuple[str, Callable[[], Mapping[str, Any]]]], device: str = "cpu"
) -> None:
    """Measure the cases that a folder does not have yet, and append each as soon as it is measured.

    Args:
        folder: the folder of ``<name>.jsonl`` and ``environment.json``.
        name: stem of the file of cases.
        cases: name of each case, and the function that measures it.
        device: the device whose environment is recorded.
    """
    folder.mkdir(parents=True, exist_ok=True)
    environment, records = folder / "environment.json", folder / f"{name}.jsonl"
    if not environment.exists():
        text = json.dumps(_environment(device), indent=1, ensure_ascii=False)
        environment.write_text(text + "\n", encoding="utf-8")
    known = read_cases(records)
    for case, measure in cases:
        if case not in known:
            print(case, flush=True)
            line = json.dumps({"case": case, **measure()})
            with records.open("a", encoding="utf-8") as file:
                file.write(line + "\n")


def _environment(device: str) -> dict[str, Any]:
    from bench.run.environment import read_environment
    from bench.run.executors.local import LocalProcesses

    with LocalProcesses() as execute:
        environment = read_environment(device, execute)
    return {"facts": dict(environment.facts), "state": dict(environment.state)}


def read_study_facts(folder: Path) -> dict[str, Any]:
    """The facts of the environment in which a folder's cases were measured."""
    facts: dict[str, Any] = json.loads((folder / "environment.json").read_text(encoding="utf-8"))["facts"]
    return facts


def provenance(facts: Mapping[str, Any], command: str) -> list[str]:
    """The last lines of a report: the environment, and the command that makes the report."""
    gpu = facts["gpu"]
    machine = f"{gpu}, CUDA {facts['cuda']}" if gpu else f"{facts['cpu']}, {facts['cores']} cores"
    threads = "" if gpu else f", {facts['threads']} threads"
    dirty = ", with uncommitted changes" if facts["dirty"] else ""
    return [
        f"Environment: {machine}{threads}; torch {facts['packages']['torch']}; revision {facts['revision']}{dirty}.",
        "This command makes the report from the records, and measures only cases that are not recorded:",
        "",
        "```sh",
        command,
        "```",
        "",
    ]


def ratio_text(ratio: Mapping[str, Any] | None) -> str:
    """A ratio with its interval, "6.12 [5.90, 6.35]"; a dash for None."""
    from bench.report.numbers import interval

    if ratio is None:
        return "–"
    return f"{ratio['point']:.2f} {interval(ratio['low'], ratio['high'], 2)}"


def yes_or_no(condition: bool) -> str:
    return "yes" if condition else "no"
