"""What was measured, on what: recorded with every result."""

import os
import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path


def first_line(command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return "unknown"


def pinned_elsewhere(bench):
    """What does not live in this environment: the versions as they are pinned."""
    llama = re.search(r"^readonly version=(\S+)", (bench / "llama.sh").read_text(), re.M)
    infinity = re.search(r"^infinity-emb\S*==(\S+)", (bench / "requirements-infinity.txt").read_text(), re.M)
    return {"llama-cpp-python (its llama.cpp)": llama[1], "infinity-emb": infinity[1]}


def describe(repository, binary):
    cpu = [line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    flags = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags")), "").split()
    memory_kb = int(Path("/proc/meminfo").read_text().split()[1])
    wanted = ["numpy", "onnxruntime", "openvino", "nncf", "ctranslate2", "tokenizers", "sentence-transformers", "torch", "transformers", "scikit-learn", "fastapi", "uvicorn", "gguf"]
    installed = {distribution.name for distribution in metadata.distributions()}  # each benchmark has what it needs
    return {
        "cpu": cpu[0] if cpu else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "isa": [flag for flag in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx_vnni", "amx_int8") if flag in flags],
        "memory_gib": round(memory_kb / 2**20, 1),
        "kernel": platform.release(),
        "compiler": first_line(["g++", "--version"]),
        "load_before": os.getloadavg()[0],
        "commit": first_line(["git", "-C", str(repository), "describe", "--always", "--dirty"]),
        "bantam": first_line([str(binary), "--version"]),
        "python": platform.python_version(),
        "packages": {**{name: metadata.version(name) for name in wanted if name in installed}, **pinned_elsewhere(repository / "bench")},
    }
