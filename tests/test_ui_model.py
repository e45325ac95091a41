"""Another model in place, by command line, page and API: embedded again first, said in a sentence."""

import json

import pytest
from fastapi.testclient import TestClient

from indexer import MODEL_STATE, Collection, EncoderDrift, ModelUnavailable, Unanswered, model_state, reembed
from tests.colour_encoder import ColourEncoder
from tests.colour_pictures import write_pictures
from tests.test_ui_indexing_job import ended
from ui.api.app import create_app
from ui.api.options import ApiOptions
from ui.api.service import Service
from ui.jobs.index import Filler
from ui.jobs.runner import Jobs
from ui.page import state
from ui.services import operations
from ui.services.reembed import embed_queries
from ui.settings import Settings


@pytest.fixture
def old(tmp_path, command, monkeypatch):
    """A collection that an older version of the model made, as an older findmake left it."""
    write_pictures(tmp_path / "photos", 12)
    assert command("index", "photos")[0] == 0
    folder = tmp_path / "collection"
    collection = Collection.open(folder)
    collection.store.set_meta(**{MODEL_STATE: None})
    collection.close()
    monkeypatch.setattr(operations, "load_encoder", newer)
    return folder


def newer(name, **how):
    if name == "missing":
        raise ModelUnavailable(name, "it is nowhere")
    return ColourEncoder(name, seed={"colours": 1, "others": 2}[name])


def spec_of(folder):
    collection = Collection.open(folder)
    collection.close()
    return collection.spec


def test_search_ends_with_what_to_do_and_index_does_it(old, command):
    code, out, err = command("search", "red")
    assert (code, out) == (1, "")
    assert "'findmake index'" in err
    assert "'findmake model NAME'" in err
    assert "Traceback" not in err
    code, _, err = command("index")
    assert code == 0
    assert (
        "This collection was made with an older version of the model 'colours'; "
        "its 12 items are embedded again first." in err
    )
    assert "Embedded again: 12 pictures and texts." in err
    assert "12 unchanged" in err
    assert spec_of(old) == newer("colours").spec
    code, out, _ = command("search", "red", "--paths-only", "-k", 1)
    assert code == 0
    assert "red" in out
    assert "embedded again" not in command("index")[2], "once"


def test_a_model_that_has_not_changed_is_loaded_once_to_see_that(old, command, monkeypatch):
    loaded = []

    def load(name, **how):
        loaded.append(name)
        return ColourEncoder(name)

    monkeypatch.setattr(operations, "load_encoder", load)
    for _ in range(2):
        code, _, err = command("index")
        assert code == 0
        assert "embedded again" not in err
    assert loaded == ["colours"]


def test_pictures_added_at_the_same_time_come_with_it(old, command, tmp_path):
    write_pictures(tmp_path / "photos", 3, start=50)
    code, out, _ = command("index", "photos", "--json")
    assert code == 0
    report = json.loads(out)
    assert (report["added"], report["unchanged"], report["embedded"]) == (3, 12, 3)


def test_another_model_in_place(old, command):
    code, out, _ = command("model")
    assert code == 0
    assert out.startswith("colours (32 numbers, weights ")
    code, out, err = command("model", "others")
    assert code == 0
    assert "The 12 items of this collection are embedded by 'others'." in err
    assert out.startswith("others (32 numbers")
    assert spec_of(old) == newer("others").spec
    code, out, _ = command("search", "red", "--paths-only", "-k", 1)
    assert code == 0
    assert "red" in out
    code, out, err = command("model", "others", "--json")
    assert json.loads(out)["model"] == "others"
    assert "already; nothing was changed" in err


def test_the_same_model_by_another_name_embeds_nothing(old, command, monkeypatch):
    monkeypatch.setattr(operations, "load_encoder", lambda name, **how: ColourEncoder(name))
    code, out, err = command("model", "others")
    assert code == 0
    assert out.startswith("others")
    assert "from now on the model is called so" in err
    assert command("search", "red", "--paths-only")[0] == 0


def test_a_model_that_is_not_there_changes_nothing(old, command):
    before = spec_of(old)
    code, _, err = command("model", "missing")
    assert code == 5
    assert "it is nowhere" in err
    assert spec_of(old) == before


def test_a_change_that_was_begun_is_told(old, command):
    collection = Collection.open(old)

    def stop(progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reembed(collection, newer("others"), on_progress=stop)
    collection.close()
    code, out, _ = command("model")
    assert code == 0
    assert "A change to others was begun: 12 embeddings are made. Go on with: findmake model others" in out
    code, _, err = command("model", "others")
    assert code == 0
    assert "after 12 that an earlier run had made" in err


def test_the_page_embeds_again_in_its_job_and_shows_the_new_answers(old, command, tmp_path, monkeypatch):
    monkeypatch.setattr(state.places, "choose", lambda settings, name: settings)
    before = state.collection()
    with pytest.raises(EncoderDrift, match="'findmake index'"):
        state.searcher()
    jobs = Jobs(old)
    job = ended(jobs, Filler(jobs, Settings(collection=old)).index().id)
    assert (job.state, job.error) == ("done", "")
    assert job.result["unchanged"] == 12
    assert job.result["notes"][0].startswith("This collection was made with an older version")
    jobs.close()
    assert not before.is_current
    found = state.searcher().search(operations.compose("red", k=1))
    assert "red" in found.hits[0].item.title
    assert state.collection() is not before


def test_the_api_says_it_and_follows_a_change(old, command):
    settings = Settings(collection=old)
    service = Service(settings, ApiOptions())
    with pytest.raises(EncoderDrift, match="'findmake index'"):
        service.warm_up()
    with TestClient(create_app(service), base_url="http://127.0.0.1") as client:
        refused = client.get("/search", params={"q": "red"})
        assert refused.status_code == 503
        assert "'findmake index'" in refused.json()["detail"]
        assert command("index")[0] == 0
        answered = client.get("/search", params={"q": "red"})
        assert answered.status_code == 200
        assert "red" in answered.json()["hits"][0]["title"]


def test_queries_are_embedded_as_they_were_asked():
    encoder = ColourEncoder()
    rows = embed_queries(encoder)(["red", "2:red - blue", "item:3", "red - red"])
    red, blue = encoder.encode_texts(["red", "blue"])
    assert rows[0] @ red > 0.999
    mixed = 2 * red - blue
    assert rows[1] @ mixed / (mixed @ mixed) ** 0.5 > 0.999
    assert rows[2:] == [None, None]


def test_misses_of_composed_queries_are_embedded_by_their_parts(old, command):
    collection = Collection.open(old)
    [row] = ColourEncoder().encode_texts(["x"])
    miss = Unanswered(text="2:red - blue", kind="text", verdict="weak", coverage=0.3, embedding=row)
    assert collection.log_miss(miss)
    collection.close()
    assert command("model", "others")[0] == 0
    collection = Collection.open(old)
    [after] = collection.store.misses()
    [expected] = embed_queries(newer("others"))(["2:red - blue"])
    assert after.embedding @ expected > 0.999
    collection.close()


def test_the_state_of_a_model_changes_with_its_files(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "open_clip_config.json").write_text("{}")
    (folder / "weights.safetensors").write_bytes(b"old")
    before = model_state(str(folder))
    assert model_state(str(folder)) == before
    (folder / "weights.safetensors").write_bytes(b"newer")
    assert model_state(str(folder)) != before

    assert model_state("starter") != model_state("ViT-B-32/openai")
