"""Checkpoints of a training run, written after each epoch, so that a kill loses at most one epoch."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch


class CheckpointError(ValueError):
    """A checkpoint is damaged or belongs to another training run."""


@dataclass(frozen=True)
class Checkpoint:
    """Checkpoint file of one training run.

    Args:
        path: path of the file; None to write no checkpoints.
        identity: plain values that identify the run; only a run with the same identity can resume from the file.
    """

    path: Path | None
    identity: Mapping[str, Any]

    def load(self) -> dict[str, Any] | None:
        """Return the content of the file, or None if there is no file.

        Raises:
            CheckpointError: the file cannot be read, or belongs to another training run.
        """
        if self.path is None or not self.path.exists():
            return None
        try:
            content: dict[str, Any] = torch.load(self.path, map_location="cpu", weights_only=True)
            identity = content.pop("identity")
        except Exception as error:  # unpickling a damaged file raises errors of many types
            raise CheckpointError(
                f"{self.path} cannot be read ({_one_line(error)}); delete it to train from the beginning"
            ) from error
        if identity != dict(self.identity):
            keys = [key for key, value in self.identity.items() if identity.get(key) != value]
            raise CheckpointError(
                f"{self.path} belongs to another training run, which differs in {', '.join(keys)}; delete the file to "
                f"train from the beginning"
            )
        return content

    def save(self, content: Mapping[str, Any]) -> None:
        """Replace the file atomically.

        Raises:
            OSError: the disk is full, or the file cannot be written; the previous file is unchanged.
        """
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_name(f".{self.path.name}.half")
        with partial.open("wb") as file:
            torch.save({**content, "identity": dict(self.identity)}, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.path)


def is_finished(path: Path) -> bool:
    """Return whether a file of weights is not a checkpoint of an unfinished training run."""
    try:
        return "optimizer" not in torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception:  # not a checkpoint of this project; loading the weights gives a better error message
        return True


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
