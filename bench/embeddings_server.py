"""`/v1/embeddings` from the usual parts: FastAPI, tokenizers and onnxruntime int8, written as its authors would have it run fast.

    embeddings_server.py PORT THREADS BATCH       (BENCH_MODEL, BENCH_MODELS as for peers.py)

BATCH 1: each request is computed as it comes, on the event loop. Above: whatever waits is computed together, up to BATCH, of like length
and padded; nothing waits for a batch to fill. uvicorn with uvloop and httptools, one process, orjson for the reply.
"""

import asyncio
import sys

import orjson
import uvicorn
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import Response
from tokenizers import Tokenizer

from peers import MAX_TOKENS, MODEL, OnnxRuntime

port, threads, most = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
tokenizer = Tokenizer.from_file(str(MODEL / "tokenizer.json"))
tokenizer.enable_truncation(MAX_TOKENS)
tokenizer.no_padding()
encoder = OnnxRuntime("int8", threads, "-fused")
app = FastAPI()
waiting = asyncio.Queue()


def compute(rows):
    return encoder.run(encoder.prepare(rows))


async def batches():
    loop = asyncio.get_running_loop()
    while True:
        taken = [await waiting.get()]
        while len(taken) < most and not waiting.empty():
            taken.append(waiting.get_nowait())
        taken.sort(key=lambda item: len(item[0]))
        for part in (taken[i : i + 8] for i in range(0, len(taken), 8)):
            # Off the event loop, which reads the next requests meanwhile.
            vectors = await loop.run_in_executor(None, compute, [ids for ids, _ in part])
            for (_, answer), vector in zip(part, vectors):
                if not answer.done():
                    answer.set_result(vector)


async def embed(ids):
    if most == 1:
        return compute([ids])[0]
    answer = asyncio.get_running_loop().create_future()
    waiting.put_nowait((ids, answer))
    return await answer


@app.on_event("startup")
async def start():
    app.state.worker = asyncio.create_task(batches()) if most > 1 else None


@app.get("/health")
async def health():
    return {}


@app.post("/v1/embeddings")
async def embeddings(request: Request):
    body = orjson.loads(await request.body())
    texts = body.get("input")
    texts = [texts] if isinstance(texts, str) else texts
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise HTTPException(400, "input must be a text or a list of texts")
    rows = [tokenizer.encode(text).ids for text in texts]
    vectors = [await embed(ids) for ids in rows] if len(rows) == 1 else await asyncio.gather(*map(embed, rows))
    count = sum(map(len, rows))
    reply = {
        "object": "list", "model": body.get("model"), "usage": {"prompt_tokens": count, "total_tokens": count},
        "data": [{"object": "embedding", "index": i, "embedding": vector} for i, vector in enumerate(vectors)],
    }  # fmt: skip
    return Response(orjson.dumps(reply, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json")


uvicorn.run(app, host="127.0.0.1", port=port, loop="uvloop", http="httptools", access_log=False, log_level="warning")
