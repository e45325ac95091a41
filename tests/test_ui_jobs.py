"""Long work: once at a time, cancelled cleanly, found out when its process dies."""

import subprocess
import sys
import threading
import time

import pytest

from indexer import CollectionNotFound, FindmakeError, JobStore, StorageFailure
from indexer.storage.jobs import MOST_JOBS
from ui.jobs.runner import Jobs


class Stopped(FindmakeError):
    pass


@pytest.fixture
def jobs(tmp_path):
    made = Jobs(tmp_path)
    yield made
    made.close()


def start(jobs, work, key="k", **told):
    return jobs.start(work, **{"kind": "test", "title": "a test", "key": key} | told)


def ended(jobs, job_id, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        job = jobs.get(job_id)
        if not job.is_active:
            return job
        time.sleep(0.02)
    raise AssertionError(f"still {jobs.get(job_id)}")


def obedient(reporter):
    """Goes on until it is stopped."""
    reporter.keep_result({"so far": 1})
    while reporter.tell(done=1, total=4, note="at it"):
        time.sleep(0.01)
    raise Stopped("stopped")


def running(jobs, job_id):
    end = time.monotonic() + 10
    while jobs.get(job_id).total == 0 and time.monotonic() < end:
        time.sleep(0.02)
    return jobs.get(job_id)


def test_work_is_done_and_its_result_is_kept(jobs, tmp_path):
    def work(reporter):
        assert reporter.tell(done=3, total=3, note="ready")
        reporter.keep_picture("preview", b"one")
        reporter.keep_picture("preview", b"two")
        return {"kept": [1, 2]}

    job = ended(jobs, start(jobs, work).id)
    assert (job.state, job.error, job.share, job.note) == ("done", "", 1.0, "ready")
    assert job.result == {"kept": [1, 2]}
    assert job.queued_at <= job.started_at <= job.ended_at
    other = JobStore(tmp_path)  # as another process sees it
    assert other.get(job.id) == job
    assert other.picture(job.id, "preview") == b"two"
    assert other.picture(job.id, "other") is None
    other.close()


def test_one_at_a_time_in_their_order(jobs):
    seen, busy = [], threading.Lock()

    def work(number):
        def do(reporter):
            assert busy.acquire(blocking=False), "two at once"
            seen.append(number)
            time.sleep(0.02)
            busy.release()
            return {}

        return do

    ids = [start(jobs, work(number), key=str(number)).id for number in range(5)]
    assert [ended(jobs, job_id).state for job_id in ids] == ["done"] * 5
    assert seen == [0, 1, 2, 3, 4]
    assert [job.id for job in jobs.newest()] == ids[::-1]


def test_the_same_work_is_never_done_twice_at_once(jobs, tmp_path):
    other = Jobs(tmp_path)
    first = start(jobs, obedient)
    assert start(jobs, obedient).id == first.id
    assert start(other, obedient).id == first.id
    assert start(other, obedient, key="another").id != first.id
    assert jobs.cancel(first.id)
    ended(jobs, first.id)
    assert start(jobs, lambda reporter: {}).id != first.id, "what has ended may be started again"
    other.close()


def test_many_threads_that_ask_for_the_same_get_the_same(jobs):
    found = []
    threads = [threading.Thread(target=lambda: found.append(start(jobs, obedient).id)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    jobs.cancel(found[0])
    assert ended(jobs, found[0]).state == "cancelled"
    assert len(jobs.newest()) == 1


@pytest.mark.parametrize("who", ["this process", "another"])
def test_what_runs_is_cancelled_and_keeps_what_it_had(jobs, tmp_path, who):
    job = start(jobs, obedient)
    assert running(jobs, job.id).note == "at it"
    other = JobStore(tmp_path)
    assert (jobs if who == "this process" else other).cancel(job.id)
    job = ended(jobs, job.id)
    assert (job.state, job.error, job.result) == ("cancelled", "", {"so far": 1})
    assert not jobs.cancel(job.id), "it has ended"
    other.close()


def test_what_waits_is_cancelled_at_once_and_never_begins(jobs):
    first, begun = start(jobs, obedient), []
    second = start(jobs, lambda reporter: begun.append(1) or {}, key="second")
    assert jobs.cancel(second.id)
    assert jobs.get(second.id).state == "cancelled"
    jobs.cancel(first.id)
    ended(jobs, first.id)
    third = start(jobs, lambda reporter: {}, key="third")
    assert ended(jobs, third.id).state == "done"
    assert begun == []


def test_a_failure_is_told_and_the_next_job_runs(jobs, tmp_path):
    def fails(reporter):
        reporter.keep_result({"first": True})
        raise CollectionNotFound(tmp_path)

    job = ended(jobs, start(jobs, fails).id)
    assert job.state == "failed"
    assert str(tmp_path) in job.error
    assert job.result == {"first": True}
    assert ended(jobs, start(jobs, lambda reporter: {}).id).state == "done"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_bug_keeps_its_traceback_and_the_next_job_runs(jobs):
    waiting = threading.Event()

    def bug(reporter):
        waiting.wait(10)
        raise ZeroDivisionError

    first = start(jobs, bug)
    second = start(jobs, lambda reporter: {}, key="second")
    waiting.set()
    assert "fault of findmake" in ended(jobs, first.id).error
    assert ended(jobs, second.id).state == "done"


def test_a_full_disk_starts_nothing(jobs, monkeypatch):
    def full(*_, **__):
        raise StorageFailure(jobs._store._folder, "database or disk is full")

    begun = []
    with monkeypatch.context() as patch:
        patch.setattr(jobs._store, "add", full)
        with pytest.raises(StorageFailure):
            start(jobs, lambda reporter: begun.append(1) or {})
    assert ended(jobs, start(jobs, lambda reporter: {}).id).state == "done"
    assert begun == []


def test_an_end_that_the_disk_has_no_room_for_is_told_all_the_same(jobs, monkeypatch):
    def full(*_, **__):
        raise StorageFailure(jobs._store._folder, "database or disk is full")

    monkeypatch.setattr(jobs._store, "end", full)
    monkeypatch.setattr(jobs._store, "change", full)
    monkeypatch.setattr(jobs._store, "keep", full)

    def work(reporter):
        reporter.keep_picture("preview", b"x")
        reporter.keep_result({"half": 1})
        return {"kept": [7]}

    job = ended(jobs, start(jobs, work).id)
    assert (job.state, job.result) == ("done", {"kept": [7]})
    assert jobs.latest("k") == job
    assert jobs.newest() == [job]


def test_a_killed_process_leaves_its_job_as_interrupted(tmp_path):
    command = [sys.executable, "-m", "tests.job_in_process", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        lines = {process.stdout.readline().strip(), process.stdout.readline().strip()}
        [job_id] = lines - {"running"}
        jobs = Jobs(tmp_path)
        assert jobs.get(job_id).state == "running"
        assert start(jobs, obedient, key="endless").id == job_id, "it is being worked on"
        process.kill()
        process.wait()
    job = jobs.get(job_id)
    assert (job.state, job.result) == ("interrupted", {"so far": 1})
    assert "start it again" in job.error
    assert ended(jobs, start(jobs, lambda reporter: {}, key="endless").id).state == "done"
    assert not list(tmp_path.glob(f".jobs-{'[0-9a-f]' * 32}.lock"))[1:], "its lock file is swept"
    jobs.close()
    assert not list(tmp_path.glob(".jobs-*.lock"))


def test_old_jobs_go_but_never_an_active_one(tmp_path):
    store = JobStore(tmp_path)
    active, _ = store.add(kind="test", title="t", key="active")
    assert store.begin(active.id)
    old, _ = store.add(kind="test", title="t", key="old")
    store.keep(old.id, "preview", b"x")
    store.end(old.id, "done")
    for number in range(MOST_JOBS):
        job, _ = store.add(kind="test", title="t", key=str(number))
        store.end(job.id, "done")
    assert store.get(old.id) is None
    assert store.picture(old.id, "preview") is None
    assert store.get(active.id).state == "running"
    store.close()


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(StorageFailure):
        JobStore(tmp_path / "nowhere")
