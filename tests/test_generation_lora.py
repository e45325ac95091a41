"""LoRA training on the tiny pipeline: it learns, goes on where it was left, and its weights load back."""

import errno
import io
import json

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file

from generation.diffusion.adapters import Lora
from generation.diffusion.generator import DiffusersGenerator, DiffusionOptions
from generation.errors import BadRequest, GeneratorUnavailable, TooFewToTrain
from generation.lora.checkpoints import CHECKPOINT, FACTS, LORA_FILE, SAMPLES, CannotTrain, exclusive
from generation.lora.dataset import pairs_of, words_of
from generation.lora.loop import LoraRecipe
from generation.lora.train import train_lora
from generation.request import GenerationRequest
from tests.catalogues import GENERATED, draft
from tests.colour_encoder import DIM
from tests.colour_pictures import write_pictures
from tests.strategies import unit_rows
from tests.tiny_diffusion import save_pipeline


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(save_pipeline(tmp_path_factory.mktemp("models") / "tiny"))


@pytest.fixture
def pictures(collection, index, tmp_path):
    """Seven pictures with captions, indexed."""
    for path in write_pictures(tmp_path / "photos", 7):
        path.with_suffix(".txt").write_text(f"a {path.stem.split('_')[-1]} shoe")
    index(tmp_path / "photos")
    return collection


def quick(**settings):
    return LoraRecipe(
        **{"steps": 6, "rank": 2, "device": "cpu", "save_every": 4, "sample_steps": 1} | settings
    )


def weights(out):
    return {name: tensor.numpy() for name, tensor in load_file(out / LORA_FILE).items()}


def test_the_loss_falls_and_the_weights_change_pictures(pictures, model, tmp_path):
    told = []
    trained = train_lora(
        pictures,
        model,
        out=tmp_path / "lora",
        recipe=quick(steps=40, rank=8, learning_rate=1e-2, batch=4),
        on_step=lambda *step: told.append(step),
    )
    assert [done for done, _, _ in told] == list(range(1, 41))
    assert (trained.pictures, trained.steps, trained.unreadable) == (7, 40, {})
    assert trained.loss_after < 0.97 * trained.loss_before
    assert any(
        np.abs(value).max() > 1e-3 for name, value in weights(trained.folder).items() if ".up." in name
    )
    samples = (trained.folder / SAMPLES).read_bytes()
    assert b"trainedAlgorithmicMedia" in samples
    assert Image.open(io.BytesIO(samples)).size == (4 * 32, 2 * 32)
    facts = json.loads((trained.folder / FACTS).read_text())
    assert facts["model"] == model
    request = GenerationRequest(prompt="a red shoe", steps=3, seed=1)
    made = {}
    for scale in (0, 0.5, 1):
        options = DiffusionOptions(device="cpu", loras=(Lora(path=trained.folder, scale=scale),))
        [result] = DiffusersGenerator(model, options).generate(request)
        made[scale] = result
        assert str(trained.folder) in result.settings.extras["loras"]
    [plain] = DiffusersGenerator(model, DiffusionOptions(device="cpu")).generate(request)
    assert made[0].image.tobytes() == plain.image.tobytes()
    assert len({result.image.tobytes() for result in made.values()}) == 3


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_going_on_equals_one_run(pictures, tmp_path, prediction):
    model = str(save_pipeline(tmp_path / "model", prediction_type=prediction))
    one = train_lora(pictures, model, out=tmp_path / "one", recipe=quick())

    def interrupt(done, *_):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_lora(pictures, model, out=tmp_path / "two", recipe=quick(), on_step=interrupt)
    assert (tmp_path / "two" / CHECKPOINT).is_file()
    assert not (tmp_path / "two" / LORA_FILE).exists()
    with pytest.raises(CannotTrain, match="Go on from it with --resume"):
        train_lora(pictures, model, out=tmp_path / "two", recipe=quick())
    two = train_lora(pictures, model, out=tmp_path / "two", recipe=quick(), resume=True)
    assert (two.loss_before, two.loss_after) == (one.loss_before, one.loss_after)
    for name, value in weights(one.folder).items():
        assert np.array_equal(value, weights(two.folder)[name]), name


def test_generated_and_wordless_pictures_are_not_learned_from(pictures):
    """A generated one is left out even where a person has promoted it."""
    texts = {"image": unit_rows(1, DIM, 3)[0]}
    made = [
        draft(0, {}, key=f"made{number}", title="a red shoe", provenance=GENERATED, embeddings=texts)
        for number in (0, 1)
    ]
    wordless = draft(0, {}, key="wordless", title=" ", text="", embeddings=texts)
    kept_apart, promoted, _ = pictures.store.write([*made, wordless])
    pictures.store.promote([promoted])
    found = pairs_of(pictures)
    assert [words_of(item) for item in found][:2] == ["a black shoe", "a white shoe"]
    assert len(found) == 7
    assert {item.origin for item in found} == {"imported"}
    assert not {kept_apart, promoted} & {item.id for item in found}


def test_a_full_disk_leaves_the_older_checkpoint(pictures, model, tmp_path, monkeypatch):
    out = tmp_path / "lora"
    train_lora(pictures, model, out=out, recipe=quick(steps=2))
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(CannotTrain, match="No space left on device"):
        train_lora(pictures, model, out=out, recipe=quick(steps=4), resume=True)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    monkeypatch.undo()
    again = train_lora(pictures, model, out=out, recipe=quick(steps=4), resume=True)
    one = train_lora(pictures, model, out=tmp_path / "one", recipe=quick(steps=4))
    assert weights(again.folder).keys() == weights(one.folder).keys()
    assert all(np.array_equal(value, weights(one.folder)[name]) for name, value in weights(out).items())


def test_too_few_pictures_are_refused(collection, model, tmp_path):
    with pytest.raises(TooFewToTrain):
        train_lora(collection, model, out=tmp_path / "lora", recipe=quick())
    assert not (tmp_path / "lora").exists()


def test_what_is_there_is_kept(pictures, model, tmp_path):
    out = tmp_path / "lora"
    with pytest.raises(CannotTrain, match="Leave --resume away"):
        train_lora(pictures, model, out=out, recipe=quick(), resume=True)
    with exclusive(out), pytest.raises(CannotTrain, match="another process is training there"):
        train_lora(pictures, model, out=out, recipe=quick())
    train_lora(pictures, model, out=out, recipe=quick(steps=1))
    with pytest.raises(CannotTrain, match="rank was 2, not 4"):
        train_lora(pictures, model, out=out, recipe=quick(rank=4), resume=True)
    before = (out / CHECKPOINT).read_bytes()
    (out / CHECKPOINT).write_bytes(before[: len(before) // 2])
    with pytest.raises(CannotTrain, match="cannot be read"):
        train_lora(pictures, model, out=out, recipe=quick(), resume=True)
    (out / CHECKPOINT).unlink()
    with pytest.raises(CannotTrain, match="it holds LoRA weights already"):
        train_lora(pictures, model, out=out, recipe=quick())


def test_a_vanished_picture_is_left_out_and_told(pictures, model, tmp_path):
    gone = sorted((tmp_path / "photos").glob("*.png"))[2]
    gone.unlink()
    trained = train_lora(pictures, model, out=tmp_path / "lora", recipe=quick(steps=7))
    assert trained.pictures == 6
    assert list(trained.unreadable) == [3]


@pytest.mark.parametrize("settings", [{"steps": 0}, {"rank": 0}, {"learning_rate": 0}, {"batch": 65}])
def test_recipes_out_of_range_are_refused(settings):
    with pytest.raises(BadRequest):
        LoraRecipe(**settings)


def test_other_pipelines_are_refused(pictures, tmp_path, model):
    painter = save_pipeline(tmp_path / "painter", inpainting=True)
    with pytest.raises(GeneratorUnavailable):
        train_lora(pictures, str(tmp_path / "nothing"), out=tmp_path / "lora", recipe=quick())
    with pytest.raises(GeneratorUnavailable, match="it only paints in"):
        train_lora(pictures, str(painter), out=tmp_path / "lora", recipe=quick())
