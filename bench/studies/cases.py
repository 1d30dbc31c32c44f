"""What the committed benchmarks share: records that a kill leaves behind, and the environment beside them."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.pairing import Paired


def figures(seen: Paired) -> dict[str, Any]:
    """A comparison as a line of records keeps it."""
    return {
        "ratios": {name: asdict(estimate) for name, estimate in seen.ratios.items()},
        "seconds": {name: asdict(estimate) for name, estimate in seen.seconds.items()},
        "control": asdict(seen.control) if seen.control else None,
        "note": seen.note,
    }


def lines_of(path: Path) -> list[dict[str, Any]]:
    """What was recorded so far."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def complete(
    folder: Path, name: str, cases: Iterable[tuple[str, Callable[[], Mapping[str, Any]]]], device: str = "cpu"
) -> None:
    """Measure the cases that a folder does not have yet, each appended as soon as it is done.

    Args:
        folder: for ``<name>.jsonl`` and ``environment.json``.
        name: of the file.
        cases: what each is called, and how it is measured.
        device: on which.
    """
    folder.mkdir(parents=True, exist_ok=True)
    place, records = folder / "environment.json", folder / f"{name}.jsonl"
    if not place.exists():
        place.write_text(json.dumps(_environment(device), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    known = {line["case"] for line in lines_of(records)}
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
        seen = read_environment(device, execute)
    return {"facts": dict(seen.facts), "state": dict(seen.state)}


def facts_of(folder: Path) -> dict[str, Any]:
    """The environment that a folder's records were made in."""
    facts: dict[str, Any] = json.loads((folder / "environment.json").read_text(encoding="utf-8"))["facts"]
    return facts


def made_where(facts: Mapping[str, Any], command: str) -> list[str]:
    """The end of a page: the machine, and how to make it again."""
    gpu = facts["gpu"]
    where = f"{gpu}, CUDA {facts['cuda']}" if gpu else f"{facts['cpu']}, {facts['cores']} cores"
    threads = "" if gpu else f", {facts['threads']} threads"
    dirty = ", with changes that were not committed" if facts["dirty"] else ""
    return [
        f"{where}{threads}; torch {facts['packages']['torch']}; "
        f"revision {facts['revision']}{dirty}. Made, from the records beside it, by",
        "",
        "```sh",
        command,
        "```",
        "",
    ]


def times(estimate: Mapping[str, Any] | None) -> str:
    """A ratio with its interval, "6.12 [5.90, 6.35]"; a dash for none."""
    from bench.report.numbers import interval

    if estimate is None:
        return "–"
    return f"{estimate['point']:.2f} {interval(estimate['low'], estimate['high'], 2)}"


def met(yes: bool) -> str:
    return "yes" if yes else "no"
