"""Build every network once without memory or arithmetic, so that a bad option stops a run before it measures."""

from bench.suite.plan import Plan


def check_networks(plan: Plan) -> None:
    """Build each distinct network of a plan on the meta device.

    Raises:
        SuiteError: a network or a module cannot be built as asked.
    """
    import torch

    from bench.run.workload import build_network

    networks = ("backbone", "attention", "placement")
    cells = {cell.project(networks) for group in plan.groups for cell in (group.baseline, *group.variants)}
    for cell in sorted(cells, key=lambda cell: cell.id):
        try:
            with torch.device("meta"):
                build_network(cell, seed=0)
        except Exception as error:  # a user's module may raise anything; it is the suite that asked for it
            raise plan.suite.source.error(("axes",), f"cannot build {cell.id}: {error}") from error
