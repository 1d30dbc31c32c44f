"""What machine, what versions, what state it was in."""

import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from bench.errors import InputError
from bench.run.executor import Executor
from bench.run.git import git
from bench.run.probe import ask_torch
from bench.run.system import cpu_model, governor

_PACKAGES = ("simam-bench", "torch", "torchvision", "fvcore", "numpy", "scipy", "pandas")


@dataclass(frozen=True)
class Environment:
    """Where numbers come from.

    Args:
        facts: what stays while a machine and its software stay; what cannot be read is None.
        state: what it was like at one moment: load, clock, governor.
    """

    facts: Mapping[str, Any]
    state: Mapping[str, Any]

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits that stand for the facts."""
        return hashlib.sha256(json.dumps(self.facts, sort_keys=True).encode()).hexdigest()[:12]


def read_environment(wanted: str, execute: Executor, tree: Path | None = None) -> Environment:
    """This machine, now.

    Args:
        wanted: "cpu", "cuda", or "auto" for a GPU if there is one; it is described only where it is measured on.
        execute: runs the worker that is asked what torch sees.
        tree: the checkout whose ``simam`` is measured; None for the one that this file is in.

    Raises:
        InputError: a GPU is wanted, and there is none.
    """
    seen = ask_torch(execute)
    if wanted == "cuda" and not seen["gpu"]:
        raise InputError("--device cuda: torch sees no GPU here; use --device cpu or auto")
    device = "cuda" if wanted != "cpu" and seen["gpu"] else "cpu"
    facts = {
        "device": device,
        "cpu": cpu_model() or platform.processor() or None,
        "cores": psutil.cpu_count(logical=False),
        "logical_cores": psutil.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "threads": seen["threads"],
        "gpu": seen["gpu"] if device == "cuda" else None,
        "cuda": seen["cuda"] if device == "cuda" else None,
        "packages": {name: _version(name) for name in _PACKAGES},
        "kernels": seen["kernels"],
        **_revision(tree or Path(__file__).parents[2]),
    }
    return Environment(facts, _state())


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _revision(folder: Path) -> dict[str, Any]:
    """The commit of a checkout, and whether anything in it was changed; None where the folder is none's top."""
    top = _git(folder, "rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != folder.resolve():
        return {"revision": None, "dirty": None}  # installed somewhere below another project's checkout
    revision = _git(folder, "rev-parse", "HEAD")
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return {"revision": revision or None, "dirty": None if changes is None else bool(changes)}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        return git(folder, *arguments)
    except (OSError, subprocess.CalledProcessError):
        return None


def _state() -> dict[str, Any]:
    frequency = psutil.cpu_freq() if hasattr(psutil, "cpu_freq") else None
    return {
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "load": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
        "cpu_mhz": frequency.current if frequency else None,
        "governor": governor(),
    }
