"""Judgement on invented facts. Workers are played, no time passes."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from bench.cli import app
from bench.commands import _findings_in_table
from bench.doctor import probes as checkup
from bench.doctor import findings as doctor
from bench.doctor.probes import Counters, ask_control, read_facts
from bench.doctor.findings import Finding
from bench.run.executors.local import LocalProcesses
from bench.doctor.facts import Control, Cores, Facts, Failure
from bench.run.queries import Rates
from bench.run.worker import Job
from tests.bench.run.test_system import tree

FIT = Facts(
    device="cpu",
    control=Control(point=0.001, halfwidth=0.002, spread=0.02, rounds=200),
    rates=Rates(copy_bandwidth=2.56e10, matmul_rate=1.5e11, rounds=14, gpu_clock=None),
    cores=Cores(physical=4, logical=8, allowed=8, quota=math.inf),
    threads=8,
    load=0.2,
    busy=0.02,
    steal=0.0,
    governor="performance",
    turbo=True,
    throttles=0,
    clock_source="tsc",
    virtual=False,
    available_bytes=8 * 10**9,
    swap_bytes=0,
    paged_bytes=0,
)
SHARED_VM = replace(FIT, governor=None, turbo=None, throttles=None, virtual=True, steal=0.004)


def unfit(facts: Facts) -> list[str]:
    return [finding.name for finding in doctor.diagnose(facts) if finding.fine is False]


def reading(*throttle_reasons: str) -> dict[str, Any]:
    return {"sm_hz": 1_200_000_000, "throttle_reasons": throttle_reasons, "reason": None}


@pytest.mark.parametrize("reason", ["gpu_idle", "sw_power_cap"])
def test_a_gpu_that_idles_or_keeps_its_power_cap_is_fine(reason: str) -> None:
    assert doctor.gpu_clock(reading(reason)).fine is True


@pytest.mark.parametrize("facts", [FIT, SHARED_VM, replace(FIT, load=None, steal=None, clock_source=None)])
def test_nothing_is_wrong_with_a_quiet_machine_or_with_what_cannot_be_read(facts: Facts) -> None:
    assert unfit(facts) == []


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("noise", {"control": Control(0.0, 0.0101, 0.1, 200)}),
        ("noise", {"control": Control(-0.013, 0.003, 0.1, 200)}),
        ("noise", {"control": Control(0.0, math.inf, 0.1, 5)}),
        ("noise", {"control": Failure("out of memory")}),
        ("load", {"busy": 0.11}),
        ("cores", {"cores": Cores(4, 8, 8, 0.5), "threads": 1}),
        ("threads", {"threads": 9}),
        ("threads", {"cores": Cores(4, 8, 2, math.inf)}),
        ("threads", {"cores": Cores(4, 8, 8, 7.9)}),
        ("governor", {"governor": "powersave"}),
        ("governor", {"governor": "schedutil"}),
        ("heat", {"throttles": 1}),
        ("clock source", {"clock_source": "jiffies"}),
        ("stolen time", {"steal": 0.011}),
        ("memory", {"available_bytes": 10**9}),
        ("memory", {"paged_bytes": 2 * 10**7}),
        ("rates", {"rates": Failure("out of memory")}),
        (
            "GPU clock",
            {"device": "cuda", "rates": Rates(1.0, 1.0, 3, reading("hw_thermal_slowdown"))},
        ),
    ],
)
def test_what_disturbs_is_named_with_its_remedy(name: str, change: dict[str, Any]) -> None:
    facts = replace(FIT, **change)
    assert unfit(facts) == [name]
    assert all(bool(finding.remedy) == (finding.fine is False) for finding in doctor.diagnose(facts))


@pytest.mark.parametrize(
    "change",
    [
        {"control": Control(-0.0104, 0.005, 0.1, 200)},  # one process may be that far off
        {"load": 7.0},  # of what ended a minute ago
        {"governor": "userspace"},
        {"clock_source": "hpet"},
        {"turbo": False},
        {"swap_bytes": 4 * 10**9},  # nothing moves
        {"cores": Cores(None, 8, None, None)},
    ],
)
def test_what_only_looks_bad_is_fine(change: dict[str, Any]) -> None:
    assert unfit(replace(FIT, **change)) == []


def test_what_cannot_be_read_is_said_to_be_so_and_never_zero() -> None:
    nothing = Cores(None, None, None, None)
    findings = [
        *(judge(None) for judge in (doctor.governor, doctor.turbo, doctor.heat, doctor.clock_source)),
        *(judge(None) for judge in (doctor.virtual, doctor.steal, doctor.gpu_clock)),
        doctor.load(None, None),
        doctor.cores(nothing),
        doctor.threads(2, nothing),
    ]
    for finding in findings:
        assert finding.fine is None and finding.remedy is None and "cannot be read" in finding.seen


def test_noise_says_the_interval_and_the_smallest_change() -> None:
    finding = doctor.noise(Control(point=math.log(1.002), halfwidth=0.0049, spread=math.log(1.03), rounds=229))
    # 0.0049 ÷ 1.96 ÷ √6 = 0.001021 a standard error; 1.01 × exp(4 × 0.001021) = 1.01413
    assert finding == Finding(
        "noise",
        "two identical builds differ by +0.2 [−0.3, +0.7] %; a run finds 1.4 % and more at best, "
        "the middle half of 229 rounds spans 3.0 %",
        True,
    )


def test_rates_are_told_with_their_conventions() -> None:
    bandwidth, rate = doctor.rates(FIT.rates, "cpu")
    assert bandwidth.seen == "25.6 GB/s, read plus written, beyond the caches, best of 14"
    assert rate.seen == "150.0 GFLOP/s in fp32, a multiply-add counted as 2, best of 14"


def test_a_quota_bounds_the_threads() -> None:
    finding = doctor.threads(8, Cores(4, 8, 8, 3.5))
    assert finding == Finding("threads", "torch uses 8 on 3 usable cores", False, "`export OMP_NUM_THREADS=3`")


def test_a_control_is_its_median_with_the_interval_and_the_quartiles() -> None:
    ratios = np.arange(-8.0, 9.0) / 1000  # 17 rounds, evenly spread
    # ranks 17/2 ± 1.96 √17/2, outwards: 4.46 → 4 and 13.54 → 14; half of (5 − (−5)) thousandths
    assert checkup.summarise(ratios) == Control(0.0, pytest.approx(0.005), pytest.approx(0.008), 17)


def test_counters_are_told_apart_from_what_cannot_be_read() -> None:
    later, earlier = Counters(10.0, 20.0, 1.5, 4, 300), Counters(8.0, 14.0, 0.5, 4, 100)
    assert later.since(earlier) == Counters(2.0, 6.0, 1.0, 0, 200)
    assert later.since(earlier).share(1.0) == pytest.approx(1 / 9)
    nothing = replace(earlier, stolen=None, throttles=None)
    assert later.since(nothing) == Counters(2.0, 6.0, None, None, 200)
    assert later.since(nothing).share(1.0) == pytest.approx(1 / 8)
    assert later.since(nothing).share(None) is None and later.since(later).share(0.0) is None


class Workers:
    """Played workers that answer each question, or fail at the measures named in ``bad``."""

    def __init__(self, *bad: str) -> None:
        self.bad = bad
        self.jobs: list[Job] = []

    def __call__(self, job: Job, timeout: float) -> Iterator[dict[str, Any]]:
        self.jobs.append(job)
        if job.measure.name in self.bad:
            yield {"died": "the worker was killed by SIGKILL"}
            return
        for member in job.members:
            yield {"start": member.index}
        for member in job.members:
            yield {"measured": member.index, **ANSWERS[job.measure.name]}


def value(name: str, *samples: float) -> dict[str, Any]:
    return {"name": name, "unit": "…", "samples": list(samples), "reason": None}


ANSWERS: dict[str, dict[str, Any]] = {
    "bench.run.queries:Torch": {"values": [], "details": {"threads": 2, "gpu": None, "cuda": None, "kernels": None}},
    "machine": {"values": [value("copy", 1e9, 3e9, 2e9), value("mul", 5e9, 4e9, 3e9)], "details": {"gpu_clock": None}},
    "latency": {"values": [value("latency", *[0.002] * 16)], "details": {}},
}


def counts(*moments: Counters) -> Any:
    left = iter(moments)
    return lambda root: next(left)


def test_facts_come_from_files_counters_and_workers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    moments = [
        Counters(10, 0, 0, 0, 0),
        Counters(10.5, 1.5, 0, 0, 0),
        Counters(50, 50, 0, 1, 0),
        Counters(70, 69, 1, 3, 5),
    ]
    monkeypatch.setattr(checkup, "read_counters", counts(*moments))
    root = tree(
        tmp_path, {"sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "ondemand", "proc/self/cgroup": "0::/"}
    )
    told: list[str] = []
    paused: list[float] = []
    facts = read_facts("auto", Workers(), told.append, root, paused.append)
    assert facts.control == Control(0.0, 0.0, 0.0, 16)
    assert facts.rates == Rates(3e9, 5e9, 3, None)
    assert (facts.device, facts.threads, facts.governor, facts.cores.quota) == ("cpu", 2, "ondemand", math.inf)
    assert facts.busy == pytest.approx(0.25)  # 0.5 s used, 1.5 s idle
    assert facts.steal == pytest.approx(1 / 40)
    assert (facts.throttles, facts.paged_bytes) == (2, 5)
    assert (facts.turbo, facts.clock_source, facts.virtual) == (None, None, None)
    assert paused == [1.0] and len(told) == 3


def test_the_control_gets_a_process_of_its_own_and_two_equal_members() -> None:
    workers = Workers()
    ask_control("cpu", workers, 10.0)
    [job] = workers.jobs
    baseline, control = job.members
    assert job.fresh and baseline.cell == control.cell
    assert job.measure.build().budget / job.measure.build().repeats == 10.0


@pytest.mark.parametrize(("bad", "field"), [("machine", "rates"), ("latency", "control")])
def test_a_worker_that_dies_is_a_fact(bad: str, field: str, tmp_path: Path) -> None:
    facts = read_facts("cpu", Workers(bad), lambda text: None, tmp_path, lambda seconds: None)
    assert getattr(facts, field) == Failure("the worker was killed by SIGKILL")


def examine(monkeypatch: pytest.MonkeyPatch, facts: Facts) -> Any:
    monkeypatch.setattr(checkup, "read_facts", lambda device, execute, tell: facts)
    return CliRunner().invoke(app, ["doctor"])


def test_a_fit_machine_exits_0(monkeypatch: pytest.MonkeyPatch) -> None:
    done = examine(monkeypatch, SHARED_VM)
    assert done.exit_code == 0
    assert done.output.splitlines()[-1] == "fit to measure on"
    assert "unknown  governor         cannot be read" in done.output.splitlines()


def test_an_unfit_machine_exits_3_and_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    done = examine(monkeypatch, replace(FIT, governor="powersave", threads=64))
    assert done.exit_code == 3
    assert done.output.splitlines()[-1] == "not fit to measure on: threads, governor"
    assert "         remedy:          `sudo cpupower frequency-set -g performance`" in done.output.splitlines()


def test_a_terminal_gets_a_table_with_nothing_lost(capsys: pytest.CaptureFixture[str]) -> None:
    _findings_in_table(
        [Finding("noise", "differ by −1.2 [−1.6, −0.8] %", False, "`stop [it]`"), Finding("turbo", "?", None)]
    )
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:-1]]
    assert rows == [
        ["not", "fine", "noise", "differ", "by", "−1.2", "[−1.6,", "−0.8]", "%"],
        ["`stop", "[it]`"],
        ["unknown", "turbo", "?"],
    ]


def test_a_gpu_that_is_not_there_is_bad_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "bench.run.executors.local.LocalProcesses.__call__", lambda self, job, timeout: Workers()(job, timeout)
    )
    monkeypatch.setattr(checkup.read_facts, "__defaults__", (Path("/nowhere"), lambda seconds: None))
    done = CliRunner().invoke(app, ["doctor", "--device", "cuda"])
    assert done.exit_code == 2 and "torch sees no GPU here" in done.output


def test_two_identical_builds_are_really_timed() -> None:
    with LocalProcesses() as execute:
        control = ask_control("cpu", execute, 0.1)
    assert control.rounds >= 1 and math.isfinite(control.point)
