"""Picture files with the marks that tools leave, built by Pillow or byte by byte."""

import io
import json
import struct

import pillow_heif
from PIL import Image, PngImagePlugin

from tests.image_files import chunk, encode, plain_noise

PHOTO = plain_noise(32, 24)
TRAINED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
COMPOSITE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
CAPTURED = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"

INFOTEXT = (
    "a red fox, oil painting\nin the snow\n"
    "Negative prompt: blurry, text\n"
    "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1234567890, Size: 512x512, "
    "Model hash: 6ce0161689, Model: v1-5-pruned, Version: v1.6.0"
)
GRAPH = {
    "3": {
        "class_type": "KSampler",
        "inputs": {
            "seed": 156680208700286,
            "steps": 20,
            "cfg": 8,
            "sampler_name": "euler",
            "model": ["4", 0],
            "positive": ["6", 0],
            "negative": ["7", 0],
        },
    },
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd_xl.safetensors"}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a glass bottle", "clip": ["4", 1]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "watermark", "clip": ["4", 1]}},
}
WORKFLOW = {"last_node_id": 9, "nodes": [{"id": 7, "type": "CLIPTextEncode"}], "links": [], "version": 0.4}


def png(packed=False, image=PHOTO, **texts):
    """A PNG with text chunks; two underscores in a name stand for a hyphen."""
    info = PngImagePlugin.PngInfo()
    for key, text in texts.items():
        info.add_text(key.replace("__", "-"), text, zip=packed)
    return encode(image, "PNG", pnginfo=info)


def png_itxt(key, text, packed=False):
    info = PngImagePlugin.PngInfo()
    info.add_itxt(key, text, lang="en", tkey="clé", zip=packed)
    return encode(PHOTO, "PNG", pnginfo=info)


def user_comment(text, code=b"UNICODE\0", encoding="utf-16-be"):
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = code + text.encode(encoding)
    return exif.tobytes()


def exif_of(**fields):
    tags = {"Software": 0x0131, "ImageDescription": 0x010E, "Make": 0x010F, "Model": 0x0110}
    exif = Image.Exif()
    for name, text in fields.items():
        exif[tags[name]] = text
    return exif


def xmp(value, form="attribute", tool=""):
    name = "Iptc4xmpExt:DigitalSourceType"
    attribute = f'{name}="{value}"' if form == "attribute" else ""
    element = {"element": f"<{name}>{value}</{name}>", "resource": f'<{name} rdf:resource="{value}"/>'}
    told = f'xmp:CreatorTool="{tool}"' if tool else ""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        'xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
        f'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" {told} {attribute}>'
        f'{element.get(form, "")}</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def with_xmp(kind, packet):
    if kind == "PNG":
        return png_itxt("XML:com.adobe.xmp", packet.decode())
    if kind == "HEIC":
        buffer = io.BytesIO()
        pillow_heif.from_pillow(PHOTO).save(buffer, xmp=packet)
        return buffer.getvalue()
    if kind == "TIFF":
        return encode(PHOTO, "TIFF", tiffinfo={700: packet})
    if kind == "GIF":
        made = encode(PHOTO.convert("P"), "GIF")
        trailer = b"\1" + bytes(range(255, -1, -1)) + b"\0"
        return made[:-1] + b"!\xff\x0bXMP DataXMP" + packet + trailer + b";"
    return encode(PHOTO, kind, xmp=packet)


def cbor(value):
    """Encode as CBOR (RFC 8949), definite lengths."""
    if isinstance(value, bool) or value is None:
        return {False: b"\xf4", True: b"\xf5", None: b"\xf6"}[value]
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, float):
        return b"\xfb" + struct.pack(">d", value)
    if isinstance(value, bytes | str):
        body = value if isinstance(value, bytes) else value.encode()
        return _head(2 if isinstance(value, bytes) else 3, len(body)) + body
    if isinstance(value, list):
        return _head(4, len(value)) + b"".join(map(cbor, value))
    return _head(5, len(value)) + b"".join(cbor(key) + cbor(each) for key, each in value.items())


def _head(major, number):
    for size, extra in ((1, 24), (2, 25), (4, 26), (8, 27)):
        if number < 24:
            return bytes([major << 5 | number])
        if number < 1 << 8 * size:
            return bytes([major << 5 | extra]) + number.to_bytes(size, "big")
    raise AssertionError(number)


def box(kind, body):
    return struct.pack(">I", len(body) + 8) + kind + body


def superbox(label, *contents):
    description = box(b"jumd", bytes(16) + b"\3" + label.encode() + b"\0")
    return box(b"jumb", description + b"".join(contents))


def manifest_store(*actions, label="c2pa.actions", as_json=False):
    """A manifest store of one manifest that tells these actions; unsigned, which no reader of marks minds."""
    told = {"actions": list(actions)}
    content = box(b"json", json.dumps(told).encode()) if as_json else box(b"cbor", cbor(told))
    thumbnail = superbox(
        "c2pa.thumbnail.claim.jpeg", box(b"bfdb", b"\0image/jpeg\0"), box(b"bidb", bytes(99))
    )
    assertions = superbox("c2pa.assertions", thumbnail, superbox(label, content))
    claim = superbox("c2pa.claim", box(b"cbor", cbor({"claim_generator": "test/1.0"})))
    return superbox("c2pa", superbox("urn:uuid:1", assertions, claim))


def with_c2pa(kind, store):
    plain = encode(PHOTO, kind)
    if kind == "PNG":
        return plain[:33] + chunk(b"caBX", store) + plain[33:]
    if kind == "JPEG":
        return plain[:2] + app11(store) + plain[2:]
    return plain + b"C2PA" + struct.pack("<I", len(store)) + store + b"\0" * (len(store) % 2)


def app11(store, piece=300):
    """Spread a box over segments, each with the box's own head, in a wrong order."""
    head, body = store[:8], store[8:]
    segments = []
    for number, start in enumerate(range(0, len(body), piece), 1):
        payload = b"JP" + b"\0\1" + struct.pack(">I", number) + head + body[start : start + piece]
        segments.append(b"\xff\xeb" + struct.pack(">H", len(payload) + 2) + payload)
    return b"".join(reversed(segments))
