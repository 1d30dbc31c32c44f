"""The registry of datasets. Their module imports torch, so it is imported only when a dataset is loaded."""

from dataclasses import dataclass

from simam.registry import Entry, Registry


@dataclass(frozen=True)
class DatasetEntry(Entry):
    """The properties of a dataset that are known before it is loaded.

    Args:
        images: number of training images; None if it depends on the folder.
        side: side of the square images in pixels, as networks receive them; None if it depends on the folder.
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
