"""Runs that are interrupted and killed: no record is lost, and a resumed run ends like an uninterrupted one."""

import os
import random
import resource
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from bench.store.shards import read_records
from tests.helpers import write

SUITE = """
    name: small
    axes:
      backbone: ["tests.helpers:tiny"]
      attention: [none, "tests.helpers:Sigmoid"]
      placement: [{layers: "0"}]
    baseline: {attention: none}
    measures:
      "tests.helpers:Forward": {}
      "tests.helpers:TimedProcess": {repeats: 2}
      "tests.helpers:Process": {}
"""
CAMPAIGNS = 4
"""Campaigns at the same time."""
KILLS = 12
"""Kills of all campaigns together."""


def start(*arguments: str | Path, **options: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "bench", "run", *map(str, arguments), "--device", "cpu"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **options)  # type: ignore[call-overload,no-any-return]


def run(*arguments: str | Path) -> int:
    process = start(*arguments)
    process.communicate()
    return process.returncode


def wait_for_unit(process: "subprocess.Popen[str]", number: int) -> bool:
    """Read the progress until a unit of work starts; False if the run ends before it."""
    assert process.stderr is not None
    return any(line.startswith(f"[{number}/") for line in process.stderr)


def measured(folder: Path) -> list[tuple[object, ...]]:
    return sorted((*record.key, record.status) for record in read_records(folder / "records.jsonl"))


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[object, ...]]]:
    folder = tmp_path_factory.mktemp("uninterrupted")
    suite = write(folder, SUITE)
    assert run(suite, "--out", folder / "out") == 0
    return suite, measured(folder / "out")


def test_kill_9_of_parent_or_worker_at_random_times(
    uninterrupted: tuple[Path, list[tuple[object, ...]]], tmp_path: Path
) -> None:
    with ThreadPoolExecutor(CAMPAIGNS) as pool:
        kills = pool.map(lambda seed: _campaign(*uninterrupted, tmp_path / str(seed), seed), range(CAMPAIGNS))
        assert sum(kills) == KILLS


def _campaign(suite: Path, expected: list[tuple[object, ...]], home: Path, seed: int) -> int:
    """Kill and resume runs until they are complete, and start more runs until there were enough kills."""
    draw, kills, number = random.Random(seed), 0, 0
    while kills < KILLS // CAMPAIGNS:
        number += 1
        folder = home / str(number)
        while not _is_complete(folder, expected):
            started = (folder / "suite.yaml").exists()
            process = start(*(("--resume", folder, "--retry-failed") if started else (suite, "--out", folder)))
            if kills < KILLS // CAMPAIGNS and wait_for_unit(process, draw.randint(1, 2)):
                time.sleep(draw.random())  # a random time, during the unit or after it
                kills += _kill(process, draw)
            _, output = process.communicate()
            assert "cannot resume" not in output, "the checkout was changed during the test"
        assert measured(folder) == expected
    return kills


def _kill(process: "subprocess.Popen[str]", draw: random.Random) -> int:
    """Kill the run or one of its workers. If it was the run, its workers end. Returns 0 if all had ended, else 1."""
    try:
        parent = psutil.Process(process.pid)
        workers = parent.children()
        victim = draw.choice([parent, *workers])
        victim.kill()
    except psutil.NoSuchProcess:
        return 0
    if victim == parent:
        assert psutil.wait_procs(workers, timeout=60)[1] == []
    return 1


def _is_complete(folder: Path, expected: list[tuple[object, ...]]) -> bool:
    return (folder / "records.jsonl").exists() and measured(folder) == expected


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_stops_the_run_with_a_resume_command(
    uninterrupted: tuple[Path, list[tuple[object, ...]]], tmp_path: Path, number: signal.Signals
) -> None:
    suite, expected = uninterrupted
    folder, hold = tmp_path / "out", tmp_path / "hold"
    hold.touch()  # the second unit waits for the signal
    process = start(suite, "--out", folder, env={**os.environ, "HOLD": str(hold)})
    assert wait_for_unit(process, 2)
    workers = psutil.Process(process.pid).children()
    process.send_signal(number)
    _, output = process.communicate()
    assert process.returncode == 128 + number
    assert output.strip().endswith(
        f"interrupted; all records written before are kept; resume with: simam-bench run --resume {folder}"
    )
    assert "Traceback" not in output
    assert psutil.wait_procs(workers, timeout=60)[1] == []
    assert [record.status for record in read_records(folder / "records.jsonl")] == ["ok", "ok"]
    assert run("--resume", folder) == 0
    assert measured(folder) == expected


def test_full_disk_loses_no_record(uninterrupted: tuple[Path, list[tuple[object, ...]]], tmp_path: Path) -> None:
    suite, expected = uninterrupted
    folder = tmp_path / "out"
    # Size limit of a file: enough for the suite, the environment and the first two records.
    limit = 3000
    process = start(
        suite,
        "--out",
        folder,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        env={key: value for key, value in os.environ.items() if not key.startswith("COV")},
    )
    _, output = process.communicate()
    assert process.returncode == 3, output
    assert f"cannot write {folder / 'records.jsonl'}: File too large; all records written before are kept" in output
    assert "Traceback" not in output
    assert 0 < len(read_records(folder / "records.jsonl")) < len(expected)
    assert run("--resume", folder) == 0
    assert measured(folder) == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "/proc/nowhere"], "cannot make /proc/nowhere: No such file or directory"),
        (["--resume", "/proc"], "/proc holds no run to resume"),
        (["--retry-failed"], "--retry-failed needs --resume"),
    ],
)
def test_unusable_folders(
    uninterrupted: tuple[Path, list[tuple[object, ...]]], arguments: list[str], message: str
) -> None:
    suite = [] if "--resume" in arguments else [uninterrupted[0]]
    process = start(*suite, *arguments)
    _, output = process.communicate()
    assert process.returncode == 2
    assert output.startswith("error: ") and message in output and len(output.splitlines()) == 1
