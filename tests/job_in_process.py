"""Starts a job that never ends by itself, and says so: to be killed by a test."""

import sys
import time
from pathlib import Path

from ui.jobs.runner import Jobs


def endless(reporter):
    reporter.keep_result({"so far": 1})
    sys.stdout.write("running\n")
    sys.stdout.flush()
    while reporter.tell(done=1, total=2):
        time.sleep(0.05)
    return {}


if __name__ == "__main__":
    jobs = Jobs(Path(sys.argv[1]))
    job = jobs.start(endless, kind="test", title="endless", key="endless")
    sys.stdout.write(f"{job.id}\n")
    sys.stdout.flush()
    time.sleep(60)
