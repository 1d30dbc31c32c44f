from pathlib import Path

import pytest

from bench.errors import InputError
from bench.suite.axes import AXES, CELL_AXES, Cell, Choice
from tests.helpers import plan

SUITE = """
    name: t
    axes:
      backbone: [resnet18]
      attention: [none, {simam: {e_lambda: [0.1, 1e-4]}}]
      batch: [1, 8]
      mode: [inference, training]
    baseline: {attention: none}
    measures:
      complexity: {}
      counters: {}
      latency: {budget: 6s}
"""


def test_cell_axes() -> None:
    assert [axis.name for axis in AXES if axis.name != "seed"] == list(CELL_AXES)


def test_cell_id() -> None:
    cell = Cell(
        Choice("resnet50"),
        Choice("simam", (("e_lambda", 0.1),)),
        Choice("spatial"),
        "inference",
        "eager",
        1,
        224,
        "fp32",
    )
    assert cell.id == "resnet50/simam(e_lambda=0.1)@spatial/inference/eager/b1/224/fp32"


def test_grid_is_projected_onto_the_axes_of_each_measure(tmp_path: Path) -> None:
    groups = plan(tmp_path, SUITE).groups
    planned = [(group.measure.name, group.id) for group in groups]
    assert planned == [
        ("complexity", "resnet18/inference/b1/224/fp32"),
        ("complexity", "resnet18/inference/b8/224/fp32"),
        ("complexity", "resnet18/training/b1/224/fp32"),
        ("complexity", "resnet18/training/b8/224/fp32"),
        ("counters", "resnet18/224"),
        ("latency", "resnet18/inference/eager/b1/224/fp32"),
        ("latency", "resnet18/inference/eager/b8/224/fp32"),
        ("latency", "resnet18/training/eager/b1/224/fp32"),
        ("latency", "resnet18/training/eager/b8/224/fp32"),
    ]


def test_members_of_a_group(tmp_path: Path) -> None:
    group = plan(tmp_path, SUITE).groups[0]
    assert group.baseline.id == "resnet18/none/inference/b1/224/fp32"
    assert [cell.id for cell in group.variants] == [
        "resnet18/simam(e_lambda=0.1)@spatial/inference/b1/224/fp32",
        "resnet18/simam(e_lambda=0.0001)@spatial/inference/b1/224/fp32",
    ]


def test_timed_groups_have_a_control_and_repeats(tmp_path: Path) -> None:
    for group in plan(tmp_path, SUITE).groups:
        timed = group.measure.name == "latency"
        assert group.timed == timed
        assert len(group.seeds) == (6 if timed else 1)


def test_baseline_is_added_to_every_group(tmp_path: Path) -> None:
    [group] = plan(
        tmp_path,
        """
        name: t
        axes: {backbone: [resnet18], attention: [simam]}
        baseline: {attention: none}
        measures: {complexity: {}}
        """,
    ).groups
    assert group.baseline.id == "resnet18/none/inference/b1/224/fp32"
    assert [cell.id for cell in group.variants] == ["resnet18/simam@spatial/inference/b1/224/fp32"]


def test_equal_placements_are_one_cell(tmp_path: Path) -> None:
    [group] = plan(
        tmp_path,
        """
        name: t
        axes: {backbone: [resnet18], attention: [none, simam], placement: [paper, spatial, branch_end]}
        baseline: {attention: none}
        measures: {complexity: {}}
        """,
    ).groups
    assert [cell.id for cell in group.variants] == [
        "resnet18/simam@spatial/inference/b1/224/fp32",
        "resnet18/simam@branch_end/inference/b1/224/fp32",
    ]


class Misplaced:
    placement = "first"


def test_module_without_a_placement_runs_at_spatial_with_a_note(tmp_path: Path) -> None:
    text = """
        name: t
        axes: {backbone: [resnet18], attention: [none, simam, 'torch.nn:Identity'], placement: [%s]}
        baseline: {attention: none}
        measures: {complexity: {}}
    """
    asked = plan(tmp_path, text % "paper")
    [group] = asked.groups
    assert [str(cell.placement) for cell in group.variants] == ["spatial", "spatial"]
    [note] = asked.notes
    assert note.startswith("torch.nn:Identity has no attribute `placement`; it is placed at spatial")
    assert plan(tmp_path, text % "spatial").notes == []


def test_plain_network_joins_each_placement_group(tmp_path: Path) -> None:
    groups = plan(
        tmp_path,
        """
        name: t
        axes: {backbone: [resnet18], attention: [none, simam], placement: [spatial, branch_end]}
        contrast: [attention]
        baseline: {attention: none}
        measures: {complexity: {}}
        """,
    ).groups
    assert [(group.baseline.id, [cell.id for cell in group.variants]) for group in groups] == [
        ("resnet18/none/inference/b1/224/fp32", ["resnet18/simam@spatial/inference/b1/224/fp32"]),
        ("resnet18/none/inference/b1/224/fp32", ["resnet18/simam@branch_end/inference/b1/224/fp32"]),
    ]


def test_any_axis_can_be_the_contrast(tmp_path: Path) -> None:
    [group] = plan(
        tmp_path,
        """
        name: t
        axes: {backbone: [resnet18], memory_format: [contiguous, channels_last]}
        contrast: [memory_format]
        baseline: {memory_format: contiguous}
        measures: {latency: {}}
        """,
    ).groups
    assert group.id == "resnet18/none/inference/eager/b1/224/fp32"
    assert [cell.memory_format for cell in (group.baseline, *group.variants)] == ["contiguous", "channels_last"]


def test_list_of_grids(tmp_path: Path) -> None:
    groups = plan(
        tmp_path,
        """
        name: t
        axes:
          - {backbone: [resnet18, resnet50], attention: [simam]}
          - {backbone: [resnet18], attention: [simam], mode: [inference, training]}
        baseline: {attention: none}
        measures: {latency: {}}
        """,
    ).groups
    assert [group.id.split("/")[:2] for group in groups] == [
        ["resnet18", "inference"],
        ["resnet50", "inference"],
        ["resnet18", "training"],
    ]


def test_seeds_are_repeats(tmp_path: Path) -> None:
    [group] = plan(
        tmp_path,
        """
        name: t
        axes: {backbone: ["tests.helpers:tiny"], attention: ["tests.helpers:Sigmoid"], seed: [3, 5]}
        baseline: {attention: none}
        measures: {"tests.helpers:Weigh": {scale: 2.0}}
        """,
    ).groups
    assert group.seeds == (3, 5)
    assert [cell.id for cell in group.variants] == ["tests.helpers:tiny/tests.helpers:Sigmoid@spatial"]


def test_part_of_a_suite_keeps_seed_numbers(tmp_path: Path) -> None:
    text = """
        name: t
        axes:
          - {backbone: [resnet18], attention: [simam], seed: [5]}
          - {backbone: [resnet18], attention: [se], seed: [0, 1]}
        baseline: {attention: none}
        measures: {accuracy: {}}
    """
    [whole] = plan(tmp_path, text).groups
    [part] = plan(tmp_path, f"{text.rstrip()}\n        only: {{attention: [se]}}\n").groups
    assert whole.seeds == part.seeds == (5, 0, 1)


@pytest.mark.parametrize(
    ("axes", "baseline", "message"),
    [
        (
            "backbone: [resnet18], attention: [{none: {a: 1}}]",
            "attention: none",
            "axes.attention: 'none' takes no options",
        ),
        (
            "backbone: [resnet18], attention: ['tests.bench.suite.test_plan:Misplaced']",
            "attention: none",
            "axes.placement: tests.bench.suite.test_plan:Misplaced has the attribute placement = 'first'",
        ),
        ("backbone: ['torch.nn:Identity']", "attention: none", "axes.backbone: torch.nn:Identity has no attribute"),
        (
            "backbone: [resnet18]",
            "placement: spatial",
            "baseline: the baseline has no value for attention",
        ),
    ],
)
def test_unusable_combinations(tmp_path: Path, axes: str, baseline: str, message: str) -> None:
    text = f"name: t\naxes: {{{axes}}}\nbaseline: {{{baseline}}}\nmeasures: {{complexity: {{}}}}\n"
    with pytest.raises(InputError, match=rf"suite.yaml:\d+: {message}"):
        plan(tmp_path, text)


def test_compared_threads_must_be_given(tmp_path: Path) -> None:
    text = """
        name: t
        axes: [{backbone: [resnet18], attention: [se]}, {backbone: [resnet18], attention: [se], threads: [1]}]
        contrast: [threads]
        baseline: {threads: 1}
        measures: {latency: {}}
    """
    with pytest.raises(InputError, match=r"axes.threads: threads are compared, so every cell must give"):
        plan(tmp_path, text)


def test_axes_of_accuracy(tmp_path: Path) -> None:
    text = SUITE.replace("batch: [1, 8]", "batch: [1, 8]\n      dataset: [cifar10, digits]\n      seed: [3, 5]")
    groups = [group for group in plan(tmp_path, text.replace("counters", "accuracy")).groups if group.seeds == (3, 5)]
    assert [(group.measure.name, group.id) for group in groups] == [
        ("accuracy", "resnet18/cifar10"),
        ("accuracy", "resnet18/digits"),
    ]
    assert [cell.id for cell in groups[0].variants] == [
        "resnet18/simam(e_lambda=0.1)@spatial/cifar10",
        "resnet18/simam(e_lambda=0.0001)@spatial/cifar10",
    ]


def test_default_dataset(tmp_path: Path) -> None:
    [group] = plan(tmp_path, SUITE.replace("complexity: {}", "accuracy: {}").replace("counters: {}", "")).groups[:1]
    assert group.baseline.id == "resnet18/none/digits"
