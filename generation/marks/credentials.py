"""Content credentials: a signed C2PA manifest that says that a model made a picture.

The packages are an extra; without them everything else works. Nothing is fetched from the network, neither to
sign nor to check; so there is no time stamp of an authority, and a signature counts as long as its
certificate does. Specification: C2PA 2.2, sections 10 to 15.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from io import BytesIO
from typing import Any

from indexer import Generated

from ..errors import BadCredential, CredentialsUnavailable
from .certificates import Credential
from .metadata import SOURCE_TYPE, Form, public_name

_SETTINGS = {
    "version_major": 1,
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    "builder": {"thumbnail": {"enabled": False}},  # the picture itself is in the file
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedCredentials:
    """What a file's manifest says and whether it holds.

    Attributes:
        intact: neither the manifest nor the picture has changed since it was signed.
        trusted: the signer's certificate is on a list of trusted ones; never so for one made here.
        signer: whom the certificate names.
        generated: an action says that a trained model made the picture.
    """

    intact: bool
    trusted: bool
    signer: str
    generated: bool


def sign_image(data: bytes, credential: Credential, *, provenance: Generated, form: Form = "PNG") -> bytes:
    """Add a signed manifest to a picture file.

    Args:
        data: the file, with whatever other marks it has; the signature covers them too.
        credential: what to sign with.
        provenance: how the picture was made; the manifest names the model alone.
        form: kind of the file.

    Returns:
        The bytes of the signed file. They differ from call to call: each manifest has its own identifier.

    Raises:
        CredentialsUnavailable: the extra is not installed.
        BadCredential: the certificate cannot be used to sign, or has expired.
    """
    c2pa = _c2pa()
    action = {
        "action": "c2pa.created",
        "when": provenance.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "digitalSourceType": SOURCE_TYPE,
        "softwareAgent": {"name": "findmake"},
        "description": f"Made by the model {public_name(provenance.model)}",
    }
    manifest = {
        "claim_generator_info": [{"name": "findmake"}],
        "assertions": [{"label": "c2pa.actions", "data": {"actions": [action]}}],
    }
    signed = BytesIO()
    try:
        information = c2pa.C2paSignerInfo(credential.algorithm, credential.certificates, credential.key, None)
        with (
            c2pa.Context.from_dict(_SETTINGS) as context,
            c2pa.Signer.from_info(information) as signer,
            c2pa.Builder(manifest, context=context) as builder,
        ):
            builder.sign(signer, f"image/{form.lower()}", BytesIO(data), signed)
    except c2pa.C2paError as error:
        raise BadCredential("the content credential", str(error)) from error
    return signed.getvalue()


def check_credentials(data: bytes, *, form: Form = "PNG") -> CheckedCredentials | None:
    """Read a file's manifest and check it.

    Args:
        data: the file.
        form: its kind.

    Returns:
        What the manifest says; None if there is none, or none that can be read.

    Raises:
        CredentialsUnavailable: the extra is not installed.
    """
    c2pa = _c2pa()
    try:
        with (
            c2pa.Context.from_dict(_SETTINGS) as context,
            c2pa.Reader(f"image/{form.lower()}", BytesIO(data), context=context) as reader,
        ):
            state = reader.get_validation_state()
            manifest = reader.get_active_manifest() or {}
    except c2pa.C2paError:
        return None
    told = [assertion.get("data", {}).get("actions", []) for assertion in manifest.get("assertions", [])]
    return CheckedCredentials(
        intact=state in ("Valid", "Trusted"),
        trusted=state == "Trusted",
        signer=str(manifest.get("signature_info", {}).get("common_name") or ""),
        generated=any(action.get("digitalSourceType") == SOURCE_TYPE for each in told for action in each),
    )


def _c2pa() -> Any:
    try:
        import c2pa
    except ImportError as error:
        raise CredentialsUnavailable from error
    return c2pa
