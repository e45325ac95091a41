"""schemathesis asks a real server everything that its OpenAPI document allows, and what it does not."""

import subprocess
import sys

import pytest

from tests.served import TOKEN, serving

CONFIG = """\
[generation]
max-examples = 6
deterministic = true

[phases.stateful]
enabled = false

[checks.positive_data_acceptance]
# 400: well formed, but not to be understood, such as the query "-" or the bytes of no picture.
expected-statuses = ["2xx", 304, 400, 401, 403, 404, 409]
"""


@pytest.mark.slow
def test_the_document_is_kept_to(tmp_path):
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    with serving(tmp_path, token=TOKEN, rate=1e6, burst=10**6) as (address, _):
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", "schemathesis.toml", "run"),
            *(f"{address}/openapi.json", "--header", f"Authorization: Bearer {TOKEN}", "--no-color"),
        ]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert "Tested: 23" in done.stdout
    assert "Failures:" not in done.stdout
