"""A worker that builds a group and times its blocks on request."""

from collections.abc import Iterator

import pytest

from bench.ab.worker import PAUSE, GroupProcess, GroupProcessError, GroupTask, RemoteCall, RemoteClock
from bench.measure.latency import Latency
from bench.run.executors.local import Launch
from bench.run.messages import Built
from bench.suite.axes import Cell, Choice
from bench.suite.plan import Member


def member(index: int, how: str) -> Member:
    trouble = Choice("tests.helpers:Trouble", (("how", how),))
    place = Choice("layers", (("glob", "0"),))
    return Member(
        index, "variant", Cell(Choice("tests.helpers:tiny"), trouble, place, "inference", "eager", 1, 8, "fp32")
    )


@pytest.fixture
def process() -> Iterator[GroupProcess]:
    started = GroupProcess(1, Launch(), 600.0)
    yield started
    started.stop()


def build(process: GroupProcess, *troubles: str) -> Built:
    members = tuple(member(index, how) for index, how in enumerate(troubles))
    return process.build(GroupTask(Latency(), members, None, "cpu"))


def test_blocks_are_timed_in_the_worker(process: GroupProcess) -> None:
    built = build(process, "well", "well")
    assert len(built.members) == 2 and built.separate_wall is False
    assert process.time_block(0, 1).seconds > 0 and process.time_block(1, 200).activity is not None


def test_only_timed_blocks_are_followed_by_a_pause(process: GroupProcess) -> None:
    build(process, "well")
    pauses: list[float] = []
    clock = RemoteClock(False, 0.02, 3, pauses.append)
    assert clock.time(RemoteCall(process, 0), 3).wall > 0
    assert pauses == [PAUSE]
    RemoteCall(process, 0)()
    assert pauses == [PAUSE]


@pytest.mark.parametrize(
    ("how", "reason"), [("raise", "RuntimeError: no forward today"), ("segfault", "the worker was killed by SIGSEGV")]
)
def test_failing_member_is_named(process: GroupProcess, how: str, reason: str) -> None:
    with pytest.raises(GroupProcessError) as caught:
        build(process, "well", how)
    assert (caught.value.side, caught.value.index) == (1, 1)
    assert caught.value.reason.startswith(reason)
