"""What tests share: a network small enough to measure in milliseconds, and measures and modules that misbehave."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import ClassVar

import torch
from torch import nn

from bench.measure import Announce, Outcome, Subject, require_finite
from bench.measure.counting.calls import Cost
from bench.measure.counting.dispatch import CostCounter
from bench.store.record import Value
from bench.suite.load import load_suite
from bench.suite.plan import Plan, expand
from bench.suite.suite import Suite


def tiny() -> nn.Module:
    """One 3×3 convolution, a norm and a linear layer on 8×8 images."""
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4 * 8 * 8, 5))


tiny.resolution = 8  # type: ignore[attr-defined]


class Sigmoid(nn.Module):
    """A module with one weight a channel."""

    placement = "spatial"

    def __init__(self, channels: int, bias: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((channels, 1, 1), bias))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.sigmoid(self.weight)


class Drawn(nn.Module):
    """A module that keeps numbers of its own, drawn on the CPU wherever it is built."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.numbers = torch.zeros(channels, device="cpu").uniform_(1, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


class Trouble(nn.Module):
    """A module whose forward pass fails in the way that the option ``how`` selects."""

    def __init__(self, channels: int, how: str) -> None:
        super().__init__()
        self.how = how

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.is_meta:
            return x
        if self.how == "raise":
            raise RuntimeError("no forward today")
        if self.how == "die":
            os.abort()
        if self.how == "hang":
            Path(os.environ["HANG_MARK"]).touch()
            time.sleep(3600)
        if self.how == "segfault":
            ctypes.string_at(0)
        if self.how == "die with a child":
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
            print(f"child {child.pid} ", file=sys.stderr, flush=True)
            os.abort()
        if self.how == "detach":
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"], start_new_session=True)
            raise RuntimeError(f"child {child.pid} ")
        if self.how == "odd":
            raise FileNotFoundError(os.fsdecode(b"/data/\xff.pt"))
        if self.how == "nan":
            return x * float("nan")
        if self.how == "memory":
            return x + torch.empty(2**50)
        if self.how == "killed":  # as the system does when memory runs out
            os.kill(os.getpid(), signal.SIGKILL)
        if self.how == "exit":
            sys.exit("enough")
        print("modules may print")
        return x


class Dropping(nn.Module):
    """A module that uses torch's global random generator during training."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.dropout(x)
        return out


class OneByte(torch.autograd.Function):
    """Keeps one byte for backward, and does nothing."""

    @staticmethod
    def forward(ctx, x: torch.Tensor) -> torch.Tensor:  # type: ignore[no-untyped-def]
        ctx.save_for_backward(torch.zeros(1, dtype=torch.uint8, device=x.device))
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> torch.Tensor:  # type: ignore[no-untyped-def]
        return gradient


class Grown(nn.Module):
    """A module that a commit has made larger by one parameter, operator, or saved byte, as the environment says."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.by = os.environ["GROWN_BY"]
        if self.by == "parameter":
            self.more = nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.by == "operator":
            x = x.detach()
        if self.by == "saved byte":
            x = OneByte.apply(x)
        return x * 1.0


def __getattr__(name: str) -> object:
    """Exit the interpreter when ``Exits`` is imported."""
    if name == "Exits":
        sys.exit(0)
    raise AttributeError(name)


@dataclass(frozen=True)
class Weigh:
    """A user-defined measure: the sum of the absolute weights."""

    scale: float = 1.0

    axes: ClassVar = frozenset({"backbone", "attention", "placement", "seed"})
    gates: ClassVar = ("weight",)
    timed: ClassVar = False

    def measure(self, group: Sequence[Subject], announce: Announce, seed: int) -> Iterator[tuple[Subject, Outcome]]:
        for subject in group:
            announce(subject)
            network = subject.build(None).network
            total = sum(float(parameter.abs().sum()) for parameter in network.parameters())
            yield subject, Outcome((Value("weight", "1", (self.scale * total,)),))


@dataclass(frozen=True)
class Process:
    """A measure of the process id; it waits while the file in the environment variable HOLD exists."""

    axes: ClassVar = frozenset({"backbone", "attention"})
    gates: ClassVar = ()
    timed: ClassVar = False

    def measure(self, group: Sequence[Subject], announce: Announce, seed: int) -> Iterator[tuple[Subject, Outcome]]:
        for subject in group:
            announce(subject)
            while "HOLD" in os.environ and Path(os.environ["HOLD"]).exists():
                time.sleep(0.01)
            yield subject, Outcome((Value("pid", "1", (os.getpid(),)),))


@dataclass(frozen=True)
class TimedProcess(Process):
    """A timed variant of :class:`Process`."""

    repeats: int = 3

    timed: ClassVar = True


@dataclass(frozen=True)
class Forward:
    """A measure that runs one forward pass of each subject."""

    axes: ClassVar = frozenset({"backbone", "attention", "placement", "resolution"})
    gates: ClassVar = ("ran",)
    timed: ClassVar = False

    def measure(self, group: Sequence[Subject], announce: Announce, seed: int) -> Iterator[tuple[Subject, Outcome]]:
        for subject in group:
            announce(subject)
            require_finite(subject.build(None).call())
            yield subject, Outcome((Value("ran", "1", (1,)),))


def counted(network: nn.Module, image: torch.Tensor) -> Cost:
    """What a forward pass costs."""
    with torch.no_grad(), CostCounter() as counter:
        network(image)
    total: Cost = counter.total
    return total


def write(folder: Path, text: str) -> Path:
    path = folder / "suite.yaml"
    path.write_text(dedent(text), encoding="utf-8")
    return path


def suite(folder: Path, text: str) -> Suite:
    return load_suite(write(folder, text))


def plan(folder: Path, text: str) -> Plan:
    return expand(suite(folder, text))
