"""Registries of attention modules and backbone networks by name. An entry is imported when it is first loaded.

A path ``"package.module:Name"`` is accepted wherever a registered name is, so a user's own class needs no entry here.
So is ``"library:name"`` for a library whose objects have names of their own, such as ``"timm:se"`` for an attention.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import Any, Generic, TypeVar


class UnknownNameError(ValueError):
    """A name that is neither registered nor an importable ``package.module:Name``; the message lists the choices."""


@dataclass(frozen=True)
class Entry:
    """Registered object.

    Args:
        target: path of the object, ``"module:attribute"``.
        title: name for people, as printed in reports.
        preset: options that the registered name implies, as (option, value) pairs.
    """

    target: str
    title: str
    preset: tuple[tuple[str, Any], ...] = field(default=(), kw_only=True)


@dataclass(frozen=True)
class AttentionEntry(Entry):
    """Registered attention module.

    Args:
        placement: placement in the module's paper; None for `none`, which is not inserted.
    """

    placement: str | None


@dataclass(frozen=True)
class BackboneEntry(Entry):
    """Registered backbone network, with the properties that are needed before it is built.

    Args:
        resolution: side of the square input that the network was designed for, in pixels.
        placements_coincide: whether the placements `spatial` and `branch_end` are the same layer in all blocks.
    """

    resolution: int
    placements_coincide: bool = False


@dataclass(frozen=True)
class Library:
    """Library whose objects are accepted by their names there, written ``"prefix:name"``.

    Args:
        target: path of a function that returns the object with a name, and raises :class:`UnknownNameError` for an
            unknown name or a library that is not installed.
        title: name of the library for people.
    """

    target: str
    title: str


E = TypeVar("E", bound=Entry, covariant=True)


class Registry(Generic[E]):
    """Read-only mapping from names to entries. Iteration yields the names in order of registration.

    Args:
        kind: type of the registered objects, such as "attention"; used in error messages.
        entries: registered names and their entries.
        libraries: prefixes and the libraries that they stand for.
    """

    def __init__(self, kind: str, entries: Mapping[str, E], libraries: Mapping[str, Library] | None = None) -> None:
        self.kind = kind
        self._entries = dict(entries)
        self._libraries = dict(libraries or {})

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def items(self) -> Iterator[tuple[str, E]]:
        """The registered names with their entries, in order of registration."""
        return iter(self._entries.items())

    def get(self, name: str) -> E | None:
        """Return the entry of a registered name, or None for a path or a name of a library.

        Raises:
            UnknownNameError: the name is neither registered nor a path.
        """
        if name in self._entries:
            return self._entries[name]
        if ":" in name:
            return None
        raise UnknownNameError(
            f"unknown {self.kind} {name!r}; {did_you_mean(name, self)}, or a path such as 'package.module:Name'"
        )

    def load(self, name: str) -> Any:
        """Import and return the object with a registered name or a path, with its preset options bound.

        Raises:
            UnknownNameError: the name is unknown, or the library, the module or the attribute cannot be imported.
        """
        entry = self.get(name)
        prefix, _, library_name = name.partition(":")
        if entry is None and prefix in self._libraries:
            return _imported(self._libraries[prefix].target)(library_name)
        path = entry.target if entry else name
        try:
            loaded = _imported(path)
        except SystemExit as error:
            raise UnknownNameError(
                f"cannot load {self.kind} {name!r}: {path.partition(':')[0]} ended the interpreter while it was "
                f"imported (SystemExit: {error}); move code such as argparse under `if __name__ == '__main__':`"
            ) from error
        except Exception as error:  # a user's module may raise anything at import
            raise UnknownNameError(f"cannot load {self.kind} {name!r}: {error}") from error
        return partial(loaded, **dict(entry.preset)) if entry and entry.preset else loaded

    def title(self, name: str) -> str:
        """Return the title of a name, such as "SimAM" for `simam`.

        The title of a path is its last part, or the whole path if a registered entry has that title. The title of a
        library's name is "SE (timm)".
        """
        if name in self._entries:
            return self._entries[name].title
        prefix, _, library_name = name.partition(":")
        if prefix in self._libraries:
            registered = self._entries.get(library_name)
            return f"{registered.title if registered else library_name.upper()} ({self._libraries[prefix].title})"
        attribute = name.rpartition(":")[2]
        return name if attribute in {entry.title for entry in self._entries.values()} else attribute


def _imported(path: str) -> Any:
    """The object with a path ``"module:attribute"``."""
    module, _, attribute = path.partition(":")
    return getattr(import_module(module), attribute)


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """Hint for an error message, such as "did you mean 'x'? the choices are x, y, z".

    The question is left out if no choice is similar to ``name``. At most :data:`MAX_LISTED_CHOICES` are listed.
    """
    names = list(choices)
    similar = difflib.get_close_matches(str(name), names, n=1)
    question = f"did you mean {similar[0]!r}? " if similar else ""
    more = f" and {len(names) - MAX_LISTED_CHOICES} more" if len(names) > MAX_LISTED_CHOICES else ""
    return f"{question}the choices are {', '.join(names[:MAX_LISTED_CHOICES])}{more}"


MAX_LISTED_CHOICES = 20
"""Maximum number of choices that an error message lists."""


ATTENTION: Registry[AttentionEntry] = Registry(
    "attention",
    {
        "none": AttentionEntry("torch.nn:Identity", "plain", None),
        "simam": AttentionEntry("simam.attention.simam:SimAM", "SimAM", "spatial"),
        "se": AttentionEntry("simam.attention.se:SE", "SE", "branch_end"),
        "cbam": AttentionEntry("simam.attention.cbam:CBAM", "CBAM", "branch_end"),
        "eca": AttentionEntry("simam.attention.eca:ECA", "ECA", "branch_end"),
        "gc": AttentionEntry("simam.attention.gc:GC", "GC", "branch_end"),
        "srm": AttentionEntry("simam.attention.srm:SRM", "SRM", "branch_end"),
        "bam": AttentionEntry("simam.attention.bam:BAM", "BAM", "branch_end"),
        "ge": AttentionEntry("simam.attention.ge:GE", "GE", "branch_end"),
        "sk": AttentionEntry("simam.attention.sk:SK", "SK", "spatial"),
        "triplet": AttentionEntry("simam.attention.triplet:TripletAttention", "Triplet", "branch_end"),
        "coordinate": AttentionEntry("simam.attention.coordinate:CoordinateAttention", "Coordinate", "spatial"),
        "shuffle": AttentionEntry("simam.attention.shuffle:ShuffleAttention", "Shuffle", "branch_end"),
        "nam": AttentionEntry("simam.attention.nam:NAM", "NAM", "branch_end"),
        "gam": AttentionEntry("simam.attention.gam:GAM", "GAM", "branch_end"),
        "gct": AttentionEntry("simam.attention.gct:GCT", "GCT", "spatial"),
        "ema": AttentionEntry("simam.attention.ema:EMA", "EMA", "branch_end"),
        "ela": AttentionEntry("simam.attention.ela:ELA", "ELA", "branch_end"),
        "scsa": AttentionEntry("simam.attention.scsa:SCSA", "SCSA", "spatial"),
        "mca": AttentionEntry("simam.attention.mca:MCA", "MCA", "branch_end"),
    },
    libraries={"timm": Library("simam.attention.timm_layers:timm_layer", "timm")},
)


def _torchvision(name: str, title: str) -> dict[str, BackboneEntry]:
    return {name: BackboneEntry(f"simam.backbones.torchvision:{name}", title, 224)}


def _cifar_resnets(name: str, title: str, target: str, placements_coincide: bool) -> dict[str, BackboneEntry]:
    """Entries with basic blocks for every depth 6n + 2 from 8 to 110, and with bottlenecks for the papers' depths."""
    basic = {
        f"{name}{depth}": BackboneEntry(target, f"{title}-{depth}", 32, placements_coincide, preset=(("depth", depth),))
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
        **_torchvision("resnet18", "ResNet-18"),
        **_torchvision("resnet34", "ResNet-34"),
        **_torchvision("resnet50", "ResNet-50"),
        **_torchvision("resnet101", "ResNet-101"),
        **_torchvision("resnet152", "ResNet-152"),
        **_torchvision("resnext50_32x4d", "ResNeXt-50 32×4d"),
        **_torchvision("mobilenet_v2", "MobileNetV2"),
        "cifar_mobilenet_v2": BackboneEntry(
            "simam.backbones.cifar_mobilenet_v2:CifarMobileNetV2", "CIFAR MobileNetV2", 32
        ),
        **_wide_resnet(28, 10),
        **_wide_resnet(40, 10),
        **_cifar_resnets("cifar_resnet", "CIFAR ResNet", "simam.backbones.cifar_resnet:CifarResNet", False),
        **_cifar_resnets("cifar_preresnet", "CIFAR PreResNet", "simam.backbones.cifar_preresnet:CifarPreResNet", True),
    },
)
