"""From the start of a process to its first embedding, and its peak of resident memory. The files are in the page cache; what is measured
is the program."""

import json
import math
import shutil
import tempfile
from pathlib import Path

from contest import BINARY, ENVIRONMENT, LLAMA, MODEL, MODEL_NAME, MODELS, PEERS, PYTHON, commands, fold, label, recorded, run, say, shown

OURS = ("int8", "f32")


def one_start(command, environment):
    """-> {first_embedding_ms, peak_rss_mib}"""
    return json.loads(run([PYTHON, "-S", "bench/one_start.py", *command], env=environment))


def parameters():
    """How many numbers the model has: its bytes, if each were one."""
    with open(MODEL / "model.safetensors", "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return sum(math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__" and "position_ids" not in name)


def part(rounds, only_peers=None):
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        shutil.copytree(MODEL, home / "models" / MODEL_NAME)
        model = home / "models" / MODEL_NAME
        ours = set(json.loads((MODEL / "bantam.json").read_text())["files"]) | {"bantam.json"}

        def unpack():
            """Without Bantam's packed weights, as on the first start ever."""
            for path in [p for p in model.rglob("*") if p.is_file() and str(p.relative_to(model)) not in ours]:
                path.unlink()

        environment = {**ENVIRONMENT, "BANTAM_HOME": folder}
        contestants = []
        for dtype in OURS:
            embed = [BINARY, "embed", "--model", MODEL_NAME, "--dtype", dtype, "--threads", 1]
            contestants.append((f"bantam {dtype}", embed, None))
            contestants.append((f"bantam {dtype}, first start ever", embed, unpack))
        for name, dtype in only_peers or PEERS:
            first = [PYTHON, "bench/peers.py", "embed", name, "--dtype", dtype, "--threads", 1, "--first"]
            if name == "llama.cpp":
                first = [LLAMA / "llama_peer", MODELS / f"llama-{dtype}.gguf", 1, "text"]
            contestants.append((label(name, dtype), first, None))
        samples = {}
        for number in range(-1, rounds):  # the first round warms the page cache
            say(f"start, round {number + 1} of {rounds}")
            for name, command, before in contestants:
                with recorded(f"start: {name}"):
                    if before:
                        before()
                    elif name.startswith("bantam"):
                        one_start(command, environment)  # leaves the packed file
                    result = one_start(command, environment)
                    if number >= 0:
                        samples.setdefault(name, []).append(result)
                    commands.setdefault(f"start: {name}", shown(command))
    rows = []
    for name, found in samples.items():
        memory = fold(found, ["peak_rss_mib"])
        rows.append({"name": name, **fold(found, ["first_embedding_ms"]), "peak_rss_mib": memory["peak_rss_mib"], "memory_rounds": memory["rounds"]})
    return {"rows": rows, "int8_weight_bytes": parameters()}
