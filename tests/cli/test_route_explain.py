"""bantam route explain, where there is nothing to explain."""

import subprocess

import pytest

from bantam_process import REPOSITORY

HELPDESK = REPOSITORY / "examples/helpdesk/bantam.yaml"


@pytest.mark.parametrize("text", ["", "  ", "\u0301"])
def test_a_text_that_holds_nothing_is_an_error(bantam_binary, text):
    done = subprocess.run([bantam_binary, "route", "explain", "-c", HELPDESK, text], capture_output=True, text=True)
    assert done.returncode == 64 and done.stdout == ""
    assert "text 1 holds nothing to explain; write" in done.stderr
