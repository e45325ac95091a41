"""docs/api.md says what there is: every route, every option, every setting; and its example runs."""

import re
from pathlib import Path

from tests.served import serving
from ui import cli, settings

DOCUMENT = (Path(__file__).parents[1] / "docs" / "api.md").read_text(encoding="utf-8")


def test_every_route_and_no_other_is_described(tmp_path):
    with serving(tmp_path) as (_, service):
        from ui.api.app import create_app

        paths = create_app(service).openapi()["paths"]
    there = {f"{method.upper()} {path}" for path, operations in paths.items() for method in operations}
    assert set(re.findall(r"^\| `([A-Z]+ /[^`]*)`", DOCUMENT, re.MULTILINE)) == there


def test_every_field_of_a_search_and_every_option_is_named():
    from ui.api.schemas.search import SearchRequest

    assert [name for name in SearchRequest.model_fields if f"`{name}`" not in DOCUMENT] == []
    serve = cli._parser()._subparsers._group_actions[0].choices["serve"]
    [group] = [group for group in serve._action_groups if group.title == "the API"]
    flags = [action.option_strings[0] for action in group._group_actions]
    assert [flag for flag in flags if flag not in DOCUMENT] == []
    assert settings.API_TOKEN in DOCUMENT


def test_the_python_example_runs(tmp_path, capsys):
    [block] = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
    with serving(tmp_path) as (address, _):
        block = block.replace("http://127.0.0.1:8502", address)
        exec(compile(block.replace("red running shoes", "yellow"), "api.md", "exec"), {})
    assert capsys.readouterr().out.strip() in ("filled", "not convincing")
