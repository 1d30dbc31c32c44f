"""What is kept of a training run after each epoch, so that a kill loses at most one."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch


class CheckpointError(ValueError):
    """A checkpoint that is damaged, or of another training run."""


@dataclass(frozen=True)
class Checkpoint:
    """The file of one training run.

    Args:
        path: of the file; None to keep nothing.
        identity: what the run is, in plain values: nothing else may go on from its file.
    """

    path: Path | None
    identity: Mapping[str, Any]

    def load(self) -> dict[str, Any] | None:
        """What was kept last; None where there is nothing.

        Raises:
            CheckpointError: the file cannot be read, or is another run's.
        """
        if self.path is None or not self.path.exists():
            return None
        try:
            kept: dict[str, Any] = torch.load(self.path, map_location="cpu", weights_only=True)
            identity = kept.pop("identity")
        except Exception as error:  # a damaged file may fail anywhere in the unpickling
            raise CheckpointError(
                f"{self.path} cannot be read ({_one_line(error)}); delete it to train from the beginning"
            ) from error
        if identity != dict(self.identity):
            keys = [key for key, value in self.identity.items() if identity.get(key) != value]
            raise CheckpointError(f"{self.path} is of another training run: it differs in {', '.join(keys)}; delete it")
        return kept

    def save(self, content: Mapping[str, Any]) -> None:
        """Keep this instead of what was kept before: whole, or not at all.

        Raises:
            OSError: the disk is full, or the file cannot be written; what was kept before is still there.
        """
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        half = self.path.with_name(f".{self.path.name}.half")
        with half.open("wb") as file:
            torch.save({**content, "identity": dict(self.identity)}, file)
            file.flush()
            os.fsync(file.fileno())
        half.replace(self.path)


def is_finished(path: Path) -> bool:
    """Whether a file of weights is no checkpoint of ours that its training run would still go on from."""
    try:
        return "optimizer" not in torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception:  # what it is instead, who reads it as weights says better
        return True


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
