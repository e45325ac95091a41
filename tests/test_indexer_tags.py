"""Tags: kept in lower case, by item and source, and gone with their item."""

import pytest

from indexer import BadTag, TagCount, Tagging
from tests.colour_pictures import write_pictures


@pytest.fixture
def filled(collection, index, tmp_path):
    write_pictures(tmp_path / "photos", 6)
    index(tmp_path / "photos")
    return collection


def test_tags_are_added_counted_and_removed(filled):
    store = filled.store
    taggings = [Tagging(item_id=i, tag=" Summer  Sale ") for i in (1, 2, 3)]
    taggings.append(Tagging(item_id=1, tag="red", source="starter", probability=0.75))
    assert store.add_tags(taggings) == 3
    assert filled.item(1).tags == ("red", "summer sale")
    assert filled.item(4).tags == ()
    assert store.tags() == [
        TagCount(tag="summer sale", items=3, sources=("user",)),
        TagCount(tag="red", items=1, sources=("starter",)),
    ]
    assert store.remove_tags([2, 4], tag="SUMMER sale") == 1
    assert store.remove_tags(source="starter") == 1
    assert store.tags() == [TagCount(tag="summer sale", items=2, sources=("user",))]
    assert store.remove_tags() == 2
    assert store.tags() == []


def test_the_same_tag_from_two_sources_is_one_tag_of_the_item(filled):
    filled.store.add_tags([Tagging(item_id=1, tag="red"), Tagging(item_id=1, tag="Red", source="a, b")])
    assert filled.item(1).tags == ("red",)
    assert filled.store.tags() == [TagCount(tag="red", items=1, sources=("a, b", "user"))]
    assert [tagging.source for tagging in filled.store.taggings(1)] == ["a, b", "user"]


def test_adding_again_takes_the_new_probability(filled):
    for probability in (0.5, 0.9):
        filled.store.add_tags([Tagging(item_id=2, tag="red", source="m", probability=probability)])
    assert filled.store.taggings(2) == [Tagging(item_id=2, tag="red", source="m", probability=0.9)]


def test_tags_of_items_that_are_gone_are_left_out(filled):
    assert filled.store.add_tags([Tagging(item_id=999, tag="red"), Tagging(item_id=1, tag="red")]) == 1
    filled.store.remove([1])
    assert filled.store.tags() == []


def test_tags_stay_when_their_item_is_indexed_again(filled, index, tmp_path):
    filled.store.add_tags([Tagging(item_id=1, tag="keep")])
    path = tmp_path / "photos" / "000_black.png"
    path.rename(path.with_name("renamed.png"))
    assert index(tmp_path / "photos").moved == 1
    assert filled.item(1).tags == ("keep",)
    assert filled.item(1).path.endswith("renamed.png")


def test_every_change_that_a_filter_can_see_moves_the_revision(filled, index, tmp_path):
    seen = [filled.store.revision()]
    filled.store.add_tags([Tagging(item_id=1, tag="red")])
    seen.append(filled.store.revision())
    filled.store.remove_tags([1])
    seen.append(filled.store.revision())
    (tmp_path / "photos" / "000_black.txt").write_text("a caption")
    index(tmp_path / "photos")
    seen.append(filled.store.revision())
    filled.store.remove([2])
    seen.append(filled.store.revision())
    assert seen == sorted(set(seen))


def test_tagging_leaves_the_index_files_fresh(filled):
    before = filled.store.change()
    filled.store.add_tags([Tagging(item_id=1, tag="red")])
    assert filled.store.change() == before


def test_many_items_are_tagged_at_once(filled):
    assert filled.store.add_tags([Tagging(item_id=i, tag="all") for i in range(1, 5_000)]) == 6
    assert filled.store.remove_tags(list(range(5_000)), tag="all") == 6


@pytest.mark.parametrize("tag", ["", " \t", "a" * 101, "a\x00b", "\ud800"])
def test_a_label_that_cannot_be_kept_is_refused(tag):
    with pytest.raises(BadTag) as refused:
        Tagging(item_id=1, tag=tag)
    assert refused.value.tag == tag


def test_a_tagging_has_a_source_and_a_possible_probability():
    with pytest.raises(ValueError, match="source"):
        Tagging(item_id=1, tag="red", source="")
    with pytest.raises(ValueError, match="between 0 and 1"):
        Tagging(item_id=1, tag="red", probability=1.5)


def test_a_tag_is_renamed_wherever_it_is(filled):
    store = filled.store
    store.add_tags([Tagging(item_id=i, tag="sneaker") for i in (1, 2)])
    before = store.revision()
    assert store.rename_tag("Sneaker", " Running  shoe") == 2
    assert store.revision() > before
    assert filled.item(1).tags == ("running shoe",)
    assert store.match_words(["running"], 9, every=True)[0].tolist() == [1, 2]
    assert store.match_words(["sneaker"], 9, every=True)[0].tolist() == []
    assert store.rename_tag("nobody has this", "x") == 0
    assert store.rename_tag("running shoe", "RUNNING shoe") == 0
    assert filled.item(2).tags == ("running shoe",)


def test_a_tag_that_takes_the_name_of_another_joins_it(filled):
    store = filled.store
    store.add_tags([Tagging(item_id=1, tag="a"), Tagging(item_id=2, tag="a", source="m", probability=0.2)])
    store.add_tags([Tagging(item_id=1, tag="b"), Tagging(item_id=2, tag="b", source="m", probability=0.9)])
    assert store.rename_tag("a", "b") == 2
    assert store.taggings(2) == [Tagging(item_id=2, tag="b", source="m", probability=0.9)]
    assert [count.tag for count in store.tags()] == ["b"]


def test_a_tag_cannot_be_renamed_to_nothing(filled):
    filled.store.add_tags([Tagging(item_id=1, tag="keep")])
    with pytest.raises(BadTag):
        filled.store.rename_tag("keep", "  ")
    assert filled.item(1).tags == ("keep",)
