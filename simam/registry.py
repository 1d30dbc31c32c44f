"""The names that stand for modules and networks, and where each is found. Nothing is imported until it is used.

Anywhere a name is accepted, ``"package.module:Name"`` is too, so a user's own class needs no entry here.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import Any, Generic, TypeVar


class UnknownName(ValueError):
    """A name that is neither registered nor an importable ``package.module:Name``; the message lists the choices."""


@dataclass(frozen=True)
class Entry:
    """Where a named thing is found ("module:attribute"), what people call it, and the options that its name implies."""

    target: str
    title: str
    preset: tuple[tuple[str, Any], ...] = field(default=(), kw_only=True)


@dataclass(frozen=True)
class AttentionEntry(Entry):
    """``placement`` is where the module's paper puts it; None for `none`, which goes nowhere."""

    placement: str | None


@dataclass(frozen=True)
class BackboneEntry(Entry):
    """What is known of a network before it is built.

    Args:
        resolution: side of the square input, in pixels, that it was designed for.
        one_place: whether `spatial` and `branch_end` are the same layer in all its blocks.
    """

    resolution: int
    one_place: bool = False


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
            found = getattr(import_module(module), attribute)
        except (Exception, SystemExit) as error:  # importing a user's module may raise anything
            raise UnknownName(f"cannot load {self.kind} {name!r}: {error}") from error
        return partial(found, **dict(entry.preset)) if entry and entry.preset else found

    def title(self, name: str) -> str:
        """What people call it: "SimAM" for `simam`; a user's path keeps its last part, if that is no name of ours."""
        if name in self._entries:
            return self._entries[name].title
        own = name.rpartition(":")[2]
        return name if own in {entry.title for entry in self._entries.values()} else own


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """Such as "did you mean 'x'? the choices are x, y, z", or only the choices where nothing is near."""
    known = list(choices)
    near = difflib.get_close_matches(str(name), known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    more = f" and {len(known) - MOST_CHOICES} more" if len(known) > MOST_CHOICES else ""
    return f"{hint}the choices are {', '.join(known[:MOST_CHOICES])}{more}"


MOST_CHOICES = 20
"""That a message lists."""


ATTENTION: Registry[AttentionEntry] = Registry(
    "attention",
    {
        "none": AttentionEntry("torch.nn:Identity", "plain", None),
        "simam": AttentionEntry("simam.attention.simam:SimAM", "SimAM", "spatial"),
        "se": AttentionEntry("simam.attention.se:SE", "SE", "branch_end"),
        "cbam": AttentionEntry("simam.attention.cbam:CBAM", "CBAM", "branch_end"),
        "eca": AttentionEntry("simam.attention.eca:ECA", "ECA", "branch_end"),
    },
)


def _imagenet(name: str, title: str) -> dict[str, BackboneEntry]:
    return {name: BackboneEntry(f"simam.backbones.imagenet:{name}", title, 224)}


def _cifar_resnets(name: str, title: str, target: str, one_place: bool) -> dict[str, BackboneEntry]:
    """Basic blocks at every depth 6n + 2 from 8 to 110, bottlenecks at the depths of the papers."""
    basic = {
        f"{name}{depth}": BackboneEntry(target, f"{title}-{depth}", 32, one_place, preset=(("depth", depth),))
        for depth in range(8, 111, 6)
    }
    bottleneck = {
        f"{name}{depth}_bottleneck": BackboneEntry(
            target, f"{title}-{depth} (bottleneck)", 32, preset=(("depth", depth), ("bottleneck", True))
        )
        for depth in (56, 110, 164)
    }
    return {**basic, **bottleneck}


def _wide_resnet(depth: int, width: int) -> dict[str, BackboneEntry]:
    target, title = "simam.backbones.wide_resnet:WideResNet", f"WideResNet-{depth}-{width}"
    return {
        f"wide_resnet{depth}_{width}": BackboneEntry(
            target, title, 32, True, preset=(("depth", depth), ("width", width))
        )
    }


BACKBONES: Registry[BackboneEntry] = Registry(
    "backbone",
    {
        **_imagenet("resnet18", "ResNet-18"),
        **_imagenet("resnet34", "ResNet-34"),
        **_imagenet("resnet50", "ResNet-50"),
        **_imagenet("resnet101", "ResNet-101"),
        **_imagenet("resnet152", "ResNet-152"),
        **_imagenet("resnext50_32x4d", "ResNeXt-50 32×4d"),
        **_imagenet("mobilenet_v2", "MobileNetV2"),
        "cifar_mobilenet_v2": BackboneEntry(
            "simam.backbones.cifar_mobilenet_v2:CifarMobileNetV2", "CIFAR MobileNetV2", 32
        ),
        **_wide_resnet(28, 10),
        **_wide_resnet(40, 10),
        **_cifar_resnets("cifar_resnet", "CIFAR ResNet", "simam.backbones.cifar_resnet:CifarResNet", one_place=False),
        **_cifar_resnets(
            "cifar_preresnet", "CIFAR PreResNet", "simam.backbones.cifar_preresnet:CifarPreResNet", one_place=True
        ),
    },
)
