"""The page's texts: every one that is shown has a translation, with the same values in it."""

import ast
import json
import re
import string
from pathlib import Path

import pytest

from ui.page import i18n
from ui.page.i18n import LANGUAGES, language_for, later, speaking, tr, tr_n

ROOT = Path(__file__).parents[1] / "ui"
SOURCES = sorted(ROOT.rglob("*.py"))
OTHERS = [code for code in LANGUAGES if code != i18n.ENGLISH]
TRANSLATING = {"tr": 1, "tr_n": 2, "later": 1}  # how many of the arguments are texts


def calls(path):
    """Every call of a translating function in a file: its name and the texts it is given."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in TRANSLATING and path.name != "i18n.py":
                yield name, node.args[: TRANSLATING[name]], node.lineno


def said():
    """Every text in the code that a catalogue should have."""
    found = set()
    for path in SOURCES:
        for name, given, _ in calls(path):
            constants = [each.value for each in given if isinstance(each, ast.Constant)]
            found |= set(constants[-1:] if name == "tr_n" else constants)
    return found


def fields(text):
    """The names of a text's values; a date may be written by its parts, in any order."""
    return {name.partition(".")[0] for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.fixture
def small(monkeypatch):
    """A catalogue of three texts."""
    known = {"Search": "搜索", "{count:,} items": "{count:,} 项", "{a} of {b}": "{b} 之 {a}"}
    monkeypatch.setattr(i18n, "catalogue", lambda code: known if code == "zh" else {})


def test_a_text_is_said_in_the_language_that_is_spoken(small):
    assert tr("Search") == "Search"
    with speaking("zh"):
        assert tr("Search") == "搜索"
        assert tr("{a} of {b}", a=1, b=2) == "2 之 1"
    assert tr("{a} of {b}", a=1, b=2) == "1 of 2"


def test_what_has_no_translation_is_said_in_english(small):
    with speaking("zh"):
        assert tr("Nobody translated {this}", this="me") == "Nobody translated me"
    with speaking("xx"):
        assert tr("Search") == "Search"


def test_a_text_without_values_may_have_braces_and_a_value_may_have_them_always(small):
    assert tr("{ is a brace") == "{ is a brace"
    assert tr("{a} of {b}", a="{b}", b="}") == "{b} of }"


def test_one_thing_and_many_are_told_apart_where_a_language_does(small):
    assert tr_n("{count} item", "{count:,} items", 1) == "1 item"
    assert tr_n("{count} item", "{count:,} items", 1_000) == "1,000 items"
    with speaking("zh"):
        assert tr_n("{count} item", "{count:,} items", 1) == "1 项"


def test_a_marked_text_stays_as_it_is(small):
    with speaking("zh"):
        assert later("Search") == "Search"


@pytest.mark.parametrize(
    ("locale", "expected"),
    [
        ("zh-CN", "zh"),
        ("zh_Hans", "zh"),
        ("ZH", "zh"),
        ("en-GB", "en"),
        ("de-DE", "en"),
        ("", "en"),
        (None, "en"),
    ],
)
def test_the_language_follows_the_browser(locale, expected):
    assert language_for(locale) == expected


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_whole_literal_texts_or_marked_constants_are_translated(path):
    for name, given, line in calls(path):
        for each in given:
            assert not isinstance(each, ast.JoinedStr | ast.BinOp), (
                f"line {line}: {name} wants a literal text"
            )
            if name == "later":
                assert isinstance(each, ast.Constant), f"line {line}: only a literal can be marked"


@pytest.mark.parametrize("code", OTHERS)
def test_every_text_has_a_translation_and_no_translation_is_left_over(code):
    known = set(i18n.catalogue(code))
    assert sorted(said() - known) == [], "without a translation"
    assert sorted(known - said()) == [], "said no more"


@pytest.mark.parametrize("code", OTHERS)
def test_translations_have_the_values_of_their_text_and_can_be_read_from_their_file(code):
    written = (ROOT / "page" / "locales" / f"{code}.json").read_text(encoding="utf-8")
    known = json.loads(written)
    assert written == json.dumps(known, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    for text, translation in known.items():
        assert translation.strip(), text
        assert fields(translation) == fields(text), text


def test_outside_of_any_session_the_page_speaks_english():
    from ui.page import state

    assert state.language() == i18n.ENGLISH
    assert tr("{count:,} items", count=2) == "2 items"


def written_below():
    """All texts of the code in one, with a ``{}`` for each value, as sentences are put together there."""
    parts = []
    for package in ("indexer", "search", "generation", "ui"):
        for path in sorted((ROOT.parent / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    parts.append(
                        "".join(
                            getattr(each, "value", "") if isinstance(each, ast.Constant) else "{}"
                            for each in node.values
                        )
                    )
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    parts.append(node.value)
    return "\n".join(parts).casefold()


@pytest.mark.parametrize("code", OTHERS)
def test_sentences_from_below_are_still_written_there(code):
    below = written_below()
    for pattern in i18n._read(f"{code}.below"):
        fixed = [part.casefold() for part, *_ in string.Formatter().parse(pattern)]
        assert any(part.strip() for part in fixed), f"{pattern} would fit everything"
        for piece in filter(
            None, (each.strip(" '") for part in fixed for each in re.split(r"[;:.\n]", part))
        ):
            assert piece in below, f"nobody says {piece!r}"


def test_a_sentence_from_below_is_retold_with_what_its_values_say():
    sentence = (
        "Nothing here seems to answer the query: even the best hits do not fit it; "
        "they look more like 'a' or 'b'."
    )
    assert i18n.retold(sentence) == sentence
    with speaking("zh"):
        assert i18n.retold(sentence).endswith("它们看起来更像“a”或“b”。")
        assert i18n.retold("near copy of item 7") == "与条目 7几乎相同"
        assert i18n.retold("This {was} never written.") == "This {was} never written."
        assert i18n.retold("") == ""
