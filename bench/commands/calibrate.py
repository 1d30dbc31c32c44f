"""``calibrate``: measure the false-alarm rate and the power of the gate on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from bench.commands.failures import user_errors
from bench.commands.options import Device, DeviceOption, load_plan

EXAMPLES = "Example: `simam-bench calibrate reports/calibration --rounds 20`"


def calibrate(
    folder: Annotated[Path, typer.Argument(help="Folder of the rounds; created if needed.", metavar="DIR")],
    rounds: Annotated[int, typer.Option(min=0, help="Total number of rounds; each takes about 6 minutes.")] = 0,
    compare_suite: Annotated[Path, typer.Option(help="Suite that `compare` is calibrated on.")] = Path(
        "calibrate_compare"
    ),
    ab_suite: Annotated[Path, typer.Option(help="Suite that `ab` is calibrated on.")] = Path("calibrate_ab"),
    device: DeviceOption = Device.auto,
) -> None:
    """Measure the false-alarm rate and the power of the gate, and of other tools' rules, on this machine.

    Existing rounds are kept. The same command resumes an interrupted calibration, and a larger --rounds adds rounds.
    """
    from rich.console import Console

    from bench.store.files import write_whole
    from bench.studies.calibration.page import render_calibration_report
    from bench.studies.calibration.rounds import read_rounds, record_rounds
    from bench.studies.calibration.trials import evaluate_gate

    console = Console(stderr=True)
    with user_errors():
        record_rounds(load_plan(compare_suite), load_plan(ab_suite), folder, rounds, device.value, console)
        by_step = read_rounds(folder)
        console.print("evaluating windows of the records", highlight=False)
        result = evaluate_gate(
            by_step["run"], [run.frame for run in by_step["same"]], [run.frame for run in by_step["slowed"]]
        )
        # The comparisons record revisions of a temporary repository; only the runs record that of the checkout.
        environments = {id_: environment for run in by_step["run"] for id_, environment in run.environments.items()}
        command = f"python -m bench calibrate {folder}"
        text = render_calibration_report(result, sum(map(len, by_step.values())), environments, command)
        print(text)
        write_whole(folder / "report.md", text)
