"""What it costs to hold a text to a JSON Schema: the trained model's free text beside one long JSON string and a form, on one server that drafts nothing."""

import http.client
import json
import statistics
import tempfile
import time
from pathlib import Path

from contest import REPOSITORY, Failed, commands, real_home, say, turned
from generate_http import Server
from report import rate, table

TOKENS, ROUNDS = 192, 12
LABEL = "held to a schema"
STRING = {"type": "object", "properties": {"text": {"type": "string", "minLength": 4 * TOKENS}}, "required": ["text"]}
FORM = json.loads((REPOSITORY / "bench" / "person.json").read_text())
MESSAGES = {"free text": "Write a long story about a lighthouse keeper.", "one string": "Write a long story about a lighthouse keeper.",
            "a form": "Write down everything about a customer: name, age, address."}  # fmt: skip


def anew(schema, number):
    """A schema that no request had, though it means the same."""
    return {**schema, "title": f"{number}"}


def write(server, message, schema, seed):
    """-> tokens a second from the first event with text to the last, tokens"""
    body = {"model": server.path.stem, "messages": [{"role": "user", "content": message}], "max_tokens": TOKENS, "temperature": 0.8, "seed": seed,
            "ignore_eos": schema is None, "stream": True, "stream_options": {"include_usage": True}}  # fmt: skip
    if schema is not None:
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "held", "schema": schema}}
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)
    connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
    reply = connection.getresponse()
    if reply.status != 200:
        raise Failed(f"{server.name}: {reply.status} {reply.read()[:300]!r}")
    times, tokens = [], 0
    for line in reply:
        if not line.startswith(b"data: {"):
            continue
        event = json.loads(line[6:])
        if any(choice["delta"].get("content") for choice in event["choices"]):
            times.append(time.perf_counter())
        tokens = (event.get("usage") or {}).get("completion_tokens", tokens)
    connection.close()
    if len(times) < 2 or tokens < 2:
        raise Failed(f"{server.name} wrote {tokens} tokens in {len(times)} events")
    return (tokens - 1) / (times[-1] - times[0]), tokens


def measure():
    """-> {kind: {"rate": [of each round], "tokens": […]}}"""
    path = next((real_home() / "models" / "smollm2").glob("*.gguf"), None)
    if path is None:
        raise Failed("the store has no smollm2: run make run once")
    schemas = {"free text": None, "one string": STRING, "a form": FORM}
    found = {f"{kind}, {turn}" if schema else kind: {"rate": [], "tokens": []} for kind, schema in schemas.items() for turn in ("first", "later")}
    say(LABEL)
    with tempfile.TemporaryDirectory() as home, Server("bantam", path, Path(home), ["--speculate", "off"], LABEL) as server:
        write(server, MESSAGES["a form"], FORM, 0)  # the table of the vocabulary's tokens, once a process
        for number in range(ROUNDS):
            for name in turned(list(found), number):
                kind, _, turn = name.partition(", ")
                schema = anew(schemas[kind], number) if turn == "first" else schemas[kind]
                speed, tokens = write(server, MESSAGES[kind], schema, number + 1)
                found[name]["rate"].append(speed)
                found[name]["tokens"].append(tokens)
    return found


def page(found):
    free = found["free text"]["rate"]
    rows = [[name, f"{statistics.median(row['tokens']):.0f}", rate(statistics.median(row["rate"])),
             f"{statistics.median(a / b for a, b in zip(row['rate'], free)):.3f}"] for name, row in found.items()]  # fmt: skip
    return [
        "## Held to a JSON Schema\n",
        f"SmolLM2-135M-Instruct (Q4_1) over HTTP, one text at a time, 2 threads, nothing drafted: free text, one long JSON string (`minLength` {4 * TOKENS}), and a form"
        " (`bench/person.json`), whose names and punctuation are put in without asking the model. First: a schema that no request had before; later: one that had."
        f" Medians of {ROUNDS} texts of at most {TOKENS} tokens each, in turn; the ratio is the median of the rounds'.\n",
        table(["text", "tokens", "tokens/s", "of free text"], rows),
        f"```\n{LABEL}: {commands[f'{LABEL}: bantam']}\n```\n",
    ]
