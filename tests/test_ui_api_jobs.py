"""Jobs over HTTP: those of the page, the same one once, cancelled cleanly, failing with a reason."""

import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest

from generation import GeneratorUnavailable
from indexer import CollectionNotFound, JobStore
from tests.colour_generator import ColourGenerator
from tests.gap_shelf import make_shelf
from tests.served import client_of, serving
from ui.api.client import ApiProblem, Client
from ui.api.jobs import ApiJobs
from ui.api.problems import ApiError
from ui.api.schemas.jobs import FillRequest
from ui.jobs.runner import Jobs


@contextmanager
def jobs_in(folder, hidden=()):
    made = ApiJobs(folder, lambda: None if hidden is None else list(hidden))
    yield made
    made.close()


def start(jobs, work, key, kind="index"):
    return jobs.start(work, kind=kind, title=key, key=key)


def ended(jobs, job):
    for _ in range(2_000):
        if not jobs.find(job.id).is_active:
            return jobs.told(jobs.find(job.id))
        time.sleep(0.005)
    raise AssertionError("the job does not end")


def test_a_failure_keeps_its_status_and_tells_no_path(tmp_path):
    secret = tmp_path / "secret" / "shelf"

    def work(_reporter):
        raise CollectionNotFound(secret)

    with jobs_in(tmp_path) as jobs, jobs_in(tmp_path, hidden=None) as open_handed:
        job = ended(jobs, start(jobs, work, "/home/me/pictures of mine"))
        assert (job.state, job.problem.status, job.problem.title) == ("failed", 503, "Collection not found")
        assert str(tmp_path) not in job.model_dump_json()
        assert "shelf" in job.problem.detail
        assert job.title == "pictures of mine"
        told = open_handed.told(open_handed.find(job.id))
        assert str(secret) in told.problem.detail
        assert told.title == "/home/me/pictures of mine"


def test_a_failure_of_the_pages_own_tells_no_path_either(tmp_path):
    def work(reporter):
        reporter.tell(note=f"reading {tmp_path}/a/b.csv")
        raise CollectionNotFound(tmp_path / "elsewhere")

    pages = Jobs(tmp_path)
    job = pages.start(work, kind="index", title="t", key="k")
    with jobs_in(tmp_path) as jobs:
        told = ended(jobs, job)
        assert (told.state, told.problem.status) == ("failed", 500)
        assert str(tmp_path) not in told.model_dump_json()
    pages.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_bug_fails_its_job_alone(tmp_path):
    def work(_reporter):
        raise ZeroDivisionError

    with jobs_in(tmp_path) as jobs:
        broken = ended(jobs, start(jobs, work, "a"))
        assert (broken.state, broken.problem.status) == ("failed", 500)
        assert "log of the server" in broken.problem.detail
        assert ended(jobs, start(jobs, lambda _reporter: {}, "b")).state == "done"


def test_a_queue_has_an_end(tmp_path):
    go = threading.Event()
    with jobs_in(tmp_path) as jobs:
        made = [start(jobs, lambda _r: go.wait(10) and {}, str(number)) for number in range(50)]
        assert jobs.unfinished() == 50
        with pytest.raises(ApiError, match="50 jobs"):
            start(jobs, lambda _reporter: {}, "one more")
        assert start(jobs, lambda _reporter: {}, "7").id == made[7].id, "it is there already"
        go.set()
        assert ended(jobs, made[-1]).state == "done"
        with pytest.raises(ApiError, match="No job"):
            jobs.find("0" * 32)


def test_the_page_and_the_api_see_the_same_jobs(tmp_path):
    go = threading.Event()

    def work(reporter):
        reporter.keep_picture("preview", b"\x89PNG\r\n\x1a\n and more")
        reporter.keep_result({"gaps": [{"name": "a", "outcome": "filled", "reason": "", "items": [3]}]})
        while reporter.tell(done=1, total=2, note="at it"):
            go.wait(0.02)
        raise GeneratorUnavailable("starter", "stopped")

    with serving(tmp_path) as (address, _), Client(address) as client:
        pages = Jobs(tmp_path / "shelf")
        started = pages.start(work, kind="gaps", title="2 gaps", key="gaps")
        while not client.job(started.id).progress:
            time.sleep(0.02)
        [job] = client.jobs().jobs
        assert (job.id, job.kind, job.title, job.state) == (started.id, "gaps", "2 gaps", "running")
        assert [(each.name, each.items) for each in job.gaps] == [("a", [3])]
        assert client.job_picture(job.id).startswith(b"\x89PNG")
        with pytest.raises(ApiProblem, match="no picture 'candidate-1'"):
            client.job_picture(job.id, "candidate-1")
        client.cancel(job.id)
        assert client.wait(job.id).state == "cancelled"
        filling = client.wait(client.fill(FillRequest(query="yellow", seed=0)).id)
        assert pages.get(filling.id).result["outcome"] == "filled"
        pages.close()


def test_jobs_outlive_the_server(tmp_path):
    with client_of(tmp_path) as client:
        before = client.wait(client.fill(FillRequest(query="yellow", seed=0, candidates=3)).id)
        assert before.filled.outcome == "filled"
    with client_of(tmp_path) as client:
        assert client.job(before.id) == before


def test_a_job_whose_server_was_killed_is_interrupted(tmp_path):
    make_shelf(tmp_path).collection.close()
    command = [sys.executable, "-m", "tests.job_in_process", tmp_path / "shelf"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        said = {process.stdout.readline().strip() for _ in range(2)}
        process.kill()
    [job_id] = said - {"running"}
    with client_of(tmp_path) as client:
        job = client.wait(job_id)
        assert (job.state, job.problem.status) == ("interrupted", 500)
        assert "start it again" in job.problem.detail
        client.cancel(job_id)
        assert client.job(job_id).state == "interrupted"
    store = JobStore(tmp_path / "shelf")
    assert store.get(job_id).state == "interrupted"
    store.close()


class Waiting(ColourGenerator):
    """Waits at each step until it is told to go on."""

    go = threading.Event()

    def generate(self, request, *, on_step=None):
        def slowly(step):
            self.go.wait(10)
            return on_step(step)

        return super().generate(request, on_step=slowly)


def test_filling_is_cancelled_at_a_step_and_keeps_nothing(tmp_path):
    Waiting.go.clear()
    with client_of(tmp_path, generator=Waiting) as client:
        first = client.fill(FillRequest(query="yellow", seed=0))
        assert client.fill(FillRequest(query="Yellow", seed=1)).id == first.id
        second = client.fill(FillRequest(query="a yellow thing", seed=1))
        states = []
        watcher = threading.Thread(target=lambda: states.extend(client.events(first.id)))
        watcher.start()
        assert client.cancel(second.id).state == "cancelled"
        client.cancel(first.id)
        Waiting.go.set()
        watcher.join(20)
        assert states[-1].state == "cancelled"
        assert client.wait(first.id).filled is None
        assert client.collections().collections[0].generated == 0
        assert client.search("red").hits


def test_a_generator_that_is_not_there_fails_the_job_with_its_sentence(tmp_path):
    def missing():
        raise GeneratorUnavailable("starter", "its weights are not here")

    with client_of(tmp_path, generator=missing) as client:
        job = client.wait(client.fill(FillRequest(query="yellow")).id)
        assert (job.state, job.problem.status) == ("failed", 503)
        assert "its weights are not here" in job.problem.detail
        assert "findmake_jobs_unfinished 0.0" in client.metrics()
