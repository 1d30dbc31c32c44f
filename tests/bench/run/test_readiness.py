"""Warnings before a run, from invented counters."""

import io
from collections.abc import Iterator

import pytest
from rich.console import Console

from bench.run import readiness
from bench.run.counters import SystemCounters
from bench.run.readiness import readiness_warnings, warn_if_unfit


@pytest.mark.parametrize(
    ("increase", "words"),
    [
        (SystemCounters(used=0.1, idle=1.9, stolen=0.0, throttles=0, paged=0), []),
        (SystemCounters(used=1.0, idle=1.0, stolen=0.0, throttles=0, paged=0), ["use 50 % of the CPU time"]),
        (SystemCounters(used=0.0, idle=1.8, stolen=0.2, throttles=None, paged=0), ["takes 10 % of the CPU time"]),
        (SystemCounters(used=0.0, idle=2.0, stolen=None, throttles=3, paged=0), ["throttled for heat 3 times"]),
        (SystemCounters(used=0.0, idle=0.0, stolen=None, throttles=None, paged=0), []),  # nothing is counted
    ],
)
def test_warnings(increase: SystemCounters, words: list[str]) -> None:
    warnings = list(readiness_warnings(increase))
    assert len(warnings) == len(words) and all(word in warning for word, warning in zip(words, warnings, strict=True))


def test_machine_is_observed_for_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    readings: Iterator[SystemCounters] = iter([SystemCounters(5, 5, 0.0, 0, 0), SystemCounters(7, 5, 0.0, 0, 0)])
    monkeypatch.setattr(readiness, "read_system_counters", lambda root: next(readings))
    pauses: list[float] = []
    output = io.StringIO()
    warn_if_unfit(Console(file=output, width=200), pause=pauses.append)
    assert pauses == [1.0] and output.getvalue().startswith("warning: other processes use 100 %")
