"""A worker that holds its group and times what it is told to."""

from collections.abc import Iterator

import pytest

from bench.measure.latency import Latency
from bench.run.executors.local import Launch
from bench.ab.worker import REST, Hold, HoldError, HoldingProcess, RemoteCall, RemoteClock
from bench.run.worker import Member
from bench.suite.axes import Cell, Choice


def member(index: int, how: str) -> Member:
    trouble = Choice("tests.helpers:Trouble", (("how", how),))
    place = Choice("layers", (("glob", "0"),))
    return Member(
        index, "variant", Cell(Choice("tests.helpers:tiny"), trouble, place, "inference", "eager", 1, 8, "fp32")
    )


@pytest.fixture
def process() -> Iterator[HoldingProcess]:
    held = HoldingProcess(1, Launch(), 600.0)
    yield held
    held.stop()


def build(process: HoldingProcess, *how: str) -> dict[str, object]:
    return process.build(Hold(Latency(), tuple(member(index, each) for index, each in enumerate(how)), None, "cpu"))


def test_blocks_are_timed_where_the_group_is(process: HoldingProcess) -> None:
    told = build(process, "well", "well")
    assert len(told["held"]) == 2 and told["separate_wall"] is False  # type: ignore[arg-type]
    once = min(process.block(0, 1).seconds for _ in range(9))  # any one may have to wait for a busy machine
    assert 0 < 20 * once < process.block(1, 200).seconds
    rests: list[float] = []
    clock = RemoteClock(False, 0.02, rests.append)
    assert clock.time(RemoteCall(process, 0), 3).wall > 0
    assert rests == [REST]  # until the threads of that process sleep; after an untimed call its own block follows
    RemoteCall(process, 0)()
    assert rests == [REST]


@pytest.mark.parametrize(
    ("how", "reason"), [("raise", "RuntimeError: no forward today"), ("segfault", "the worker was killed by SIGSEGV")]
)
def test_whoever_fails_is_named(process: HoldingProcess, how: str, reason: str) -> None:
    with pytest.raises(HoldError) as caught:
        build(process, "well", how)
    assert (caught.value.side, caught.value.index) == (1, 1)
    assert caught.value.reason.startswith(reason)
