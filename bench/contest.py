"""What every part of the benchmark shares: running commands, pinning them, taking turns, folding rounds into one row.

A contestant that fails is recorded with what it said and left out of the rest; the run goes on.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "tests" / "support"))

from bantam_process import BantamProcess, free_port, make_home, real_home  # noqa: E402, F401  the parts take them from here

# Where the tests look for it, too. Set here, so that every part has it and no command is shown with this machine's path.
if (REPOSITORY.parent / "shared" / "data").is_dir():
    os.environ.setdefault("BANTAM_TEST_DATA", str(REPOSITORY.parent / "shared" / "data"))

MODEL_NAME = "all-MiniLM-L6-v2"
MODEL = real_home() / "models" / MODEL_NAME
BUILD = REPOSITORY / "build" / "release"
BINARY = BUILD / "bantam"
MODELS = REPOSITORY / "build" / "bench"
LLAMA = MODELS / "llama" / "bin"
PYTHON = sys.executable
ENVIRONMENT = {**os.environ, "BENCH_MODEL": str(MODEL), "BENCH_MODELS": str(MODELS), "BENCH_LLAMA": str(LLAMA), "HF_HUB_OFFLINE": "1",
               "BANTAM_BINARY": str(BINARY)}  # fmt: skip
os.environ["BANTAM_BINARY"] = str(BINARY)  # which one BantamProcess starts

# In the order of the tables: what runs in 8 bits, then what gives the reference's values. llama.cpp's f16 stands with the second.
PEERS = [("onnxruntime", "int8"), ("openvino", "int8"), ("ctranslate2", "int8"), ("llama.cpp", "q8_0"),
         ("onnxruntime", "f32"), ("openvino", "f32"), ("ctranslate2", "f32"), ("sentence-transformers", "f32"),
         ("llama.cpp", "f32"), ("llama.cpp", "f16")]  # fmt: skip
CLASS_OF = {"int8": "int8", "q8_0": "int8", "f32": "f32", "f16": "f32"}

commands = {}
failures = {}


class Failed(Exception):
    pass


def say(message):
    print(f"bench: {message}", file=sys.stderr, flush=True)


def shown(words):
    """A command as the report prints it: without the paths of this machine."""
    text = " ".join(map(str, words))
    text = text.replace(str(REPOSITORY) + "/", "").replace(str(MODEL.parent), "$MODELS")
    if data := os.environ.get("BANTAM_TEST_DATA"):
        text = text.replace(data, "$BANTAM_TEST_DATA")
    return re.sub(re.escape(tempfile.gettempdir()) + r"/tmp\w+", "$TEMP", text)


def run(command, what=None, timeout=600, **options):
    """-> stdout; Failed with the end of stderr. The first command of each kind is kept for the report."""
    words = [str(word) for word in command]
    if what:
        commands.setdefault(what, shown(words))
    try:
        result = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY, timeout=timeout,
                                env=options.pop("env", ENVIRONMENT), **options)  # fmt: skip
    except subprocess.TimeoutExpired:
        raise Failed(f"{shown(words)}: no end within {timeout} s") from None
    except OSError as error:
        raise Failed(f"{shown(words)}: {error.strerror}") from None
    if result.returncode != 0:
        raise Failed(f"{shown(words)} ended with {result.returncode}: {result.stderr.strip()[-600:]}")
    return result.stdout


def record_failure(who, error):
    text = str(error).replace(str(REPOSITORY) + "/", "").replace(str(Path.home()), "~")
    if who not in failures:
        say(f"FAILED: {who}: {text}")
        failures[who] = text


@contextmanager
def recorded(who):
    """Turns whatever goes wrong inside into a line of the report."""
    try:
        yield
    except (Exception, SystemExit) as error:  # a bug in one part must not cost the others' twenty minutes either
        record_failure(who, error if isinstance(error, Failed) else f"{type(error).__name__}: {error}")


def cores(count):
    """taskset's list of the first `count` cores we may use; every contestant is pinned alike."""
    return ",".join(map(str, sorted(os.sched_getaffinity(0))[:count]))


def pinned_command(threads, command):
    return ["taskset", "-c", cores(threads), *command]


@contextmanager
def pinned(count):
    """Children started within inherit the first `count` cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def turned(items, number):
    """Each round begins with another contestant, so that a slow minute of the machine meets all of them."""
    number %= len(items)
    return items[number:] + items[:number]


def label(name, dtype):
    return f"{name} {dtype}"


def fold(samples, keys):
    """Rounds -> one row: the median of each figure, and of the first figure what each round gave."""
    row = {key: statistics.median(s[key] for s in samples if key in s) for key in keys if any(key in s for s in samples)}
    row["rounds"] = [round(s[keys[0]], 5) for s in samples if keys[0] in s]
    row.update({key: samples[-1][key] for key in ("way", "isa") if key in samples[-1]})
    return row


def lines_of_json(text):
    return [json.loads(line) for line in text.splitlines()]


def peak_kb(pid):
    """Of a process and its children: what each had in memory at its most, added up."""
    total = 0
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
            if pid in (int(fields["Pid"]), int(fields["PPid"])):
                total += int(fields["VmHWM"].split()[0])
        except (OSError, KeyError, ValueError):
            continue  # it ended while we looked, or is the kernel's
    return total
