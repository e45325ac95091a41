"""When a picture was taken comes from its EXIF, unless its source knows better; nonsense is ignored."""

import io

import pytest
from PIL import Image

from indexer.images.decode import taken_at
from tests.colour_pictures import picture


def photograph(told, form="JPEG", seed=0):
    exif = Image.Exif()
    exif[0x010F] = "a camera"  # without it Pillow writes none of this into a PNG
    if told is not None:
        exif.get_ifd(0x8769)[0x9003] = told
    buffer = io.BytesIO()
    picture("red", seed).save(buffer, form, exif=exif)
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_the_time_is_read_from_any_kind_of_file(form):
    assert taken_at(photograph("2023:07:14 18:05:09", form)) == "2023-07-14T18:05:09"


@pytest.mark.parametrize(
    "told",
    [
        *(None, "", "0000:00:00 00:00:00", "    :  :     :  :  ", "2023:02:30 10:00:00", "yesterday"),
        *("2023:07:14", "2023:07:14 25:00:00", "0001:01:01 00:00:00", "\u0662\u0660\u0662\u0663"),
    ],
)
def test_nonsense_is_no_time(told):
    assert taken_at(photograph(told)) is None


def test_bytes_that_are_no_picture_have_no_time():
    whole = photograph("2023:07:14 18:05:09")
    assert taken_at(b"") is None
    assert taken_at(b"\xff\xd8\xff") is None
    for cut in range(0, len(whole), 37):
        assert taken_at(whole[:cut]) in (None, "2023-07-14T18:05:09")


def test_indexing_keeps_the_time_and_a_table_may_know_better(collection, index, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(photograph("2023:07:14 18:05:09"))
    (tmp_path / "photos" / "b.jpg").write_bytes(photograph("2023:07:14 18:05:09"))  # a twin, not decoded
    (tmp_path / "photos" / "c.jpg").write_bytes(photograph(None, seed=1))
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "d.jpg").write_bytes(photograph("2023:07:14 18:05:09", seed=2))
    (tmp_path / "shop" / "table.csv").write_text("id,image,Taken\n1,d.jpg,2020-01-01\n")
    index(tmp_path / "photos")
    index(tmp_path / "shop" / "table.csv")
    told = [item.attributes for item in reversed(collection.store.page(0, 9))]
    assert [attributes.get("taken") for attributes in told] == [*["2023-07-14T18:05:09"] * 2, None, None]
    assert told[3]["Taken"] == "2020-01-01"
    assert index(tmp_path / "photos").unchanged == 3
