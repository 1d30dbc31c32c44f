"""The names that stand for modules and networks, and where each is found. Nothing is imported until it is used.

Anywhere a name is accepted, ``"package.module:Name"`` is too, so a user's own class needs no entry here.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Generic, TypeVar


class UnknownName(ValueError):
    """A name that is neither registered nor an importable ``package.module:Name``; the message lists the choices."""


@dataclass(frozen=True)
class Entry:
    """Where a named thing is found ("module:attribute") and what people call it."""

    target: str
    title: str


@dataclass(frozen=True)
class AttentionEntry(Entry):
    """``placement`` is where the module's paper puts it; None for `none`, which goes nowhere."""

    placement: str | None


@dataclass(frozen=True)
class BackboneEntry(Entry):
    """``resolution`` is the side of the square input, in pixels, that the network was designed for."""

    resolution: int


E = TypeVar("E", bound=Entry, covariant=True)


class Registry(Generic[E]):
    """Name → entry, in the order of listing.

    Args:
        kind: what the names are names of, for messages ("attention").
        entries: the explicit entries; there is no other way in.
    """

    def __init__(self, kind: str, entries: Mapping[str, E]) -> None:
        self.kind = kind
        self._entries = dict(entries)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def get(self, name: str) -> E | None:
        """The entry of a registered name, or None for ``"package.module:Name"``.

        Raises:
            UnknownName: the name is neither.
        """
        if name in self._entries:
            return self._entries[name]
        if ":" in name:
            return None
        raise UnknownName(
            f"unknown {self.kind} {name!r}; {did_you_mean(name, self)}, or a path such as 'package.module:Name'"
        )

    def load(self, name: str) -> Any:
        """The object behind a name, imported now.

        Raises:
            UnknownName: the name is unknown, or its module or attribute does not exist.
        """
        entry = self.get(name)
        module, _, attribute = (entry.target if entry else name).partition(":")
        try:
            return getattr(import_module(module), attribute)
        except Exception as error:  # importing a user's module may raise anything
            raise UnknownName(f"cannot load {self.kind} {name!r}: {error}") from error

    def title(self, name: str) -> str:
        """What people call it: "SimAM" for `simam`; a user's path keeps its last part."""
        return self._entries[name].title if name in self._entries else name.rpartition(":")[2]


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """Such as "did you mean 'x'? the choices are x, y, z", or only the choices where nothing is near."""
    known = list(choices)
    near = difflib.get_close_matches(str(name), known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{hint}the choices are {', '.join(known)}"


ATTENTION: Registry[AttentionEntry] = Registry(
    "attention",
    {
        "none": AttentionEntry("torch.nn:Identity", "plain", None),
        "simam": AttentionEntry("simam.attention.simam:SimAM", "SimAM", "spatial"),
    },
)

BACKBONES: Registry[BackboneEntry] = Registry(
    "backbone",
    {
        "resnet18": BackboneEntry("simam.backbones.imagenet:resnet18", "ResNet-18", 224),
        "resnet34": BackboneEntry("simam.backbones.imagenet:resnet34", "ResNet-34", 224),
        "resnet50": BackboneEntry("simam.backbones.imagenet:resnet50", "ResNet-50", 224),
        "resnet101": BackboneEntry("simam.backbones.imagenet:resnet101", "ResNet-101", 224),
        "resnet152": BackboneEntry("simam.backbones.imagenet:resnet152", "ResNet-152", 224),
        "resnext50_32x4d": BackboneEntry("simam.backbones.imagenet:resnext50_32x4d", "ResNeXt-50 32×4d", 224),
        "mobilenet_v2": BackboneEntry("simam.backbones.imagenet:mobilenet_v2", "MobileNetV2", 224),
    },
)
