"""Client packages for Node, under the Node of this Python environment: tests/clients/node has the versions and a script for each."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from bantam_process import REPOSITORY

SOURCES = REPOSITORY / "tests/clients/node"
FOLDER = REPOSITORY / "build/node-clients"
BINARIES = Path(sys.executable).parent  # of the environment: its node and npm
LOCK = json.loads((SOURCES / "package-lock.json").read_text(encoding="utf-8"))


def version(package):
    return LOCK["packages"][f"node_modules/{package}"]["version"]


def install():
    """Once per content of the lock file: whether npm was through is told by the copy, which is made last."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    done = FOLDER / "installed.json"
    lock = SOURCES / "package-lock.json"
    if not done.is_file() or done.read_bytes() != lock.read_bytes():
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(SOURCES / name, FOLDER)
        result = subprocess.run([BINARIES / "npm", "ci", "--ignore-scripts"], cwd=FOLDER, capture_output=True, text=True)
        assert result.returncode == 0, f"npm could not install tests/clients/node/package-lock.json; check the network and `npm config list`:\n{result.stderr}"
        shutil.copy(lock, done)
    for script in SOURCES.glob("*.mjs"):  # an import looks for packages beside the script and above it
        shutil.copy(script, FOLDER)


def call(script, name, url, request):
    """What the script printed, as JSON."""
    command = [BINARIES / "node", FOLDER / f"{script}.mjs", name, url, json.dumps(request)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)
