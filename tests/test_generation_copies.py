"""Near copies: altered pictures are found, other pictures are not."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from generation import errors
from generation.fill import near_copies
from indexer import index_sources, open_source
from tests.strategies import unit_rows


def drawing(seed, size=(96, 120)):
    """A picture of random shapes on four colours, by which the tiny encoder tells it from others."""
    rng = np.random.default_rng(seed)
    ground = Image.fromarray(rng.integers(0, 256, (2, 2, 3), dtype=np.uint8))
    image = ground.resize(size, Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(image)
    for _ in range(6):
        x, y = rng.integers(10, 50, 2)
        width, height = rng.integers(12, 40, 2)
        fill = tuple(rng.integers(0, 230, 3).tolist())
        shape = draw.ellipse if rng.random() < 0.5 else draw.rectangle
        shape((x, y, x + width, y + height), fill=fill)
    return image


def border_cut(image, share):
    x, y = (round(side * share / 2) for side in image.size)
    return image.crop((x, y, image.width - x, image.height - y))


ALTERATIONS = {
    "itself": lambda image: image,
    "smaller": lambda image: image.resize((48, 60)),
    "larger": lambda image: image.resize((200, 250)),
    "mirrored": ImageOps.mirror,
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.1),
    "grey": lambda image: image.convert("L").convert("RGB"),
    "cut": lambda image: border_cut(image, 0.1),
    "with a border": lambda image: ImageOps.expand(image, 2, "white"),
}


@pytest.mark.parametrize("way", ALTERATIONS)
def test_altered_copies_have_the_same_outlines(way):
    for seed in range(8):
        image = drawing(seed)
        assert near_copies.same_pixels(ALTERATIONS[way](image), image) >= near_copies.SAME_OUTLINES


def test_other_pictures_have_not():
    pictures = [drawing(seed) for seed in range(12)]
    found = [near_copies.same_pixels(a, b) for i, a in enumerate(pictures) for b in pictures[:i]]
    assert max(found) < 0.8


def test_plain_pictures_have_no_outline():
    plain = Image.new("RGB", (40, 40), "white")
    assert not near_copies.outline(plain).any()
    assert near_copies.same_pixels(plain, plain) == 0
    assert np.linalg.norm(near_copies.outline(drawing(1))) == pytest.approx(1, abs=1e-5)


@pytest.fixture
def shelf(collection, encoder, tmp_path):
    """Ten drawings, indexed in order of their seeds: item 4 is drawing 3."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    for seed in range(10):
        drawing(seed).save(folder / f"{seed:02}.png")
    index_sources(collection, encoder, [open_source(folder)])
    return collection


def row_of(encoder, image):
    return encoder.encode_images([image])[0]


def test_an_item_is_recognised_by_its_pixels_though_the_file_is_gone(shelf, encoder, tmp_path):
    (tmp_path / "shelf" / "03.png").unlink()
    copy = ImageEnhance.Brightness(ImageOps.mirror(drawing(3))).enhance(0.8)
    found = near_copies.find_copy(copy, row_of(encoder, copy), shelf)
    assert found is not None
    assert (found.of, found.pixels >= near_copies.SAME_OUTLINES) == ("item 4", True)
    allowed = np.array([1, 2, 3], np.int64)
    assert near_copies.find_copy(copy, row_of(encoder, copy), shelf, allowed=allowed) is None


def test_an_item_is_recognised_by_its_embedding_alone(shelf, encoder):
    found = near_copies.find_copy(Image.new("RGB", (9, 9)), row_of(encoder, drawing(5)), shelf)
    assert found is not None
    assert (found.of, round(found.score, 2), found.pixels) == ("item 6", 1.0, 0.0)


def test_a_new_picture_copies_nothing(shelf, encoder):
    image = ImageOps.invert(drawing(77))
    assert near_copies.find_copy(image, row_of(encoder, image), shelf) is None


def test_training_pictures_are_recognised(shelf, encoder, tmp_path):
    learned = [drawing(seed) for seed in range(50, 60)]
    made = near_copies.CopyIndex(
        rows=encoder.encode_images(learned),
        outlines=np.stack([near_copies.outline(image) for image in learned]),
        names=tuple(f"t{number}" for number in range(10)),
    )
    made.save(tmp_path / "copies.safetensors")
    index = near_copies.CopyIndex.load(tmp_path / "copies.safetensors")
    assert index.names == made.names
    assert np.abs(np.vecdot(index.outlines, made.outlines) - 1).max() < 1e-3
    assert np.abs(index.rows - made.rows).max() < 1e-3
    copy = ImageOps.mirror(learned[7]).resize((64, 80))
    found = near_copies.find_copy(copy, row_of(encoder, copy), shelf, training=index)
    assert found is not None
    assert found.of == "training picture t7"
    other = ImageOps.invert(drawing(78))
    assert near_copies.find_copy(other, row_of(encoder, other), shelf, training=index) is None


def test_a_damaged_index_of_training_pictures_is_refused(tmp_path):
    path = tmp_path / "copies.safetensors"
    for content in (b"", b"no tensors at all"):
        path.write_bytes(content)
        with pytest.raises(errors.GeneratorUnavailable, match="training pictures"):
            near_copies.CopyIndex.load(path)
    with pytest.raises(ValueError, match="3 embeddings"):
        near_copies.CopyIndex(rows=unit_rows(3, 4, 0), outlines=np.zeros((2, 1058), np.float32), names=("a",))
