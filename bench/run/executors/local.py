"""Jobs in processes on this machine."""

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
from typing import IO, TypeAlias

import psutil

from bench.run.messages import Died, Done, Message, decode
from bench.run.worker import Job, WorkerTask

_STDERR_TAIL = 2000
"""Characters of a dead worker's standard error that its record keeps."""

OutputLines: TypeAlias = "queue.SimpleQueue[bytes | None]"
"""The lines of a worker's output; None after the last one."""
ReceiveLine: TypeAlias = Callable[[OutputLines, float], bytes | None]
"""Lines and timeout in seconds → the next line; raises ``queue.Empty`` at the timeout."""


def receive_line(lines: OutputLines, timeout: float) -> bytes | None:
    """Wait for the next line."""
    return lines.get(timeout=timeout)


@dataclass(frozen=True)
class Launch:
    """How to start a worker process.

    Args:
        command: arguments of the Python interpreter, which has ``bench`` on its path.
        variables: environment variables in addition to those of this process.
    """

    command: tuple[str, ...] = ("-m", "bench.run.worker")
    variables: Mapping[str, str] = field(default_factory=dict)


class ExecutorClosed(Exception):
    """The executor was closed while a job was running, or before it started."""


class LocalProcesses:
    """Runs jobs in processes on this machine; use it as a context manager.

    A job that needs a fresh process gets one. The others take turns in a process, which saves its start. Several
    threads may run one job each.

    Args:
        receive: waits for a worker's next line; tests pass a function with a shorter timeout.
        launch: how to start the workers.
    """

    def __init__(self, receive: ReceiveLine = receive_line, launch: Launch = Launch()) -> None:
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
            processes = (*self._busy, *self._idle)
        for process in processes:
            process.stop()

    def __call__(self, job: Job, timeout: float) -> Iterator[Message]:
        """Run one job. No process keeps working on it after the caller leaves, even through an exception.

        Raises:
            ExecutorClosed: another thread closed the executor.
        """
        process = self._acquire(job.fresh)
        reusable = False
        try:
            process.send(job)
            while not isinstance(message := process.message(timeout), Done):
                if isinstance(message, Died) and self._closed:
                    raise ExecutorClosed
                yield message
                if isinstance(message, Died):
                    return
            reusable = not job.fresh
        finally:
            with self._lock:
                self._busy.discard(process)
                reusable = reusable and not self._closed
                if reusable:
                    self._idle.append(process)
            if not reusable:
                process.stop()

    def _acquire(self, fresh: bool) -> "WorkerProcess":
        """Return an idle process, or a fresh one, for which all idle processes are stopped."""
        with self._lock:
            if self._closed:
                raise ExecutorClosed
            while fresh and self._idle:
                self._idle.pop().stop()
            process = self._idle.pop() if self._idle else WorkerProcess(self._launch, self._receive)
            self._busy.add(process)
            return process


class WorkerProcess:
    """A worker process. Threads collect its output as it arrives.

    Args:
        launch: how to start it.
        receive: waits for its next line.
    """

    def __init__(self, launch: Launch, receive: ReceiveLine = receive_line) -> None:
        self._receive = receive
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  closed by stop()
        self._process = subprocess.Popen(
            [sys.executable, *launch.command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env={**os.environ, **launch.variables},
            start_new_session=True,  # only the parent handles Ctrl-C; otherwise the worker would seem to crash
        )
        self._lines: OutputLines = queue.SimpleQueue()
        reader = threading.Thread(target=self._read_output, args=(self._process.stdout,), daemon=True)
        reader.start()
        threading.Thread(target=self._report_end, args=(reader,), daemon=True).start()

    def send(self, item: "WorkerTask | object") -> None:
        """Send a task, or an object that the running task receives.

        If the process is dead, the next message is :class:`Died`.
        """
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            pickle.dump(item, self._process.stdin)
            self._process.stdin.flush()

    def message(self, timeout: float) -> Message:
        """The next message; :class:`Died` if the process is dead, or sends nothing for ``timeout`` seconds."""
        try:
            line = self._receive(self._lines, timeout)
            if line is not None and line.endswith(b"\n"):  # a line without an end: the process died while writing
                return decode(line)
            return Died(f"{_cause(self._process.wait(timeout))}{self._stderr_tail()}")
        except (queue.Empty, subprocess.TimeoutExpired):
            return Died(f"no output for {timeout:g} s (the suite's timeout){self._stderr_tail()}")
        except ValueError as error:
            return Died(f"the worker sent an unreadable message: {error}{self._stderr_tail()}")

    def stop(self) -> None:
        """Kill the process and everything that it has started, unless they have ended."""
        # A worker's children would otherwise continue to compute during the next timing. Those that left its process
        # group are still its descendants, because the worker adopts orphans.
        descendants: list[psutil.Process] = []
        with suppress(psutil.NoSuchProcess):
            descendants = psutil.Process(self._process.pid).children(recursive=True)
        for descendant in descendants:
            with suppress(psutil.NoSuchProcess):
                descendant.kill()
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._stderr.close()

    def _read_output(self, stdout: IO[bytes]) -> None:
        for line in stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _report_end(self, reader: threading.Thread) -> None:
        """End the lines when the process dies, even if one of its children keeps its standard output open."""
        self._process.wait()
        reader.join(timeout=1)
        self._lines.put(None)

    def _stderr_tail(self) -> str:
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
