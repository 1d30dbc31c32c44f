"""Real runs, stopped and killed: nothing measured is lost, and a resumed run ends like an undisturbed one."""

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

from bench.results.record import read_records
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
"""At a time; 20 kills together."""


def start(*arguments: str | Path, **options: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "bench", "run", *map(str, arguments), "--device", "cpu"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **options)  # type: ignore[call-overload,no-any-return]


def run(*arguments: str | Path) -> int:
    process = start(*arguments)
    process.communicate()
    return process.returncode


def wait_for_unit(process: "subprocess.Popen[str]", number: int) -> bool:
    """Read the progress up to the start of a unit of work; False where the run ends before it."""
    assert process.stderr is not None
    return any(line.startswith(f"[{number}/") for line in process.stderr)


def measured(folder: Path) -> list[tuple[object, ...]]:
    return sorted((*record.key, record.status) for record in read_records(folder / "records.jsonl"))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[object, ...]]]:
    folder = tmp_path_factory.mktemp("undisturbed")
    suite = write(folder, SUITE)
    assert run(suite, "--out", folder / "out") == 0
    return suite, measured(folder / "out")


def test_kill_9_of_the_parent_or_a_worker_at_random_moments(
    undisturbed: tuple[Path, list[tuple[object, ...]]], tmp_path: Path
) -> None:
    with ThreadPoolExecutor(CAMPAIGNS) as pool:
        kills = pool.map(lambda seed: _campaign(*undisturbed, tmp_path / str(seed), seed), range(CAMPAIGNS))
        assert sum(kills) == 20


def _campaign(suite: Path, expected: list[tuple[object, ...]], home: Path, seed: int) -> int:
    """Runs that are killed and resumed until all is measured, and more runs until there were kills enough."""
    draw, kills, number = random.Random(seed), 0, 0
    while kills < 20 // CAMPAIGNS:
        number += 1
        folder = home / str(number)
        while not _whole(folder, expected):
            begun = (folder / "suite.yaml").exists()
            process = start(*(("--resume", folder, "--retry-failed") if begun else (suite, "--out", folder)))
            if kills < 20 // CAMPAIGNS and wait_for_unit(process, draw.randint(1, 2)):
                time.sleep(draw.random())  # anywhere in the unit or after it: a moment, not a wait for something
                kills += _kill(process, draw)
            _, said = process.communicate()
            assert "cannot resume" not in said, "somebody changed the checkout that the run is from"
        assert measured(folder) == expected
    return kills


def _kill(process: "subprocess.Popen[str]", draw: random.Random) -> int:
    """Kill the run or one of its workers; whoever it was, no worker is left behind. 1, or 0 if all were gone."""
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


def _whole(folder: Path, expected: list[tuple[object, ...]]) -> bool:
    return (folder / "records.jsonl").exists() and measured(folder) == expected


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_run_and_says_how_to_go_on(
    undisturbed: tuple[Path, list[tuple[object, ...]]], tmp_path: Path, number: signal.Signals
) -> None:
    suite, expected = undisturbed
    folder, hold = tmp_path / "out", tmp_path / "hold"
    hold.touch()  # or the second unit might be over before the signal is there
    process = start(suite, "--out", folder, env={**os.environ, "HOLD": str(hold)})
    assert wait_for_unit(process, 2)
    workers = psutil.Process(process.pid).children()
    process.send_signal(number)
    _, said = process.communicate()
    assert process.returncode == 128 + number
    assert said.strip().endswith(
        f"interrupted; what was measured is kept; go on with: python -m bench run --resume {folder}"
    )
    assert "Traceback" not in said
    assert psutil.wait_procs(workers, timeout=60)[1] == []
    assert [record.status for record in read_records(folder / "records.jsonl")] == ["ok", "ok"]
    assert run("--resume", folder) == 0
    assert measured(folder) == expected


def test_a_full_disk_is_an_error_that_loses_nothing(
    undisturbed: tuple[Path, list[tuple[object, ...]]], tmp_path: Path
) -> None:
    suite, expected = undisturbed
    folder = tmp_path / "out"
    # Files may not grow beyond this: as much as the suite, the environment and the first two records need.
    limit = 3000
    process = start(
        suite,
        "--out",
        folder,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        env={key: value for key, value in os.environ.items() if not key.startswith("COV")},
    )
    _, said = process.communicate()
    assert process.returncode == 3, said
    assert f"cannot write {folder / 'records.jsonl'}: File too large; all that was measured before is kept" in said
    assert "Traceback" not in said
    there = len(read_records(folder / "records.jsonl"))
    assert 0 < there < len(expected)
    assert run("--resume", folder) == 0
    assert measured(folder) == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "/proc/nowhere"], "cannot make /proc/nowhere: No such file or directory"),
        (["--resume", "/proc"], "/proc holds no run to resume"),
        (["--retry-failed"], "--retry-failed goes with --resume"),
    ],
)
def test_folders_that_cannot_be_had(
    undisturbed: tuple[Path, list[tuple[object, ...]]], arguments: list[str], message: str
) -> None:
    suite = [] if "--resume" in arguments else [undisturbed[0]]
    process = start(*suite, *arguments)
    _, said = process.communicate()
    assert process.returncode == 2
    assert said.startswith("error: ") and message in said and len(said.splitlines()) == 1
