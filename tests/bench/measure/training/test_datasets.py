import pickle
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from bench.measure.training import datasets
from bench.measure.training.datasets import DataError, Draws, Place, held_out
from bench.measure.training.recipe import Augmentation
from bench.measure.training.small import SmallSet

NOWHERE = Place(None)
LAYOUT = torch.contiguous_format


def numbered(count: int = 40, side: int = 6) -> SmallSet:
    """Images whose pixels are all different from one another within an image, and say which image it is."""
    pixels = torch.arange(3 * side * side, dtype=torch.uint8).reshape(1, 3, side, side)
    images = pixels + torch.arange(count, dtype=torch.uint8).reshape(-1, 1, 1, 1)
    labels = torch.arange(count) % 4
    return SmallSet("numbered", 4, images, labels, images[:8], labels[:8], normal=((0.0,) * 3, (1 / 255,) * 3))


def epoch(data: SmallSet, augmentation: Augmentation, seed: int = 0, batch: int = 8) -> list[tuple[Tensor, Tensor]]:
    return list(data.split("test", augmentation, "cpu", LAYOUT).training(batch, Draws.of(seed)))


def test_without_augmentation_an_epoch_is_every_image_once_with_its_label() -> None:
    data = numbered()
    batches = epoch(data, Augmentation())
    assert [images.shape for images, _ in batches] == [(8, 3, 6, 6)] * 5
    first_pixels = torch.cat([images[:, 0, 0, 0] for images, _ in batches]).round().long()
    assert sorted(first_pixels.tolist()) == list(range(40)) and first_pixels.tolist() != list(range(40))
    assert torch.equal(torch.cat([labels for _, labels in batches]), first_pixels % 4)


def test_images_that_fill_no_batch_are_left_out() -> None:
    assert len(epoch(numbered(), Augmentation(), batch=16)) == 2


def test_every_crop_is_a_window_of_the_padded_image_flipped_or_not() -> None:
    data, side, edge = numbered(), 6, 2
    seen: Counter[tuple[int, int, bool]] = Counter()
    for seed in range(20):
        for images, _ in epoch(data, Augmentation(pad=edge, flip=True), seed):
            for image in images:
                seen.update([place_of(image.round(), data, side, edge)])
    # 800 draws over 25 windows: the chance that one of them is never drawn is below 1e-12.
    assert len({(row, column) for row, column, _ in seen}) == 25
    mirrored = sum(count for (_, _, flipped), count in seen.items() if flipped)
    assert 300 < mirrored < 500  # of 800: seven standard deviations around one half


def place_of(image: Tensor, data: SmallSet, side: int, edge: int) -> tuple[int, int, bool]:
    """Where a crop was taken from, by looking at every window of every padded image."""
    for original in data.train_images:
        padded = np.pad(original.numpy(), ((0, 0), (edge, edge), (edge, edge)))
        for row in range(2 * edge + 1):
            for column in range(2 * edge + 1):
                window = padded[:, row : row + side, column : column + side]
                for flipped in (False, True):
                    if np.array_equal(window[..., ::-1] if flipped else window, image.numpy()):
                        return row, column, flipped
    raise AssertionError("no window of any image")


def test_the_same_seed_gives_the_same_bits_and_another_one_others() -> None:
    data, augmentation = numbered(), Augmentation(pad=1, flip=True)
    first, again, other = (epoch(data, augmentation, seed) for seed in (3, 3, 4))
    assert all(torch.equal(one, two) for (one, _), (two, _) in zip(first, again, strict=True))
    assert not all(torch.equal(one, two) for (one, _), (two, _) in zip(first, other, strict=True))


def test_no_draw_of_the_data_is_changed_by_what_others_draw() -> None:
    data, augmentation = numbered(), Augmentation(pad=1, flip=True)
    split, draws, disturbed = data.split("test", augmentation, "cpu", LAYOUT), Draws.of(0), []
    before = torch.get_rng_state()
    for images, _ in split.training(8, draws):
        disturbed.append(images)
    assert torch.equal(torch.get_rng_state(), before)
    again = []
    for images, _ in split.training(8, Draws.of(0)):
        torch.rand(5)  # a dropout layer, say
        again.append(images)
    assert all(map(torch.equal, disturbed, again))


def test_normalised_as_torchvision_does() -> None:
    from torchvision.transforms import v2

    mean, spread = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)
    images = torch.randint(256, (8, 3, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(8)
    data = SmallSet("x", 8, images, labels, images, labels, normal=(mean, spread))
    [(seen, _)] = data.split("test", Augmentation(), "cpu", LAYOUT).judging(8)
    wanted = v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize(mean, spread)])(images)
    torch.testing.assert_close(seen, wanted, rtol=1e-5, atol=1e-5)


def test_without_figures_of_their_own_images_come_out_with_mean_0_and_spread_1() -> None:
    digits = datasets.digits(NOWHERE)
    batches = list(
        digits.split("test", Augmentation(), "cpu", LAYOUT).training(digits.train_images.shape[0], Draws.of(0))
    )
    [(images, _)] = batches
    assert abs(float(images.mean())) < 1e-5 and abs(float(images.std()) - 1) < 1e-4


def test_batches_have_the_order_in_memory_that_is_asked_for() -> None:
    split = numbered().split("test", Augmentation(pad=1), "cpu", torch.channels_last)
    for images, _ in (*split.training(8, Draws.of(0)), *split.judging(8)):
        assert images.is_contiguous(memory_format=torch.channels_last)


def test_held_out_images_are_stratified_fixed_and_learned_by_nobody() -> None:
    labels = [0] * 50 + [1] * 30 + [2] * 20
    rest, out = held_out(labels)
    assert sorted(rest + out) == list(range(100))
    assert Counter(labels[index] for index in out) == {0: 5, 1: 3, 2: 2}
    assert held_out(labels) == (rest, out)


def test_judging_held_out_images_takes_them_from_the_training_set() -> None:
    data = numbered()
    split = data.split("held_out", Augmentation(), "cpu", LAYOUT)
    judged = torch.cat([images[:, 0, 0, 0] for images, _ in split.judging(3)]).round().tolist()
    learned = torch.cat([images[:, 0, 0, 0] for images, _ in split.training(6, Draws.of(0))]).round().tolist()
    assert len(judged) == 4 and len(learned) == 36 and not set(judged) & set(learned)


def test_too_few_images_to_hold_out_is_a_message() -> None:
    with pytest.raises(DataError, match="cannot be held out"):
        held_out([0, 1, 2])


def test_digits_are_scikit_learns() -> None:
    digits = datasets.digits(NOWHERE)
    assert len(digits.train_images) == 1437 and len(digits.test_images) == 360 and digits.classes == 10
    assert digits.train_images.shape[1:] == (3, 8, 8) and digits.train_images.max() == 255
    assert set(Counter(digits.test_labels.tolist()).values()) <= {35, 36, 37}


def write_cifar(root: Path, name: str) -> tuple[np.ndarray, list[int]]:
    """A CIFAR of ten images in the original's format, its checksums taken for the real ones'."""
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
def test_cifar_is_read_as_it_lies(tmp_path: Path, name: str, factory: object, monkeypatch: pytest.MonkeyPatch) -> None:
    import torchvision

    pixels, labels = write_cifar(tmp_path, name)
    kind = getattr(torchvision.datasets, name)
    if name == "CIFAR10":
        monkeypatch.setattr(kind, "train_list", [("data_batch_1", None)])
    monkeypatch.setattr(kind, "_check_integrity", lambda self: True)
    monkeypatch.setattr(torchvision.datasets.cifar, "check_integrity", lambda *told: True)
    found = factory(Place(tmp_path))  # type: ignore[operator]
    assert torch.equal(found.train_images, torch.from_numpy(pixels)) and found.train_labels.tolist() == labels
    assert torch.equal(found.test_images, torch.from_numpy(pixels))


def test_fashion_mnist_is_grey_on_three_channels(tmp_path: Path) -> None:
    raw = tmp_path / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (5, 28, 28), dtype=np.uint8)
    for part in ("train", "t10k"):
        header = (0x00000803).to_bytes(4, "big") + b"".join(n.to_bytes(4, "big") for n in (5, 28, 28))
        (raw / f"{part}-images-idx3-ubyte").write_bytes(header + pixels.tobytes())
        labels = (0x00000801).to_bytes(4, "big") + (5).to_bytes(4, "big") + bytes(range(5))
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(labels)
    found = datasets.fashion_mnist(Place(tmp_path))
    assert found.train_labels.tolist() == list(range(5))
    assert all(torch.equal(found.train_images[:, channel], torch.from_numpy(pixels)) for channel in range(3))


@pytest.mark.parametrize("factory", [datasets.cifar10, datasets.cifar100, datasets.fashion_mnist])
def test_missing_images_say_where_was_looked_and_how_to_get_them(tmp_path: Path, factory: object) -> None:
    with pytest.raises(DataError) as caught:
        factory(Place(tmp_path / "empty"))  # type: ignore[operator]
    message = str(caught.value)
    assert str(tmp_path / "empty") in message and "download" in message and "\n" not in message


def test_damaged_images_are_a_message(tmp_path: Path) -> None:
    write_cifar(tmp_path, "CIFAR10")  # whose checksums are not the original's
    with pytest.raises(DataError, match="damaged"):
        datasets.cifar10(Place(tmp_path))


def test_no_root_is_a_message_that_names_every_way_to_say_one() -> None:
    with pytest.raises(DataError) as caught:
        datasets.cifar10(NOWHERE)
    assert all(way in str(caught.value) for way in ("data: {root", "--set data.root=", "BENCH_DATA", "digits"))


def picture_folder(root: Path, classes: tuple[str, ...] = ("a", "b"), each: int = 10) -> Path:
    """Plain grey pictures of several sizes, darker in the first class."""
    for part in ("train", "val"):
        for number, name in enumerate(classes):
            folder = root / "pictures" / part / name
            folder.mkdir(parents=True)
            for index in range(each):
                shade = 40 * number + index
                Image.new("RGB", (20 + index, 24), (shade, shade, shade)).save(folder / f"{index}.png")
    return root


def test_pictures_in_folders_are_read_cropped_and_normalised(tmp_path: Path) -> None:
    data = datasets.image_folder(Place(picture_folder(tmp_path)), "pictures")
    assert data.classes == 2 and data.title == "pictures"
    split = data.split("test", Augmentation(size=16, resize=18, flip=True), "cpu", torch.channels_last)
    assert split.size == 20
    images, labels = zip(*split.judging(7), strict=True)
    shades = torch.cat(images)
    assert shades.shape == (20, 3, 16, 16) and torch.cat(labels).tolist() == [0] * 10 + [1] * 10
    # The first picture is black: (0 − mean) ÷ spread of ImageNet's red channel.
    assert float(shades[0, 0, 8, 8]) == pytest.approx(-0.485 / 0.229, rel=1e-5)
    first, again = (list(split.training(5, Draws.of(1))) for _ in range(2))
    assert len(first) == 4
    assert all(torch.equal(one, two) for (one, _), (two, _) in zip(first, again, strict=True))


def test_held_out_pictures_are_no_longer_learned(tmp_path: Path) -> None:
    data = datasets.image_folder(Place(picture_folder(tmp_path)), "pictures")
    split = data.split("held_out", Augmentation(size=8, resize=8), "cpu", torch.channels_last)
    assert split.size == 18 and sum(len(labels) for _, labels in split.judging(4)) == 2


def test_folders_that_are_not_there_or_do_not_agree(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no images in folders by class"):
        datasets.imagenet(Place(tmp_path))
    picture_folder(tmp_path)
    extra = tmp_path / "pictures/train/c"
    extra.mkdir()
    Image.new("RGB", (8, 8)).save(extra / "0.png")
    with pytest.raises(DataError, match="other classes: c"):
        datasets.image_folder(Place(tmp_path), "pictures")
