#!/usr/bin/env python3
"""Makes the BERT checkpoints and reference outputs beside this file with the transformers and sentence-transformers libraries.

  bert/ bert_prefixed/ bert_relu/   tiny random models: config.json, model.safetensors, and reference.safetensors with
                                    token_ids, cu_seqlens, token_type_ids and hidden (the last layer, tokens packed)
  all-MiniLM-L6-v2/                 reference.safetensors alone: token_ids, cu_seqlens and embeddings for texts of the
                                    data sets, 1 to 256 tokens; the weights come from the model store

  make_bert_golden.py                                    # all of them
  make_bert_golden.py --texts 2000 --out FILE            # more texts through the real model, for a check by hand
"""
import argparse
import json
import os
import pathlib
import random

import numpy as np
import torch
from safetensors.numpy import save_file
from sentence_transformers import SentenceTransformer
from transformers import BertConfig, BertForMaskedLM, BertModel

HERE = pathlib.Path(__file__).resolve().parent
DATA = pathlib.Path(os.environ.get("BANTAM_TEST_DATA", HERE.parents[2] / "../shared/data"))
HOME = pathlib.Path(os.environ.get("BANTAM_HOME",
                                   pathlib.Path(os.environ.get("XDG_DATA_HOME", pathlib.Path.home() / ".local/share")) / "bantam"))

# Odd sizes on purpose: no width is a multiple of a vector, and one model has head_dim 12.
TINY = {
    "bert": dict(hidden_size=48, num_attention_heads=4, intermediate_size=100, hidden_act="gelu", layer_norm_eps=1e-12),
    "bert_prefixed": dict(hidden_size=64, num_attention_heads=2, intermediate_size=72, hidden_act="gelu_new",
                          layer_norm_eps=1e-5),
    "bert_relu": dict(hidden_size=34, num_attention_heads=1, intermediate_size=130, hidden_act="relu", layer_norm_eps=1e-3),
}


def reference_hidden(model, sequences, types):
    rows = []
    with torch.no_grad():
        for ids, kinds in zip(sequences, types):
            rows.append(model(input_ids=torch.tensor([ids]), token_type_ids=torch.tensor([kinds])).last_hidden_state[0].numpy())
    return np.concatenate(rows)


def pack(sequences):
    flat = np.array([i for s in sequences for i in s], dtype=np.int32)
    return flat, np.cumsum([0] + [len(s) for s in sequences]).astype(np.int32)


def make_tiny(name, options, seed):
    torch.manual_seed(seed)
    random.seed(seed)
    config = BertConfig(vocab_size=99, num_hidden_layers=2 if name == "bert" else 1, max_position_embeddings=70, type_vocab_size=2,
                        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, **options)
    model = (BertForMaskedLM if name == "bert_prefixed" else BertModel)(config)
    model.eval()
    with torch.no_grad():  # larger than BERT's own start values: attention and activations leave their linear ranges
        for key, p in model.named_parameters():
            if "LayerNorm.weight" in key:
                p.uniform_(0.5, 1.5)
            elif "bias" in key:
                p.normal_(0, 0.3)
            else:
                p.normal_(0, 0.25)
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    state = {k: v.contiguous().numpy() for k, v in model.state_dict().items() if not k.startswith("cls.predictions.decoder")}
    if name == "bert":  # as older versions saved it
        state["embeddings.position_ids"] = np.arange(70, dtype=np.int64)[None, :]
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    keys = ["model_type", "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
            "hidden_act", "layer_norm_eps", "max_position_embeddings", "type_vocab_size"]
    wanted = {k: getattr(config, k) for k in keys}
    (folder / "config.json").write_text(json.dumps(wanted, indent=1) + "\n")
    lengths = [1, 2, 3, 5, 7, 8, 13, 16, 17, 31, 64, 70]
    sequences = [[random.randrange(99) for _ in range(n)] for n in lengths]
    types = [[int(i > n // 2) for i in range(n)] for n in lengths]
    flat, cu_seqlens = pack(sequences)
    hidden = reference_hidden(getattr(model, "bert", model), sequences, types)
    save_file({"token_ids": flat, "cu_seqlens": cu_seqlens, "token_type_ids": pack(types)[0], "hidden": hidden},
              folder / "reference.safetensors")


def mixed_texts(count):
    """A third short requests, a third sentences, a third long passages (joined until 1 to 256 tokens are covered)."""
    rng = random.Random(7)
    short = [json.loads(l)["text"] for l in open(DATA / "intent-clinc150/clinc150_full.jsonl", encoding="utf-8")]
    middle = [json.loads(l)["a"] for l in open(DATA / "sts-benchmark/stsb.jsonl", encoding="utf-8")]
    long = [json.loads(l)["text"] for l in open(DATA / "retrieval-cranfield/corpus.jsonl", encoding="utf-8")]
    texts = ["", "a", "Hello, world!"]
    while len(texts) < count:
        kind = len(texts) % 3
        if kind == 0:
            texts.append(rng.choice(short))
        elif kind == 1:
            texts.append(rng.choice(middle))
        else:
            words = rng.choice(long).split()
            texts.append(" ".join(words[:rng.randrange(1, 300)]) or "empty")
    return texts[:count]


def make_real(count, path):
    model = SentenceTransformer(str(HOME / "models/all-MiniLM-L6-v2"), device="cpu")
    texts = mixed_texts(count)
    embeddings = np.concatenate([model.encode([t], convert_to_numpy=True) for t in texts]).astype(np.float32)
    tokenizer = model.tokenizer
    sequences = [tokenizer(t, truncation=True, max_length=model.max_seq_length)["input_ids"] for t in texts]
    flat, cu_seqlens = pack(sequences)
    path.parent.mkdir(exist_ok=True)
    save_file({"token_ids": flat, "cu_seqlens": cu_seqlens, "embeddings": embeddings}, path)
    print(f"{path.name}: {count} texts, {len(flat)} tokens, lengths {min(map(len, sequences))} to {max(map(len, sequences))}")


parser = argparse.ArgumentParser()
parser.add_argument("--texts", type=int, default=0)
parser.add_argument("--out", type=pathlib.Path)
arguments = parser.parse_args()
torch.set_num_threads(1)  # the same sums on every machine
if arguments.out:
    make_real(arguments.texts, arguments.out)
else:
    for index, (model_name, model_options) in enumerate(TINY.items()):
        make_tiny(model_name, model_options, 11 + index)
    make_real(64, HERE / "all-MiniLM-L6-v2/reference.safetensors")
