"""What disturbs a sample, and the counters that show it."""

from pathlib import Path
from time import process_time

import pytest

from bench.measure.timing.disturbance import (
    Activity,
    CpuCounters,
    activity_between,
    background_share,
    read_cpu_counters,
)
from tests.system_files import write_files

QUIET = Activity(switches=3, cpu=0.2, pressure=0.001, steal=0.0)
"""A tenth of a second on a machine at rest."""


@pytest.mark.parametrize(
    ("activity", "disturbed"),
    [
        (QUIET, False),
        (Activity(None, None, None, None), False),
        (Activity(12, 0.2, 0.0, 0.0), False),  # 4 and 80 per second
        (Activity(13, 0.2, 0.0, 0.0), True),
        (Activity(0, 0.2, 0.0049, 0.0), False),
        (Activity(0, 0.2, 0.0051, 0.0), True),
        (Activity(0, 0.2, 0.0, 0.01), False),  # one tick of the counter
        (Activity(0, 0.2, 0.0, 0.02), True),
        (Activity(0, 0.01, 0.0, 0.0), False),  # CPU time is recorded, and decides nothing
    ],
)
def test_disturbance_of_a_tenth_of_a_second(activity: Activity, disturbed: bool) -> None:
    assert activity.disturbs(0.1) == disturbed


def test_counters_come_from_the_kernel(tmp_path: Path) -> None:
    write_files(
        tmp_path,
        {
            "proc/pressure/cpu": "some avg10=0.01 avg60=0.85 avg300=1.32 total=2221708958\nfull avg10=0 total=0\n",
            "proc/stat": "cpu  894616 11901 131720 2996134 10537 0 1427 10994 0 0\ncpu0 1 2 3\n",
        },
    )
    counters = read_cpu_counters(tmp_path)
    assert counters.pressure == pytest.approx(2221.708958)
    assert counters.steal == pytest.approx(109.94)  # in ticks of 10 ms on every Linux
    assert counters.switches is not None and counters.cpu is not None and counters.cpu > 0


def test_missing_files_are_none(tmp_path: Path) -> None:
    counters = read_cpu_counters(tmp_path)
    assert (counters.pressure, counters.steal) == (None, None)


def test_activity_is_the_increase() -> None:
    before, after = CpuCounters(5, 1.0, None, 2.0), CpuCounters(9, 1.5, 3.0, 2.25)
    assert activity_between(before, after) == Activity(4, 0.5, None, 0.25)


@pytest.mark.parametrize(("busy", "least", "most"), [(False, 0.0, 0.2), (True, 0.5, 2.0)])
def test_background_share_is_the_cpu_time_of_a_pause(busy: bool, least: float, most: float) -> None:
    """The pause takes CPU time of this process, as a thread of a module would, or none."""

    def pause(seconds: float) -> None:
        end = process_time() + seconds * busy
        while process_time() < end:
            pass

    share = background_share(pause)
    assert share is not None and least <= share <= most
