"""How a network is trained, as data: a YAML file of ``suites/recipes``, or a user's own."""

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import ConfigDict, Field

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler

RECIPES = Path(__file__).parents[3] / "suites" / "recipes"
"""Where a bare name is looked for."""

NotNegative: TypeAlias = Annotated[int, Field(strict=True, ge=0)]
Positive: TypeAlias = Annotated[int, Field(strict=True, ge=1)]


class RecipeError(ValueError):
    """A recipe that cannot be used; the message says file, key and what would be right."""


@dataclass(frozen=True)
class Augmentation:
    """What is done to images.

    Args:
        pad: pixels of black around a small image, that random crops of its own size are taken from.
        flip: whether half of the images are mirrored, left to right.
        size: side of the random resized crops that images in folders are learned from, and of what they are judged by.
        resize: the shorter side of a judged image, in pixels, before its middle is cropped.
    """

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")

    pad: NotNegative = 0
    flip: bool = False
    size: Positive = 224
    resize: Positive = 256


@dataclass(frozen=True)
class Recipe:
    """A way to train.

    Args:
        title: for people.
        epochs: how many.
        batch: images a step.
        optimizer: name of a class of torch.optim → its options.
        scheduler: name of a class of torch.optim.lr_scheduler → its options; nothing for a constant rate. One that
            takes ``total_steps`` is told how many there are.
        advance: when the scheduler goes on, after each epoch or each step.
        augmentation: of the images.
        label_smoothing: as in torch's cross-entropy.
    """

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")

    title: str
    epochs: Positive
    batch: Positive
    optimizer: Mapping[str, Mapping[str, Any]]
    scheduler: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    advance: Literal["epoch", "step"] = "epoch"
    augmentation: Augmentation = Augmentation()
    label_smoothing: float = 0.0

    @property
    def text(self) -> str:
        """The whole of it in one line of JSON, which :func:`load_recipe` takes too."""
        return json.dumps(asdict(self))

    def try_out(self, network: "nn.Module") -> None:
        """Make optimizer and scheduler for a network, which may be on meta, and go one step.

        Raises:
            RecipeError: torch does not take the options, or the loop cannot step what they make.
        """
        optimizer = self.make_optimizer(network)
        scheduler = self.make_scheduler(optimizer, _MANY)
        try:
            optimizer.step()
            if scheduler is not None:
                scheduler.step()
        except Exception as error:  # whatever a step that wants more than the loop gives raises
            named = {**self.optimizer, **self.scheduler}
            raise RecipeError(f"the loop cannot step {' and '.join(named)}: {error}") from error

    def make_optimizer(self, network: "nn.Module") -> "Optimizer":
        import torch

        return _made(torch.optim, self.optimizer, network.parameters())  # type: ignore[no-any-return]

    def make_scheduler(self, optimizer: "Optimizer", steps: int) -> "LRScheduler | None":
        """The scheduler for so many steps an epoch."""
        import torch

        if not self.scheduler:
            return None
        total = self.epochs * (steps if self.advance == "step" else 1)
        return _made(torch.optim.lr_scheduler, self.scheduler, optimizer, total_steps=total)  # type: ignore[no-any-return]


_MANY = 1000
"""Steps of an epoch, to try a scheduler with: some cannot be made for a handful."""


def _made(home: Any, named: Mapping[str, Mapping[str, Any]], first: Any, **known: Any) -> Any:
    """An object of a class that is named with its options; what is ``known`` only where the class asks for it."""
    [(name, options)] = named.items()
    kind: Callable[..., Any] | None = getattr(home, name, None)
    if not isinstance(kind, type):
        raise RecipeError(f"{home.__name__} has no class {name}")
    asked = {key: value for key, value in known.items() if key in inspect.signature(kind).parameters}
    try:
        return kind(first, **{**asked, **options})
    except (TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise RecipeError(f"{name} does not take {dict(options)}: {error}") from error


@lru_cache
def load_recipe(name: str) -> Recipe:
    """Read a recipe.

    Args:
        name: of one in ``suites/recipes``, the path of a YAML file, or the recipe itself, from :attr:`Recipe.text`.

    Raises:
        RecipeError: there is none, or something in it is wrong.
    """
    if name.startswith("{"):
        return _checked("the recipe", _parse(name, "the recipe"))
    path = Path(name) if name.endswith((".yaml", ".yml")) else RECIPES / f"{name}.yaml"
    return _checked(str(path), _parse(_read(path, name), str(path)))


def _parse(text: str, where: str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe").load(text)
    except YAMLError as error:
        raise RecipeError(f"{where}: cannot be read as a recipe: {' '.join(str(error).split())}") from error


def _read(path: Path, name: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        known = ", ".join(sorted(each.stem for each in RECIPES.glob("*.yaml")))
        raise RecipeError(
            f"no recipe {name!r}: there is no file {path.name if path.parent == RECIPES else path}; the names are "
            f"{known}, or write the path of a .yaml file"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: cannot be read as a recipe: {' '.join(str(error).split())}") from error


def _checked(where: str, content: Any) -> Recipe:
    from pydantic import TypeAdapter, ValidationError

    if not isinstance(content, dict):
        raise RecipeError(f"{where}: a recipe is a mapping with the keys title, epochs, batch and optimizer")
    try:
        recipe: Recipe = TypeAdapter(Recipe).validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the recipe"
        raise RecipeError(f"{where}: {place}: {first['msg']}") from error
    for key in ("optimizer", "scheduler"):
        most = getattr(recipe, key)
        if len(most) > 1 or (key == "optimizer" and not most):
            raise RecipeError(f"{where}: {key}: write one class with its options, such as {{SGD: {{lr: 0.1}}}}")
    return recipe
