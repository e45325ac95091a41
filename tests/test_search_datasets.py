"""Datasets: every form of a picture, a caption and a label; and a sentence for what cannot be used."""

import json

import numpy as np
import pytest

from indexer import Failure, UnreadableSource
from search import DatasetColumns, UnusableDataset, open_dataset
from tests.colour_pictures import encoded, write_pictures
from tests.dataset_files import KINDS, colour_rows, write_parquet


def samples(path, columns=None, **options):
    return list(open_dataset(path, columns, **options).samples())


def test_bytes_structs_and_paths_give_the_same_picture(tmp_path):
    (tmp_path / "images").mkdir()
    data = encoded("red")
    (tmp_path / "images" / "a.png").write_bytes(data)
    forms = {
        "bytes": data,
        "struct": {"bytes": data, "path": None},
        "struct with a path": {"bytes": None, "path": "images/a.png"},
        "path": "images/a.png",
    }
    found = [
        samples(write_parquet(tmp_path / f"{name}.parquet", [{"image": cell, "title": "red"}]))[0].picture
        for name, cell in forms.items()
    ]
    assert all(np.array_equal(found[0], other) for other in found[1:])


def test_the_usual_columns_are_found_and_numbers_become_their_names(tmp_path):
    path = write_parquet(tmp_path / "d.parquet", colour_rows(), names=KINDS)
    dataset = open_dataset(path)
    assert dataset.rows == 24
    assert dataset.columns == DatasetColumns(image="image", captions="captions", title="title", label="label")
    first = next(iter(dataset.samples()))
    assert (first.captions, first.title, first.label) == (("black", "black BLACK"), "black", "black")
    assert first.picture.mode == "RGB"


def test_numbers_without_names_stay_numbers(tmp_path):
    found = samples(write_parquet(tmp_path / "d.parquet", colour_rows(1)))
    assert [sample.label for sample in found] == list("012345")


def test_metadata_of_another_program_is_no_trouble(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist(colour_rows(1))
    for text in ("not JSON", "[1]", '{"info": null}', '{"info": {"features": {"label": 3}}}'):
        pq.write_table(table.replace_schema_metadata({"huggingface": text}), tmp_path / "d.parquet")
        assert samples(tmp_path / "d.parquet")[1].label == "1"


@pytest.mark.parametrize("kind", ["jsonl", "json", "csv"])
def test_texts_name_their_pictures_by_path(tmp_path, kind):
    names = [path.name for path in write_pictures(tmp_path, 3)]
    rows = [{"image": name, "caption": f"number {i}"} for i, name in enumerate(names)]
    text = {
        "jsonl": "\n".join(map(json.dumps, rows)),
        "json": json.dumps(rows),
        "csv": "image,caption\n" + "\n".join(f"{row['image']},{row['caption']}" for row in rows),
    }
    path = tmp_path / f"d.{kind}"
    path.write_text(text[kind])
    assert [sample.captions for sample in samples(path)] == [(f"number {i}",) for i in range(3)]
    assert len(samples(path, limit=2)) == 2


def test_columns_may_have_any_name(tmp_path):
    rows = [{"photo": encoded("red"), "kind": "mug", "said": None}]
    path = write_parquet(tmp_path / "d.parquet", rows)
    (found,) = samples(path, DatasetColumns(image="photo", label="kind", captions="said"))
    assert (found.label, found.captions, found.title) == ("mug", (), "")


def test_broken_pictures_are_counted_with_their_reason(tmp_path):
    rows = [
        {"image": cell, "title": "x"} for cell in (encoded("red"), b"nothing", None, encoded("blue")[:80])
    ]
    found = samples(write_parquet(tmp_path / "d.parquet", rows))
    failures = [sample for sample in found if isinstance(sample, Failure)]
    assert len(found) == 4
    assert [failure.path.rpartition("#")[2] for failure in failures] == ["2", "3", "4"]
    assert "not a picture" in failures[0].reason
    assert "neither a picture nor the path" in failures[1].reason


def test_lines_that_are_no_rows_are_counted(tmp_path):
    write_pictures(tmp_path, 1)
    path = tmp_path / "d.jsonl"
    path.write_text(
        '{"image": "000_black.png", "title": "a"}\nnonsense\n{"image": "away.png", "title": "b"}\n'
    )
    _, bad, away = samples(path)
    assert "not valid JSON" in bad.reason
    assert "no such file" in away.reason


def refused(path, columns=None):
    with pytest.raises(UnusableDataset) as caught:
        samples(path, columns)
    assert caught.value.path == path
    return caught.value.reason


def test_what_is_missing_is_named(tmp_path):
    path = write_parquet(tmp_path / "d.parquet", [{"photo": encoded("red"), "name": "x"}])
    assert refused(path).startswith("no column is called 'image', and its columns are photo, name;")
    assert "--label-column" in refused(path, DatasetColumns(image="photo"))
    assert "no column 'colour'; its columns are photo, name" in refused(path, DatasetColumns(label="colour"))
    assert "'.txt'" in refused(tmp_path / "d.txt")
    (tmp_path / "empty.jsonl").write_text("")
    assert refused(tmp_path / "empty.jsonl") == "it holds no rows"
    rows = [{"image": encoded("red"), "label": [1, 2]}]
    assert "row 1 has a list in the column 'label'" in refused(write_parquet(tmp_path / "l.parquet", rows))


def test_a_file_that_is_away_or_damaged_is_refused(tmp_path):
    for name in ("away.parquet", "away.csv", "away.jsonl"):
        with pytest.raises(UnreadableSource):
            open_dataset(tmp_path / name)
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(UnreadableSource, match="not a Parquet file"):
        open_dataset(tmp_path / "bad.parquet")
