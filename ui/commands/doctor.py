"""Examine a collection: doctor."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .options import common, say, settings, write, write_json

if TYPE_CHECKING:
    from .options import Commands


def add_doctor(commands: Commands) -> None:
    """Add ``doctor``."""
    help_text = "check a collection: database, index, files, model; repair what can be repaired"
    doctor = commands.add_parser("doctor", parents=[common()], help=help_text)
    doctor.add_argument("--repair", action="store_true", help="mend what can be mended without loss")
    doctor.add_argument("--quick", action="store_true", help="without loading the model")
    doctor.add_argument("--json", action="store_true", help="the findings as JSON")
    doctor.set_defaults(run=_doctor)


def _doctor(options: argparse.Namespace) -> int:
    from indexer import Finding
    from ui.services import doctor as checkup

    def show(finding: Finding) -> None:
        if not options.json:
            write(checkup.finding_to_text(checkup.finding_to_json(finding)))

    chosen = settings(options)
    found = checkup.check_up(chosen, repair=options.repair, quick=options.quick, on_finding=show)
    if options.json:
        write_json(checkup.examination_to_json(found))
    else:
        say(checkup.summary(found))
    return 0 if found.is_healthy else 1
