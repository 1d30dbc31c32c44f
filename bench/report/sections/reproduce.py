"""The commands and suites that reproduce the runs of a report."""

import shlex
from collections.abc import Iterator

from bench.report.blocks import Block, Code, Details, Heading
from bench.report.data import ReportData
from bench.store.stored_run import StoredRun


def reproduce(data: ReportData) -> Iterator[Block]:
    """The commands and the suite of each run."""
    yield Heading("Reproduce")
    if data.several_runs:
        yield Code("sh", f"python -m bench report {shlex.join(run.name for run in data.runs)} --out DIR\n")
    for run in data.runs:
        if run.imported:
            yield Code(
                "sh", f"python -m bench import accuracy {shlex.quote(run.imported)} --out {shlex.quote(run.name)}\n"
            )
            continue
        facts = run.facts
        remark = "  # plus uncommitted changes" if facts["dirty"] else ""
        checkout = f"git checkout {facts['revision']}{remark}\n" if facts["revision"] else ""
        command = f"python -m bench run suite.yaml --device {facts['device']}\n"
        yield Code("sh", f"{checkout}pip install -e .\n{_data_folder(data, run)}{command}")
        yield Details("The file suite.yaml", [Code("yaml", run.suite)])


def _data_folder(data: ReportData, run: StoredRun) -> str:
    """The line that sets the folder of the datasets; empty if the run needs none or its suite names it."""
    datasets = set(data.frame.loc[data.frame["run"] == run.name, "dataset"].dropna())
    if run.data_root or datasets <= {"digits"}:
        return ""
    return "export BENCH_DATA=/path/to/data  # the folder of your datasets, see docs/accuracy.md\n"
