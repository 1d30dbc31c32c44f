"""Where a job runs. An executor turns a job into the messages of its worker; here, a process on this machine."""

import json
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from typing import IO, Any, TypeAlias

from bench.run.worker import Job

Message: TypeAlias = dict[str, Any]
Executor: TypeAlias = Callable[[Job, float], Iterator[Message]]
"""Job and time limit in seconds of silence → messages of the worker; a death is a last message ``{"died": reason}``."""

_STDERR_TAIL = 2000
"""Characters of a dead worker's standard error that its record keeps."""


def run_in_process(job: Job, timeout: float) -> Iterator[Message]:
    """Run a job in a fresh Python process, and stop that process however the caller leaves."""
    with tempfile.TemporaryFile() as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.run.worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr
        )
        try:
            yield from _messages(process, job, timeout)
            if process.wait(timeout) != 0:
                yield {"died": f"{_cause(process.returncode)}{_tail(stderr)}"}
        except (queue.Empty, subprocess.TimeoutExpired):
            yield {"died": f"no sign of life for {timeout:g} s (the suite's timeout){_tail(stderr)}"}
        finally:
            process.kill()
            process.wait()


def _messages(process: "subprocess.Popen[bytes]", job: Job, timeout: float) -> Iterator[Message]:
    assert process.stdin is not None and process.stdout is not None
    lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    threading.Thread(target=_pump, args=(process.stdout, lines), daemon=True).start()
    try:
        pickle.dump(job, process.stdin)
        process.stdin.close()
    except BrokenPipeError:
        pass  # it died before it read its job: its exit status, read next, says why
    while (line := lines.get(timeout=timeout)) is not None:
        yield json.loads(line)


def _pump(stdout: IO[bytes], lines: "queue.SimpleQueue[bytes | None]") -> None:
    for line in stdout:
        lines.put(line)
    lines.put(None)


def _cause(status: int) -> str:
    if status >= 0:
        return f"the worker ended with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = str(-status)
    hint = "; out of memory is the usual cause" if name == "SIGKILL" else ""
    return f"the worker was killed by {name}{hint}"


def _tail(stderr: IO[bytes]) -> str:
    stderr.seek(0)
    text = stderr.read().decode(errors="replace").strip()
    return f"\n{text[-_STDERR_TAIL:]}" if text else ""
