"""Messages between a worker and its parent. Each is one line of JSON with a ``type``."""

import json
from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from bench.measure.timing.disturbance import Activity
from bench.measure.timing.nvml import Reading
from bench.store.record import Value


class Started(msgspec.Struct, frozen=True, tag=True):
    """A member is about to run, or it is still running.

    Args:
        index: of the member in its group.
        progress: how far the member is, for display; empty for a start.
    """

    index: int
    progress: str = ""


class Measured(msgspec.Struct, frozen=True, tag=True):
    """The outcome of a member.

    Args:
        index: of the member in its group.
        values: the measured values.
        details: settings and circumstances of the measurement.
    """

    index: int
    values: tuple[Value, ...]
    details: Mapping[str, Any] = {}


class Failed(msgspec.Struct, frozen=True, tag=True):
    """Python raised an exception.

    Args:
        index: of the member that was running; None before the first one.
        reason: the exception in one line.
        traceback: Python's traceback.
    """

    index: int | None
    reason: str
    traceback: str


class Done(msgspec.Struct, frozen=True, tag=True):
    """The job is finished, and the worker waits for the next task."""


class Died(msgspec.Struct, frozen=True, tag=True):
    """The worker is dead, silent or unintelligible. The executor makes this message; no worker sends it.

    Args:
        reason: the cause, with the end of the worker's standard error.
    """

    reason: str


class BuiltMember(msgspec.Struct, frozen=True):
    """A member that is ready to be timed.

    Args:
        settings: the settings to record with its times.
        values: values measured during the build.
    """

    settings: Mapping[str, Any]
    values: tuple[Value, ...]


class Built(msgspec.Struct, frozen=True, tag=True):
    """All members of a group are ready to be timed.

    Args:
        members: in the group's order.
        separate_wall: whether the worker's clock measures wall time separately.
        shortest_block: seconds that a block must last to be exact to 0.1 %.
        fewest_calls: number of calls that a block has at least.
    """

    members: tuple[BuiltMember, ...]
    separate_wall: bool
    shortest_block: float
    fewest_calls: int


class Timed(msgspec.Struct, frozen=True, tag=True):
    """The times of one block of calls.

    Args:
        seconds: on the device's clock.
        wall: seconds on the host's clock.
        reading: of the device's sensors after the block; None without sensors.
        activity: use of the CPUs during the block; None if the clock does not read it.
    """

    seconds: float
    wall: float
    reading: Reading | None
    activity: Activity | None


Message: TypeAlias = Started | Measured | Failed | Done | Died | Built | Timed


def encode(message: Message) -> str:
    """The line of a message. Characters beyond ASCII are escaped, since text may contain lone surrogates.

    Raises:
        TypeError: the message contains a value that JSON cannot represent.
    """
    return json.dumps(msgspec.to_builtins(message, enc_hook=_builtin)) + "\n"


def decode(line: bytes | str) -> Message:
    """The message of a line.

    Raises:
        ValueError: the line is not a message.
    """
    try:
        return msgspec.convert(json.loads(line), Message)  # type: ignore[no-any-return]
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from error


def _builtin(value: object) -> object:
    """A number or text of a derived type, such as numpy's float64, as Python's own type."""
    for builtin in (float, int, str):
        if isinstance(value, builtin):
            return builtin(value)
    raise TypeError(f"a message cannot contain a value of type {type(value).__name__}")
