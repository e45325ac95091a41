"""Jobs: one after another, the same one once, cancelled cleanly, and failing with a reason."""

import logging
import threading
import time

import pytest

from generation import GeneratorUnavailable
from tests.colour_generator import ColourGenerator
from tests.served import client_of
from ui.api.jobs import Jobs
from ui.api.problems import ApiError
from ui.api.work import FillRequest, Indexed

DONE = Indexed(added=1, updated=0, moved=0, unchanged=0, removed=0, failed=[], notes=[], seconds=0.0)


@pytest.fixture
def jobs():
    made = Jobs(list)
    yield made
    made.close()


def ended(job):
    for _ in range(1_000):
        if job.is_finished:
            return job
        time.sleep(0.005)
    raise AssertionError("the job does not end")


def test_jobs_are_done_one_after_another(jobs):
    running, most = [], []

    def work(job):
        running.append(job.id)
        most.append(len(running))
        time.sleep(0.01)
        running.remove(job.id)
        return DONE

    made = [jobs.submit("index", str(number), work) for number in range(5)]
    assert [ended(job).state for job in made] == ["done"] * 5
    assert most == [1] * 5
    assert made[0].told().indexed == DONE
    assert jobs.unfinished() == 0


def test_the_same_wish_is_one_job_until_it_has_ended(jobs):
    go = threading.Event()

    def work(_job):
        go.wait(10)
        return DONE

    first = jobs.submit("index", "a", work)
    assert jobs.submit("index", "a", work) is first
    assert jobs.submit("index", "b", work) is not first
    assert jobs.submit("fill", "a", work) is not first
    go.set()
    ended(first)
    assert jobs.submit("index", "a", work) is not first


def test_cancelling_stops_what_runs_and_what_waits(jobs):
    begun = threading.Event()

    def work(job):
        begun.set()
        for number in range(2_000):
            job.advance(number, 2_000)
            time.sleep(0.005)
        return DONE

    first, second = jobs.submit("index", "a", work), jobs.submit("index", "b", work)
    assert begun.wait(10)
    assert jobs.cancel(second.id).state == "cancelled"
    jobs.cancel(first.id)
    assert ended(first).state == "cancelled"
    assert first.told().problem is None
    third = jobs.submit("index", "c", lambda _job: DONE)
    assert ended(third).state == "done"
    assert jobs.cancel(third.id).state == "done"
    time.sleep(0.05)
    assert second.state == "cancelled"


def test_a_bug_fails_its_job_alone_and_is_logged(jobs, caplog):
    def work(_job):
        raise ZeroDivisionError

    with caplog.at_level(logging.ERROR):
        broken = ended(jobs.submit("index", "a", work))
    assert (broken.state, broken.problem.status) == ("failed", 500)
    assert "ZeroDivisionError" in caplog.text
    assert ended(jobs.submit("index", "b", lambda _job: DONE)).state == "done"


def test_a_queue_has_an_end_and_a_memory_too(jobs):
    go = threading.Event()
    made = [jobs.submit("index", str(n), lambda _job: go.wait(10) and DONE) for n in range(50)]
    with pytest.raises(ApiError, match="50 jobs"):
        jobs.submit("index", "one more", lambda _job: DONE)
    go.set()
    ended(made[-1])
    for number in range(600):
        ended(jobs.submit("index", f"later {number}", lambda _job: DONE))
    with pytest.raises(ApiError, match="No job"):
        jobs.find(made[0].id)


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
        assert client.fill(FillRequest(query="yellow", seed=0)).id == first.id
        second = client.fill(FillRequest(query="yellow", seed=1))
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
