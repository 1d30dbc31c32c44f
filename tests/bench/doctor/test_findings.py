"""Findings from invented facts, and facts from fake workers."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from bench.cli import app
from bench.commands.doctor import _print_table
from bench.doctor import findings, probes
from bench.doctor.facts import ControlNoise, CoreCounts, Facts, ProbeFailure
from bench.doctor.findings import Finding
from bench.doctor.probes import control_noise, measure_control, read_facts
from bench.measure.timing.nvml import Reading
from bench.run.counters import SystemCounters
from bench.run.executors.local import LocalProcesses
from bench.run.messages import Died, Measured, Message, Started
from bench.run.queries import PeakRates
from bench.run.worker import Job
from bench.store.record import Value
from tests.system_files import write_files

FIT = Facts(
    device="cpu",
    control=ControlNoise(point=0.001, halfwidth=0.002, spread=0.02, rounds=200),
    rates=PeakRates(copy_bandwidth=2.56e10, matmul_rate=1.5e11, rounds=14, gpu_clock=None),
    cores=CoreCounts(physical=4, logical=8, allowed=8, quota=math.inf),
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


def failed_checks(facts: Facts) -> list[str]:
    return [finding.name for finding in findings.diagnose(facts) if finding.ok is False]


def reading(*throttle_reasons: str) -> Reading:
    return Reading(1_200_000_000, throttle_reasons)


@pytest.mark.parametrize("reason", ["gpu_idle", "sw_power_cap"])
def test_idling_and_power_cap_of_a_gpu_are_ok(reason: str) -> None:
    assert findings.gpu_clock_finding(reading(reason)).ok is True


@pytest.mark.parametrize("facts", [FIT, SHARED_VM, replace(FIT, load=None, steal=None, clock_source=None)])
def test_quiet_machines_and_unreadable_facts_pass(facts: Facts) -> None:
    assert failed_checks(facts) == []


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("noise", {"control": ControlNoise(0.0, 0.0101, 0.1, 200)}),
        ("noise", {"control": ControlNoise(-0.013, 0.003, 0.1, 200)}),
        ("noise", {"control": ControlNoise(0.0, math.inf, 0.1, 5)}),
        ("noise", {"control": ProbeFailure("out of memory")}),
        ("load", {"busy": 0.11}),
        ("cores", {"cores": CoreCounts(4, 8, 8, 0.5), "threads": 1}),
        ("threads", {"threads": 9}),
        ("threads", {"cores": CoreCounts(4, 8, 2, math.inf)}),
        ("threads", {"cores": CoreCounts(4, 8, 8, 7.9)}),
        ("governor", {"governor": "powersave"}),
        ("governor", {"governor": "schedutil"}),
        ("heat", {"throttles": 1}),
        ("clock source", {"clock_source": "jiffies"}),
        ("steal time", {"steal": 0.011}),
        ("memory", {"available_bytes": 10**9}),
        ("memory", {"paged_bytes": 2 * 10**7}),
        ("rates", {"rates": ProbeFailure("out of memory")}),
        (
            "GPU clock",
            {"device": "cuda", "rates": PeakRates(1.0, 1.0, 3, reading("hw_thermal_slowdown"))},
        ),
    ],
)
def test_disturbances_have_remedies(name: str, change: dict[str, Any]) -> None:
    facts = replace(FIT, **change)
    assert failed_checks(facts) == [name]
    assert all(bool(finding.remedy) == (finding.ok is False) for finding in findings.diagnose(facts))


@pytest.mark.parametrize(
    "change",
    [
        {"control": ControlNoise(-0.0104, 0.005, 0.1, 200)},  # a single process may be that far off
        {"load": 7.0},  # includes processes that have ended
        {"governor": "userspace"},
        {"clock_source": "hpet"},
        {"turbo": False},
        {"swap_bytes": 4 * 10**9},  # nothing moves
        {"cores": CoreCounts(None, 8, None, None)},
    ],
)
def test_harmless_facts_are_ok(change: dict[str, Any]) -> None:
    assert failed_checks(replace(FIT, **change)) == []


def test_unreadable_facts_are_named_and_never_zero() -> None:
    unreadable = CoreCounts(None, None, None, None)
    results = [
        findings.governor_finding(None),
        findings.turbo_finding(None),
        findings.heat_finding(None),
        findings.clock_source_finding(None),
        findings.virtual_machine_finding(None),
        findings.steal_finding(None),
        findings.gpu_clock_finding(None),
        findings.load_finding(None, None),
        findings.cores_finding(unreadable),
        findings.threads_finding(2, unreadable),
    ]
    for finding in results:
        assert finding.ok is None and finding.remedy is None and "cannot be read" in finding.observed


def test_noise_with_interval_and_smallest_slow_down() -> None:
    finding = findings.noise_finding(
        ControlNoise(point=math.log(1.002), halfwidth=0.0049, spread=math.log(1.03), rounds=229)
    )
    # 0.0049 ÷ 1.96 ÷ √6 = 0.001021 a standard error; 1.01 × exp(4 × 0.001021) = 1.01413
    assert finding == Finding(
        "noise",
        "two identical builds differ by +0.2 % [−0.3, +0.7]; smallest slowdown that a run detects: 1.4 % at best; "
        "interquartile range over 229 rounds: 3.0 %",
        True,
    )


def test_rates_with_their_conventions() -> None:
    bandwidth, rate = findings.rate_findings(FIT.rates, "cpu")
    assert bandwidth.observed == "25.6 GB/s, read plus written, beyond the caches, best of 14"
    assert rate.observed == "150.0 GFLOP/s in fp32, a multiply-add counted as 2, best of 14"


def test_quota_limits_the_threads() -> None:
    finding = findings.threads_finding(8, CoreCounts(4, 8, 8, 3.5))
    assert finding == Finding("threads", "torch uses 8 on 3 usable cores", False, "`export OMP_NUM_THREADS=3`")


def test_control_noise_from_log_ratios() -> None:
    ratios = np.arange(-8.0, 9.0) / 1000  # 17 rounds, evenly spread
    # ranks 17/2 ± 1.96 √17/2, outwards: 4.46 → 4 and 13.54 → 14; half of (5 − (−5)) thousandths
    assert control_noise(ratios) == ControlNoise(0.0, pytest.approx(0.005), pytest.approx(0.008), 17)


def test_differences_and_shares_of_counters() -> None:
    later, earlier = SystemCounters(10.0, 20.0, 1.5, 4, 300), SystemCounters(8.0, 14.0, 0.5, 4, 100)
    assert later.since(earlier) == SystemCounters(2.0, 6.0, 1.0, 0, 200)
    assert later.since(earlier).share(1.0) == pytest.approx(1 / 9)
    unreadable = replace(earlier, stolen=None, throttles=None)
    assert later.since(unreadable) == SystemCounters(2.0, 6.0, None, None, 200)
    assert later.since(unreadable).share(1.0) == pytest.approx(1 / 8)
    assert later.since(unreadable).share(None) is None and later.since(later).share(0.0) is None


class FakeWorkers:
    """Workers with invented answers, which die at the measures named in ``bad``."""

    def __init__(self, *bad: str) -> None:
        self.bad = bad
        self.jobs: list[Job] = []

    def __call__(self, job: Job, timeout: float) -> Iterator[Message]:
        self.jobs.append(job)
        if job.measure.name in self.bad:
            yield Died("the worker was killed by SIGKILL")
            return
        for member in job.members:
            yield Started(member.index)
        for member in job.members:
            yield Measured(member.index, *ANSWERS[job.measure.name])


ANSWERS: dict[str, tuple[tuple[Value, ...], dict[str, Any]]] = {
    "bench.run.queries:TorchQuery": ((), {"threads": 2, "gpu": None, "cuda": None, "kernels": None}),
    "machine": (
        (Value("copy_bandwidth", "B/s", (1e9, 3e9, 2e9)), Value("matmul_rate", "FLOP/s", (5e9, 4e9, 3e9))),
        {"gpu_clock": None},
    ),
    "latency": ((Value("latency", "s", (0.002,) * 16),), {}),
}


def test_facts_from_files_counters_and_workers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    readings = iter(
        [
            SystemCounters(10, 0, 0, 0, 0),
            SystemCounters(10.5, 1.5, 0, 0, 0),
            SystemCounters(50, 50, 0, 1, 0),
            SystemCounters(70, 69, 1, 3, 5),
        ]
    )
    monkeypatch.setattr(probes, "read_system_counters", lambda root: next(readings))
    root = write_files(
        tmp_path, {"sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "ondemand", "proc/self/cgroup": "0::/"}
    )
    steps: list[str] = []
    pauses: list[float] = []
    facts = read_facts("auto", FakeWorkers(), steps.append, root, pauses.append)
    assert facts.control == ControlNoise(0.0, 0.0, 0.0, 16)
    assert facts.rates == PeakRates(3e9, 5e9, 3, None)
    assert (facts.device, facts.threads, facts.governor, facts.cores.quota) == ("cpu", 2, "ondemand", math.inf)
    assert facts.busy == pytest.approx(0.25)  # 0.5 s used, 1.5 s idle
    assert facts.steal == pytest.approx(1 / 40)
    assert (facts.throttles, facts.paged_bytes) == (2, 5)
    assert (facts.turbo, facts.clock_source, facts.virtual) == (None, None, None)
    assert pauses == [1.0] and len(steps) == 3


def test_control_in_a_fresh_process_with_two_equal_members() -> None:
    workers = FakeWorkers()
    measure_control("cpu", workers, 10.0)
    [job] = workers.jobs
    baseline, control = job.members
    assert job.fresh and baseline.cell == control.cell
    assert job.measure.build().budget / job.measure.build().repeats == 10.0


@pytest.mark.parametrize(("bad", "field"), [("machine", "rates"), ("latency", "control")])
def test_dead_worker_becomes_a_probe_failure(bad: str, field: str, tmp_path: Path) -> None:
    facts = read_facts("cpu", FakeWorkers(bad), lambda text: None, tmp_path, lambda seconds: None)
    assert getattr(facts, field) == ProbeFailure("the worker was killed by SIGKILL")


def run_doctor(monkeypatch: pytest.MonkeyPatch, facts: Facts) -> Any:
    monkeypatch.setattr(probes, "read_facts", lambda device, execute, tell: facts)
    return CliRunner().invoke(app, ["doctor"])


def test_fit_machine_exits_0(monkeypatch: pytest.MonkeyPatch) -> None:
    done = run_doctor(monkeypatch, SHARED_VM)
    assert done.exit_code == 0
    assert done.output.splitlines()[-1] == "fit to measure on"
    assert "unknown  governor         cannot be read" in done.output.splitlines()


def test_unfit_machine_exits_3_with_remedies(monkeypatch: pytest.MonkeyPatch) -> None:
    done = run_doctor(monkeypatch, replace(FIT, governor="powersave", threads=64))
    assert done.exit_code == 3
    assert done.output.splitlines()[-1] == "not fit to measure on: threads, governor"
    assert "         remedy:          `sudo cpupower frequency-set -g performance`" in done.output.splitlines()


def test_table_for_terminals(capsys: pytest.CaptureFixture[str]) -> None:
    _print_table([Finding("noise", "differ by −1.2 [−1.6, −0.8] %", False, "`stop [it]`"), Finding("turbo", "?", None)])
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:-1]]
    assert rows == [
        ["not", "ok", "noise", "differ", "by", "−1.2", "[−1.6,", "−0.8]", "%"],
        ["`stop", "[it]`"],
        ["unknown", "turbo", "?"],
    ]


def test_missing_gpu_is_bad_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "bench.run.executors.local.LocalProcesses.__call__", lambda self, job, timeout: FakeWorkers()(job, timeout)
    )
    monkeypatch.setattr(probes.read_facts, "__defaults__", (Path("/nowhere"), lambda seconds: None))
    done = CliRunner().invoke(app, ["doctor", "--device", "cuda"])
    assert done.exit_code == 2 and "torch sees no GPU here" in done.output


def test_control_in_a_worker_process() -> None:
    with LocalProcesses() as execute:
        control = measure_control("cpu", execute, 0.1)
    assert control.rounds >= 1 and math.isfinite(control.point)
