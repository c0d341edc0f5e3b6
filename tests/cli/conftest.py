"""What tests of the command line share; a file whose commands need more has a `bantam` of its own."""

import os
import subprocess

import pytest


@pytest.fixture(scope="module")
def bantam(bantam_binary, bantam_home):
    """bantam("show", MODEL) -> what it printed; with a code other than 0, what it said on stderr."""

    def run(*arguments, code=0, text="", home=bantam_home, cwd=None):
        done = subprocess.run(
            [bantam_binary, *map(str, arguments)],
            env=os.environ | {"BANTAM_HOME": str(home)},
            input=text.encode(),
            capture_output=True,
            timeout=600,
            cwd=cwd,
        )
        assert done.returncode == code, f"{done.returncode}: {done.stderr.decode()}{done.stdout.decode()[:2000]}"
        return (done.stdout if code == 0 else done.stderr).decode()

    return run
