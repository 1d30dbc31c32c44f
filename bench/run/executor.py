"""Where a job runs. An executor turns a job into the messages of its worker; here, a process on this machine."""

import json
import os
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Any, TypeAlias

from bench.run.worker import Job

Message: TypeAlias = dict[str, Any]
Executor: TypeAlias = Callable[[Job, float], Iterator[Message]]
"""Job and time limit in seconds of silence → messages of the worker; a death is a last message ``{"died": reason}``."""

_STDERR_TAIL = 2000
"""Characters of a dead worker's standard error that its record keeps."""


Lines: TypeAlias = "queue.SimpleQueue[bytes | None]"
Receive: TypeAlias = Callable[[Lines, float], bytes | None]


def _receive(lines: Lines, timeout: float) -> bytes | None:
    """The worker's next line, None at its end; queue.Empty when it stays silent for too long."""
    return lines.get(timeout=timeout)


@dataclass(frozen=True)
class Launch:
    """How a worker process is started.

    Args:
        command: what Python is told to run; it has ``bench`` on its path.
        variables: of its environment, beside this process's own.
    """

    command: tuple[str, ...] = ("-m", "bench.run.worker")
    variables: Mapping[str, str] = field(default_factory=dict)


class Closed(Exception):
    """The processes were stopped while a job was running, or before it could start."""


class LocalProcesses:
    """Runs jobs, each timed one in a process of its own; use it as a context manager.

    Jobs without time in them take turns in a process, which saves them its start. Several threads may run one each.

    Args:
        receive: how to wait for a worker's next line; tests pass one that is never patient for long.
        launch: how the workers are started.
    """

    def __init__(self, receive: Receive = _receive, launch: Launch = Launch()) -> None:
        self._idle: list[WorkerProcess] = []
        self._busy: set[WorkerProcess] = set()
        self._lock = threading.Lock()
        self._closed = False
        self._receive = receive
        self._launch = launch

    def __enter__(self) -> "LocalProcesses":
        return self

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._closed = True
            left = (*self._busy, *self._idle)
        for process in left:
            process.stop()

    def __call__(self, job: Job, timeout: float) -> Iterator[Message]:
        """Run one job. However the caller leaves, no process is left working on it.

        Raises:
            Closed: the executor was left in the meantime, by another thread.
        """
        process = self._taken(job.fresh)
        done = False
        try:
            process.send(job)
            while "done" not in (message := process.message(timeout)):
                if "died" in message and self._closed:
                    raise Closed
                yield message
                if "died" in message:
                    return
            done = not job.fresh
        finally:
            with self._lock:
                self._busy.discard(process)
                done = done and not self._closed
                if done:
                    self._idle.append(process)
            if not done:
                process.stop()

    def _taken(self, fresh: bool) -> "WorkerProcess":
        """A process for a job: a new one, that has the machine to itself, or one that has done others."""
        with self._lock:
            if self._closed:
                raise Closed
            while fresh and self._idle:
                self._idle.pop().stop()
            process = self._idle.pop() if self._idle else WorkerProcess(self._launch, self._receive)
            self._busy.add(process)
            return process


class WorkerProcess:
    """A worker process, with its answers read as they come."""

    def __init__(self, launch: Launch, receive: Receive = _receive) -> None:
        self._receive = receive
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  closed by stop()
        self._process = subprocess.Popen(
            [sys.executable, *launch.command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env={**os.environ, **launch.variables},
            start_new_session=True,  # Ctrl-C is for the parent; a worker that it killed would look like a crash
        )
        self._lines: Lines = queue.SimpleQueue()
        pump = threading.Thread(target=self._pump, args=(self._process.stdout,), daemon=True)
        pump.start()
        threading.Thread(target=self._watch, args=(pump,), daemon=True).start()

    def send(self, task: object) -> None:
        """Give it something to do; that it is dead, if it is, its next message says."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            pickle.dump(task, self._process.stdin)
            self._process.stdin.flush()

    def message(self, timeout: float) -> Message:
        """Its next message; ``{"died": reason}`` when it is dead or silent for ``timeout`` seconds."""
        try:
            line = self._receive(self._lines, timeout)
            if line is not None and line.endswith(b"\n"):  # else it died while it wrote
                message: Message = json.loads(line)
                return message
            return {"died": f"{_cause(self._process.wait(timeout))}{self._tail()}"}
        except (queue.Empty, subprocess.TimeoutExpired):
            return {"died": f"no sign of life for {timeout:g} s (the suite's timeout){self._tail()}"}

    def stop(self) -> None:
        """End it, if it has not ended yet."""
        # The whole session: a worker's own children would go on computing beside the next timing.
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._stderr.close()

    def _pump(self, stdout: IO[bytes]) -> None:
        for line in stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _watch(self, pump: threading.Thread) -> None:
        """Say that a dead worker is dead, also where a child of it keeps its standard output open."""
        self._process.wait()
        pump.join(timeout=1)
        self._lines.put(None)

    def _tail(self) -> str:
        if self._stderr.closed:
            return ""
        self._stderr.seek(0)
        text = self._stderr.read().decode(errors="replace").strip()
        return f"\n{text[-_STDERR_TAIL:]}" if text else ""


def _cause(status: int) -> str:
    if status >= 0:
        return f"the worker ended with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = str(-status)
    hint = "; out of memory is the usual cause" if name == "SIGKILL" else ""
    return f"the worker was killed by {name}{hint}"
