"""Executors, which run jobs; one per file. Each file has a context manager that yields an :data:`Executor`."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

from bench.run.messages import Message
from bench.run.worker import Job

Executor: TypeAlias = Callable[[Job, float], Iterator[Message]]
"""Job and timeout in seconds of silence → the worker's messages without the last :class:`Done`.

If the worker dies, the last message is :class:`Died`.
"""
