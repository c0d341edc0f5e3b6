"""The same decision from the usual parts: FastAPI, tokenizers, onnxruntime int8 and a scikit-learn head.

Written as its authors would have it run fast: uvicorn with uvloop and httptools, one process, the handler on the event
loop (a hop to a thread pool costs more than it gives at one request at a time). It does what Bantam does for a plain question with
the cache off: checks the request, tokenizes, embeds, applies a head trained on the same examples, compares with a threshold, finds
the nearest examples, appends an audit record with the text's hash, and answers in the same JSON.

    peer_server.py ROUTE_FILE PORT THREADS AUDIT_FILE       (BENCH_MODEL, BENCH_MODELS as for peers.py)
"""

import hashlib
import json
import sys
import time
import uuid
from pathlib import Path

import numpy
import uvicorn
import yaml
from fastapi import FastAPI, HTTPException
from fastapi.responses import Response
from sklearn.linear_model import LogisticRegression
from tokenizers import Tokenizer

from peers import MODEL, OnnxRuntime

route_path, port, threads, audit_path = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
route_file = yaml.safe_load(route_path.read_text())
threshold = (route_file.get("decision") or {}).get("confidence_threshold") or 0.5


def examples(entry):
    found = list(entry.get("utterances") or [])
    if entry.get("examples_file"):
        for line in (route_path.parent / entry["examples_file"]).read_text().splitlines():
            if line.strip():
                value = json.loads(line) if line.lstrip().startswith("{") else line
                found.append(value["text"] if isinstance(value, dict) else value)
    return found


tokenizer = Tokenizer.from_file(str(MODEL / "tokenizer.json"))
tokenizer.enable_truncation(256)
tokenizer.no_padding()
encoder = OnnxRuntime("int8", threads)


def embed(text):
    return encoder.run(encoder.prepare([tokenizer.encode(text).ids]))[0]


pairs = [(text, route["name"]) for route in route_file["routes"] for text in examples(route)]
pairs += [(text, "oos") for text in examples(route_file.get("out_of_scope") or {})]
vectors = numpy.stack([embed(text) for text, _ in pairs]).astype(numpy.float32)
head = LogisticRegression(C=10, max_iter=2000).fit(vectors, [label for _, label in pairs])
labels, weights, bias = head.classes_, head.coef_.astype(numpy.float32), head.intercept_.astype(numpy.float32)
answers = {}
for route in route_file["routes"]:
    action = route.get("action") or {}
    response = (route_file.get("responses") or {}).get(action.get("response"), {})
    answers[route["name"]] = response.get("text", "") if isinstance(response, dict) else str(response)
audit = open(audit_path, "ab", buffering=0)
app = FastAPI()


@app.get("/readyz")
async def ready():
    return {}


@app.post("/v1/chat/completions")
async def chat(body: dict):
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or not isinstance(messages[-1].get("content"), str):
        raise HTTPException(400, "messages must end with a text")
    text = messages[-1]["content"]
    started = time.perf_counter()
    vector = embed(text)
    logits = weights @ vector + bias
    odds = numpy.exp(logits - logits.max())
    odds /= odds.sum()
    best = int(odds.argmax())
    confidence, route = float(odds[best]), str(labels[best])
    similarity = vectors @ vector
    nearest = [{"text": pairs[i][0], "route": pairs[i][1], "similarity": float(similarity[i])}
               for i in numpy.argpartition(-similarity, 3)[:3]]  # fmt: skip
    answered = confidence >= threshold and route != "oos"
    request_id = uuid.uuid4().hex
    record = {"time": time.time(), "id": request_id, "route": route, "confidence": confidence, "threshold": threshold,
              "text_sha256": hashlib.sha256(text.encode()).hexdigest(), "ms": (time.perf_counter() - started) * 1e3}  # fmt: skip
    audit.write(json.dumps(record).encode() + b"\n")
    reply = {
        "id": "chatcmpl-" + request_id, "object": "chat.completion", "created": int(time.time()), "model": route_file["name"],
        "choices": [{"index": 0, "finish_reason": "stop",
                     "message": {"role": "assistant", "content": answers.get(route, "") if answered else "I'm not sure."}}],
        "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
        "bantam": {"route": route if answered else None, "confidence": confidence, "threshold": threshold, "nearest": nearest},
    }  # fmt: skip
    return Response(json.dumps(reply), media_type="application/json")


uvicorn.run(app, host="127.0.0.1", port=port, loop="uvloop", http="httptools", access_log=False, log_level="warning")
