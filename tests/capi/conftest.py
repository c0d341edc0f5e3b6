"""The installed package, in prefixes of its own."""

import re
import subprocess
from pathlib import Path

import pytest

from bantam_process import REPOSITORY, real_home


def cached(build, variable):
    match = re.search(rf"^{variable}:\w+=(.*)$", (build / "CMakeCache.txt").read_text(encoding="utf-8"), re.MULTILINE)
    return match[1] if match else ""


@pytest.fixture(scope="session")
def build_folder(bantam_binary):
    folder = Path(bantam_binary).parent
    if cached(folder, "BANTAM_SANITIZE"):
        pytest.skip("the sanitizers' libraries would have to come first in every program that loads libbantam")
    for name in ("libbantam.so", "libbantam.a"):
        assert (folder / name).is_file(), f"{folder} has no {name}: tools/build.sh {folder.name} bantam_package"
    return folder


@pytest.fixture(scope="session")
def install(build_folder, tmp_path_factory):
    """install("shared", "headers") -> a prefix with these components and nothing else."""

    def run(*components):
        prefix = tmp_path_factory.mktemp("prefix") / "opt bantam"  # a space: nothing may trip over it
        for component in components:
            subprocess.run(["cmake", "--install", build_folder, "--prefix", prefix, "--component", component],
                           check=True, stdout=subprocess.DEVNULL)  # fmt: skip
        return prefix

    return run


@pytest.fixture(scope="session")
def shared_prefix(install):
    return install("shared", "headers")


@pytest.fixture(scope="session")
def static_prefix(install):
    return install("static", "headers")


@pytest.fixture(scope="session")
def model_folder():
    folder = real_home() / "models" / "all-MiniLM-L6-v2"
    assert folder.is_dir(), f"the default model is not in {folder.parent}; fetch it with: make setup"
    return folder


@pytest.fixture(scope="session")
def examples():
    return REPOSITORY / "examples" / "embedded"
