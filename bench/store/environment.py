"""Stored environments of a run."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.store.files import read_mapping


@dataclass(frozen=True)
class Environment:
    """A machine with its software.

    Args:
        facts: facts that are constant for a machine and its software; None for facts that cannot be read.
        state: the machine's state at one moment: load, clock, governor.
    """

    facts: Mapping[str, Any]
    state: Mapping[str, Any]

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits of a hash of the facts."""
        return hashlib.sha256(json.dumps(self.facts, sort_keys=True).encode()).hexdigest()[:12]


def read_environments(folder: Path) -> dict[str, Environment]:
    """Environment id → environment, for every environment that a folder's records come from.

    Raises:
        RunError: the file is damaged.
    """
    entries = read_mapping(folder / "environment.json", {"facts": dict, "state": dict})
    return {name: Environment(entry["facts"], entry["state"]) for name, entry in entries.items()}
