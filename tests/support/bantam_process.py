"""Runs the real `bantam` binary for a test: its own port, its own state, the real model store."""

import os
import signal
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def find_binary():
    """BANTAM_BINARY if set, else the build that `make test` names, else whichever is there."""
    named = os.environ.get("BANTAM_BINARY")
    candidates = [Path(named)] if named else [REPOSITORY / f"build/{p}/bantam" for p in ("dev", "release")]
    for path in candidates:
        if path.is_file():
            return path.resolve()
    tried = ", ".join(str(p) for p in candidates)
    raise FileNotFoundError(f"no bantam binary at {tried}; build one with: make build")


def real_home():
    home = os.environ.get("BANTAM_HOME")
    if home:
        return Path(home).absolute()
    data = os.environ.get("XDG_DATA_HOME") or os.path.join(os.path.expanduser("~"), ".local/share")
    return Path(data) / "bantam"


def make_home(folder):
    """A BANTAM_HOME whose models are the real store's and whose state is empty."""
    models = real_home() / "models"
    if not (models / "all-MiniLM-L6-v2" / "model.safetensors").is_file():
        raise FileNotFoundError(f"the default model is not in {models}; fetch it with: make setup")
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / "models"
    if not link.exists():
        link.symlink_to(models)
    return folder


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class BantamProcess:
    """One `bantam serve`. Stop it, or kill it to see what survives; `start` runs it again on the same state."""

    def __init__(self, home, arguments, environment=None, cwd=REPOSITORY):
        self.home = Path(home)
        self.arguments = [str(a) for a in arguments]
        self.environment = environment or {}
        self.cwd = cwd
        self.port = free_port()
        self.tls = ssl.create_default_context() if "--tls-cert" in self.arguments else None
        if self.tls is not None:  # whose certificate it is, is the tests' own matter
            self.tls.check_hostname, self.tls.verify_mode = False, ssl.CERT_NONE
        self.url = f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"
        self.log_path = self.home / "serve.log"
        self.process = None

    def start(self, ready_within_s=180):
        command = [str(find_binary()), "serve", *self.arguments, "--port", str(self.port)]
        environment = {**os.environ, "BANTAM_HOME": str(self.home), **self.environment}
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=self.cwd)
        deadline = time.monotonic() + ready_within_s
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"bantam stopped with {self.process.returncode} before it was ready:\n{self.log()}")
            try:
                with urllib.request.urlopen(self.url + "/readyz", timeout=5, context=self.tls) as reply:
                    if reply.status == 200:
                        return self
            except (urllib.error.URLError, OSError):
                pass
            time.sleep(0.02)
        self.kill()
        raise RuntimeError(f"bantam was not ready within {ready_within_s} s:\n{self.log()}")

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def stop(self, within_s=30):
        """SIGTERM, as a service manager does; -> the exit status."""
        if self.process is None:
            return None
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise RuntimeError(f"bantam did not stop within {within_s} s of SIGTERM:\n{self.log()}") from None

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.kill()
