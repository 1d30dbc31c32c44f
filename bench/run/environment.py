"""The environment of a measurement: the machine, its software and its state."""

import os
import platform
import subprocess
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from bench.errors import InputError
from bench.run.executors import Executor
from bench.run.git import git
from bench.run.queries import query_torch
from bench.run.system import cpu_model, governor
from bench.store.environment import Environment

_PACKAGES = ("simam-bench", "torch", "torchvision", "fvcore", "numpy", "scipy", "pandas")


def read_environment(requested: str, execute: Executor, tree: Path | None = None) -> Environment:
    """Read the environment of this machine.

    Args:
        requested: "cpu", "cuda", or "auto" for a GPU if there is one. A GPU that is not used is not described.
        execute: runs the worker that describes torch.
        tree: the checkout whose ``simam`` is measured; None for the one that contains this file.

    Raises:
        InputError: a GPU is requested, and there is none.
    """
    torch = query_torch(execute)
    if requested == "cuda" and not torch.gpu:
        raise InputError("--device cuda: torch sees no GPU here; use --device cpu or auto")
    device = "cuda" if requested != "cpu" and torch.gpu else "cpu"
    facts = {
        "device": device,
        "cpu": cpu_model() or platform.processor() or None,
        "cores": psutil.cpu_count(logical=False),
        "logical_cores": psutil.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "threads": torch.threads,
        "gpu": torch.gpu if device == "cuda" else None,
        "cuda": torch.cuda if device == "cuda" else None,
        "packages": {name: _version(name) for name in _PACKAGES},
        "kernels": torch.kernels,
        **_revision(tree or Path(__file__).parents[2]),
    }
    return Environment(facts, _state())


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _revision(folder: Path) -> dict[str, Any]:
    """The commit of a checkout, and whether tracked files differ from it; None if the folder is not its top."""
    top = _git(folder, "rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != folder.resolve():
        return {"revision": None, "dirty": None}  # an installation inside the checkout of another project
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
