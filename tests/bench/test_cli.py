import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from bench.results.accuracy import resolving_seeds
from bench.store.frame import load_frame
from tests.helpers import write

ROOT = Path(__file__).parents[2]

TINY = """
    name: tiny
    title: A tiny suite
    axes:
      backbone: ["tests.helpers:tiny"]
      attention: [none, {ATTENTION}]
      placement: [{layers: "0"}]
      batch: [2]
    baseline: {attention: none}
    measures:
      complexity: {}
      memory: {}
      latency: {target: 50%, budget: 0.5s, repeats: 5}
    gate: {latency_ratio: 50%}
"""


def bench(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", "bench", *map(str, arguments)], capture_output=True, text=True)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, "subprocess.CompletedProcess[str]"]:
    folder = tmp_path_factory.mktemp("run")
    suite = write(folder, TINY.replace("{ATTENTION}", "simam"))
    return folder / "out", bench("run", suite, "--out", folder / "out", "--device", "cpu")


def test_run_measures_everything_and_writes_its_report(finished: tuple[Path, object]) -> None:
    folder, done = finished
    assert done.returncode == 0, done.stderr  # type: ignore[attr-defined]
    assert sorted(path.name for path in folder.iterdir() if path.name != ".lock") == [
        "environment.json",
        "figures",
        "records.jsonl",
        "report.md",
        "suite.yaml",
    ]
    title, *summary = done.stdout.splitlines()  # type: ignore[attr-defined]
    assert title.strip() == "A tiny suite" and any(line.startswith("SimAM") for line in summary)
    assert (folder / "report.md").read_text().startswith("# A tiny suite\n")
    frame = load_frame(folder)
    assert set(frame["status"]) == {"ok"}
    assert frame.groupby("value")["cell"].count().to_dict() == {
        "params": 2,
        "macs": 2,
        "elementwise_ops": 2,
        "bytes_moved": 2,
        "operators": 2,
        "saved_bytes": 2,
        "peak_bytes": 2,
        "latency": 15,
    }
    assert frame[frame["value"] == "params"]["median"].tolist() == [1405.0, 1405.0]  # 112 + 8 + 1285
    environment = json.loads((folder / "environment.json").read_text())
    assert set(frame["environment"]) == set(environment)


def test_progress_lines_outside_a_terminal(finished: tuple[Path, object]) -> None:
    lines = finished[1].stderr.splitlines()  # type: ignore[attr-defined]
    assert sum(line.startswith("[") for line in lines) == 7
    assert any(line.startswith("[3/7] latency tests.helpers:tiny/") for line in lines)


def test_report_is_reproducible(finished: tuple[Path, object], tmp_path: Path) -> None:
    folder, _ = finished
    done = bench("report", folder, "--out", tmp_path / "again")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "again" / "report.md").read_text() == (folder / "report.md").read_text()


def test_report_needs_no_module_of_the_suite(finished: tuple[Path, object], tmp_path: Path) -> None:
    folder, gone = finished[0], tmp_path / "gone"
    gone.mkdir()
    for path in folder.glob("*.*"):
        (gone / path.name).write_text(path.read_text().replace("tests.helpers:tiny", "no.such.module:tiny"))
    done = bench("report", gone)
    assert done.returncode == 0, done.stderr
    assert "\n## At a glance" in done.stdout and "tiny" in done.stdout


@pytest.mark.parametrize("name", ["suite.yaml", "environment.json", "records.jsonl"])
def test_report_names_a_missing_file(finished: tuple[Path, object], tmp_path: Path, name: str) -> None:
    for path in finished[0].glob("*.*"):
        if path.name != name:
            shutil.copy(path, tmp_path)
    done = bench("report", tmp_path)
    assert done.returncode == 2 and name in done.stderr.replace("\n", ""), done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_report_in_every_format(finished: tuple[Path, object], tmp_path: Path) -> None:
    folder, _ = finished
    done = bench("report", folder, "--out", tmp_path, "--format", "html,latex,csv,parquet")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "report.csv",
        "report.html",
        "report.parquet",
        "table.tex",
    ]


def test_table_with_chosen_columns_is_printed(finished: tuple[Path, object]) -> None:
    done = bench("report", finished[0], "--format", "csv", "--columns", "params,latency_ms,verdict")
    assert done.returncode == 0, done.stderr
    heading, *rows = done.stdout.splitlines()
    assert heading.endswith("params,latency_ms,verdict") and len(rows) == 2 and ",1405," in rows[0]


def test_imported_table_is_reported(tmp_path: Path) -> None:
    table = tmp_path / "results.csv"
    table.write_text("network,module,seed,top1\nr,none,0,76\nr,SE,0,77\n", encoding="utf-8")
    done = bench("import", "accuracy", table, "--out", tmp_path / "run")
    assert done.returncode == 0 and done.stdout.startswith("2 results of 1 network imported into"), done.stderr
    assert "+1.00" in bench("report", tmp_path / "run").stdout
    resumed = bench("run", "--resume", tmp_path / "run")
    assert resumed.returncode == 2 and "was imported from results.csv" in resumed.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "pdf"], "--format pdf: no such format"),
        (["{folder}"], "a run is given twice"),
        (["--format", "md,html"], "--format md,html: name the folder to write to with --out DIR"),
        (["--columns", "params,latncy"], "--columns latncy: no such column; did you mean 'latency'?"),
        (["--columns", "params", "--format", "html"], "--format html: a page, which has no --columns"),
        (["--under", "latency=fast"], "--under latency=fast: write a value and its limit"),
        (["--under", "latency=1s"], "--under needs top1, and the runs have none"),
        (["--out", "{folder}/records.jsonl"], "cannot make the folder"),
    ],
)
def test_report_rejects_bad_arguments(finished: tuple[Path, object], arguments: list[str], message: str) -> None:
    folder, _ = finished
    done = bench("report", folder, *(argument.format(folder=folder) for argument in arguments))
    assert done.returncode == 2 and message in done.stderr.replace("\n", " "), done.stderr


def test_run_refuses_an_existing_folder(finished: tuple[Path, object]) -> None:
    folder, _ = finished
    before = (folder / "records.jsonl").read_bytes()
    done = bench("run", folder / "suite.yaml", "--out", folder)
    assert done.returncode == 2 and "exists already" in done.stderr
    assert (folder / "records.jsonl").read_bytes() == before


def test_failing_cell_exits_3_and_keeps_the_rest(tmp_path: Path) -> None:
    text = TINY.replace("{ATTENTION}", '{"tests.helpers:Trouble": {how: raise}}').replace("memory: {}", "")
    done = bench("run", write(tmp_path, text), "--out", tmp_path / "out", "--device", "cpu")
    assert done.returncode == 3, done.stderr
    frame = load_frame(tmp_path / "out")
    timed = frame[frame["measure"] == "latency"]
    assert timed[timed["role"] != "variant"]["status"].eq("ok").all()
    assert timed[timed["role"] == "variant"]["status"].tolist() == ["failed", *["skipped"] * 4]
    assert "no forward today" in (tmp_path / "out" / "report.md").read_text()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{ATTENTION}", "simma", "did you mean 'simam'"),
        ("{ATTENTION}", "{simam: {e_lambda: -1}}", "e_lambda must be 0 or more"),
        ("{ATTENTION}", "{simam: {lambda: 1}}", "simam has no option 'lambda'; did you mean 'e_lambda'"),
        ('"0"', '"9"', "has no layer that matches"),
    ],
)
def test_bad_suite_exits_2_and_writes_nothing(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = TINY.replace(old, new).replace("{ATTENTION}", "simam")
    suite = write(tmp_path, text)
    done = bench("run", suite, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {suite}:") and message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_plan_does_not_import_torch() -> None:
    code = (
        "import sys; from pathlib import Path; from bench.commands.plan import plan; plan(Path('smoke'));"
        "sys.exit('torch' in sys.modules or 'pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "resnet18/simam@spatial/inference/eager/b1/224/fp32" in done.stdout
    assert "4 groups, 8 units of work, about " in done.stdout


def test_list() -> None:
    done = bench("list")
    assert done.returncode == 0
    lines = [line.split(maxsplit=1) for line in done.stdout.splitlines() if line.startswith("  ")]
    assert {"simam", "resnet18", "branch_end", "latency", "smoke"} < {name for name, _ in lines}
    assert ["simam", "SimAM, spatial; options: e_lambda=0.0001, implementation=auto"] in lines
    assert ["resnet18", "ResNet-18, 224 px"] in lines and "budget=60.0" in done.stdout


def test_closed_pipe_is_not_a_defect() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([sys.executable, "-m", "bench", "list"], stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert done.stderr == "" and done.returncode == 141


@pytest.mark.parametrize("command", ["run", "plan", "report", "import", "list", "compare", "ab", "doctor", "calibrate"])
def test_help_has_an_example(command: str) -> None:
    done = bench(command, "--help")
    assert done.returncode == 0 and "Example" in done.stdout


def test_report_of_an_empty_folder(tmp_path: Path) -> None:
    done = bench("report", tmp_path)
    assert done.returncode == 2 and "holds no run" in done.stderr


ACCURACY = """
    name: accuracy
    axes: {backbone: [cifar_resnet8], attention: [none, simam, se], dataset: [cifar10], seed: [0, 1, 2]}
    baseline: {attention: none}
    measures: {accuracy: {recipe: ablation_cifar}}
"""


def test_plan_resolve_prints_required_seeds(tmp_path: Path) -> None:
    suite = write(tmp_path, ACCURACY)
    done = bench("plan", suite, "--resolve", "0.5", "--spread", "0.2")
    assert done.returncode == 0, done.stderr
    # tests/bench/results/test_accuracy.py checks the number against simulated runs.
    needed = resolving_seeds(0.5, 0.2, 2)
    assert f"among 2 variants needs {needed} seeds; the suite has 3" in done.stdout
    assert "assumed" in bench("plan", suite, "--resolve", "0.5").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--spread", "0.2"), "--spread needs --resolve"),
        (("--resolve", "-1"), "between 0 and 100"),
        (("--resolve", "1", "--spread", "0"), "percentage points"),
        (("--resolve", "1", "--spread", "nowhere"), "nowhere holds no run"),
        (("--resolve", "1", "--only", "measure=complexity"), "the suite has no measure complexity"),
    ],
)
def test_plan_resolve_rejects_bad_arguments(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    done = bench("plan", write(tmp_path, ACCURACY), *arguments)
    assert done.returncode == 2 and message in done.stderr and "Traceback" not in done.stderr


def test_plan_check_refuses_what_run_refuses(tmp_path: Path) -> None:
    suite = write(tmp_path, ACCURACY)
    assert bench("plan", suite, "--set", f"data.root={tmp_path}").returncode == 0
    done = bench("plan", suite, "--check", "--set", f"data.root={tmp_path}")
    assert done.returncode == 2 and f"CIFAR10 is missing or damaged in {tmp_path}" in done.stderr


def test_missing_images_stop_a_run_before_it_starts(tmp_path: Path) -> None:
    done = bench("run", write(tmp_path, ACCURACY), "--out", tmp_path / "out", "--set", f"data.root={tmp_path}")
    assert done.returncode == 2 and not (tmp_path / "out").exists()
    assert f"CIFAR10 is missing or damaged in {tmp_path}" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["simam", "bench"])
def test_file_that_hides_a_package_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / f"{name}.py").write_text("x = 1\n", encoding="utf-8")
    code = "from bench.cli import main; import os; os.chdir(os.environ['THERE']); main()"
    environment = {**os.environ, "THERE": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code, "list"], capture_output=True, text=True, env=environment)
    assert done.returncode == 2 and f"{name}.py hides the package {name}; rename it" in done.stderr


def test_version() -> None:
    done = bench("--version")
    assert done.returncode == 0 and done.stdout == f"simam-bench {version('simam-bench')}\n"


def test_built_in_suite_by_name_from_any_folder(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", "plan", "smoke"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "resnet18/simam@spatial" in done.stdout


def test_unknown_suite_name_suggests_one() -> None:
    done = bench("plan", "smok")
    assert done.returncode == 2 and "did you mean 'smoke'" in done.stderr
