"""Invented runs, whose verdicts are known beforehand."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.results.compare import Stored, compare_runs, compare_sides, exit_code
from bench.store.record import Record, Value
from bench.results.gated import Verdict
from bench.store.stored_run import read_run
from tests.factories import QUIET, counts, group, record, times
from tests.factories import store as store_run

GATE = {"latency_ratio": 0.01, "params": None}


@pytest.fixture
def stored(tmp_path: Path) -> Callable[..., Stored]:
    def store(records: Sequence[Record], name: str = "run", **facts: Any) -> Stored:
        run = read_run(store_run(tmp_path / f"{name}{len(list(tmp_path.iterdir()))}", records, **facts))
        there = {
            f"{value.name}_ratio" if value.unit == "s" else value.name for each in records for value in each.values
        }
        return replace(run, name=name, gate={gated: GATE[gated] for gated in GATE if gated in there})

    return store


def kinds(verdicts: Sequence[Verdict]) -> dict[str, str]:
    return {verdict.value: verdict.kind for verdict in verdicts}


@pytest.mark.parametrize(
    ("slower", "kind", "code"),
    [(1.05, "regressed", 1), (0.95, "improved", 0), (1.001, "unchanged", 0)],
)
def test_a_slowed_copy(stored: Callable[..., Stored], slower: float, kind: str, code: int) -> None:
    verdicts = compare_runs(stored(group()), stored(group(slower, control=QUIET)))
    assert kinds(verdicts) == {"latency_ratio": kind, "params": "unchanged"}
    assert exit_code(verdicts) == code
    [time] = [verdict for verdict in verdicts if verdict.value == "latency_ratio"]
    assert time.change is not None and time.change.point == pytest.approx(slower)
    assert time.base is not None and time.base.point == pytest.approx(2.0, rel=1e-3)


def test_a_run_with_itself_is_unchanged_however_noisy(stored: Callable[..., Stored]) -> None:
    run = stored([*times("baseline", "net/none", 0.1, (0.5, -0.5, 0, 0, 0, 0)), *group()[6:]])
    verdicts = compare_runs(run, run)
    assert set(kinds(verdicts).values()) == {"unchanged"} and exit_code(verdicts) == 0


def test_one_parameter_more_regresses_and_one_less_improves(stored: Callable[..., Stored]) -> None:
    base = stored([counts("net/simam", 100)])
    more, less = stored([counts("net/simam", 101)]), stored([counts("net/simam", 99)])
    assert kinds(compare_runs(base, more)) == {"params": "regressed"}
    assert kinds(compare_runs(base, less)) == {"params": "improved"}


@pytest.mark.parametrize("key", ["cpu", "threads", "torch"])
def test_another_machine_is_incomparable_but_for_what_is_exact(stored: Callable[..., Stored], key: str) -> None:
    other = {"packages": {"torch": "9.8"}} if key == "torch" else {key: "another"}
    base, new = stored(group(), "base"), stored(group(1.05), "new", **other)
    verdicts = compare_runs(base, new)
    assert kinds(verdicts) == {"latency_ratio": "incomparable", "params": "unchanged"}
    assert exit_code(verdicts) == 3
    assert f"--accept {key}" in (verdicts[0].reason or "")
    assert kinds(compare_runs(base, new, accept=[key]))["latency_ratio"] == "regressed"


def test_on_a_gpu_the_cpu_may_differ(stored: Callable[..., Stored]) -> None:
    base = stored(group(), device="cuda", gpu="G", cpu="one")
    same, other = stored(group(1.05), device="cuda", gpu="G", cpu="two"), stored(group(), device="cuda", gpu="H")
    assert kinds(compare_runs(base, same))["latency_ratio"] == "regressed"
    assert kinds(compare_runs(base, other))["latency_ratio"] == "incomparable"


def test_a_control_that_does_not_pass_leaves_its_group_open(stored: Callable[..., Stored]) -> None:
    verdicts = compare_runs(stored(group(), "base"), stored(group(1.05, control=[0.02 + each for each in QUIET]), "new"))
    [time] = [verdict for verdict in verdicts if verdict.value == "latency_ratio"]
    assert time.kind == "inconclusive" and time.reason == "the A/A control of new did not pass"
    assert time.control is not None and time.control.point == pytest.approx(1.02)
    assert time.repeats is None  # a machine that tells identical builds apart is not cured by patience
    assert exit_code(verdicts) == 0 and exit_code(verdicts, strict=True) == 3


def test_a_wide_control_passes_by_its_estimate(stored: Callable[..., Stored]) -> None:
    wide = (0.02, -0.02, 0.02, -0.02, 0.02, -0.02)
    verdicts = compare_runs(stored(group(control=wide)), stored(group(1.05, control=wide)))
    [time] = [verdict for verdict in verdicts if verdict.value == "latency_ratio"]
    assert (time.kind, time.control) == ("regressed", None)


def test_a_control_that_may_be_off_by_chance_says_how_many_repeats_would_tell(stored: Callable[..., Stored]) -> None:
    wide = (0.05, -0.01, 0.05, -0.01, 0.05, -0.01)  # 2 %, give or take 3.3
    verdicts = compare_runs(stored(group(control=QUIET), "base"), stored(group(1.05, control=wide), "new"))
    [time] = [verdict for verdict in verdicts if verdict.value == "latency_ratio"]
    assert time.kind == "inconclusive" and time.reason == "the A/A control of new did not pass"
    assert time.repeats is not None and time.repeats > 6
    # Two iterations a block, three rounds: 2 × 3 × (0.1 + 0.21 + 0.1) seconds a repeat.
    assert time.seconds == pytest.approx(time.repeats * 6 * 0.41, rel=1e-2)


def test_without_a_control_nothing_is_told(stored: Callable[..., Stored]) -> None:
    def run(slower: float) -> Stored:
        return stored([each for each in group(slower) if each.role != "control"])

    [time] = [verdict for verdict in compare_runs(run(1.0), run(1.05)) if verdict.value == "latency_ratio"]
    assert time.kind == "inconclusive" and time.reason == "no A/A control was measured beside it"


def test_what_failed_vanished_or_is_new_is_said(stored: Callable[..., Stored]) -> None:
    base = stored([counts("net/a", 1), counts("net/b", 1), counts("net/c", 1)], "base")
    dead = record("variant", "net/a", 0, status="failed", measure="complexity")
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


def test_a_failed_control_is_a_failed_measurement(stored: Callable[..., Stored]) -> None:
    """Else a slow-down could hide behind it."""
    slower = [each for each in group(1.2) if each.role != "control"]
    control = next(each for each in group() if each.role == "control")
    broken = replace(control, status="failed", reason="out of memory", values=())
    verdicts = compare_runs(stored(group()), stored([*slower, broken]))
    assert [verdict.kind for verdict in verdicts] == ["failed", "inconclusive", "unchanged"]
    assert verdicts[0].reason == "the A/A control: run: failed: out of memory" and exit_code(verdicts) == 3


def test_counts_may_be_nothing_or_negative(stored: Callable[..., Stored]) -> None:
    def kind(before: int, after: int) -> str:
        base = replace(stored([counts("net/a", before)]), gate={"params": 0.01})
        [verdict] = compare_runs(base, replace(stored([counts("net/a", after)]), gate={}))
        return verdict.kind

    assert kind(100, 0) == "improved" and kind(0, 1) == "regressed" and kind(0, 0) == "unchanged"
    assert kind(-100, -100) == "unchanged" and kind(-100, -98) == "regressed" and kind(-100, -102) == "improved"


def test_what_neither_side_can_run_is_no_failure(stored: Callable[..., Stored]) -> None:
    unfit = replace(record("variant", "net/graph", 0), status="skipped", reason="needs a GPU")
    run = stored([counts("net/a", 1), replace(unfit, measure="latency")])
    verdicts = compare_runs(run, run)
    assert {verdict.kind for verdict in verdicts if verdict.cell} == {"unchanged"}


def test_an_unreadable_value_is_the_failure_of_itself_alone(stored: Callable[..., Stored]) -> None:
    both = record(
        "variant",
        "net/a",
        0,
        Value("params", "1", (5,)),
        Value("macs", "1", (None,), "no driver"),
        measure="complexity",
    )
    run = replace(stored([both]), gate={"params": None, "macs": None})
    assert [(each.kind, each.value, each.reason) for each in compare_runs(run, run)] == [
        ("failed", "macs", "run: macs could not be read: no driver; run: macs could not be read: no driver"),
        ("unchanged", "params", None),
    ]


def test_a_machine_that_is_not_known_is_not_the_same(stored: Callable[..., Stored]) -> None:
    base, new = stored(group(), "base", cpu=None), stored(group(1.05), "new", cpu=None)
    verdicts = compare_runs(base, new)
    assert kinds(verdicts)["latency_ratio"] == "incomparable" and "not known" in (verdicts[0].reason or "")
    assert kinds(compare_runs(base, new, accept=["cpu"]))["latency_ratio"] == "regressed"


def test_other_settings_are_another_measurement(stored: Callable[..., Stored]) -> None:
    def run(l2: str) -> Stored:
        return stored([replace(each, details={**each.details, "l2": l2}) for each in group()])

    verdicts = compare_runs(run("hot"), run("cold"))
    assert verdicts[0].kind == "incomparable" and verdicts[0].reason == "l2: hot before, cold now"


def test_a_gated_name_that_nothing_has_is_a_failure(stored: Callable[..., Stored]) -> None:
    run = replace(stored(group()), gate={"latency_ratio": 0.01, "startup_ratio": 0.01})
    verdicts = compare_runs(run, run)
    assert [(each.kind, each.value) for each in verdicts] == [
        ("failed", "startup_ratio"),
        ("unchanged", "latency_ratio"),
    ]
    part = replace(run, whole=False)  # with --only measure=… some values are not to be had
    assert [each.kind for each in compare_runs(part, part)] == ["unchanged"]


def test_a_users_own_time_is_gated_under_either_name(stored: Callable[..., Stored]) -> None:
    def run(slower: float, gate: str) -> Stored:
        renamed = [
            replace(each, values=tuple(replace(value, name="startup") for value in each.values))
            for each in group(slower)[:-1]
        ]
        return replace(stored(renamed), gate={gate: 0.01})

    for gate in ("startup", "startup_ratio"):
        assert kinds(compare_runs(run(1.0, gate), run(1.05, gate))) == {gate: "regressed"}


def test_a_measurement_that_failed_everywhere_is_not_forgotten(stored: Callable[..., Stored]) -> None:
    dead = stored([record("variant", "net/a", 0, status="failed", measure="complexity"), counts("net/c", 1)])
    verdicts = compare_runs(dead, dead)
    assert [verdict.kind for verdict in verdicts] == ["failed", "unchanged"] and exit_code(verdicts) == 3


def test_a_value_that_cannot_be_read_is_a_failure(stored: Callable[..., Stored]) -> None:
    verdicts = compare_runs(stored([counts("net/a", 1)]), stored([counts("net/a", None)]))
    assert [verdict.kind for verdict in verdicts] == ["failed"]


def test_nothing_gated_or_nothing_told_is_no_pass(stored: Callable[..., Stored]) -> None:
    run = replace(stored(group()), gate={"macs": None}, whole=False)
    assert compare_runs(run, run) == [] and exit_code([]) == 3


def test_a_threshold_on_a_count_allows_that_much(stored: Callable[..., Stored]) -> None:
    base = replace(stored([counts("net/a", 1000)]), gate={"params": 0.01})
    within, beyond = (replace(stored([counts("net/a", n)]), gate={}) for n in (1010, 1011))
    assert kinds(compare_runs(base, within)) == {"params": "unchanged"}
    assert kinds(compare_runs(base, beyond)) == {"params": "regressed"}


def test_one_process_a_side_is_too_few(stored: Callable[..., Stored]) -> None:
    def run(slower: float) -> Stored:
        return stored([each for each in group(slower) if each.repeat == 0])

    [time] = [verdict for verdict in compare_runs(run(1.0), run(1.05)) if verdict.value == "latency_ratio"]
    assert time.kind == "inconclusive" and "at least two repeats" in (time.reason or "")


def sides(slower: float, params: int = 100) -> list[Record]:
    """What ab records: A in the role of the baseline, B in that of the variant, a group a cell."""
    off = zip(times("baseline", "net/none", 0.1), times("variant", "net/none", 0.1 * slower, QUIET[::-1]), strict=True)
    exact = [
        record("baseline", "net/none", 0, Value("params", "1", (100,)), measure="complexity"),
        record("variant", "net/none", 0, Value("params", "1", (params,)), measure="complexity"),
    ]
    return [*exact, *(each for pair in off for each in pair)]


@pytest.mark.parametrize(("slower", "kind"), [(1.03, "regressed"), (1.0, "unchanged"), (0.97, "improved")])
def test_two_revisions_are_judged_directly_the_plain_network_too(
    stored: Callable[..., Stored], slower: float, kind: str
) -> None:
    verdicts = compare_sides(stored(sides(slower)), ("A (main)", "B (mine)"))
    assert kinds(verdicts) == {"latency_ratio": kind, "params": "unchanged"}
    assert compare_sides(stored(sides(1.0, params=101)), ("A", "B"))[0].kind == "regressed"


def test_of_a_family_each_pays_for_the_others(stored: Callable[..., Stored]) -> None:
    """A change that regresses alone does not among many: the p is adjusted over the whole comparison."""

    def run(slower: float, others: int) -> Stored:
        scattered = (0.004, -0.004, 0.003, -0.003, 0.002, -0.002)
        # The same spread in another order: what is the very same record is no test, and costs nothing.
        order = 1 if slower == 1 else -1
        quiet = [times("variant", f"net/{n}", 0.2, scattered[::order]) for n in range(others)]
        mine = [replace(each, cell="net/mine") for each in times("variant", "net/simam", 0.2 * slower, scattered)]
        return stored([*group()[:6], *mine, *(each for one in quiet for each in one), *group()[12:18]])

    def kind(others: int) -> str:
        verdicts = compare_runs(run(1.0, others), run(1.0155, others))
        return next(each.kind for each in verdicts if each.cell == "net/mine")

    assert kind(0) == "regressed" and kind(60) == "inconclusive"
