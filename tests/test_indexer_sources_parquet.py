"""Pictures inside Parquet files are read again when wanted, in any order."""

from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from indexer.errors import UnreadableImage, UnreadableSource
from indexer.images.decode import decode_image
from tests.tables import jpeg, scan


def parquet(path, count, *, struct=False, size=7):
    images = [jpeg(n) for n in range(count)]
    cells = [{"bytes": i, "path": None} for i in images] if struct else images
    table = pa.table({"image": cells, "title": [f"t{n}" for n in range(count)], "file": ["x.jpg"] * count})
    pq.write_table(table, path, row_group_size=size)
    return images


@pytest.mark.parametrize("struct", [False, True])
def test_pictures_inside_parquet(tmp_path, struct):
    path = tmp_path / "t.parquet"
    images = parquet(path, 150, struct=struct)
    _, found = scan(path)
    assert [c.path for c in found] == [None] * 150
    assert [c.load().image for c in found] == images
    assert found[0].load().attributes == {"file": "x.jpg"}
    assert decode_image(found[3].load().image, name="x").width == 8
    assert len({c.fingerprint for c in found}) == 150


def test_pictures_inside_parquet_in_any_order_and_by_many_threads(tmp_path):
    path = tmp_path / "t.parquet"
    images = parquet(path, 1500, size=400)
    _, found = scan(path)
    order = [*range(1499, 0, -97), *range(0, 1500, 61)]
    assert [found[n].load().image for n in order] == [images[n] for n in order]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda c: c.load().image, found)) == images


def test_parquet_that_changed_under_way(tmp_path):
    path = tmp_path / "t.parquet"
    parquet(path, 70)
    _, found = scan(path)
    parquet(path, 10)
    with pytest.raises(UnreadableImage, match="changed or is damaged"):
        found[69].load()


def test_damaged_parquet(tmp_path):
    path = tmp_path / "t.parquet"
    parquet(path, 2000, size=100)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 4000] = bytes(4000)
    path.write_bytes(data)
    source, found = scan(path)
    assert "damaged from here on" in found[-1].reason
    assert len(found) > 100
    assert not source.owns(f"{path}#1999")
    path.write_bytes(b"PAR1")
    with pytest.raises(UnreadableSource, match="not a Parquet file"):
        scan(path)
