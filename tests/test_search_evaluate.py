"""Evaluations with the tiny encoder, on datasets and on collections."""

import pytest

from search import (
    DatasetColumns,
    TooFewPictures,
    UnusableDataset,
    evaluate_collection,
    evaluate_dataset,
    open_dataset,
)
from search.evaluation.subjects import telling_words
from tests.colour_encoder import ColourEncoder
from tests.colour_pictures import encoded
from tests.dataset_files import KINDS, colour_rows, write_parquet


def by_group(report):
    found = {}
    for figure in report.figures:
        found.setdefault(figure.group, {})[figure.name] = figure
    return found


@pytest.fixture
def dataset(tmp_path):
    return open_dataset(write_parquet(tmp_path / "d.parquet", colour_rows(), names=KINDS))


def test_an_encoder_that_knows_its_colours_is_told_so(dataset, encoder):
    seen = []
    report = evaluate_dataset(encoder, dataset, on_progress=seen.append)
    found = by_group(report)
    assert list(found) == ["captions", "title", "label", "index", "speed"]
    for group in ("captions", "title"):
        assert found[group]["text_to_image_recall_at_1"].value == 1
        assert found[group]["image_to_text_recall_at_1"].value == 1
    assert found["captions"]["text_to_image_recall_at_1"].samples == 24 * 2
    assert found["label"]["zero_shot_top_1"].value == 1
    assert found["label"]["zero_shot_top_5"].value == 1
    assert found["label"]["knn_1_accuracy"].value == 1
    assert found["index"]["bytes_per_vector"].value == 64
    assert found["speed"]["images_encoded_per_s"].value > 0
    assert (report.pictures, report.failed, report.notes) == (24, (), ())
    assert (seen[-1].done, seen[-1].total) == (24, 24)


def test_each_different_text_is_embedded_once(dataset, encoder):
    evaluate_dataset(encoder, dataset)
    # captions: "red", "red RED"; titles: "red"; labels; then the timing of single texts
    assert encoder.texts_encoded <= 6 * 2 + 6 + 6 + 51


def test_broken_pictures_are_reported_and_left_out(tmp_path, encoder):
    rows = [*colour_rows(), {"image": b"broken", "captions": [], "title": "x", "label": 0}]
    report = evaluate_dataset(encoder, open_dataset(write_parquet(tmp_path / "d.parquet", rows)))
    assert report.pictures == 24
    assert [failure.path.rpartition("#")[2] for failure in report.failed] == ["25"]
    assert report.notes == ("The labels are numbers without names: no zero-shot figures.",)
    assert "zero_shot_top_1" not in by_group(report)["label"]


def test_what_too_few_pictures_have_is_noted_or_refused(tmp_path, encoder):
    rows = [
        row | {"title": "" if i > 4 else row["title"], "label": "x"} for i, row in enumerate(colour_rows())
    ]
    report = evaluate_dataset(encoder, open_dataset(write_parquet(tmp_path / "d.parquet", rows)))
    assert set(by_group(report)) == {"captions", "index", "speed"}
    assert [note.split(";")[0] for note in report.notes] == [
        "title: only 5 pictures have any",
        "All labels are 'x'",
    ]
    with pytest.raises(TooFewPictures) as caught:
        evaluate_dataset(encoder, open_dataset(write_parquet(tmp_path / "few.parquet", colour_rows(2))))
    assert (caught.value.found, caught.value.needed) == (12, 20)


# -- the own collection --------------------------------------------------------------------------------


@pytest.fixture
def table(tmp_path):
    """A catalogue of 24 plain pictures with titles and a kind."""
    folder = tmp_path / "shop"
    folder.mkdir()
    lines = ["id,title,image,kind"]
    for i in range(24):
        (folder / f"{i}.png").write_bytes(encoded(KINDS[i % 6], seed=i))
        lines.append(f"{i},{KINDS[i % 6]},{i}.png,{KINDS[i % 6]}")
    (folder / "shop.csv").write_text("\n".join(lines))
    return folder / "shop.csv"


def test_a_collection_is_judged_by_its_stored_texts(collection, encoder, index, table):
    index(table)
    before = encoder.images_encoded
    report = evaluate_collection(collection, encoder, label="kind")
    found = by_group(report)
    assert report.notes == ("Used the stored embeddings of 0 captions and 24 titles.",)
    assert found["captions and titles"]["text_to_image_recall_at_1"].value == 1
    assert found["captions and titles"]["image_to_text_recall_at_1"].value == 1
    assert found["label"]["zero_shot_top_1"].value == 1
    assert report.pictures == 24
    assert encoder.images_encoded - before < 24 + 24  # thumbnails for the time it takes, and canaries


def test_the_names_of_files_serve_where_nothing_better_is(collection, encoder, index, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(24):
        (folder / f"{KINDS[i % 6]}_{i:03}.png").write_bytes(encoded(KINDS[i % 6], seed=i))
    (folder / "IMG_0001.png").write_bytes(encoded("red", seed=99))
    index(folder)
    report = evaluate_collection(collection, encoder)
    assert report.notes == ("Used the words in the names of 24 files: only 0 pictures have a text.",)
    assert by_group(report)["file names"]["text_to_image_recall_at_1"].value == 1
    assert evaluate_collection(collection, encoder, limit=22).pictures == 22


def test_a_collection_with_too_little_says_so(collection, encoder, index, tmp_path):
    with pytest.raises(TooFewPictures) as caught:
        evaluate_collection(collection, encoder)
    assert caught.value.found == 0
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(22):
        (folder / f"{'DSC' if i else 'red_'}{i:04}.png").write_bytes(encoded("red", seed=i))
    index(folder)
    with pytest.raises(TooFewPictures) as caught:
        evaluate_collection(collection, encoder)
    assert caught.value.found == 1
    assert str(collection.folder) in str(caught.value)


def test_an_attribute_that_nobody_has_is_refused(collection, encoder, index, table):
    index(table)
    with pytest.raises(UnusableDataset, match="no item has the attribute 'colour'; its attributes are kind"):
        evaluate_collection(collection, encoder, label="colour")


def test_words_are_told_from_camera_names():
    assert telling_words("red running shoes 2") == "red running shoes"
    for name in ("IMG 0001", "DSC04711", "2024-05-01 12 30", "Screenshot 3", "a1"):
        assert telling_words(name) == ""


def test_another_column_may_be_the_label(tmp_path, encoder):
    path = write_parquet(tmp_path / "d.parquet", colour_rows())
    report = evaluate_dataset(ColourEncoder(), open_dataset(path, DatasetColumns(label="title")))
    assert by_group(report)["label"]["zero_shot_top_1"].value == 1
