"""The two sides of a stored comparison of revisions."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.errors import RunError
from bench.store.files import read_mapping

FILE = "sides.json"


@dataclass(frozen=True)
class ComparedRevision:
    """One side of a comparison of two revisions.

    Args:
        revision: the name that the user gave.
        commit: the full hash.
        environment: id of the environment that the side was measured in.
    """

    revision: str
    commit: str
    environment: str | None = None


def sides_as_json(sides: Mapping[str, ComparedRevision]) -> str:
    """The content of the file that :func:`read_sides` reads."""
    return json.dumps({name: asdict(side) for name, side in sides.items()}, indent=2) + "\n"


def read_sides(folder: Path) -> dict[str, ComparedRevision]:
    """Name → revision for a comparison of two revisions; empty for a run.

    Raises:
        RunError: the file is damaged.
    """
    entries = read_mapping(folder / FILE, {"revision": str, "commit": str})
    if entries and len(entries) != 2:
        raise RunError(f"{folder / FILE} is damaged: it names {len(entries)} of two sides")
    return {
        name: ComparedRevision(entry["revision"], entry["commit"], entry.get("environment"))
        for name, entry in entries.items()
    }
