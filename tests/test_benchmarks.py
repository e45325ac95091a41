"""What benchmarks compute rather than measure is right."""

import runpy
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def regressions():
    return runpy.run_path(str(FOLDER / "regressions.py"))


def test_only_numbers_that_both_have_are_compared(regressions):
    recorded = "| what | ms | note |\n|---|---|---|\n| a | 2.0 | x |\n| b | 1,000 | y |\n\ntext\n"
    recorded += "| other | ms |\n|---|---|\n| a | 1 |\n"
    fresh = "| what | ms | note |\n|---|---|---|\n| a | 4.0 | x |\n| c | 5 | z |\n| b | 500 | 7 |\n"
    assert list(regressions["ratios"](fresh, recorded)) == [("a", "ms", 2.0), ("b", "ms", 0.5)]


def test_the_recorded_results_are_equal_to_themselves(regressions):
    text = (FOLDER / "results.md").read_text(encoding="utf-8")
    found = list(regressions["ratios"](text, text))
    assert len(found) > 100
    assert {ratio for _, _, ratio in found} == {1.0}


def test_one_machine_never_waits_and_many_are_held_up_by_the_writer():
    plan = runpy.run_path(str(FOLDER / "scale_plan.py"))
    alone, waiting = plan["simulate"](1)
    assert waiting == 0
    assert alone == pytest.approx(1 / (1 / plan["EMBED_RATE"] + 1 / plan["WRITE_RATE"]), rel=0.05)
    many, waiting = plan["simulate"](100)
    assert many == pytest.approx(plan["WRITE_RATE"], rel=0.05)
    assert waiting > 0.5
