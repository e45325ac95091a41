"""The products: photos and a table from an npm package, which is fetched, never installed or run."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path

from checks import Trouble, sha256

PACKAGE = "@vendure/create@1.9.7"
PACKAGE_SHA512 = (
    "6567fc6048998faf0d4aef4fbb650c384735bc71736333bdaa5526e342bd15a7"
    "73a75bad3a6b5191d61af527974a37a006974ebc05607f50f37382433d50acad"
)
CONTENT_SHA256 = "dbdf615516daa58c8d0d186e1368497ff609b5486564c55d2f80d57e9ec13188"
TABLE, PICTURES = "package/assets/products.csv", re.compile(r"package/assets/images/([a-z0-9-]+\.jpg)")
MAX_MEMBER_BYTES = 4 << 20
NPM_SECONDS = 120
COLUMNS = [
    "id",
    "title",
    "text",
    "price",
    "department",
    "category",
    "brand",
    "color",
    "tags",
    "options",
    "photographer",
    "image",
]


def products() -> dict[str, bytes]:
    """Return ``products.csv`` and ``images/*.jpg``.

    Raises:
        Trouble: npm is missing or failed, or gave something else than expected.
    """
    content = unpack(fetch())
    table, *pictures = sorted(content, key=lambda name: name != TABLE)
    rows = list(tidy(content[table].decode("utf-8")))
    by_name = {name.rpartition("/")[2]: content[name] for name in pictures}
    files = {f"images/{row['id']}.jpg": by_name[row.pop("asset")] for row in rows}
    return {"products.csv": as_csv(rows), **files}


def fetch() -> bytes:
    """Download the package without installing it, and compare its checksum.

    Raises:
        Trouble: npm is missing or failed, or the package is another one.
    """
    if not shutil.which("npm"):
        raise Trouble("npm is not installed (Debian: apt-get install npm)")
    print(f"sample: fetching {PACKAGE} with npm (5.6 MB, not installed)")
    command = [
        "npm",
        "pack",
        "--silent",
        "--ignore-scripts",
        "--prefer-offline",
        "--fetch-retries=1",
        PACKAGE,
    ]
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=NPM_SECONDS)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Trouble(f"npm failed ({error})") from error
        found = list(Path(folder).glob("*.tgz"))
        if done.returncode or len(found) != 1:
            said = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
            raise Trouble(f"npm failed ({said[0]})")
        data = found[0].read_bytes()
    if hashlib.sha512(data).hexdigest() != PACKAGE_SHA512:
        raise Trouble(f"{PACKAGE} does not have the checksum it should have")
    return data


def unpack(package: bytes) -> dict[str, bytes]:
    """Read the table and the pictures out of the package, by exact name and within a size.

    Raises:
        Trouble: their contents are not the expected ones.
    """
    content = {}
    with tarfile.open(fileobj=io.BytesIO(package), mode="r:gz") as archive:
        for member in archive:
            wanted = member.name == TABLE or PICTURES.fullmatch(member.name)
            file = archive.extractfile(member) if wanted and member.isreg() else None
            if file is not None and member.size <= MAX_MEMBER_BYTES:
                content[member.name] = file.read()
    digest = sha256("".join(f"{name} {sha256(data)}\n" for name, data in sorted(content.items())).encode())
    if digest != CONTENT_SHA256:
        raise Trouble(f"{PACKAGE} does not hold what it should hold")
    return content


def tidy(text: str) -> Iterable[dict[str, str]]:
    """Yield one row a product: its first line, with what its variants add."""
    lines = csv.reader(io.StringIO(text), skipinitialspace=True)
    header = [name.strip() for name in next(lines)]
    groups: list[list[dict[str, str]]] = []
    for cells in lines:
        row = {name: cell.strip() for name, cell in zip(header, cells, strict=False)}
        if row.get("name"):
            groups.append([])
        if groups and row.get("sku"):
            groups[-1].append(row)
    return (product(variants) for variants in groups)


def product(variants: list[dict[str, str]]) -> dict[str, str]:
    """Join the variants of a product into one row, at the lowest price."""
    first = variants[0]
    facets = [f for row in variants for f in (row["facets"] + "|" + row["variantFacets"]).split("|") if f]
    values: dict[str, list[str]] = {}
    for facet in dict.fromkeys(facets):
        kind, _, value = facet.partition(":")
        values.setdefault(kind.strip(), []).append(value.strip())
    places = values.get("category", [])
    options = dict.fromkeys(option for row in variants for option in row["optionValues"].split("|") if option)
    return {
        "id": first["slug"],
        "title": first["name"],
        "text": " ".join(first["description"].split()),
        "price": f"{min(float(row['price']) for row in variants):.2f}",
        "department": ", ".join(places[:1]),
        "category": ", ".join(places[1:]),
        "brand": ", ".join(values.get("brand", [])),
        "color": ", ".join(values.get("color", [])),
        "tags": ", ".join(tag for kind in values for tag in values[kind]),
        "options": ", ".join(options),
        "photographer": photographer(first["assets"]),
        "image": f"images/{first['slug']}.jpg",
        "asset": first["assets"],
    }


def photographer(asset: str) -> str:
    """Read the name out of a file name such as ``abel-y-costa-716024-unsplash.jpg``."""
    return re.sub(r"-\d+-unsplash\.jpg$", "", asset).replace("-", " ").title()


def as_csv(rows: list[dict[str, str]]) -> bytes:
    """Write the table as UTF-8 with line feeds."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue().encode("utf-8")
