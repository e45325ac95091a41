"""Marks of generated pictures: found whoever left them, not found where there are none, never a stumble."""

import contextlib
import json
import struct
import time
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.marks import Mark, find_mark, without_metadata
from indexer.marks.cbor import BadCbor, decode
from tests.image_files import KINDS, chunk, encode
from tests.marked_files import (
    CAPTURED,
    COMPOSITE,
    GRAPH,
    INFOTEXT,
    PHOTO,
    TRAINED,
    WORKFLOW,
    box,
    cbor,
    exif_of,
    manifest_store,
    png,
    png_itxt,
    superbox,
    user_comment,
    with_c2pa,
    with_xmp,
    xmp,
)

FOX = Mark(
    name="AUTOMATIC1111",
    model="v1-5-pruned",
    prompt="a red fox, oil painting\nin the snow",
    negative_prompt="blurry, text",
    seed=1234567890,
)
BOTTLE = Mark(
    name="ComfyUI",
    model="sd_xl.safetensors",
    prompt="a glass bottle",
    negative_prompt="watermark",
    seed=156680208700286,
)
INVOKE = {
    "generation_mode": "txt2img",
    "positive_prompt": "a tea pot",
    "negative_prompt": "cup",
    "seed": 7,
    "model": {"name": "dreamshaper", "base": "sd-1"},
}
OLD_INVOKE = {
    "model": "stable diffusion",
    "model_weights": "sd-1.5",
    "image": {"prompt": [{"prompt": "a tea pot", "weight": 1}], "seed": 7, "steps": 50},
}
NOVEL = {"steps": 28, "seed": 9, "uc": "lowres", "sampler": "k_euler"}
CREATED = {"action": "c2pa.created", "digitalSourceType": TRAINED, "softwareAgent": {"name": "Some Service"}}


@pytest.mark.parametrize("packed", [False, True])
def test_the_web_ui_is_recognised_in_png(packed):
    assert find_mark(png(packed, parameters=INFOTEXT)) == FOX
    assert find_mark(
        png_itxt("parameters", INFOTEXT.replace("fox", "renard été 狐"), packed)
    ).prompt.startswith("a red renard été 狐")


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF"])
@pytest.mark.parametrize(
    ("code", "encoding"),
    [
        (b"UNICODE\0", "utf-16-be"),
        (b"UNICODE\0", "utf-16-le"),
        (b"ASCII\0\0\0", "ascii"),
        (bytes(8), "utf-8"),
    ],
)
def test_the_web_ui_is_recognised_in_exif(kind, code, encoding):
    assert find_mark(encode(PHOTO, kind, exif=user_comment(INFOTEXT, code, encoding))) == FOX


def test_words_that_are_not_latin_are_read_in_either_byte_order():
    for encoding in ("utf-16-be", "utf-16-le"):
        exif = user_comment("雪の中の赤い狐\nSteps: 4, Sampler: LCM, Seed: 3", encoding=encoding)
        assert find_mark(encode(PHOTO, "JPEG", exif=exif)).prompt == "雪の中の赤い狐"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (png(prompt=json.dumps(GRAPH), workflow=json.dumps(WORKFLOW)), BOTTLE),
        (png(workflow=json.dumps(WORKFLOW)), Mark(name="ComfyUI")),
        (encode(PHOTO, "WEBP", exif=exif_of(Model="prompt:" + json.dumps(GRAPH))), BOTTLE),
        (encode(PHOTO, "JPEG", exif=exif_of(Make="workflow:" + json.dumps(WORKFLOW))), Mark(name="ComfyUI")),
        (
            png(invokeai_metadata=json.dumps(INVOKE)),
            Mark(name="InvokeAI", model="dreamshaper", prompt="a tea pot", negative_prompt="cup", seed=7),
        ),
        (
            png(sd__metadata=json.dumps(OLD_INVOKE)),
            Mark(name="InvokeAI", model="sd-1.5", prompt="a tea pot", seed=7),
        ),
        (
            png(Dream='"a "nice" tea pot" -s 50 -S 7 -W512 -H512 -C7.5 -A k_lms'),
            Mark(name="InvokeAI", prompt='a "nice" tea pot', seed=7),
        ),
        (
            png(
                Title="NovelAI generated image",
                Software="NovelAI",
                Source="NovelAI V4",
                Description="a girl",
                Comment=json.dumps(NOVEL),
            ),
            Mark(
                name="NovelAI",
                model="NovelAI V4",
                prompt="a girl",
                negative_prompt="lowres",
                seed=9,
            ),
        ),
        (
            png(parameters=json.dumps({"sui_image_params": {"prompt": "a", "seed": 1, "model": "m"}})),
            Mark(name="SwarmUI", model="m", prompt="a", seed=1),
        ),
        (
            png(
                parameters=json.dumps(
                    {"base_model": "m", "metadata_scheme": "fooocus", "prompt": "a", "seed": "5"}
                )
            ),
            Mark(name="Fooocus", model="m", prompt="a", seed=5),
        ),
        (
            png(Description="a lamp --ar 3:2 --v 6.1 Job ID: 12345678-9abc-def0-1234-56789abcdef0"),
            Mark(name="Midjourney", prompt="a lamp"),
        ),
        (
            encode(PHOTO, "JPEG", exif=exif_of(Software="Adobe Firefly")),
            Mark(name="Software", model="Adobe Firefly"),
        ),
        (
            png(findmake=json.dumps({"model": "starter", "seed": 3, "prompt": "a shoe"})),
            Mark(name="findmake", model="starter", prompt="a shoe", seed=3),
        ),
    ],
)
def test_tools_are_recognised(data, expected):
    assert find_mark(data) == expected


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF", "HEIC", "TIFF", "GIF"])
@pytest.mark.parametrize("form", ["attribute", "element", "resource"])
def test_the_digital_source_type_is_read_in_every_kind_of_file_and_form(kind, form):
    assert find_mark(with_xmp(kind, xmp(TRAINED, form))) == Mark(name="IPTC")
    assert find_mark(with_xmp(kind, xmp(COMPOSITE, form, tool="Phone"))) == Mark(
        name="IPTC", model="Phone", composite=True
    )
    assert find_mark(with_xmp(kind, xmp(CAPTURED, form, tool="Camera"))) is None


@pytest.mark.parametrize(
    "value", ["digsrctype:trainedAlgorithmicMedia", "http://example.org/", "trainedAlgorithmicMedia"]
)
def test_the_digital_source_type_in_other_words(value):
    expected = None if "example" in value else Mark(name="IPTC")
    assert find_mark(with_xmp("JPEG", xmp(value))) == expected


@pytest.mark.parametrize("label", ["stds.iptc", "c2pa.metadata", "stds.iptc__1"])
def test_iptc_metadata_inside_a_manifest_counts(label):
    def found(value):
        told = {"@context": {}, "Iptc4xmpExt:DigitalSourceType": value}
        store = superbox("c2pa", superbox(label, box(b"json", json.dumps(told).encode())))
        return find_mark(with_c2pa("JPEG", store))

    assert found(TRAINED) == Mark(name="C2PA")
    assert found(CAPTURED) is None


def test_xmp_in_another_encoding_or_as_a_foreign_profile_is_read():
    packet = xmp(TRAINED)
    wide = packet.decode().encode("utf-16")
    assert find_mark(encode(PHOTO, "WEBP", xmp=wide)) == Mark(name="IPTC")
    profile = f"\nxmp\n{len(packet):8}\n{packet.hex()}\n"
    assert find_mark(png(True, **{"Raw profile type xmp": profile})) == Mark(name="IPTC")
    exif = user_comment(INFOTEXT)
    assert find_mark(png(True, **{"Raw profile type exif": f"\nexif\n{len(exif):8}\n{exif.hex()}\n"})) == FOX


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("as_json", [False, True])
def test_a_manifest_marks_only_what_it_says_was_made_by_a_model(kind, as_json):
    def found(*actions):
        return find_mark(with_c2pa(kind, manifest_store(*actions, as_json=as_json)))

    assert found(CREATED) == Mark(name="C2PA", model="Some Service")
    edited = {"action": "c2pa.edited", "digitalSourceType": COMPOSITE, "softwareAgent": "Editor 1.0"}
    assert found({"action": "c2pa.opened"}, edited) == Mark(name="C2PA", model="Editor 1.0", composite=True)
    assert found({"action": "c2pa.created", "softwareAgent": "DALL·E"}) == Mark(name="C2PA", model="DALL·E")
    assert found({"action": "c2pa.created", "digitalSourceType": CAPTURED, "softwareAgent": "Leica"}) is None
    assert found({"action": "c2pa.opened", "softwareAgent": "DALL·E"}) is None
    assert found({"action": "c2pa.edited", "parameters": {"description": TRAINED}}) is None
    assert found() is None


def test_a_manifest_that_does_not_tell_its_making_but_names_the_source_type_elsewhere_is_no_mark():
    store = manifest_store(CREATED, label="c2pa.training-mining")
    assert TRAINED.encode() in store
    assert find_mark(with_c2pa("PNG", store)) is None


@pytest.mark.parametrize(
    "data",
    [
        *(data for _, data in KINDS),
        encode(PHOTO, "JPEG", exif=exif_of(Software="Adobe Photoshop 26.0", Make="Canon", Model="EOS R5")),
        encode(PHOTO, "JPEG", exif=exif_of(Make="prompt: the maker", ImageDescription="Steps: 20, to it")),
        encode(PHOTO, "JPEG", exif=user_comment("Screenshot")),
        encode(PHOTO, "JPEG", comment=b"CREATOR: gd-jpeg v1.0 (using IJG JPEG v80), quality = 90"),
        png(Software="gnome-screenshot", Title="Screenshot", Description="my desk"),
        png(Software="Draw.io", Comment="Created with GIMP"),
        png(parameters="width=3, height=4"),
        png(parameters="Steps: 5, then turn left\nSeed: sunflower"),
        png(parameters="Steps: 12, Seed: 3"),  # a gardener's notes, not a sampler's
        png(parameters='{"model": "resnet", "lr": 0.1}', prompt="a prompt", workflow="[1, 2]"),
        png(prompt='{"a": {"class": "x"}}', workflow='{"nodes": "three", "links": []}'),
        png(prompt="{" * 100_000, workflow='{"nodes":[' * 20_000),
        png(invokeai_metadata='{"app_version": "3"}', sd__metadata='{"image": "x"}', Dream="a dream I had"),
        png(findmake="true", Comment='{"seed": 3}'),
        png(findmake='{"model": 3, "seed": 1}'),
        png(Description="Job ID: unknown"),
        png(Comment=json.dumps({"seed": 1})),
        b"",
        b"\x89PNG\r\n\x1a\n",
        b"just words",
    ],
)
def test_nothing_is_found_where_there_is_nothing(data):
    assert find_mark(data) is None


def test_what_tells_more_comes_first():
    both = encode(PHOTO, "JPEG", exif=user_comment(INFOTEXT), xmp=xmp(TRAINED))
    assert find_mark(both) == FOX
    named = encode(PHOTO, "JPEG", exif=exif_of(Software="Midjourney"), xmp=xmp(TRAINED, tool="Midjourney v7"))
    assert find_mark(named) == Mark(name="IPTC", model="Midjourney v7")


MARKED = [
    png(parameters=INFOTEXT, prompt=json.dumps(GRAPH)),
    png(True, parameters=INFOTEXT),
    encode(PHOTO, "JPEG", exif=user_comment(INFOTEXT), xmp=xmp(TRAINED)),
    encode(PHOTO, "WEBP", exif=user_comment(INFOTEXT), xmp=xmp(TRAINED)),
    *(with_xmp(kind, xmp(TRAINED)) for kind in ("AVIF", "HEIC", "TIFF", "GIF")),
    *(with_c2pa(kind, manifest_store(CREATED)) for kind in ("PNG", "JPEG", "WEBP")),
]


@pytest.mark.parametrize("data", MARKED, ids=lambda data: repr(data[:12]))
def test_a_file_that_is_cut_anywhere_is_no_stumble(data):
    for end in range(0, len(data), 7):
        find_mark(data[:end])


@given(st.sampled_from(MARKED), st.data())
def test_damage_is_no_stumble(data, draw):
    damaged = bytearray(data)
    for _ in range(draw.draw(st.integers(1, 12))):
        place = draw.draw(st.integers(0, min(len(damaged), 3_000) - 1))
        damaged[place] = draw.draw(st.integers(0, 255))
    find_mark(bytes(damaged))


@given(st.sampled_from([data[:12] for data in MARKED]), st.binary(max_size=400))
def test_noise_is_no_stumble(head, body):
    find_mark(head + body)
    find_mark(with_c2pa("JPEG", body + bytes(16)))
    find_mark(encode(PHOTO.resize((2, 2)), "WEBP", xmp=body or b"x"))


@given(st.dictionaries(st.sampled_from(["parameters", "prompt", "workflow", "Comment", "Dream"]), st.text()))
def test_any_text_is_no_stumble(texts):
    packed = {key: text.encode("utf-8", "replace").decode() for key, text in texts.items()}
    find_mark(png(image=PHOTO.resize((2, 2)), **packed))


def zip_bomb():
    body = zlib.compress(b"Steps: 1, " * 40_000_000, 9)  # 400 MB in 0.4 MB
    bomb = chunk(b"zTXt", b"parameters\0\0" + body)
    plain = encode(PHOTO, "PNG")
    return plain[:33] + bomb * 20 + plain[33:]


def deep_boxes():
    inner = b""
    for _ in range(2_000):
        inner = superbox("x", inner)
    return with_c2pa("WEBP", inner)


@pytest.mark.parametrize(
    "data",
    [
        zip_bomb(),
        b"\x89PNG\r\n\x1a\n" + chunk(b"tEXt", b"") * 2_000_000,
        b"\xff\xd8" + b"\xff\xfe\0\2" * 2_000_000,
        b"\xff\xd8" + b"\xff" * 8_000_000,
        b"RIFF\0\0\0\0WEBP" + b"JUNK\0\0\0\0" * 1_000_000,
        b"\0\0\0\x0cftypheic" + b"\0\0\0\x08free" * 1_000_000,
        b"\0\0\0\x0cftypheic" + b"\0\0\0\x08meta" * 1_000_000,
        encode(PHOTO, "WEBP", xmp=b"DigitalSourceType" + b" " * 3_000_000),
        encode(PHOTO, "WEBP", xmp=b"DigitalSourceType=" * 200_000),
        encode(PHOTO, "WEBP", xmp=b'findmake:provenance="' * 200_000),
        png(parameters='Steps: 1, Model: "' * 200_000),
        png(parameters="Steps: 1, Seed: 2\n" * 200_000),
        png(Dream='"' + ' -s 1 -S 2 " ' * 300_000),
        png(Description="-- " * 1_000_000 + "Job ID: "),
        png(prompt="[" * 3_000_000, Comment='{"a":' * 800_000),
        png(Comment='{"seed": 1' + "0" * 3_000_000 + ', "uc": "", "steps": 1}'),
        deep_boxes(),
        with_c2pa("WEBP", superbox("c2pa.actions", struct.pack(">I", 0) + b"cbor" + b"\x9f" * 200_000)),
        with_c2pa("WEBP", superbox("c2pa.actions", struct.pack(">I", 0) + b"cbor" + b"\x9b" + b"\xff" * 8)),
        with_c2pa("WEBP", superbox("c2pa.actions", struct.pack(">I", 0) + b"cbor" + b"\xa1\x80\x01")),
    ],
    ids=range(20),
)
def test_hostile_files_cost_little(data):
    started = time.process_time()
    assert find_mark(data) is None
    assert time.process_time() - started < 2  # far from the minutes that each would cost unguarded


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(0, 9), inner),
    max_leaves=20,
)


@given(VALUES)
def test_cbor_is_decoded(value):
    assert decode(cbor(value)) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [  # from RFC 8949, appendix A
        ("f93e00", 1.5),
        ("fa47c35000", 100000.0),
        ("c11a514b67b0", 1363896240),
        ("5f42010243030405ff", bytes([1, 2, 3, 4, 5])),
        ("7f657374726561646d696e67ff", "streaming"),
        ("9f018202039f0405ffff", [1, [2, 3], [4, 5]]),
        ("bf61610161629f0203ffff", {"a": 1, "b": [2, 3]}),
    ],
)
def test_cbor_of_the_standard_is_decoded(text, value):
    assert decode(bytes.fromhex(text)) == value


@given(st.binary(max_size=60))
def test_cbor_that_is_none_is_refused(data):
    with contextlib.suppress(BadCbor):
        decode(data)


def test_without_metadata_only_what_shows_is_kept():
    plain = encode(PHOTO.convert("P"), "PNG", transparency=3)
    assert without_metadata(plain) == plain
    texts = (
        chunk(b"tEXt", b"a\0b") + chunk(b"prVt", b"c") + chunk(b"gAMA", struct.pack(">I", 45455))[:-1] + b"x"
    )
    told = plain[:33] + texts + plain[33:-12] + chunk(b"zTXt", b"a\0\0x") + plain[-12:]
    assert without_metadata(told) == plain
    exif = encode(PHOTO, "PNG", exif=user_comment("hello"))
    assert without_metadata(exif) == exif
