"""Training recipes: YAML files that describe how to train, built in or provided by the user."""

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import ConfigDict, Field

from bench.suite.builtin import recipe_names, recipe_path
from simam.registry import did_you_mean

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler

NotNegative: TypeAlias = Annotated[int, Field(strict=True, ge=0)]
Positive: TypeAlias = Annotated[int, Field(strict=True, ge=1)]


class RecipeError(ValueError):
    """A recipe cannot be used; the message names the file, the key and the remedy."""


@dataclass(frozen=True)
class Augmentation:
    """Augmentation of training images, and preparation of evaluation images.

    Args:
        pad: width in pixels of the black border that is added to small images before a random crop to their own size.
        flip: whether images are flipped horizontally with probability ½.
        size: side in pixels of the crops from image folders, in training and in evaluation.
        resize: length in pixels to which the shorter side of an evaluation image is resized before the centre crop.
    """

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")

    pad: NotNegative = 0
    flip: bool = False
    size: Positive = 224
    resize: Positive = 256


@dataclass(frozen=True)
class Recipe:
    """A training recipe.

    Args:
        title: display name.
        epochs: number of epochs.
        batch: batch size.
        optimizer: options by the name of a class of torch.optim; exactly one entry.
        scheduler: options by the name of a class of torch.optim.lr_scheduler; empty for a constant learning rate. A
            class with an argument ``total_steps`` gets the total number of scheduler steps.
        advance: whether the scheduler steps after each epoch or after each step.
        augmentation: augmentation of the images.
        label_smoothing: label smoothing of torch's cross-entropy.
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
        """The whole recipe as one line of JSON, which :func:`load_recipe` accepts."""
        return json.dumps(asdict(self))

    def dry_run(self, network: "nn.Module") -> None:
        """Create the optimizer and the scheduler for a network, which may be on meta, and take one step.

        Raises:
            RecipeError: torch rejects the options, or the training loop does not support the classes.
        """
        optimizer = self.make_optimizer(network)
        scheduler = self.make_scheduler(optimizer, _DRY_RUN_STEPS)
        try:
            optimizer.step()
            if scheduler is not None:
                scheduler.step()
        except Exception as error:  # a step that needs more arguments raises errors of many types
            names = {**self.optimizer, **self.scheduler}
            raise RecipeError(f"the training loop does not support {' with '.join(names)}: {error}") from error

    def make_optimizer(self, network: "nn.Module") -> "Optimizer":
        import torch

        return _instantiate(torch.optim, self.optimizer, network.parameters())  # type: ignore[no-any-return]

    def make_scheduler(self, optimizer: "Optimizer", steps: int) -> "LRScheduler | None":
        """Create the scheduler for epochs of ``steps`` steps; None if the learning rate is constant."""
        import torch

        if not self.scheduler:
            return None
        total = self.epochs * (steps if self.advance == "step" else 1)
        return _instantiate(torch.optim.lr_scheduler, self.scheduler, optimizer, total_steps=total)  # type: ignore[no-any-return]


_DRY_RUN_STEPS = 1000
"""Steps of an epoch in a dry run: some schedulers reject a handful of steps."""


def _instantiate(module: Any, spec: Mapping[str, Mapping[str, Any]], first: Any, **defaults: Any) -> Any:
    """Create an object of a class of a module.

    Args:
        module: module that contains the class.
        spec: options by the name of the class; exactly one entry.
        first: first argument.
        **defaults: keyword arguments that are passed if the class accepts them and the options do not set them.

    Raises:
        RecipeError: the module has no such class, or the class rejects the options.
    """
    [(name, options)] = spec.items()
    cls: Callable[..., Any] | None = getattr(module, name, None)
    if not isinstance(cls, type):
        raise RecipeError(f"{module.__name__} has no class {name}")
    accepted = {key: value for key, value in defaults.items() if key in inspect.signature(cls).parameters}
    try:
        return cls(first, **{**accepted, **options})
    except (TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise RecipeError(f"{name} does not accept {dict(options)}: {error}") from error


@lru_cache
def load_recipe(name: str) -> Recipe:
    """Read a recipe.

    Args:
        name: path of a YAML file, name of a built-in recipe, or the whole recipe as JSON, see :attr:`Recipe.text`.

    Raises:
        RecipeError: there is no such recipe, or its content is invalid.
    """
    if name.startswith("{"):
        return _validate("the recipe", _parse(name, "the recipe"))
    path = Path(name) if name.endswith((".yaml", ".yml")) else recipe_path(name)
    if path is None:
        raise _unknown_recipe(name, "there is no built-in recipe of that name")
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise _unknown_recipe(name, f"there is no file {path}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: cannot be read as a recipe: {' '.join(str(error).split())}") from error
    return _validate(str(path), _parse(text, str(path)))


def _unknown_recipe(name: str, problem: str) -> RecipeError:
    names = did_you_mean(name, recipe_names())
    return RecipeError(f"no recipe {name!r}: {problem}; {names}, or write the path of a .yaml file")


def _parse(text: str, source: str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe").load(text)
    except YAMLError as error:
        raise RecipeError(f"{source}: cannot be read as a recipe: {' '.join(str(error).split())}") from error


def _validate(source: str, content: Any) -> Recipe:
    from pydantic import TypeAdapter, ValidationError

    if not isinstance(content, dict):
        raise RecipeError(f"{source}: a recipe is a mapping with the keys title, epochs, batch and optimizer")
    try:
        recipe: Recipe = TypeAdapter(Recipe).validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "the recipe"
        raise RecipeError(f"{source}: {key}: {first['msg']}") from error
    for key in ("optimizer", "scheduler"):
        spec = getattr(recipe, key)
        if len(spec) > 1 or (key == "optimizer" and not spec):
            raise RecipeError(f"{source}: {key}: write one class with its options, such as {{SGD: {{lr: 0.1}}}}")
    return recipe
