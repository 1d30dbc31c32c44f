"""Loading of weights from checkpoint files, including those that the SimAM authors released."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.mobilenetv2 import InvertedResidual

_MAX_LISTED_KEYS = 10
"""Maximum number of keys of each problem that an error message lists."""


class WeightsError(ValueError):
    """A checkpoint file that cannot be read or does not fit the network. The message lists the differing keys."""


def load_weights(network: nn.Module, path: str | Path) -> None:
    """Load a checkpoint into a network. On an error the network is left unchanged.

    The file holds a state dict, either as a whole or nested under ``state_dict``. The prefix ``module.`` that
    DataParallel adds to each key is optional. The key names of the SimAM authors' MobileNetV2 are accepted as well.

    Args:
        network: network with its attention modules inserted; the authors' files need the placement `paper`.
        path: file written by ``torch.save``. Only tensors and plain containers are unpickled.

    Raises:
        WeightsError: the file cannot be read, or its keys or shapes differ from those of the network.
    """
    weights = _read(Path(path))
    state = network.state_dict()
    # The two naming schemes differ in a few keys. The one with fewer differences is used, in error messages as well.
    schemes = ({key: key for key in state}, _authors_names(network, state))
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


def _authors_names(network: nn.Module, keys: Iterable[str]) -> dict[str, str]:
    """Mapping from this project's keys to the authors' keys.

    The keys differ in MobileNetV2 only, where the authors add the module as an entry of a Sequential. In their other
    networks they wrap a layer, as ``insert`` does.
    """
    prefixes: dict[str, str] = {}
    for name, block in network.named_modules():
        if isinstance(block, InvertedResidual):
            last = len(block.conv) - 1
            depthwise = block.conv[last - 2]
            if _is_wrapped(depthwise[0]):
                path = f"{name}.conv.{last - 2}"
                prefixes |= {f"{path}.0.0.": f"{path}.0.", f"{path}.0.1.": f"{path}.1.", f"{path}.1.": f"{path}.2."}
            if _is_wrapped(block.conv[last]):
                path = f"{name}.conv"
                prefixes |= {f"{path}.{last}.0.": f"{path}.{last}.", f"{path}.{last}.1.": f"{path}.{last + 1}."}
    return {key: _replace_prefix(key, prefixes) for key in keys}


def _is_wrapped(layer: nn.Module) -> bool:
    """Whether ``insert`` wrapped this layer together with an attention module."""
    return type(layer) is nn.Sequential


def _replace_prefix(key: str, prefixes: Mapping[str, str]) -> str:
    for prefix, replacement in prefixes.items():
        if key.startswith(prefix):
            return replacement + key.removeprefix(prefix)
    return key


def _problems(state: Mapping[str, Tensor], names: Mapping[str, str], weights: Mapping[str, Tensor]) -> list[str]:
    """Differences between the state of a network and the weights of a file, one text per type of difference.

    Args:
        state: state dict of the network.
        names: mapping from the network's keys to those expected in the file.
        weights: state dict of the file.
    """
    # Files from torch before 0.4.1 have no batch counters, and batch norms do not need them for inference.
    missing = [name for name in names.values() if name not in weights and not name.endswith("num_batches_tracked")]
    unexpected = sorted(weights.keys() - set(names.values()))
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
