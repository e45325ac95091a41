"""Pictures pasted from the clipboard, anywhere on the page.

Streamlit has no such widget, so this is a small component without anything to see: it listens to the
document, makes a pasted picture smaller, and hands it over as a JPEG. Pasted words are left alone.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable

import streamlit as st

_SCRIPT = """
const LONGEST = 1024;

async function smaller(file) {
  const picture = await createImageBitmap(file);
  const scale = Math.min(1, LONGEST / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(picture.width * scale));
  canvas.height = Math.max(1, Math.round(picture.height * scale));
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";  // a JPEG has no transparency
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/jpeg", 0.92);
}

export default function ({ setTriggerValue }) {
  const onPaste = async (event) => {
    const clipboard = event.clipboardData;
    if (!clipboard || clipboard.types.includes("text/plain")) return;
    const file = [...clipboard.files].find((each) => each.type.startsWith("image/"));
    if (!file) return;
    event.preventDefault();
    try {
      setTriggerValue("picture", await smaller(file));
    } catch {
      setTriggerValue("picture", "data:,");  // not a picture that this browser can read: told on the page
    }
  };
  document.addEventListener("paste", onPaste);
  document.documentElement.dataset.paste = "heard";  // from now on
  return () => {
    document.removeEventListener("paste", onPaste);
    delete document.documentElement.dataset.paste;
  };
}
"""
_KEY = "paste"
_component = st.components.v2.component("findmake_paste", js=_SCRIPT)


def paste(on_picture: Callable[[bytes], None]) -> None:
    """Listen for pictures.

    Args:
        on_picture: called, as widgets' callbacks are, with the bytes of a JPEG; empty if the browser could
            not read what was pasted.
    """

    def handed_over() -> None:
        url = str(st.session_state[_KEY].get("picture") or "")
        try:
            on_picture(base64.b64decode(url.partition(",")[2], validate=True))
        except binascii.Error:
            on_picture(b"")

    _component(key=_KEY, height=1, on_picture_change=handed_over)
