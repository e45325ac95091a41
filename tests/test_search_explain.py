"""Why a hit was found: contributions that add up, heat maps that light up in the right place."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from search import EmbeddedQuery, Part, contributions, heat_map, overlay
from tests.colour_encoder import ColourEncoder
from tests.strategies import unit_rows


@given(st.integers(1, 6), st.integers(0, 10_000), st.data())
def test_contributions_sum_to_the_score(n, seed, data):
    rows, [hit] = unit_rows(n, 24, seed), unit_rows(1, 24, seed + 1)
    weights = data.draw(st.lists(st.floats(-5, 5).filter(lambda w: abs(w) > 0.01), min_size=n, max_size=n))
    total = np.array(weights) @ rows
    length = float(np.linalg.norm(total))
    if length < 0.1:
        return
    parts = tuple(
        Part(label=str(place), weight=weight, embedding=row, kind="text")
        for place, (weight, row) in enumerate(zip(weights, rows, strict=True))
    )
    embedded = EmbeddedQuery(embedding=(total / length).astype(np.float32), length=length, parts=parts)
    given_ = contributions(embedded, hit)
    assert [one.label for one in given_] == [part.label for part in parts]
    assert sum(one.value for one in given_) == pytest.approx(float(embedded.embedding @ hit), abs=1e-3)


class FineColourEncoder(ColourEncoder):
    """Looks at the mean colour only, so that each place counts alike."""

    def encode_images(self, images):
        means = [np.asarray(image.convert("RGB"), np.float64).mean(axis=(0, 1)) for image in images]
        return super().encode_images(
            [Image.new("RGB", (2, 2), tuple(int(c) for c in np.round(mean))) for mean in means]
        )


def patched(place, colour=(220, 20, 20), size=(280, 280)):
    image = Image.new("RGB", size, (128, 128, 128))
    image.paste(colour, (place[0], place[1], place[0] + 80, place[1] + 80))
    return image


@pytest.mark.parametrize("place", [(0, 0), (200, 0), (0, 200), (200, 200)])
@pytest.mark.parametrize("make", [ColourEncoder, FineColourEncoder])
def test_a_red_patch_lights_up_for_red(place, make):
    encoder = make()
    heat = heat_map(encoder, patched(place), encoder.encode_texts(["red"])[0])
    assert heat.shape == (7, 7)
    assert heat.dtype == np.float32
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    inside = (place[0] <= (column + 0.5) * 40 <= place[0] + 80) and (
        place[1] <= (row + 0.5) * 40 <= place[1] + 80
    )
    assert inside, heat.round(3)
    assert heat.max() > 0


def test_the_wrong_colour_pulls_the_score_down():
    encoder = FineColourEncoder()
    [red] = encoder.encode_texts(["red"])
    heat = heat_map(encoder, patched((0, 0), colour=(20, 20, 220)), red)
    assert heat[0, 0] < 0


@pytest.mark.parametrize(
    ("size", "shape"), [((400, 200), (4, 7)), ((200, 400), (7, 4)), ((1000, 1), (2, 7)), ((1, 1), (7, 7))]
)
def test_cells_are_about_square(size, shape):
    encoder = ColourEncoder()
    image = Image.new("RGB", size, (90, 90, 20))
    heat = heat_map(encoder, image, encoder.encode_texts(["red"])[0])
    assert heat.shape == shape
    assert np.isfinite(heat).all()
    assert overlay(image, heat).size == size


def test_a_picture_of_one_colour_has_no_place_of_its_own():
    encoder = ColourEncoder()
    image = Image.new("RGB", (64, 64), (220, 20, 20))
    heat = heat_map(encoder, image, encoder.encode_texts(["red"])[0])
    np.testing.assert_allclose(heat, 0, atol=1e-6)
    overlay(image, heat)


def test_the_picture_stays_as_it_was_and_the_glow_lies_where_the_heat_is():
    image = patched((0, 0))
    before = image.tobytes()
    heat = np.zeros((7, 7), np.float32)
    heat[6, 6] = 0.1
    lit = overlay(image, heat)
    assert image.tobytes() == before
    assert lit.getpixel((275, 275))[0] > 190
    assert abs(lit.getpixel((100, 100))[0] - 128) <= 2


def test_a_grid_needs_two_cells():
    encoder = ColourEncoder()
    with pytest.raises(ValueError, match="at least 2"):
        heat_map(encoder, patched((0, 0)), encoder.encode_texts(["red"])[0], cells=1)


@pytest.mark.slow
def test_the_starter_sees_which_photo_is_meant():
    """Two photos side by side: what is asked for lights up on its own side."""
    import skimage.data

    from indexer import load_encoder

    encoder = load_encoder("starter")
    image = Image.new("RGB", (400, 200))
    for place, name in ((0, "chelsea"), (200, "coffee")):
        image.paste(Image.fromarray(getattr(skimage.data, name)()).resize((200, 200)), (place, 0))
    cat, coffee = encoder.encode_texts(["a photo of a cat", "a photo of a cup of coffee"])
    heat = heat_map(encoder, image, cat, cells=6) - heat_map(encoder, image, coffee, cells=6)
    assert heat.shape == (3, 6)
    assert heat[:, :3].mean() > heat[:, 3:].mean() + 0.01
    assert heat.argmax() % 6 < 3 <= heat.argmin() % 6
