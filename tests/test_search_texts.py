"""Writing systems, and models that do not read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search import script_warning
from search.query.scripts import scripts

SIGLIP = "ViT-B-32-SigLIP2-256/webli"


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("красные кроссовки", "Cyrillic"),
        ("红色运动鞋", "Chinese"),
        ("狗", "Chinese"),
        ("赤いスニーカー", "Japanese"),
        ("빨간 운동화", "Korean"),
        ("حذاء رياضي أحمر", "Arabic"),
        ("נעלי ספורט אדומות", "Hebrew"),
        ("κόκκινα παπούτσια", "Greek"),
        ("लाल जूते", "Devanagari"),
        ("รองเท้าสีแดง", "Thai"),
        ("nike красные кроссовки", "Cyrillic"),
    ],
)
def test_letters_that_the_model_does_not_read_are_told(text, script):
    warning = script_warning(text, "starter")
    assert f"in {script} letters" in warning
    assert "reads English only" in warning
    assert SIGLIP in warning
    assert script_warning(text, SIGLIP) is None
    assert script_warning(text, "hf-hub:somebody/unknown") is None


@pytest.mark.parametrize(
    "text",
    [
        "red running shoes",
        "café crème, naïve Ångström",  # spell-checked: Latin with marks
        "β-carotene capsules in a jar",
        "",
        "42 + 17 → 🚲",
        "\uff32\uff25\uff24",  # wide letters
        "\U0001d429\U0001d41e\U0001d427",  # mathematical bold
    ],
)
def test_latin_letters_and_signs_are_no_matter(text):
    assert script_warning(text, "starter") is None


@given(st.text())
def test_any_text_has_countable_letters(text):
    assert all(count > 0 for count in scripts(text).values())
    warning = script_warning(text, "starter")
    assert warning is None or scripts(text).total() > scripts(text)["Latin"]
