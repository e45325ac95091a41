"""Starts the page as a process of its own; Streamlit is not imported here."""

from __future__ import annotations

import importlib.util
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from indexer import FindmakeError

from ..settings import Settings
from .port import address_of, listen

_LIGHT = {
    "primaryColor": "#0f766e",
    "backgroundColor": "#fbfbf9",
    "secondaryBackgroundColor": "#f0f1ee",
    "textColor": "#1d2426",
    "borderColor": "#d5d9d5",
    "linkColor": "#0f766e",
}
_DARK = {
    "primaryColor": "#0f8278",
    "backgroundColor": "#14181a",
    "secondaryBackgroundColor": "#1e2427",
    "textColor": "#e8eceb",
    "borderColor": "#3a4347",
    "linkColor": "#5cc9bd",
}
THEME = {
    "theme.baseRadius": "0.6rem",
    "theme.buttonRadius": "0.6rem",
    "theme.showWidgetBorder": True,
    **{f"theme.light.{name}": colour for name, colour in _LIGHT.items()},
    **{f"theme.dark.{name}": colour for name, colour in _DARK.items()},
}
"""Streamlit's options for our look; light or dark follows the browser."""


class PageUnavailable(FindmakeError):
    """Streamlit is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "The page needs Streamlit, which is not installed. Install it with: pip install 'findmake[ui]'"
        )


def run(settings: Settings, *, host: str, port: int, browser: bool, say: Callable[[str], None]) -> int:
    """Serve the page until it is stopped; return its exit code.

    Args:
        settings: handed on to the page by environment variables.
        host: address to listen on; 127.0.0.1 keeps it to this machine.
        port: port to listen on; 0 takes one that is free.
        browser: open a browser window.
        say: told where it listens.

    Raises:
        CannotServe: the port is taken, or the address is not of this machine.
        PageUnavailable: Streamlit is not installed.
    """
    if importlib.util.find_spec("streamlit") is None:
        raise PageUnavailable
    with listen(host, port) as listening:  # Streamlit takes it again; its own words would be a traceback
        address, port = address_of(listening), listening.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(Path(__file__).parents[1] / "app.py")]
    options = {
        "server.address": host,
        "server.port": port,
        "server.headless": not browser,
        "server.showEmailPrompt": False,  # it would be asked at the first start, before serving
        "server.maxUploadSize": 50,  # MB; a query picture, not a collection
        "browser.gatherUsageStats": False,
        "client.toolbarMode": "minimal",
        "logger.hideWelcomeMessage": True,  # with it comes an advertisement, on the page too
        "server.fileWatcherType": "none",  # it would walk all of torch
        **THEME,
    }
    arguments = [f"--{name}={_as_option(value)}" for name, value in options.items()]
    say(f"Serving the page at {address} (stop: Ctrl-C)")
    page = subprocess.Popen([*command, *arguments], env=settings.as_environment())
    signal.signal(signal.SIGTERM, lambda *_: page.terminate())  # else it would go on without us
    try:
        return page.wait()
    except KeyboardInterrupt:  # the page got it too, and ends by itself
        page.wait()
        return 0


def _as_option(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
