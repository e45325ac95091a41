"""Small pictures of a given width."""

from __future__ import annotations

from io import BytesIO

import streamlit as st
from PIL import Image


def show_small(picture: bytes, *, width: int, alt: str) -> None:
    """Draw a picture so many pixels wide; of one so thin that nothing would be left of it, the middle.

    Args:
        picture: the bytes of its file.
        width: in pixels.
        alt: what it shows, for who cannot see it.
    """
    image = Image.open(BytesIO(picture))
    most = width * image.height
    if image.width <= most:
        st.image(picture, width=width, alt=alt)
        return
    left = (image.width - most) // 2
    st.image(image.crop((left, 0, left + most, image.height)), width=width, alt=alt)
