"""Weights from files: our own, and those that the SimAM authors released."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.mobilenetv2 import InvertedResidual

_MOST_KEYS = 10
"""Of each kind that a message lists."""


class WeightsError(ValueError):
    """A file that holds no weights for the network; the message lists missing and unexpected keys."""


def load_weights(network: nn.Module, path: str | Path) -> None:
    """Load a checkpoint into a network, all of it or, on an error, nothing.

    Accepts a state dict as it is or nested under ``state_dict``, with or without the ``module.`` that
    DataParallel puts before each key, and the names that the SimAM authors' MobileNetV2 has.

    Args:
        network: with its attention modules in place; the authors' files want the placement `paper`.
        path: a file from ``torch.save``; only tensors and plain containers are unpickled.

    Raises:
        WeightsError: the file cannot be read, or its keys or shapes are not the network's.
    """
    weights = _read(Path(path))
    own = network.state_dict()
    # Ours and theirs differ by a few names; a damaged file is reported in the naming that it is nearer to.
    namings = ({key: key for key in own}, _authors_names(network, own))
    names = min(namings, key=lambda naming: len(set(naming.values()) ^ weights.keys()))
    problems = _problems(own, names, weights)
    if problems:
        raise WeightsError(f"{path} does not fit {type(network).__name__}: {'; '.join(problems)}")
    network.load_state_dict({key: weights[name] for key, name in names.items() if name in weights}, strict=False)


def _read(path: Path) -> dict[str, Tensor]:
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file may fail anywhere in the unpickling
        raise WeightsError(f"{path}: cannot be read as weights: {error}") from error
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise WeightsError(f"{path}: holds no state dict, neither as a whole nor under 'state_dict'")
    return {str(key).removeprefix("module."): value for key, value in content.items()}


def _authors_names(network: nn.Module, own: Mapping[str, Tensor]) -> dict[str, str]:
    """Our key → the authors'. Only in MobileNetV2 do they add an entry to a Sequential instead of wrapping a layer."""
    prefixes: dict[str, str] = {}
    for name, block in network.named_modules():
        if isinstance(block, InvertedResidual):
            last = len(block.conv) - 1
            depthwise = block.conv[last - 2]
            if _is_wrapped(depthwise[0]):
                at = f"{name}.conv.{last - 2}"
                prefixes |= {f"{at}.0.0.": f"{at}.0.", f"{at}.0.1.": f"{at}.1.", f"{at}.1.": f"{at}.2."}
            if _is_wrapped(block.conv[last]):
                at = f"{name}.conv"
                prefixes |= {f"{at}.{last}.0.": f"{at}.{last}.", f"{at}.{last}.1.": f"{at}.{last + 1}."}
    return {key: _renamed(key, prefixes) for key in own}


def _is_wrapped(layer: nn.Module) -> bool:
    """Whether ``insert`` put a module behind this layer."""
    return type(layer) is nn.Sequential


def _renamed(key: str, prefixes: Mapping[str, str]) -> str:
    for ours, theirs in prefixes.items():
        if key.startswith(ours):
            return theirs + key.removeprefix(ours)
    return key


def _problems(own: Mapping[str, Tensor], names: Mapping[str, str], weights: Mapping[str, Tensor]) -> list[str]:
    # Files from before torch 0.4.1 have no batch counters; a norm does not need them to infer.
    missing = [name for name in names.values() if name not in weights and not name.endswith("num_batches_tracked")]
    unexpected = sorted(weights.keys() - set(names.values()))
    shapes = [
        f"{name} is {tuple(weights[name].shape)} instead of {tuple(own[key].shape)}"
        for key, name in names.items()
        if name in weights and weights[name].shape != own[key].shape
    ]
    found = {"missing keys": missing, "unexpected keys": unexpected, "wrong shapes": shapes}
    return [f"{kind}: {_listed(keys)}" for kind, keys in found.items() if keys]


def _listed(keys: list[str]) -> str:
    more = f" and {len(keys) - _MOST_KEYS} more" if len(keys) > _MOST_KEYS else ""
    return f"{', '.join(keys[:_MOST_KEYS])}{more}"
