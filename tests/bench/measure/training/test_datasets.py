import pickle
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from bench.measure.training import datasets
from bench.measure.training.folders import load_rgb
from bench.measure.training.images import DataError, DataLocation, Draws, hold_out
from bench.measure.training.recipe import Augmentation
from bench.measure.training.small import SmallDataset

NO_LOCATION = DataLocation(None)
LAYOUT = torch.contiguous_format


def numbered(count: int = 40, side: int = 6) -> SmallDataset:
    """Return images whose pixels are all distinct; the first pixel is the index of the image."""
    pixels = torch.arange(3 * side * side, dtype=torch.uint8).reshape(1, 3, side, side)
    images = pixels + torch.arange(count, dtype=torch.uint8).reshape(-1, 1, 1, 1)
    labels = torch.arange(count) % 4
    return SmallDataset("numbered", 4, images, labels, images[:8], labels[:8], mean_std=((0.0,) * 3, (1 / 255,) * 3))


def epoch(data: SmallDataset, augmentation: Augmentation, seed: int = 0, batch: int = 8) -> list[tuple[Tensor, Tensor]]:
    return list(data.split("test", augmentation, "cpu", LAYOUT).training(batch, Draws.of(seed)))


def test_epoch_contains_every_image_once() -> None:
    data = numbered()
    batches = epoch(data, Augmentation())
    assert [images.shape for images, _ in batches] == [(8, 3, 6, 6)] * 5
    first_pixels = torch.cat([images[:, 0, 0, 0] for images, _ in batches]).round().long()
    assert sorted(first_pixels.tolist()) == list(range(40)) and first_pixels.tolist() != list(range(40))
    assert torch.equal(torch.cat([labels for _, labels in batches]), first_pixels % 4)


def test_incomplete_batch_is_dropped() -> None:
    assert len(epoch(numbered(), Augmentation(), batch=16)) == 2


def test_crops_and_flips_are_uniform() -> None:
    data, side, border = numbered(), 6, 2
    counts: Counter[tuple[int, int, bool]] = Counter()
    for seed in range(20):
        for images, _ in epoch(data, Augmentation(pad=border, flip=True), seed):
            for image in images:
                counts.update([window_of(image.round(), data, side, border)])
    # The probability that 800 draws miss one of 25 windows is below 1e-12.
    assert len({(row, column) for row, column, _ in counts}) == 25
    flips = sum(count for (_, _, flipped), count in counts.items() if flipped)
    assert 300 < flips < 500  # of 800: seven standard deviations around one half


def window_of(image: Tensor, data: SmallDataset, side: int, border: int) -> tuple[int, int, bool]:
    """Return the row, the column and the flip of a crop, by a search of all windows of all padded images."""
    for original in data.train_images:
        padded = np.pad(original.numpy(), ((0, 0), (border, border), (border, border)))
        for row in range(2 * border + 1):
            for column in range(2 * border + 1):
                window = padded[:, row : row + side, column : column + side]
                for flipped in (False, True):
                    if np.array_equal(window[..., ::-1] if flipped else window, image.numpy()):
                        return row, column, flipped
    raise AssertionError("the crop is no window of any image")


def test_batches_are_determined_by_the_seed() -> None:
    data, augmentation = numbered(), Augmentation(pad=1, flip=True)
    first, again, other = (epoch(data, augmentation, seed) for seed in (3, 3, 4))
    assert all(torch.equal(one, two) for (one, _), (two, _) in zip(first, again, strict=True))
    assert not all(torch.equal(one, two) for (one, _), (two, _) in zip(first, other, strict=True))


def test_data_draws_are_independent_of_the_global_generator() -> None:
    data, augmentation = numbered(), Augmentation(pad=1, flip=True)
    split, draws, first = data.split("test", augmentation, "cpu", LAYOUT), Draws.of(0), []
    before = torch.get_rng_state()
    for images, _ in split.training(8, draws):
        first.append(images)
    assert torch.equal(torch.get_rng_state(), before)
    again = []
    for images, _ in split.training(8, Draws.of(0)):
        torch.rand(5)  # as a dropout layer does
        again.append(images)
    assert all(map(torch.equal, first, again))


def test_normalisation_matches_torchvision() -> None:
    from torchvision.transforms import v2

    mean, std = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)
    images = torch.randint(256, (8, 3, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(8)
    data = SmallDataset("x", 8, images, labels, images, labels, mean_std=(mean, std))
    [(normalised, _)] = data.split("test", Augmentation(), "cpu", LAYOUT).evaluation(8)
    expected = v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize(mean, std)])(images)
    torch.testing.assert_close(normalised, expected, rtol=1e-5, atol=1e-5)


def test_default_normalisation_has_mean_0_and_std_1() -> None:
    digits = datasets.digits(NO_LOCATION)
    batches = list(
        digits.split("test", Augmentation(), "cpu", LAYOUT).training(digits.train_images.shape[0], Draws.of(0))
    )
    [(images, _)] = batches
    assert abs(float(images.mean())) < 1e-5 and abs(float(images.std()) - 1) < 1e-4


def test_batches_have_the_requested_memory_format() -> None:
    split = numbered().split("test", Augmentation(pad=1), "cpu", torch.channels_last)
    for images, _ in (*split.training(8, Draws.of(0)), *split.evaluation(8)):
        assert images.is_contiguous(memory_format=torch.channels_last)


def test_held_out_split_is_stratified_and_fixed() -> None:
    labels = [0] * 50 + [1] * 30 + [2] * 20
    training, held_out = hold_out(labels)
    assert sorted(training + held_out) == list(range(100))
    assert Counter(labels[index] for index in held_out) == {0: 5, 1: 3, 2: 2}
    assert hold_out(labels) == (training, held_out)


def test_held_out_images_are_not_trained_on() -> None:
    data = numbered()
    split = data.split("held_out", Augmentation(), "cpu", LAYOUT)
    evaluated = torch.cat([images[:, 0, 0, 0] for images, _ in split.evaluation(3)]).round().tolist()
    trained = torch.cat([images[:, 0, 0, 0] for images, _ in split.training(6, Draws.of(0))]).round().tolist()
    assert len(evaluated) == 4 and len(trained) == 36 and not set(evaluated) & set(trained)


def test_too_few_images_to_hold_out() -> None:
    with pytest.raises(DataError, match="cannot be held out"):
        hold_out([0, 1, 2])


def test_digits_of_scikit_learn() -> None:
    digits = datasets.digits(NO_LOCATION)
    assert len(digits.train_images) == 1437 and len(digits.test_images) == 360 and digits.classes == 10
    assert digits.train_images.shape[1:] == (3, 8, 8) and digits.train_images.max() == 255
    assert set(Counter(digits.test_labels.tolist()).values()) <= {35, 36, 37}


def write_cifar(root: Path, name: str) -> tuple[np.ndarray, list[int]]:
    """Write ten images in the original file format of a CIFAR dataset, with other checksums."""
    folder = root / {"CIFAR10": "cifar-10-batches-py", "CIFAR100": "cifar-100-python"}[name]
    folder.mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (10, 3, 32, 32), dtype=np.uint8)
    labels = [index % 7 for index in range(10)]
    key = "labels" if name == "CIFAR10" else "fine_labels"
    entry = {"data": pixels.reshape(10, -1), key: labels}
    for part in ("data_batch_1", "test_batch") if name == "CIFAR10" else ("train", "test"):
        (folder / part).write_bytes(pickle.dumps(entry))
    names = {"label_names" if name == "CIFAR10" else "fine_label_names": list("abcdefg")}
    (folder / ("batches.meta" if name == "CIFAR10" else "meta")).write_bytes(pickle.dumps(names))
    return pixels, labels


@pytest.mark.parametrize(("name", "factory"), [("CIFAR10", datasets.cifar10), ("CIFAR100", datasets.cifar100)])
def test_cifar_is_read_from_its_files(
    tmp_path: Path, name: str, factory: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torchvision

    pixels, labels = write_cifar(tmp_path, name)
    cls = getattr(torchvision.datasets, name)
    if name == "CIFAR10":
        monkeypatch.setattr(cls, "train_list", [("data_batch_1", None)])
    monkeypatch.setattr(cls, "_check_integrity", lambda self: True)
    monkeypatch.setattr(torchvision.datasets.cifar, "check_integrity", lambda *arguments: True)
    data = factory(DataLocation(tmp_path))  # type: ignore[operator]
    assert torch.equal(data.train_images, torch.from_numpy(pixels)) and data.train_labels.tolist() == labels
    assert torch.equal(data.test_images, torch.from_numpy(pixels))


def test_fashion_mnist_has_three_equal_channels(tmp_path: Path) -> None:
    raw = tmp_path / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (5, 28, 28), dtype=np.uint8)
    for part in ("train", "t10k"):
        header = (0x00000803).to_bytes(4, "big") + b"".join(n.to_bytes(4, "big") for n in (5, 28, 28))
        (raw / f"{part}-images-idx3-ubyte").write_bytes(header + pixels.tobytes())
        labels = (0x00000801).to_bytes(4, "big") + (5).to_bytes(4, "big") + bytes(range(5))
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(labels)
    data = datasets.fashion_mnist(DataLocation(tmp_path))
    assert data.train_labels.tolist() == list(range(5))
    assert all(torch.equal(data.train_images[:, channel], torch.from_numpy(pixels)) for channel in range(3))


@pytest.mark.parametrize("factory", [datasets.cifar10, datasets.cifar100, datasets.fashion_mnist])
def test_missing_images_message(tmp_path: Path, factory: object) -> None:
    with pytest.raises(DataError) as caught:
        factory(DataLocation(tmp_path / "empty"))  # type: ignore[operator]
    message = str(caught.value)
    assert str(tmp_path / "empty") in message and "download" in message and "\n" not in message


def test_damaged_images_message(tmp_path: Path) -> None:
    write_cifar(tmp_path, "CIFAR10")  # with other checksums than the original
    with pytest.raises(DataError, match="damaged"):
        datasets.cifar10(DataLocation(tmp_path))


def test_missing_root_message_lists_the_remedies() -> None:
    with pytest.raises(DataError) as caught:
        datasets.cifar10(NO_LOCATION)
    assert all(remedy in str(caught.value) for remedy in ("data: {root", "--set data.root=", "BENCH_DATA", "digits"))


def write_image_folder(root: Path, classes: tuple[str, ...] = ("a", "b"), count: int = 10) -> Path:
    """Write plain grey images of several sizes; those of the first class are darker."""
    for part in ("train", "val"):
        for number, name in enumerate(classes):
            folder = root / "mine" / part / name
            folder.mkdir(parents=True)
            for index in range(count):
                shade = 40 * number + index
                Image.new("RGB", (20 + index, 24), (shade, shade, shade)).save(folder / f"{index}.png")
    return root


def test_image_folder(tmp_path: Path) -> None:
    data = datasets.image_folder(DataLocation(write_image_folder(tmp_path)), "mine")
    assert data.classes == 2 and data.title == "mine"
    split = data.split("test", Augmentation(size=16, resize=18, flip=True), "cpu", torch.channels_last)
    assert split.size == 20
    images, labels = zip(*split.evaluation(7), strict=True)
    shades = torch.cat(images)
    assert shades.shape == (20, 3, 16, 16) and torch.cat(labels).tolist() == [0] * 10 + [1] * 10
    # The first image is black: (0 − mean) ÷ std of ImageNet's red channel.
    assert float(shades[0, 0, 8, 8]) == pytest.approx(-0.485 / 0.229, rel=1e-5)
    first, again = (list(split.training(5, Draws.of(1))) for _ in range(2))
    assert len(first) == 4
    assert all(torch.equal(one, two) for (one, _), (two, _) in zip(first, again, strict=True))


def test_held_out_part_of_an_image_folder(tmp_path: Path) -> None:
    data = datasets.image_folder(DataLocation(write_image_folder(tmp_path)), "mine")
    split = data.split("held_out", Augmentation(size=8, resize=8), "cpu", torch.channels_last)
    assert split.size == 18 and sum(len(labels) for _, labels in split.evaluation(4)) == 2


def test_missing_and_inconsistent_image_folders(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="contains no images in one folder per class"):
        datasets.imagenet(DataLocation(tmp_path))
    write_image_folder(tmp_path)
    extra = tmp_path / "mine/train/c"
    extra.mkdir()
    Image.new("RGB", (8, 8)).save(extra / "0.png")
    with pytest.raises(DataError, match="different classes: c"):
        datasets.image_folder(DataLocation(tmp_path), "mine")


def test_damaged_image_is_named_in_one_line(tmp_path: Path) -> None:
    data = datasets.image_folder(DataLocation(write_image_folder(tmp_path)), "mine")
    bad = tmp_path / "mine/train/a/3.png"
    bad.write_bytes(bad.read_bytes()[:60])
    split = data.split("test", Augmentation(size=8, resize=8), "cpu", torch.contiguous_format)
    with pytest.raises(DataError) as error:
        list(split.training(2, Draws.of(0)))
    assert str(error.value).startswith(f"{bad} cannot be read as an image") and "\n" not in str(error.value)


def test_16_bit_grey_is_scaled(tmp_path: Path) -> None:
    values = np.array([[0, 257, 65535]], dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / "grey.png")
    assert np.array_equal(np.asarray(load_rgb(str(tmp_path / "grey.png"))), [[[0] * 3, [1] * 3, [255] * 3]])
