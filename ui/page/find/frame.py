"""A picture in which a person drags a frame around the part that counts.

Streamlit has no such widget, so this is a small component: the picture, a frame over it, and a pointer (a
mouse, a finger or a pen) that draws another one. The sliders below it do the same by keyboard.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import streamlit as st

from ui.page.model.regions import Borders

_HTML = '<div class="stage"><img draggable="false" /><div class="frame"></div></div>'
_STYLE = """
.stage {
  position: relative; overflow: hidden; border-radius: 8px; width: fit-content; line-height: 0;
  cursor: crosshair; touch-action: none; user-select: none;
}
img { max-width: 100%; max-height: 420px; }
.frame {
  position: absolute; border: 3px solid #0f766e; box-sizing: border-box;
  box-shadow: 0 0 0 2000px rgba(255, 255, 255, 0.65);
}
.frame[hidden] { display: none; }
"""
_SCRIPT = """
const LEAST = 2;  // per cent: what is smaller was a click

export default function ({ data, parentElement, setTriggerValue }) {
  const stage = parentElement.querySelector(".stage");
  const picture = parentElement.querySelector("img");
  const frame = parentElement.querySelector(".frame");
  picture.src = data.picture;
  picture.alt = data.alt;
  let start = null, shown = data.borders;

  const show = () => {
    frame.hidden = !shown;
    if (!shown) return;
    const [left, right, upper, lower] = shown;
    Object.assign(frame.style, {
      left: `${left}%`, width: `${right - left}%`, top: `${upper}%`, height: `${lower - upper}%`,
    });
  };
  const place = (event) => {
    const box = stage.getBoundingClientRect();
    const share = (at, from, size) => Math.min(Math.max((100 * (at - from)) / size, 0), 100);
    return [share(event.clientX, box.left, box.width), share(event.clientY, box.top, box.height)];
  };
  stage.onpointerdown = (event) => {
    if (event.button !== 0) return;
    stage.setPointerCapture(event.pointerId);
    start = place(event);
  };
  stage.onpointermove = (event) => {
    if (!start) return;
    const [x, y] = place(event);
    shown = [Math.min(start[0], x), Math.max(start[0], x), Math.min(start[1], y), Math.max(start[1], y)];
    show();
  };
  const end = (keep) => () => {
    if (!start) return;
    start = null;
    if (keep && shown && shown[1] - shown[0] > LEAST && shown[3] - shown[2] > LEAST) {
      setTriggerValue("borders", shown);
    } else {
      shown = data.borders;
      show();
    }
  };
  stage.onpointerup = end(true);
  stage.onpointercancel = end(false);
  show();
}
"""
_KEY = "framing"
_component = st.components.v2.component("findmake_framing", html=_HTML, css=_STYLE, js=_SCRIPT)


def frame(webp: bytes, borders: Borders | None, *, alt: str, on_frame: Callable[[Borders], None]) -> None:
    """Show a picture to drag a frame in.

    Args:
        webp: the picture, not marked.
        borders: of the frame that is there; None for none.
        alt: what the picture is, in words.
        on_frame: called, as widgets' callbacks are, with the borders of a new frame.
    """

    def dragged() -> None:
        found: Any = st.session_state[_KEY].get("borders")
        try:
            left, right, upper, lower = map(float, found)
        except (TypeError, ValueError):  # whatever a browser sends
            return
        on_frame(((left, right), (upper, lower)))

    told = {
        "picture": f"data:image/webp;base64,{base64.b64encode(webp).decode()}",
        "alt": alt,
        "borders": None if borders is None else [*borders[0], *borders[1]],
    }
    _component(key=_KEY, data=told, on_borders_change=dragged)
