"""A process that gives a collection another encoder, to be killed.

``python -m tests.reembed_in_process COLLECTION KILL_AT``: it kills itself before its KILL_AT-th SQL statement
that changes anything; 0 for never. At its end it says how many there were.
"""

import os
import signal
import sys
from pathlib import Path

from sqlalchemy import event

from indexer import Collection, reembed
from tests.colour_encoder import ColourEncoder

_CHANGES = ("INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "COMMIT")


class Executioner:
    """Counts changes, and kills the process at one of them."""

    def __init__(self, kill_at):
        self.kill_at = kill_at
        self.count = 0

    def __call__(self, *arguments):
        statement = arguments[2] if len(arguments) > 2 else "COMMIT"
        if statement.lstrip().upper().startswith(_CHANGES):
            self.count += 1
            if self.count == self.kill_at:
                os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    collection = Collection.open(Path(sys.argv[1]))
    watch = Executioner(int(sys.argv[2]))
    event.listen(collection.database._engine, "before_cursor_execute", watch)
    event.listen(collection.database._engine, "commit", watch)
    encoder = ColourEncoder("colours", seed=1)
    encoder.batch_size = 20
    reembed(collection, encoder)
    sys.stdout.write(f"{watch.count}\n")
