"""The machines and software of the measurements."""

from collections.abc import Iterator

from bench.report.blocks import Block, BulletList, Heading
from bench.report.data import ReportData
from bench.report.numbers import format_quantity
from bench.store.environment import Environment
from bench.store.stored_run import StoredRun


def environment(data: ReportData) -> Iterator[Block]:
    """A line for each environment of each run."""
    yield Heading("Environment")
    yield BulletList([_line(run, key, value) for run in data.runs for key, value in run.environments.items()])


def _line(run: StoredRun, key: str, machine: Environment) -> str:
    if run.imported:
        return f"{run.path.resolve().name}: imported from {run.imported}; machine and software are unknown."
    facts, load = machine.facts, machine.state["load"]
    packages = "".join(f", {package} {version}" for package, version in facts["packages"].items() if version)
    return (
        f"{run.path.resolve().name}: {facts['cpu']}, {facts['cores']} cores (torch uses {facts['threads']} threads), "
        f"{format_quantity(facts['memory_bytes'], 'B')} memory{', ' + facts['gpu'] if facts['gpu'] else ''}; "
        f"{facts['system']}; Python {facts['python']}{packages}. "
        f"Load at the start: {f'{load[0]:.2f}' if load else 'unknown'}. Environment id: {key}."
    )
