"""Loading of weights from checkpoint files, including those that the SimAM authors' code writes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from simam.authors_names import BUFFERS_OF_THOP, authors_names

_MAX_LISTED_KEYS = 10
"""Maximum number of keys of each problem that an error message lists."""


class WeightsError(ValueError):
    """A checkpoint file that cannot be read or does not fit the network. The message lists the differing keys."""


def load_weights(network: nn.Module, path: str | Path) -> None:
    """Load a checkpoint into a network. On an error the network is left unchanged.

    The file holds a state dict, either as a whole or nested under ``state_dict``. The prefix ``module.`` that
    DataParallel adds to each key is optional. Two naming schemes are accepted: this project's, and that of the SimAM
    authors' code for CIFAR and ImageNet. The buffers ``total_ops`` and ``total_params`` of thop are ignored.

    Options of the modules, such as λ, are not in the file. The caller builds the network with those of the training.

    Args:
        network: network with its attention modules inserted. The authors' files need the placement of the module's
            paper: ``"spatial"`` for SimAM, ``"branch_end"`` for SE and CBAM.
        path: file written by ``torch.save``. Only tensors and plain containers are unpickled.

    Raises:
        WeightsError: the file cannot be read, or its keys or shapes differ from those of the network.
    """
    weights = _read(Path(path))
    state = network.state_dict()
    # The naming scheme with fewer differences is used, in error messages as well.
    schemes = ({key: key for key in state}, authors_names(network, state))
    names = min(schemes, key=lambda scheme: len(set(scheme.values()) ^ weights.keys()))
    problems = _problems(state, names, weights)
    if problems:
        raise WeightsError(f"{path} does not fit {type(network).__name__}: {'; '.join(problems)}")
    network.load_state_dict({key: weights[name] for key, name in names.items() if name in weights}, strict=False)


def _read(path: Path) -> dict[str, Tensor]:
    """State dict of a checkpoint file, without the prefix ``module.``."""
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # unpickling a damaged file may raise anything
        raise WeightsError(f"{path}: cannot be read as weights: {error}") from error
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise WeightsError(f"{path}: contains no state dict, neither at the top level nor under 'state_dict'")
    return {str(key).removeprefix("module."): value for key, value in content.items()}


def _problems(state: Mapping[str, Tensor], names: Mapping[str, str], weights: Mapping[str, Tensor]) -> list[str]:
    """Differences between the state of a network and the weights of a file, one text per type of difference.

    Args:
        state: state dict of the network.
        names: mapping from the network's keys to those expected in the file.
        weights: state dict of the file.
    """
    # Files from torch before 0.4.1 have no batch counters, and batch norms do not need them for inference.
    missing = [name for name in names.values() if name not in weights and not name.endswith("num_batches_tracked")]
    unknown = sorted(weights.keys() - set(names.values()))
    unexpected = [name for name in unknown if name.rpartition(".")[2] not in BUFFERS_OF_THOP]
    shapes = [
        f"{name} is {tuple(weights[name].shape)} instead of {tuple(state[key].shape)}"
        for key, name in names.items()
        if name in weights and weights[name].shape != state[key].shape
    ]
    problems = {"missing keys": missing, "unexpected keys": unexpected, "wrong shapes": shapes}
    return [f"{problem}: {_truncated_list(entries)}" for problem, entries in problems.items() if entries]


def _truncated_list(entries: list[str]) -> str:
    more = f" and {len(entries) - _MAX_LISTED_KEYS} more" if len(entries) > _MAX_LISTED_KEYS else ""
    return f"{', '.join(entries[:_MAX_LISTED_KEYS])}{more}"
