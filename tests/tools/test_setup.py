"""tools/setup.sh where there is no apt: it names the packages, installs nothing and stops with 69."""

import os
import shutil
import subprocess

from bantam_process import REPOSITORY


def setup_without_apt(tmp_path, *arguments, **environment):
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("bash", "dirname", "sed", "env"):
        (tools / name).symlink_to(shutil.which(name))
    return subprocess.run(
        [REPOSITORY / "tools" / "setup.sh", *arguments],
        capture_output=True,
        text=True,
        env={"PATH": str(tools), "HOME": os.environ.get("HOME", "/"), **environment},
    )


def test_names_the_packages_and_the_way_on(tmp_path):
    result = setup_without_apt(tmp_path, "run", MAKE_GOAL="build")
    assert result.returncode == 69
    listed = {line.strip() for line in result.stderr.splitlines() if line.startswith("  ")}
    assert {"cmake", "libboost1.81-dev", "libre2-dev"} <= listed
    assert "chromium" not in listed
    assert "make build BANTAM_SKIP_SETUP=1" in result.stderr


def test_can_be_told_that_all_is_there(tmp_path):
    assert setup_without_apt(tmp_path, "test", BANTAM_SKIP_SETUP="1").returncode == 0


def test_unknown_set_is_a_usage_error(tmp_path):
    assert setup_without_apt(tmp_path, "runn").returncode == 64
