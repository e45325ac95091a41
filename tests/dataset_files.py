"""Little datasets of plain pictures, as people and the datasets library write them."""

import json

import pyarrow as pa
import pyarrow.parquet as pq

from tests.colour_pictures import encoded

KINDS = ("black", "white", "red", "green", "blue", "yellow")


def colour_rows(each=4):
    """Pictures of six colours with two captions, a title and a numbered label."""
    return [
        {
            "image": encoded(colour, seed=number * each + i),
            "captions": [colour, f"{colour} {colour.upper()}"],
            "title": colour,
            "label": number,
        }
        for number, colour in enumerate(KINDS)
        for i in range(each)
    ]


def write_parquet(path, rows, names=None):
    """Write rows, with names of the classes in the metadata if given."""
    table = pa.Table.from_pylist(rows)
    if names:
        features = {"label": {"names": list(names), "_type": "ClassLabel"}}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, path)
    return path
