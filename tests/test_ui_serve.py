"""Starting the page as a stranger does, for the first time and with nobody at the keyboard."""

import socket

import pytest

from tests.browser import IN_BROWSER, serving, settle
from ui import cli


@pytest.fixture
def newcomer(tmp_path):
    """The home of somebody who has never started Streamlit, and who writes programs with an agent."""
    (tmp_path / "home" / ".claude").mkdir(parents=True)
    return tmp_path / "home"


def test_the_first_start_asks_nothing_and_answers(tmp_path, newcomer):
    """Streamlit would ask for a mail address before it serves anything."""
    with serving(tmp_path / "c", tmp_path / "log", home=newcomer) as address:
        pass
    told = (tmp_path / "log").read_text()
    assert told.startswith(f"Serving the page at {address} (stop: Ctrl-C)\n")
    assert "streamlit" not in told.lower()


class TestInABrowser:
    """What the newcomer sees."""

    pytestmark = IN_BROWSER

    def test_nothing_but_the_page_is_shown(self, tmp_path, newcomer, browser):
        """Streamlit would lay a box over it that recommends its own skills for agents."""
        with serving(tmp_path / "c", tmp_path / "log", home=newcomer) as address:
            page = browser.new_page()
            page.goto(address)
            settle(page)
            page.screenshot(path=tmp_path / "first.png")
            assert page.locator("[data-testid=stSkillsNudge]").count() == 0
            page.close()


@pytest.mark.parametrize(
    "arguments", [["--port", "99999"], ["--host", "192.0.2.1"], ["--host", "no.such.host."]]
)
def test_a_place_that_cannot_be_had_is_refused_in_a_sentence(arguments, tmp_path, capsys):
    assert cli.main(["serve", *arguments, "--collection", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    assert told.startswith(f"findmake: Cannot serve at {arguments[1] if '--host' in arguments else 'port'}")
    assert told.count("\n") == 1


def test_a_port_that_is_taken_is_refused_in_a_sentence(tmp_path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert cli.main(["serve", "--port", str(port), "--collection", str(tmp_path)]) == 1
    expected = (
        f"findmake: Cannot serve at 127.0.0.1 port {port}: Address already in use. "
        "Give another --port, or another --host.\n"
    )
    assert capsys.readouterr().err == expected
