"""Adding, removing and indexing through the API: together with others, interrupted, and without room."""

import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from indexer import GENERATED_FOLDER, Collection, UnreadableSource, index_sources, open_source
from tests.colour_encoder import ColourEncoder
from tests.colour_pictures import encoded, write_pictures
from tests.gap_shelf import make_shelf
from tests.served import client_of, serving
from ui.api.client import ApiProblem, Client, ServerUnreachable
from ui.api.routes.add_items import stem_of
from ui.api.schemas.jobs import FillRequest
from ui.api.schemas.search import Narrowed


def uploads(tmp_path):
    return sorted(path.name for path in (tmp_path / "shelf" / "uploads").rglob("*") if path.is_file())


def test_several_clients_upload_search_and_remove_at_once(tmp_path):
    with serving(tmp_path) as (address, service):

        def run(number):
            with Client(address) as client:
                item = client.add(encoded("yellow", number), title=f"thing {number}")
                found = client.search("yellow", options=Narrowed(k=100, fold=False))
                assert item.id in {hit.id for hit in found.hits}
                if number % 2:
                    client.remove(item.id)
                return item.id

        with ThreadPoolExecutor(6) as pool:
            ids = list(pool.map(run, range(12)))
        assert len(set(ids)) == 12
        assert len(service.collection) == 96 + 6
        assert len(uploads(tmp_path)) == 6
        with Client(address) as client:
            kept = {hit.id for hit in client.search("yellow", options=Narrowed(k=6, fold=False)).hits}
        assert kept == set(ids[::2])


def test_the_same_picture_from_many_clients_is_one_item(tmp_path):
    with serving(tmp_path) as (address, service), Client(address) as client, ThreadPoolExecutor(5) as pool:
        data = encoded("yellow", 1)
        ids = list(pool.map(lambda number: client.add(data, title=f"name {number}").id, range(10)))
        assert len(set(ids)) == 1
        assert len(service.collection) == 97


def test_what_another_process_indexes_is_found_while_serving(tmp_path):
    write_pictures(tmp_path / "more", 60)
    with client_of(tmp_path) as client:
        assert client.search("yellow").verdict == "no match"
        command = [sys.executable, "-m", "tests.index_in_process", tmp_path / "shelf", tmp_path / "more"]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            while process.poll() is None:
                assert client.search("red", options=Narrowed(k=3)).hits
            assert process.stdout.read().split() == [b"ready", b"done"]
        assert client.health().items == 156
        assert client.search("yellow").verdict == "match"


@pytest.mark.files
def test_a_collection_that_is_being_written_says_so_and_keeps_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("ui.api.service._PATIENCE_S", 0.2)
    with client_of(tmp_path) as client:
        other = Collection.open(tmp_path / "shelf")
        with other.writing():
            with pytest.raises(ApiProblem) as caught:
                client.add(encoded("yellow", 1), title="a")
            assert (caught.value.problem.status, caught.value.problem.title) == (503, "Collection busy")
            assert str(tmp_path) not in caught.value.problem.detail
            with pytest.raises(ApiProblem):
                client.remove(1)
        assert uploads(tmp_path) == []
        assert client.add(encoded("yellow", 1), title="a").title == "a"
        other.close()


def test_a_full_disk_keeps_nothing_and_loses_nothing(tmp_path, monkeypatch):
    def full(_descriptor):
        raise OSError(28, "No space left on device")

    with client_of(tmp_path) as client:
        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(ApiProblem, match="No space left") as caught:
            client.add(encoded("yellow", 1), title="a")
        assert caught.value.problem.status == 503
        monkeypatch.undo()
        assert uploads(tmp_path) == []
        assert client.add(encoded("yellow", 1), title="a").id
        assert client.health().items == 97


def test_a_server_that_is_killed_leaves_a_collection_that_goes_on(tmp_path):
    make_shelf(tmp_path).collection.close()
    command = [sys.executable, "-m", "tests.serve_in_process", tmp_path / "shelf"]
    done = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        address = process.stdout.readline().strip()

        def upload():
            with Client(address) as client:
                try:
                    for number in range(1_000):
                        done.append(client.add(encoded("yellow", number), title=f"n {number}").id)
                except ServerUnreachable:
                    pass

        thread = threading.Thread(target=upload)
        thread.start()
        while len(done) < 5:
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        thread.join()
    collection = Collection.open(tmp_path / "shelf")
    assert {item.id for item in collection.store.items(done)} == set(done)
    folder = tmp_path / "shelf" / "uploads"
    index_sources(collection, ColourEncoder(), [open_source(folder)])
    pictures = [path for path in folder.rglob("*.png") if not path.name.startswith(".")]
    assert len(collection) == 96 + len(pictures)
    collection.close()


def test_a_folder_is_registered_watched_and_indexed(tmp_path):
    paths = write_pictures(tmp_path / "more", 40)
    (tmp_path / "more" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with client_of(tmp_path, roots=(tmp_path / "more",)) as client:
        job = client.wait(client.register(str(tmp_path / "more")).id)
        assert job.state == "done"
        assert job.indexed.added == len(paths)
        assert [failed.name for failed in job.indexed.failed] == ["broken.png"]
        again = client.wait(client.register(str(tmp_path / "more")).id)
        assert (again.indexed.added, again.indexed.unchanged) == (0, len(paths))
        failed = client.wait(client.register(str(tmp_path / "more" / "nothing")).id)
        assert (failed.state, failed.problem.status) == ("failed", 400)
        assert str(tmp_path) not in failed.problem.detail
        removed = client.remove(97)
        assert not removed.file
        assert paths[0].exists()


def test_discarding_goes_through_the_shelf(tmp_path):
    with client_of(tmp_path) as client:
        made = client.wait(client.fill(FillRequest(query="yellow", candidates=3, seed=0)).id).filled.kept
        folder = tmp_path / "shelf" / GENERATED_FOLDER
        assert len(list(folder.iterdir())) == 1
        assert client.remove(made[0]).file
        assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("red shoe.jpg", "red shoe"),
        ("../../etc/passwd", "passwd"),
        ("C:\\photos\\a.b.png", "a b"),
        (".hidden", "hidden"),
        ("..", "picture"),
        ("", "picture"),
        ("  \0\n<b>*?.png", "b"),
        ("茶壶.jpg", "茶壶"),
        ("x" * 300, "x" * 80),
        ("é" * 100, "é" * 40),
    ],
)
def test_names_of_uploads_are_only_names(name, stem):
    assert stem_of(name) == stem


def test_an_unreadable_source_is_a_problem_too():
    from ui.api.problems import problem_of

    told = problem_of(UnreadableSource("/secret/folder/a.csv", "it is cut short"), hidden=["/secret/folder"])
    assert told.detail == "Cannot read a.csv: it is cut short."
