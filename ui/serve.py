"""Starts the page as a process of its own; Streamlit is not imported here."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

from indexer.errors import FindmakeError

from .settings import Settings


class PageUnavailable(FindmakeError):
    """Streamlit is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "The page needs Streamlit, which is not installed. Install it with: pip install 'findmake[ui]'"
        )


def run(settings: Settings, *, host: str, port: int, browser: bool) -> int:
    """Serve the page until it is stopped; return its exit code.

    Args:
        settings: handed on to the page by environment variables.
        host: address to listen on; 127.0.0.1 keeps it to this machine.
        port: port to listen on.
        browser: open a browser window.

    Raises:
        PageUnavailable: Streamlit is not installed.
    """
    if importlib.util.find_spec("streamlit") is None:
        raise PageUnavailable
    command = [sys.executable, "-m", "streamlit", "run", str(Path(__file__).with_name("app.py"))]
    options = {
        "server.address": host,
        "server.port": port,
        "server.headless": not browser,
        "server.maxUploadSize": 50,  # MB; a query picture, not a collection
        "browser.gatherUsageStats": False,
        "client.toolbarMode": "minimal",
        "server.fileWatcherType": "none",  # it would walk all of torch
    }
    arguments = [f"--{name}={str(value).lower()}" for name, value in options.items()]
    try:
        return subprocess.call([*command, *arguments], env=settings.as_environment())
    except KeyboardInterrupt:  # the child got it too, and ends by itself
        return 0
