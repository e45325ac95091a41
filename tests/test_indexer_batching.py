"""How many pictures are embedded at a time: by what an encoder asks for, and by what memory holds."""

import time

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from indexer import Collection, DeferredEncoder, ModelUnavailable, index_sources, load_encoder, open_source
from indexer.encoders import agreement, batch_size
from indexer.encoders.pytorch import gpu_memory
from tests.colour_encoder import ColourEncoder
from tests.colour_pictures import picture, write_pictures
from tests.encoder_conformance import EncoderConformance
from ui.api.batch_encoder import BatchingEncoder

ON_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")


class Greedy(ColourEncoder):
    """Asks for more pictures at a time once it has seen some, as a GPU does."""

    batch_size = 4

    def encode_images(self, images):
        self.batch_size = 10
        return super().encode_images(images)


@pytest.fixture
def starter():
    return load_encoder("starter", device="cpu", runtime="torch")


@pytest.fixture
def pictures():
    return [picture(colour, seed=n) for n, colour in enumerate(("red", "green", "blue", "yellow") * 3)]


# --- by what the encoder asks for -----------------------------------------------------------------------


def test_each_transaction_has_as_many_pictures_as_the_encoder_wants_by_then(tmp_path):
    write_pictures(tmp_path / "photos", 27)
    encoder = Greedy()
    collection = Collection.create(tmp_path / "c", encoder)
    encoder.batch_size = 4  # the canaries were pictures too
    done = []
    index_sources(
        collection,
        encoder,
        [open_source(tmp_path / "photos")],
        on_progress=lambda progress: done.append(progress.done),
    )
    assert done == [4, 14, 24, 27]
    collection.close()


def test_what_encodes_for_many_wants_what_its_encoder_wants():
    assert batch_size(BatchingEncoder(Greedy())) == 4
    assert batch_size(BatchingEncoder(ColourEncoder())) == 32


def test_an_encoder_is_not_loaded_to_know_how_much_it_wants():
    encoder = DeferredEncoder(ColourEncoder().spec, Greedy)
    assert batch_size(encoder) == batch_size(ColourEncoder()) == 32
    encoder.load()
    assert batch_size(encoder) == 4


# --- by what memory holds -------------------------------------------------------------------------------


@given(memory=st.floats(0, 1e12), each=st.floats(0, 1e11))
def test_half_of_the_memory_is_filled_as_far_as_powers_of_two_go(memory, each):
    count = gpu_memory.fitting(memory, each=each)
    assert count in {1, 2, 4, 8, 16, 32, 64, 128}
    assert count == 1 or count * each <= memory / 2
    assert count == 128 or 2 * count * max(each, 1) > memory / 2


def short_of_memory(tower, most):
    """A tower on a device whose memory holds so many pictures."""

    def run(pixels):
        if len(pixels) > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return tower(pixels)

    return run


def test_pictures_come_out_as_ever_where_memory_is_short(starter, pictures):
    expected = starter.encode_images(pictures)
    starter._image_tower = short_of_memory(starter._image_tower, 5)
    assert agreement(starter.encode_images(pictures), expected) >= 0.9999
    assert batch_size(starter) == 4  # and from now on without a trial that fails


def test_memory_for_not_even_one_picture_is_told(starter, pictures):
    starter._image_tower = short_of_memory(starter._image_tower, 0)
    with pytest.raises(ModelUnavailable, match=r"memory of the device 'cpu' .*--device cpu"):
        starter.encode_images(pictures[:1])


def test_texts_come_out_as_ever_where_memory_is_short(starter, monkeypatch):
    texts = [f"{n} red shoes" for n in range(12)]
    expected = starter.encode_texts(texts)
    monkeypatch.setattr(starter._model, "encode_text", short_of_memory(starter._model.encode_text, 5))
    assert agreement(starter.encode_texts(texts), expected) >= 0.9999


def test_a_tower_that_memory_holds_only_once_is_not_tuned(starter, pictures, monkeypatch):
    expected = starter.encode_images(pictures[:4])
    folding = short_of_memory(torch.nn.Identity(), 0)
    monkeypatch.setattr("indexer.encoders.pytorch.tune.folded", lambda tower, pixels: folding(pixels))
    assert agreement(starter.encode_images(pictures)[:4], expected) >= 0.9999


@pytest.mark.parametrize("at_once", [1, 5, 12, 50])
def test_pictures_keep_their_order_however_many_go_at_a_time(starter, pictures, at_once):
    expected = starter.encode_images(pictures)
    starter._at_once = at_once
    assert agreement(starter.encode_images(pictures), expected) >= 0.9999


def test_a_tower_that_gives_no_numbers_is_left_for_the_plain_one(starter, pictures):
    """As one in float16 does for a picture whose numbers leave its range."""
    expected = starter.encode_images(pictures)
    tuned = starter._image_tower
    starter._image_tower = lambda pixels: tuned(pixels) * torch.tensor(float("nan"))
    assert agreement(starter.encode_images(pictures), expected) >= 0.999
    assert starter._image_tower is not tuned


def test_a_picture_that_cannot_be_prepared_stops_nothing_else(starter, pictures, monkeypatch):
    begun = []

    def slowly(image, prepare=starter.preprocess):
        begun.append(image)
        time.sleep(0.01)
        return prepare(image)

    monkeypatch.setattr(starter, "preprocess", slowly)
    with pytest.raises(AttributeError):
        starter.encode_images([pictures[0], None, *pictures * 100])
    starter._pool.submit(lambda: None).result()  # behind all that was still to be prepared
    assert len(begun) < 32
    monkeypatch.undo()
    assert starter.encode_images(pictures).shape == (12, starter.spec.dim)


# --- on a GPU -------------------------------------------------------------------------------------------


@ON_GPU
class TestOnGpu(EncoderConformance):
    @pytest.fixture
    def encoder(self):
        return load_encoder("starter", device="cuda")

    @pytest.fixture
    def reload(self):
        return lambda: load_encoder("starter", device="cuda")


@ON_GPU
def test_a_gpu_gives_the_embeddings_that_the_processor_gives(starter, pictures):
    encoder = load_encoder("starter", device="cuda")
    assert agreement(encoder.encode_images(pictures), starter.encode_images(pictures)) >= 0.998
    assert batch_size(encoder) in {2 * 2**power for power in range(8)}
    many = encoder.encode_images(pictures * 50)
    assert agreement(many, np.tile(encoder.encode_images(pictures), (50, 1))) >= 0.999


@ON_GPU
def test_pixels_reach_a_gpu_unchanged_while_more_are_on_their_way():
    batches = [torch.rand(64, 3, 224, 224) for _ in range(8)]
    arrived = [gpu_memory.to_device(list(batch), torch.device("cuda")) for batch in batches]
    for sent, come in zip(batches, arrived, strict=True):
        assert torch.equal(sent, come.cpu())
