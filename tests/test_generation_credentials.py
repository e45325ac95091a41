"""Content credentials: signed, read back, and told apart from what was changed or is no credential."""

import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from generation.errors import BadCredential, CredentialsUnavailable
from generation.marks.certificates import (
    OWN_FILE,
    Credential,
    load_credential,
    make_credential,
    own_credential,
)
from generation.marks.credentials import check_credentials, sign_image
from generation.marks.metadata import mark_image
from indexer.marks import Mark, find_mark
from indexer.marks.containers import parts_of
from indexer.marks.jumbf import mark_in_c2pa
from tests.image_files import encode, plain_noise
from tests.test_generation_marking import FORMS, MADE

IMAGE = plain_noise(64, 48)


@pytest.fixture(scope="module")
def credential():
    pytest.importorskip("c2pa")
    return make_credential(at=datetime.now(UTC))


@pytest.mark.parametrize("form", FORMS)
def test_a_signed_picture_says_that_a_model_made_it(credential, form):
    marked = mark_image(IMAGE, MADE, form=form)
    signed = sign_image(marked, credential, provenance=MADE, form=form)
    checked = check_credentials(signed, form=form)
    assert (checked.intact, checked.trusted, checked.generated) == (True, False, True)
    assert checked.signer == "findmake"
    assert mark_in_c2pa(parts_of(signed).c2pa) == Mark(name="C2PA", model="findmake")
    assert find_mark(signed) == find_mark(marked)  # the other marks are still there
    bare = sign_image(encode(IMAGE, form), credential, provenance=MADE, form=form)
    assert find_mark(bare) == Mark(name="C2PA", model="findmake")


def test_a_picture_that_was_changed_is_no_longer_intact(credential):
    signed = bytearray(sign_image(encode(IMAGE), credential, provenance=MADE))
    signed[-40] ^= 1
    assert check_credentials(bytes(signed)).intact is False


@pytest.mark.parametrize("data", [encode(IMAGE), b"", b"no picture"])
def test_a_file_without_credentials_has_none(credential, data):
    assert check_credentials(data) is None


def test_words_and_folders_are_not_in_the_manifest(credential):
    made = replace(MADE, model="/home/anna/models/tiny")
    signed = sign_image(encode(IMAGE), credential, provenance=made)
    assert b"tiny" in signed
    for secret in (b"anna", b"grandmother", b"a chair like hers"):
        assert secret not in signed


def test_the_own_credential_is_made_once_and_for_its_owner_alone(tmp_path, credential):
    first = own_credential(tmp_path / "new")
    assert own_credential(tmp_path / "new") == first
    assert (tmp_path / "new" / OWN_FILE).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "new").iterdir()] == [OWN_FILE]
    assert check_credentials(sign_image(encode(IMAGE), first, provenance=MADE)).intact
    assert "PRIVATE" not in repr(first)


@pytest.mark.parametrize("kind", ["p384", "rsa", "ed25519"])
def test_a_certificate_of_an_authority_signs_too(credential, kind, tmp_path):
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    from generation.marks import certificates

    now = datetime.now(UTC)
    authority = ec.generate_private_key(ec.SECP256R1())
    private = {
        "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "rsa": lambda: rsa.generate_private_key(65537, 2048),
        "ed25519": ed25519.Ed25519PrivateKey.generate,
    }[kind]()
    chain = [certificates._certificate("a shop", private, authority, at=now)]
    chain.append(certificates._certificate(certificates._ISSUER, authority, authority, at=now))
    made = certificates._credential(chain, private, "")
    (tmp_path / "chain.pem").write_bytes(made.certificates)
    (tmp_path / "key.pem").write_bytes(made.key)
    loaded = load_credential(tmp_path / "chain.pem", tmp_path / "key.pem")
    checked = check_credentials(sign_image(encode(IMAGE), loaded, provenance=MADE))
    assert (checked.intact, checked.signer) == (True, "a shop")


def test_what_cannot_sign_is_refused_with_its_reason(credential, tmp_path):
    good, other = tmp_path / "good.pem", tmp_path / "other.pem"
    good.write_bytes(credential.certificates)
    other.write_bytes(make_credential(at=datetime.now(UTC)).key)
    key = tmp_path / "key.pem"
    key.write_bytes(credential.key)
    (tmp_path / "words.pem").write_text("hello")
    for certificates, private, reason in [
        (tmp_path / "none.pem", key, "No such file"),
        (tmp_path / "words.pem", key, "no certificate"),
        (good, tmp_path / "words.pem", "no private key"),
        (good, other, "does not belong"),
    ]:
        with pytest.raises(BadCredential, match=reason) as caught:
            load_credential(certificates, private)
        assert caught.value.where in (str(certificates), str(private))
    with pytest.raises(BadCredential):
        own_credential(good / "below a file")


def test_an_expired_or_broken_certificate_does_not_sign(credential):
    old = make_credential(at=datetime.now(UTC) - timedelta(days=9_000))
    with pytest.raises(BadCredential, match="not valid at time"):
        sign_image(encode(IMAGE), old, provenance=MADE)
    broken = Credential(certificates=b"hello", key=credential.key, algorithm="es256")
    with pytest.raises(BadCredential):
        sign_image(encode(IMAGE), broken, provenance=MADE)


@pytest.mark.parametrize("package", ["c2pa", "cryptography"])
def test_without_the_extra_a_sentence_says_how_to_get_it(monkeypatch, package, tmp_path):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(CredentialsUnavailable, match=r"findmake\[credentials\]"):
        sign_image(encode(IMAGE), own_credential(tmp_path), provenance=MADE)
