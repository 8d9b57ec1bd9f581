from __future__ import annotations

import subprocess
import sys

import pytest

from tui.serve import is_ours


@pytest.mark.parametrize("origin", ["http://localhost:8000", "http://127.0.0.1:8000", "http://[::1]:8000"])
def test_the_page_that_was_served_may_connect(origin: str) -> None:
    assert is_ours(origin, 8000)


@pytest.mark.parametrize(
    "origin",
    ["", "null", "http://example.org", "http://localhost:8001", "http://localhost:8000.example.org",
     "http://example.org/http://localhost:8000", "https://localhost:8000"],
)  # fmt: skip
def test_no_other_page_may(origin: str) -> None:
    assert not is_ours(origin, 8000)


def test_without_its_library_it_says_what_to_install() -> None:
    code = "import sys; sys.modules['textual_serve'] = None; from tui.__main__ import main; sys.exit(main(['--serve']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and 'pip install -e ".[serve]"' in done.stderr
