"""Facts from the files of a Linux system. A fact that cannot be read is None; on other systems all of them are."""

import math
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

ROOT = Path("/")
"""Root of /proc and /sys; tests pass a folder of their own."""

_CPU = "sys/devices/system/cpu"


def cpu_model(root: Path = ROOT) -> str | None:
    """The name of the processor."""
    return _cpuinfo(root, "model name")


def governor(root: Path = ROOT) -> str | None:
    """The frequency governor of the first core, such as "performance" or "powersave"."""
    return _text(root / _CPU / "cpu0/cpufreq/scaling_governor")


def turbo(root: Path = ROOT) -> bool | None:
    """Whether cores may run above their base frequency."""
    disabled = _number(root / _CPU / "intel_pstate/no_turbo")
    if disabled is not None:
        return disabled == 0
    boost = _number(root / _CPU / "cpufreq/boost")
    return None if boost is None else boost == 1


def throttle_count(root: Path = ROOT) -> int | None:
    """How often cores were throttled for heat since the system started; only Intel's drivers count it."""
    counts = [_number(path) for path in (root / _CPU).glob("cpu[0-9]*/thermal_throttle/core_throttle_count")]
    return sum(count for count in counts if count is not None) if counts else None


def clock_source(root: Path = ROOT) -> str | None:
    """The kernel's clock source, such as "tsc" or "hpet"."""
    return _text(root / "sys/devices/system/clocksource/clocksource0/current_clocksource")


def virtual(root: Path = ROOT) -> bool | None:
    """Whether this is a virtual machine, by the flags of x86 processors and by Xen's folder."""
    flags = _cpuinfo(root, "flags")
    if flags is not None:
        return "hypervisor" in flags.split()
    return True if _text(root / "sys/hypervisor/type") else None


def cpu_quota(root: Path = ROOT) -> float | None:
    """The number of cores whose time the control group and its ancestors grant; infinite without a limit.

    Source: the kernel's admin-guide, cgroup-v2 (cpu.max) and cgroup-v1 (cpu.cfs_quota_us).
    """
    groups = _text(root / "proc/self/cgroup")
    if groups is None:
        return None
    return min((_group_quota(folder) for folder in _control_groups(root, groups)), default=math.inf)


def _control_groups(root: Path, lines: str) -> Iterator[Path]:
    """The folders of the control groups that may limit CPU time, each followed by its ancestors."""
    for line in lines.splitlines():
        _, controllers, path = line.split(":", 2)
        version_1 = "cpu" in controllers.split(",")
        if version_1 or not controllers:
            base = root / "sys/fs/cgroup" / ("cpu" if version_1 else "")
            group = PurePosixPath(path.lstrip("/"))
            yield from (base / folder for folder in (group, *group.parents))


def _group_quota(group: Path) -> float:
    """The quota of one control group, in cores. The root group has no such files and no limit."""
    text = _text(group / "cpu.max")
    if text is not None:
        quota, period = text.split()
        return math.inf if quota == "max" else int(quota) / int(period)
    granted, every = _number(group / "cpu.cfs_quota_us"), _number(group / "cpu.cfs_period_us")
    return granted / every if granted and every and granted > 0 else math.inf


def _cpuinfo(root: Path, key: str) -> str | None:
    lines = (_text(root / "proc/cpuinfo") or "").splitlines()
    values = [value.strip() for name, _, value in (line.partition(":") for line in lines) if name.strip() == key]
    return values[0] if values else None


def _number(path: Path) -> int | None:
    try:
        return int(_text(path) or "")
    except ValueError:
        return None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return None
