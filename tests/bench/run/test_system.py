"""Readers of /proc and /sys, on folders that look like those of known machines."""

import math
from pathlib import Path

import pytest

from bench.run import system
from tests.system_files import write_files

CPU = "sys/devices/system/cpu"
READERS = [
    system.cpu_model,
    system.governor,
    system.turbo,
    system.throttle_count,
    system.clock_source,
    system.virtual,
    system.cpu_quota,
]


@pytest.mark.parametrize("read", READERS)
def test_missing_files_read_as_none(tmp_path: Path, read) -> None:  # type: ignore[no-untyped-def]
    assert read(tmp_path) is None


def test_all_facts_of_a_laptop(tmp_path: Path) -> None:
    root = write_files(
        tmp_path,
        {
            "proc/cpuinfo": "processor\t: 0\nmodel name\t: A CPU: fast\nflags\t\t: fpu sse2\n\nprocessor\t: 1",
            f"{CPU}/cpu0/cpufreq/scaling_governor": "powersave",
            f"{CPU}/intel_pstate/no_turbo": "0",
            f"{CPU}/cpu0/thermal_throttle/core_throttle_count": "3",
            f"{CPU}/cpu11/thermal_throttle/core_throttle_count": "4",
            "sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc",
        },
    )
    assert [read(root) for read in READERS] == ["A CPU: fast", "powersave", True, 7, "tsc", False, None]


@pytest.mark.parametrize(
    ("name", "text", "on"),
    [
        ("intel_pstate/no_turbo", "0", True),
        ("intel_pstate/no_turbo", "1", False),
        ("cpufreq/boost", "1", True),
        ("cpufreq/boost", "0", False),
        ("cpufreq/boost", "", None),
    ],
)
def test_turbo_in_files_with_opposite_senses(tmp_path: Path, name: str, text: str, on: bool | None) -> None:
    assert system.turbo(write_files(tmp_path, {f"{CPU}/{name}": text})) is on


@pytest.mark.parametrize(
    ("files", "virtual"),
    [
        ({"proc/cpuinfo": "flags : fpu hypervisor sse2"}, True),
        ({"proc/cpuinfo": "flags : fpu sse2", "sys/hypervisor/type": "xen"}, False),  # Xen's host, Dom0
        ({"proc/cpuinfo": "Features : fp asimd", "sys/hypervisor/type": "xen"}, True),
        ({"proc/cpuinfo": "Features : fp asimd"}, None),
    ],
)
def test_virtual_machines(tmp_path: Path, files: dict[str, str], virtual: bool | None) -> None:
    assert system.virtual(write_files(tmp_path, files)) is virtual


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({"proc/self/cgroup": "0::/"}, math.inf),
        ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "150000 100000"}, 1.5),
        ({"proc/self/cgroup": "0::/a/b", "sys/fs/cgroup/a/b/cpu.max": "max 100000"}, math.inf),
        (
            {
                "proc/self/cgroup": "0::/a/b",
                "sys/fs/cgroup/a/b/cpu.max": "max 100000",
                "sys/fs/cgroup/a/cpu.max": "200000 100000",
            },
            2.0,
        ),
        (
            {
                "proc/self/cgroup": "5:memory:/docker/x\n4:cpu,cpuacct:/docker/x\n0::/",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            },
            0.5,
        ),
        (
            {
                "proc/self/cgroup": "1:cpu:/x",
                "sys/fs/cgroup/cpu/x/cpu.cfs_quota_us": "-1",
                "sys/fs/cgroup/cpu/x/cpu.cfs_period_us": "100000",
            },
            math.inf,
        ),
    ],
)
def test_cpu_quota_is_least_of_group_and_ancestors(tmp_path: Path, files: dict[str, str], quota: float) -> None:
    assert system.cpu_quota(write_files(tmp_path, files)) == quota
