"""Comparisons of runs whose verdicts are known beforehand."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace as changed

from bench.errors import InputError
from bench.results.compare import compare_pairs, compare_runs, compare_sides
from bench.results.verdicts import Verdict, exit_code
from bench.store.record import MeasuredRecord, Record, Value
from bench.store.sides import ComparedRevision
from bench.store.stored_run import StoredRun
from tests.factories import QUIET, counts, failed, group, record, skipped, times
from tests.factories import store as store_run

GATE = {"latency_ratio": 0.01, "params": None}


@pytest.fixture
def stored(tmp_path: Path) -> Callable[..., StoredRun]:
    def store(records: Sequence[Record], name: str = "run", **facts: Any) -> StoredRun:
        run = StoredRun.load(store_run(tmp_path / f"{name}{len(list(tmp_path.iterdir()))}", records, **facts))
        measured = [record for record in records if isinstance(record, MeasuredRecord)]
        values = [value for record in measured for value in record.values]
        names = {f"{value.name}_ratio" if value.unit == "s" else value.name for value in values}
        return replace(run, path=Path(name), gate={gated: GATE[gated] for gated in GATE if gated in names})

    return store


def kinds(verdicts: Sequence[Verdict]) -> dict[str, str]:
    return {verdict.value: verdict.kind for verdict in verdicts}


@pytest.mark.parametrize(
    ("slower", "kind", "code"),
    [(1.05, "regressed", 1), (0.95, "improved", 0), (1.001, "unchanged", 0)],
)
def test_slowed_copy(stored: Callable[..., StoredRun], slower: float, kind: str, code: int) -> None:
    verdicts = compare_runs(stored(group()), stored(group(slower, control=QUIET)))
    assert kinds(verdicts) == {"latency_ratio": kind, "params": "unchanged"}
    assert exit_code(verdicts) == code
    [time] = [verdict for verdict in verdicts if verdict.value == "latency_ratio"]
    assert time.change is not None and time.change.point == pytest.approx(slower)
    assert time.base is not None and time.base.point == pytest.approx(2.0, rel=1e-3)


def test_same_records_are_unchanged(stored: Callable[..., StoredRun]) -> None:
    run = stored([*times("baseline", "net/none", 0.1, (0.5, -0.5, 0, 0, 0, 0)), *group()[6:]])
    verdicts = compare_runs(run, run)
    assert set(kinds(verdicts).values()) == {"unchanged"} and exit_code(verdicts) == 0


def test_one_parameter_more_or_less(stored: Callable[..., StoredRun]) -> None:
    base = stored([counts("net/simam", 100)])
    more, less = stored([counts("net/simam", 101)]), stored([counts("net/simam", 99)])
    assert kinds(compare_runs(base, more)) == {"params": "regressed"}
    assert kinds(compare_runs(base, less)) == {"params": "improved"}


@pytest.mark.parametrize("key", ["cpu", "threads", "torch"])
def test_other_machine_is_incomparable_for_times(stored: Callable[..., StoredRun], key: str) -> None:
    other = {"packages": {"torch": "9.8"}} if key == "torch" else {key: "another"}
    base, new = stored(group(), "base"), stored(group(1.05), "new", **other)
    verdicts = compare_runs(base, new)
    assert kinds(verdicts) == {"latency_ratio": "incomparable", "params": "unchanged"}
    assert exit_code(verdicts) == 3
    assert f"--accept {key}" in (verdicts[0].reason or "")
    assert kinds(compare_runs(base, new, accept=[key]))["latency_ratio"] == "regressed"


def test_cpu_may_differ_for_times_of_a_gpu(stored: Callable[..., StoredRun]) -> None:
    base = stored(group(), device="cuda", gpu="G", cpu="one")
    same, other = stored(group(1.05), device="cuda", gpu="G", cpu="two"), stored(group(), device="cuda", gpu="H")
    assert kinds(compare_runs(base, same))["latency_ratio"] == "regressed"
    assert kinds(compare_runs(base, other))["latency_ratio"] == "incomparable"


@pytest.mark.parametrize(("key", "advice"), [("torhc", "did you mean 'torch'"), ("python", "no fact of that name")])
def test_unknown_key_to_accept(stored: Callable[..., StoredRun], key: str, advice: str) -> None:
    run = stored(group())
    with pytest.raises(InputError, match=f"--accept {key}: .*{advice}"):
        compare_runs(run, run, accept=[key])


def test_failing_control_makes_its_group_inconclusive(stored: Callable[..., StoredRun]) -> None:
    verdicts = compare_runs(
        stored(group(), "base"), stored(group(1.05, control=[0.02 + deviation for deviation in QUIET]), "new")
    )
    [time] = [verdict for verdict in verdicts if verdict.value == "latency_ratio"]
    assert time.kind == "inconclusive" and time.reason == "the machine of new is biased according to its A/A control"
    assert time.detectable is None  # nothing would have been detected
    assert time.evidence is not None and time.evidence.point == pytest.approx(1.02)
    assert time.repeats is None  # more processes do not help against a biased machine
    assert exit_code(verdicts) == exit_code(verdicts, "pass") == 3  # no time reached a verdict


def test_wide_control_is_not_biased(stored: Callable[..., StoredRun]) -> None:
    wide = (0.02, -0.02, 0.02, -0.02, 0.02, -0.02)
    verdicts = compare_runs(stored(group(control=wide)), stored(group(1.05, control=wide)))
    [time] = [verdict for verdict in verdicts if verdict.value == "latency_ratio"]
    assert (time.kind, time.evidence) == ("regressed", None)


def test_uncertain_time_suggests_processes(stored: Callable[..., StoredRun]) -> None:
    wide = (0.05, -0.01, 0.05, -0.01, 0.05, -0.01)  # 2 %, give or take 3.3

    def run(name: str, deviations: Sequence[float]) -> StoredRun:
        slow = times("variant", "net/simam", 0.21, deviations)
        return stored([*group()[:6], *slow, *group()[12:18]], name)

    [time] = compare_runs(run("base", QUIET), run("new", wide))
    assert time.kind == "inconclusive" and time.reason is None
    assert time.repeats is not None and time.repeats > 6 and time.detectable is not None and time.detectable > 0.01
    # Two iterations a sample, three rounds: 2 × 3 × (0.1 + 0.21 × 1.02 + 0.1) seconds a process.
    assert time.seconds == pytest.approx(time.repeats * 6 * (0.2 + 0.21 * 1.02), rel=1e-2)


def test_times_have_milliseconds_on_both_sides(stored: Callable[..., StoredRun]) -> None:
    verdicts = compare_runs(stored(group()), stored(group(1.05, control=QUIET)))
    [time] = [verdict for verdict in verdicts if verdict.value == "latency_ratio"]
    assert time.base_seconds is not None and time.base_seconds.point == pytest.approx(0.2, rel=1e-2)
    assert time.new_seconds is not None and time.new_seconds.point == pytest.approx(0.21, rel=1e-2)


@pytest.mark.parametrize(
    ("kinds_of_values", "codes"),
    [
        # latency_ratio of two cells, params; exit codes for fail, warn and pass
        (("unchanged", "inconclusive", "unchanged"), (3, 0, 0)),
        (("inconclusive", "inconclusive", "unchanged"), (3, 3, 3)),
        (("inconclusive", "inconclusive", "improved"), (3, 3, 3)),
        (("unchanged", "new", "unchanged"), (0, 0, 0)),
        (("new", "new", "unchanged"), (0, 0, 0)),
        (("new", "new", "new"), (3, 3, 3)),
        (("inconclusive", "new", "unchanged"), (3, 3, 3)),
        (("regressed", "inconclusive", "unchanged"), (1, 1, 1)),
        (("regressed", "failed", "unchanged"), (1, 1, 1)),
        (("unchanged", "unchanged", "incomparable"), (3, 3, 3)),
    ],
)
def test_exit_codes(kinds_of_values: tuple[Any, ...], codes: tuple[int, ...]) -> None:
    names = ("latency_ratio", "latency_ratio", "params")
    verdicts = [Verdict(kind, "m", "g", "c", name) for kind, name in zip(kinds_of_values, names, strict=True)]
    assert tuple(exit_code(verdicts, policy) for policy in ("fail", "warn", "pass")) == codes


def test_accuracies_need_a_verdict_too() -> None:
    open_accuracy = Verdict("inconclusive", "accuracy", "g", "c", "top1")
    assert exit_code([Verdict("unchanged", "m", "g", "c", "params"), open_accuracy]) == 3


def test_disagreeing_processes_are_not_unchanged(stored: Callable[..., StoredRun]) -> None:
    """Half of the processes are 2 % slower and half 2 % faster, far beyond their own errors."""
    regimes = [(-1) ** number * 0.02 for number in range(60)]

    def run(name: str, order: int) -> StoredRun:
        records = [
            *times("baseline", "net/none", 0.1, (0.0,) * 60),
            *times("variant", "net/simam", 0.2, regimes[::order]),
            *times("control", "net/none", 0.1, (0.0,) * 60),
        ]
        return replace(stored(records), path=Path(name))

    [time] = compare_runs(run("base", 1), run("new", -1))
    assert time.kind == "inconclusive" and time.evidence is not None and "disagree" in (time.reason or "")
    assert (time.evidence.low, time.evidence.high) == pytest.approx((2 * 0.98, 2 * 1.02), rel=1e-6)


def test_missing_baseline_is_named(stored: Callable[..., StoredRun]) -> None:
    without = stored([record for record in group(1.05) if record.role != "baseline"], "new")
    times = [verdict for verdict in compare_runs(stored(group(), "base"), without) if verdict.value == "latency_ratio"]
    assert [verdict.reason for verdict in times if verdict.kind == "inconclusive"] == [
        "new has no baseline to compare with"
    ]


def test_control_without_an_interval_is_inconclusive(stored: Callable[..., StoredRun]) -> None:
    verdicts = compare_runs(stored(group(), "base"), stored(group(1.05, control=(0.0,)), "new"))
    [time] = [verdict for verdict in verdicts if verdict.value == "latency_ratio"]
    assert (time.kind, time.reason) == ("inconclusive", "the A/A control of new has no interval")


def test_times_of_zero_have_no_ratio(stored: Callable[..., StoredRun]) -> None:
    zero = [changed(one, values=(Value("latency", "s", (0.0,) * 3),)) for one in times("variant", "net/simam", 0.2)]
    run = stored([*group()[:6], *zero, *group()[12:18]])
    [time] = compare_runs(stored(group()[:18]), run)
    assert time.kind == "inconclusive"


def test_missing_control_is_inconclusive(stored: Callable[..., StoredRun]) -> None:
    def run(slower: float) -> StoredRun:
        return stored([record for record in group(slower) if record.role != "control"])

    [time] = [verdict for verdict in compare_runs(run(1.0), run(1.05)) if verdict.value == "latency_ratio"]
    assert time.kind == "inconclusive" and time.reason == "no A/A control was measured"


def test_failed_vanished_and_new_cells(stored: Callable[..., StoredRun]) -> None:
    base = stored([counts("net/a", 1), counts("net/b", 1), counts("net/c", 1)], "base")
    dead = failed(role="variant", cell="net/a", measure="complexity")
    new = stored([dead, counts("net/c", 1), counts("net/d", 1)], "new")
    verdicts = compare_runs(base, new)
    assert [(verdict.kind, verdict.cell, verdict.reason) for verdict in verdicts] == [
        ("failed", "net/a", "new: failed: the worker was killed by SIGSEGV"),
        ("failed", "net/b", "new has no such measurement"),
        ("unchanged", "net/c", None),
        ("new", "net/d", "base has no such measurement"),
    ]
    assert exit_code(verdicts) == 3
    assert exit_code([*verdicts, replace(verdicts[0], kind="regressed")]) == 1


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("UnknownNameError: unknown attention 'gc'; did you mean 'se'?", "new"),
        ("UnknownNameError: cannot load attention 'mine:B': module 'mine' has no attribute 'B'", "new"),
        ("UnknownNameError: cannot load attention 'mine:B': No module named 'mine'", "new"),
        ("UnknownNameError: cannot load attention 'mine:B': mine would come from the checkout", "failed"),
        ("RuntimeError: out of memory", "failed"),
    ],
)
def test_cell_that_the_change_adds_is_new(stored: Callable[..., StoredRun], reason: str, kind: str) -> None:
    absent = failed(reason, role="variant", cell="net/b", measure="complexity")
    verdicts = compare_runs(stored([counts("net/a", 1), absent]), stored([counts("net/a", 1), counts("net/b", 1)]))
    assert {verdict.cell: verdict.kind for verdict in verdicts} == {"net/a": "unchanged", "net/b": kind}
    # In the other direction the cell has vanished.
    verdicts = compare_runs(stored([counts("net/a", 1), counts("net/b", 1)]), stored([counts("net/a", 1), absent]))
    assert {verdict.cell: verdict.kind for verdict in verdicts} == {"net/a": "unchanged", "net/b": "failed"}


def test_failed_control_is_a_failed_measurement(stored: Callable[..., StoredRun]) -> None:
    """A failed control is a failed measurement, because a slowdown could otherwise pass unnoticed."""
    slower = [record for record in group(1.2) if record.role != "control"]
    control = next(record for record in group() if record.role == "control")
    broken = failed("out of memory", role="control", cell=control.cell)
    verdicts = compare_runs(stored(group()), stored([*slower, broken]))
    assert [verdict.kind for verdict in verdicts] == ["failed", "inconclusive", "unchanged"]
    assert verdicts[0].reason == "the A/A control: run: failed: out of memory" and exit_code(verdicts) == 3


def test_counts_may_be_zero_or_negative(stored: Callable[..., StoredRun]) -> None:
    def kind(before: int, after: int) -> str:
        base = replace(stored([counts("net/a", before)]), gate={"params": 0.01})
        [verdict] = compare_runs(base, replace(stored([counts("net/a", after)]), gate={}))
        return verdict.kind

    assert kind(100, 0) == "improved" and kind(0, 1) == "regressed" and kind(0, 0) == "unchanged"
    assert kind(-100, -100) == "unchanged" and kind(-100, -98) == "regressed" and kind(-100, -102) == "improved"


def test_skipped_on_both_sides_is_not_a_failure(stored: Callable[..., StoredRun]) -> None:
    run = stored([counts("net/a", 1), skipped("needs a GPU", role="variant", cell="net/graph")])
    verdicts = compare_runs(run, run)
    assert {verdict.kind for verdict in verdicts if verdict.cell} == {"unchanged"}


def test_unreadable_value_fails_alone(stored: Callable[..., StoredRun]) -> None:
    both = record(
        Value("params", "1", (5,)),
        Value("macs", "1", (None,), "no driver"),
        role="variant",
        cell="net/a",
        measure="complexity",
    )
    run = replace(stored([both]), gate={"params": None, "macs": None})
    assert [(verdict.kind, verdict.value, verdict.reason) for verdict in compare_runs(run, run)] == [
        ("failed", "macs", "run: macs could not be read: no driver; run: macs could not be read: no driver"),
        ("unchanged", "params", None),
    ]


def test_unknown_machine_is_incomparable(stored: Callable[..., StoredRun]) -> None:
    base, new = stored(group(), "base", cpu=None), stored(group(1.05), "new", cpu=None)
    verdicts = compare_runs(base, new)
    assert kinds(verdicts)["latency_ratio"] == "incomparable" and "unknown" in (verdicts[0].reason or "")
    assert kinds(compare_runs(base, new, accept=["cpu"]))["latency_ratio"] == "regressed"


def test_different_settings_are_incomparable(stored: Callable[..., StoredRun]) -> None:
    def run(l2: str) -> StoredRun:
        return stored([changed(record, details={**record.details, "l2": l2}) for record in group()])

    verdicts = compare_runs(run("hot"), run("cold"))
    assert verdicts[0].kind == "incomparable" and verdicts[0].reason == "l2: hot before, cold now"


def test_gated_name_without_a_value_fails(stored: Callable[..., StoredRun]) -> None:
    run = replace(stored(group()), gate={"latency_ratio": 0.01, "startup_ratio": 0.01})
    verdicts = compare_runs(run, run)
    assert [(verdict.kind, verdict.value) for verdict in verdicts] == [
        ("failed", "startup_ratio"),
        ("unchanged", "latency_ratio"),
    ]
    part = replace(run, complete=False)  # with --only measure=… some values are not measured
    assert [verdict.kind for verdict in compare_runs(part, part)] == ["unchanged"]


def test_user_time_is_gated_under_either_name(stored: Callable[..., StoredRun]) -> None:
    def run(slower: float, gate: str) -> StoredRun:
        renamed = [
            changed(record, values=tuple(changed(value, name="startup") for value in record.values))
            for record in group(slower)[:-1]
        ]
        return replace(stored(renamed), gate={gate: 0.01})

    for gate in ("startup", "startup_ratio"):
        assert kinds(compare_runs(run(1.0, gate), run(1.05, gate))) == {gate: "regressed"}


def test_failure_on_both_sides(stored: Callable[..., StoredRun]) -> None:
    dead = stored([failed(role="variant", cell="net/a", measure="complexity"), counts("net/c", 1)])
    verdicts = compare_runs(dead, dead)
    assert [verdict.kind for verdict in verdicts] == ["failed", "unchanged"] and exit_code(verdicts) == 3


def test_value_unreadable_on_one_side_fails(stored: Callable[..., StoredRun]) -> None:
    verdicts = compare_runs(stored([counts("net/a", 1)]), stored([counts("net/a", None)]))
    assert [verdict.kind for verdict in verdicts] == ["failed"]


def test_nothing_gated_exits_3(stored: Callable[..., StoredRun]) -> None:
    run = replace(stored(group()), gate={"macs": None}, complete=False)
    assert compare_runs(run, run) == [] and exit_code([]) == 3


def test_count_within_its_threshold_is_unchanged(stored: Callable[..., StoredRun]) -> None:
    base = replace(stored([counts("net/a", 1000)]), gate={"params": 0.01})
    within, beyond = (replace(stored([counts("net/a", n)]), gate={}) for n in (1010, 1011))
    assert kinds(compare_runs(base, within)) == {"params": "unchanged"}
    assert kinds(compare_runs(base, beyond)) == {"params": "regressed"}


def test_one_process_per_side_is_inconclusive(stored: Callable[..., StoredRun]) -> None:
    def run(slower: float) -> StoredRun:
        return stored([record for record in group(slower) if record.repeat == 0])

    [time] = [verdict for verdict in compare_runs(run(1.0), run(1.05)) if verdict.value == "latency_ratio"]
    assert time.kind == "inconclusive" and "at least two processes" in (time.reason or "")


def sides(slower: float, params: int = 100) -> list[Record]:
    """Records of ab: A has the role of the baseline, B that of the variant."""
    alternating = zip(
        times("baseline", "net/none", 0.1), times("variant", "net/none", 0.1 * slower, QUIET[::-1]), strict=True
    )
    exact = [
        record(Value("params", "1", (100,)), measure="complexity"),
        record(Value("params", "1", (params,)), role="variant", measure="complexity"),
    ]
    return [*exact, *(record for pair in alternating for record in pair)]


@pytest.mark.parametrize(("slower", "kind"), [(1.03, "regressed"), (1.0, "unchanged"), (0.97, "improved")])
def test_two_revisions_including_the_plain_network(stored: Callable[..., StoredRun], slower: float, kind: str) -> None:
    verdicts = compare_pairs(stored(sides(slower)), ("A (main)", "B (mine)"))
    assert kinds(verdicts) == {"latency_ratio": kind, "params": "unchanged"}
    assert compare_pairs(stored(sides(1.0, params=101)), ("A", "B"))[0].kind == "regressed"


def test_p_values_are_adjusted_over_the_comparison(stored: Callable[..., StoredRun]) -> None:
    """Among many other values, the same change is inconclusive."""

    def run(slower: float, others: int) -> StoredRun:
        scattered = (0.004, -0.004, 0.003, -0.003, 0.002, -0.002)
        # The same spread in another order: equal records are not tested and do not count in the family.
        order = 1 if slower == 1 else -1
        quiet = [times("variant", f"net/{n}", 0.2, scattered[::order]) for n in range(others)]
        mine = [changed(record, cell="net/mine") for record in times("variant", "net/simam", 0.2 * slower, scattered)]
        return stored([*group()[:6], *mine, *(record for cell in quiet for record in cell), *group()[12:18]])

    def kind(others: int) -> str:
        verdicts = compare_runs(run(1.0, others), run(1.0155, others))
        return next(verdict.kind for verdict in verdicts if verdict.cell == "net/mine")

    assert kind(0) == "regressed" and kind(60) == "inconclusive"


def test_sides_are_named_by_their_revisions(stored: Callable[..., StoredRun]) -> None:
    revisions = {"A": ComparedRevision("main", "1" * 40), "B": ComparedRevision("mine", "2" * 40)}
    run = replace(stored([*sides(1.0), failed(role="variant", cell="net/x")]), sides=revisions)
    assert [verdict.reason for verdict in compare_sides(run) if verdict.kind == "failed"] == [
        "B (mine): failed: the worker was killed by SIGSEGV"
    ]


def test_run_has_no_sides(stored: Callable[..., StoredRun]) -> None:
    with pytest.raises(InputError, match="not a comparison of two revisions"):
        compare_sides(stored(group()))
