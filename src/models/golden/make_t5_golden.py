#!/usr/bin/env python3
"""Makes a tiny random checkpoint and reference outputs for every form of T5, with the transformers library.

Each folder under t5/ has what save_pretrained writes (config.json and safetensors), or model.gguf as llama.cpp's converter names things, and
reference.safetensors:
  token_ids, cu_seqlens     prompts back to back, as the encoder reads them
  text_ids, text_borders    a text to each, which begins with the decoder's first token
  logits                    [tokens of texts, vocab_size], each prompt alone, computed in f64: in f32 random weights of a T5, whose scores are
                            not divided by anything, magnify rounding to almost 1e-3
  greedy                    [prompts, 64]: how each text goes on after the first token, always by the most probable one

  make_t5_golden.py [NAME ...]      # all of them without a name
"""
import json
import math
import pathlib
import random
import shutil
import sys

import gguf
import numpy as np
import torch
import transformers as t
from safetensors.numpy import save_file

HERE = pathlib.Path(__file__).resolve().parent / "t5"
# Beyond the furthest distance that has a bucket of its own, in both halves.
PROMPTS = [1, 2, 31, 70, 150]
TEXTS = [1, 3, 140, 40, 5]
GREEDY = 64
VOCAB = 99
# Odd sizes on purpose: no width is a multiple of a vector, and the heads together are not as wide as a row.
BASE = dict(vocab_size=VOCAB, d_model=40, d_kv=12, num_heads=3, d_ff=68, num_layers=2, num_decoder_layers=3, decoder_start_token_id=0,
            pad_token_id=0, eos_token_id=1)
# Widths that blocks of 32 divide.
WIDE = dict(d_model=32, d_kv=8, num_heads=4, d_ff=64)

# name: (config, options, model class, how to store it)
MODELS = {
    "t5": (t.T5Config, {}, t.T5ForConditionalGeneration, {}),
    "t5_v1_1": (t.T5Config, dict(feed_forward_proj="gated-gelu", tie_word_embeddings=False), t.T5ForConditionalGeneration, {"dtype": torch.bfloat16}),
    "t5_buckets": (t.T5Config, dict(relative_attention_num_buckets=12, relative_attention_max_distance=20, num_decoder_layers=1, decoder_start_token_id=5,
                                    **WIDE), t.T5ForConditionalGeneration, {"dtype": torch.float16}),
    "mt5": (t.MT5Config, dict(tie_word_embeddings=False, feed_forward_proj="gated-gelu", **WIDE), t.MT5ForConditionalGeneration, {}),
    "t5_gguf": (t.T5Config, dict(WIDE), t.T5ForConditionalGeneration, {"gguf": True}),
    "t5_v1_1_gguf": (t.T5Config, dict(feed_forward_proj="gated-gelu", tie_word_embeddings=False), t.T5ForConditionalGeneration, {"gguf": True}),
}
# Those whose greedy texts are decided by more than rounding.
SEEDS = {"t5": 926, "t5_buckets": 922, "t5_gguf": 924}
LAYERS = {"encoder": {"layer.0.layer_norm": "attn_norm", "layer.0.SelfAttention": "attn", "layer.1.layer_norm": "ffn_norm", "layer.1.DenseReluDense": "ffn"},
          "decoder": {"layer.0.layer_norm": "attn_norm", "layer.0.SelfAttention": "attn", "layer.1.layer_norm": "cross_attn_norm",
                      "layer.1.EncDecAttention": "cross_attn", "layer.2.layer_norm": "ffn_norm", "layer.2.DenseReluDense": "ffn"}}
PARTS = {"wi": "up", "wi_0": "gate", "wi_1": "up", "wo": "down", "relative_attention_bias": "rel_b"}


def gguf_name(name):
    name = name.removesuffix(".weight")
    outside = {"shared": "token_embd", "lm_head": "output", "encoder.final_layer_norm": "enc.output_norm", "decoder.final_layer_norm": "dec.output_norm"}
    if name in outside:
        return outside[name] + ".weight"
    half, _, number, rest = name.split(".", 3)
    for begin, short in LAYERS[half].items():
        if rest == begin:
            return f"{half[:3]}.blk.{number}.{short}.weight"
        if rest.startswith(begin):
            part = rest[len(begin) + 1 :]
            return f"{half[:3]}.blk.{number}.{short}_{PARTS.get(part, part)}.weight"
    raise ValueError(name)


def write_gguf(path, model, config):
    writer = gguf.GGUFWriter(path, "t5")
    writer.add_context_length(512)
    writer.add_embedding_length(config.d_model)
    writer.add_feed_forward_length(config.d_ff)
    writer.add_block_count(config.num_layers)
    writer.add_decoder_block_count(config.num_decoder_layers)
    writer.add_head_count(config.num_heads)
    writer.add_key_length(config.d_kv)
    writer.add_value_length(config.d_kv)
    writer.add_layer_norm_eps(config.layer_norm_epsilon)
    writer.add_relative_attn_buckets_count(config.relative_attention_num_buckets)
    writer.add_layer_norm_rms_eps(config.layer_norm_epsilon)
    writer.add_decoder_start_token_id(config.decoder_start_token_id)
    tied = model.lm_head.weight.data_ptr() == model.shared.weight.data_ptr()
    for name, values in model.state_dict().items():
        if name.endswith("embed_tokens.weight") or (tied and name == "lm_head.weight"):
            continue
        writer.add_tensor(gguf_name(name), values.to(torch.float32).numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def randomise(model):
    with torch.no_grad():
        for key, p in model.named_parameters():
            if "layer_norm" in key:
                p.uniform_(0.5, 1.5)
            elif "relative_attention_bias" in key:
                p.normal_(0, 1)
            else:
                # Scores are not divided by anything: queries are small, as T5's are. Words are small too, or a model whose
                # words make the logits would say the last one again and again.
                p.normal_(0, {"q": 0.1, "shared": 0.2, "lm_head": 0.3}.get(key.split(".")[-2], 0.3))


def greedy(model, ids, start):
    """By whole passes, without a cache: nothing that it could get wrong."""
    text, margin = [start], math.inf
    for _ in range(GREEDY):
        best = model(input_ids=torch.tensor([ids]), decoder_input_ids=torch.tensor([text]), use_cache=False).logits[0, -1].topk(2)
        text.append(int(best.indices[0]))
        margin = min(margin, float(best.values[0] - best.values[1]))
    return text[1:], margin


def make(name, seed):
    config_class, options, model_class, how = MODELS[name]
    torch.manual_seed(seed)
    random.seed(seed)
    config = config_class(**{**BASE, **options})
    untied = options.get("tie_word_embeddings") is False
    model = model_class._from_config(config, attn_implementation="eager").eval()
    if untied:  # the library ties every T5 that it makes
        model.lm_head.weight = torch.nn.Parameter(torch.empty_like(model.shared.weight))
    randomise(model)
    model.to(how.get("dtype", torch.float32)).to(torch.float64)
    start = config.decoder_start_token_id
    prompts = [[random.randrange(3, VOCAB) for _ in range(n - 1)] + [1] for n in PROMPTS]
    texts = [[start] + [random.randrange(3, VOCAB) for _ in range(n - 1)] for n in TEXTS]
    with torch.no_grad():
        logits = [model(input_ids=torch.tensor([ids]), decoder_input_ids=torch.tensor([text]), use_cache=False).logits[0].numpy()
                  for ids, text in zip(prompts, texts)]
        continued, margins = zip(*(greedy(model, ids, start) for ids in prompts))
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if how.get("gguf"):
        write_gguf(folder / "model.gguf", model, config)
    else:
        model.to(how.get("dtype", torch.float32)).save_pretrained(folder)
        (folder / "generation_config.json").unlink(missing_ok=True)
        path = folder / "config.json"
        stored = json.loads(path.read_text())
        stored.pop("transformers_version", None)
        # As published checkpoints have it.
        stored.pop("scale_decoder_outputs", None)
        stored["tie_word_embeddings"] = not untied
        path.write_text(json.dumps(stored, indent=1) + "\n")
    borders = lambda lengths: np.cumsum([0] + lengths).astype(np.int32)
    flat = lambda lists: np.array([i for ids in lists for i in ids], dtype=np.int32)
    save_file({"token_ids": flat(prompts), "cu_seqlens": borders(PROMPTS), "text_ids": flat(texts), "text_borders": borders(TEXTS),
               "logits": np.concatenate(logits).astype(np.float32), "greedy": np.array(continued, dtype=np.int32)}, folder / "reference.safetensors")
    size = sum(f.stat().st_size for f in folder.iterdir())
    print(f"{name}: {size // 1024} KB, logits {np.abs(np.concatenate(logits)).mean():.2f} on average, {[len(set(c)) for c in continued]} tokens "
          f"in the texts, least margin {min(margins):.5f}, scaled {not untied}")


torch.set_num_threads(1)  # the same sums on every machine
t.logging.set_verbosity_error()
t.logging.disable_progress_bar()
for index, model_name in enumerate(MODELS):
    if len(sys.argv) == 1 or model_name in sys.argv[1:]:
        make(model_name, SEEDS.get(model_name, 901 + index))
