"""Runs the real `bantam-grpc` in front of a server."""

import re
import signal
import subprocess

import pytest

from bantam_process import find_binary


def find_gateway():
    """Beside `bantam`, where gRPC's packages were there when that was built, for no sanitizer. Missing, it is a skip that says so."""
    path = find_binary().with_name("bantam-grpc")
    if not path.is_file():
        pytest.skip(f"no {path}: it is built where libgrpc++-dev, protobuf-compiler and protobuf-compiler-grpc are installed")
    return path


class GatewayProcess:
    """One `bantam-grpc`: `.address`. Port 0 is one of the system's choice."""

    def __init__(self, url, *arguments, host="127.0.0.1", port=0):
        command = [find_gateway(), "--server", url, "--listen", f"{host}:{port}", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        line = self.process.stdout.readline()
        found = re.search(r"\(port (\d+)\)", line)
        if not found:
            raise RuntimeError(line + self.process.communicate()[0])
        self.address = f"{host}:{found[1]}"

    def stop(self, within_s=20):
        """SIGTERM -> the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(within_s)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
