"""The sets of images that a suite may name. Their module imports torch only when one is read."""

from dataclasses import dataclass

from simam.registry import Entry, Registry


@dataclass(frozen=True)
class DatasetEntry(Entry):
    """What is known of a set before it is read; None where it may be any.

    Args:
        images: to learn from.
        side: of the square images, in pixels, as networks see them.
    """

    images: int | None
    side: int | None


def _entry(name: str, images: int | None, side: int | None) -> dict[str, DatasetEntry]:
    return {name: DatasetEntry(f"bench.measure.training.datasets:{name}", name, images, side)}


DATASETS: Registry[DatasetEntry] = Registry(
    "dataset",
    {
        **_entry("digits", 1437, 8),
        **_entry("cifar10", 50_000, 32),
        **_entry("cifar100", 50_000, 32),
        **_entry("fashion_mnist", 60_000, 28),
        **_entry("imagenet", 1_281_167, 224),
        **_entry("image_folder", None, None),
    },
)
