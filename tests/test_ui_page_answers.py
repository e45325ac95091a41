"""What the page tells about an answer: verdict, probabilities, filter and completions."""

from dataclasses import replace

import pytest

from search import Judgement, Recipe, Searcher, train_completer
from tests.colour_encoder import COLOURS
from tests.test_ui_page import fresh, page, parameters, pictures, run, titles
from ui.page.parts import style
from ui.services import operations

__all__ = ["fresh", "pictures"]  # fixtures

PRICES = "title,price\n" + "".join(f"red {price},{price}\n" for price in range(0, 30, 6))


@pytest.fixture
def priced(tmp_path, pictures, index):
    """Five texts with prices of 0, 6, 12, 18 and 24, beside the thirty pictures."""
    (tmp_path / "prices.csv").write_text(PRICES, encoding="utf-8")
    index(tmp_path / "prices.csv")


def judged(monkeypatch, verdict, **parts):
    """Let the searcher end with a judgement of our choice: the tiny encoder has no calibration."""
    answer = Searcher.search

    def search(self, query):
        found = answer(self, query)
        judgement = Judgement(verdict=verdict, coverage=0.24, reason="The reason, *told*.", **parts)
        hits = tuple(replace(hit, probability=0.125, folded=(1, 2, 3)) for hit in found.hits)
        return replace(found, judgement=judgement, hits=hits, warnings=("Mind the <script>.",))

    monkeypatch.setattr(Searcher, "search", search)


def markup(app):
    return " ".join(each.value for each in app.get("html"))


def test_no_match_is_said_with_its_reason_and_the_hits_are_called_misses(monkeypatch, pictures):
    judged(monkeypatch, "no match")
    app = page(q="red")
    warning, verdict = (each.value for each in app.warning)
    assert warning == r"Mind the \<script\>."
    assert verdict.startswith("**No match:** The reason, \\*told\\*.")
    assert verdict.endswith("24 %")
    assert "Nearest misses 1-24 of 30 items" in markup(app)


def test_a_weak_match_is_said_quietly_and_a_guess_is_called_one(monkeypatch, pictures):
    judged(monkeypatch, "weak", approximate=True)
    app = page(q="red")
    assert "A weak match" in app.info[0].value
    assert "about 24 %" in app.info[0].value
    assert "Best matches" in markup(app)


def test_a_match_is_a_line_with_the_reason(monkeypatch, pictures):
    judged(monkeypatch, "match")
    app = page(q="red")
    assert "The reason, *told*." in markup(app)
    assert len(app.warning) == 1, "the searcher's own"
    assert not app.info


def test_without_a_calibration_there_is_no_verdict_and_no_bar(monkeypatch, pictures):
    monkeypatch.setattr(operations, "find_calibration", lambda collection, encoder: None)
    app = page(q="red")
    assert 'class="fm-verdict"' not in markup(app)
    assert 'class="fm-chance"' not in markup(app)
    assert not app.warning


def test_a_card_tells_its_probability_and_leads_to_what_is_folded(monkeypatch, pictures):
    judged(monkeypatch, "match")
    app = page(q="red")
    assert 'aria-label="12 % likely' in markup(app)
    assert "width:12.5%" in markup(app)
    [first, *_] = [each for each in app.button if each.label == "+3 alike"]
    first.click()
    app = run(app)
    opened = parameters(app)["alike"]
    assert parameters(app) == {"q": "red", "alike": opened}
    labels = [each.key for each in app.button if str(each.key).startswith("open-alike-")]
    assert {f"open-alike-{number}" for number in (1, 2, 3)} <= set(labels)
    app.button(key="open-alike-2").click()
    assert parameters(run(app)) == {"q": "red", "item": "2"}


def test_a_filter_narrows_hits_and_stands_in_the_url(priced):
    app = page(q="red")
    app.text_input(key="where").set_value("price<=12")
    app = run(app)
    assert parameters(app) == {"q": "red", "where": "price<=12"}
    assert sorted(titles(app)) == ["red 0", "red 12", "red 6"]
    assert titles(page(**parameters(app))) == titles(app)
    app.button(key="remove-where").click()
    app = run(app)
    assert parameters(app) == {"q": "red"}
    assert app.text_input(key="where").value == ""


def test_a_filter_alone_browses_what_satisfies_it(priced):
    app = page(where="price>5")
    assert titles(app) == ["red 24", "red 18", "red 12", "red 6"]
    assert "Newest of 4 items" in markup(app)


@pytest.mark.parametrize("asked", [{}, {"q": "red"}])
def test_a_filter_that_nothing_satisfies_says_so(priced, asked):
    app = page(where="price>1000", **asked)
    assert "Nothing here satisfies the filter" in app.info[0].value
    assert titles(app) == []


@pytest.mark.parametrize("asked", [{}, {"q": "red"}])
def test_a_filter_that_cannot_be_read_is_told_with_its_place(pictures, asked):
    app = page(where="price<80 brand=Nike", **asked)
    assert "at character 10" in app.error[0].value
    assert app.code[0].value == "price<80 brand=Nike\n         ^"
    assert titles(app) == []


@pytest.fixture
def completer(tmp_path, index, collection):
    """A completer that learned from a few hundred titles."""
    things = ("running shoes", "leather handbag", "cotton shirt", "denim jacket")
    rows = [f"{a} {b} {c}" for a in ("aster", "birch", "cedar", "elm") for b in COLOURS for c in things]
    rows += [f"{row} {size}" for row in rows for size in ("small", "large")]
    (tmp_path / "t.csv").write_text("title\n" + "\n".join(rows), encoding="utf-8")
    index(tmp_path / "t.csv")
    train_completer(collection, Recipe(steps=30, vocabulary=400))


def test_completions_go_on_from_the_words(completer):
    app = page(q="aster re")
    found = [each for each in app.button if str(each.key).startswith("completion ")]
    assert 1 <= len(found) <= 5
    assert all(each.label.startswith("aster re") for each in found)
    words = found[0].label
    found[0].click()
    assert parameters(run(app)) == {"q": words}


@pytest.mark.parametrize("also", [{}, {"item": "1"}])
def test_a_query_that_cannot_be_parsed_is_told_once_and_for_who_reads_a_page(pictures, also):
    app = page(q="cat -", **also)
    [told] = [each.value for each in app.error]
    assert "nothing follows it" in told
    assert told.endswith("is words.")


def test_nothing_is_completed_that_uses_the_query_language(completer):
    assert not [each for each in page(q="red + bl").button if str(each.key).startswith("completion ")]


def test_without_a_completer_nothing_is_offered(pictures):
    assert not [each for each in page(q="re").button if str(each.key).startswith("completion ")]


@pytest.mark.parametrize(
    ("probability", "shown"), [(0, "<1 %"), (0.01, "1 %"), (0.5, "50 %"), (0.99, "99 %"), (1, ">99 %")]
)
def test_a_percentage_never_claims_certainty(probability, shown):
    assert style.percent(probability) == shown
