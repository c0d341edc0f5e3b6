#!/usr/bin/env python3
"""Writes some checkpoints of decoders/ as GGUF files, decoders/NAME_gguf/, the way llama.cpp's converter does.

What that changes is undone when a file is read: pairs of rotary positions side by side (Llama and its kind), norms plus one
(Gemma), matrices of GPT-2 transposed, GPT-NeoX's queries, keys and values apart, Llama 3's frequencies as a tensor. The
reference is that of the checkpoint, so make_decoder_golden.py comes first.
"""
import json
import math
import pathlib
import shutil

import gguf
import numpy as np
import torch
from safetensors.torch import load_file

HERE = pathlib.Path(__file__).resolve().parent / "decoders"
LLAMA = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
         "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm",
         "post_attention_layernorm": "ffn_norm", "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
         "self_attn.qkv_proj": "attn_qkv", "mlp.gate_up_proj": "ffn_up", "embed_tokens": "token_embd", "norm": "output_norm",
         "lm_head": "output"}
POST = {**LLAMA, "post_attention_layernorm": "post_attention_norm", "pre_feedforward_layernorm": "ffn_norm",
        "post_feedforward_layernorm": "post_ffw_norm"}
PHI = {**LLAMA, "self_attn.dense": "attn_output", "mlp.fc1": "ffn_up", "mlp.fc2": "ffn_down", "final_layernorm": "output_norm"}
NEOX = {"attention.query_key_value": "attn_qkv", "attention.dense": "attn_output", "mlp.dense_h_to_4h": "ffn_up",
        "mlp.dense_4h_to_h": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "embed_in": "token_embd",
        "final_layer_norm": "output_norm", "embed_out": "output"}
GPT2 = {"attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output", "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down", "ln_1": "attn_norm",
        "ln_2": "ffn_norm", "wte": "token_embd", "wpe": "position_embd", "ln_f": "output_norm"}
LFM2 = {"operator_norm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
        "self_attn.q_layernorm": "attn_q_norm", "self_attn.k_layernorm": "attn_k_norm", "self_attn.out_proj": "attn_output",
        "conv.in_proj": "shortconv.in_proj", "conv.conv": "shortconv.conv", "conv.out_proj": "shortconv.out_proj", "ffn_norm": "ffn_norm",
        "feed_forward.w1": "ffn_gate", "feed_forward.w3": "ffn_up", "feed_forward.w2": "ffn_down", "embed_tokens": "token_embd",
        "embedding_norm": "token_embd_norm"}
# checkpoint: (architecture, names, pairs side by side)
FILES = {"llama": ("llama", LLAMA, True), "llama_tied": ("llama", LLAMA, True), "llama_biased": ("llama", LLAMA, True),
         "qwen2": ("qwen2", LLAMA, False), "smollm3": ("smollm3", LLAMA, True), "granite": ("granite", LLAMA, True),
         "gemma2": ("gemma2", POST, False), "olmo2": ("olmo2", POST, False), "phi3": ("phi3", LLAMA, False),
         "stablelm": ("stablelm", LLAMA, False), "phi": ("phi2", PHI, False), "gpt_neox": ("gptneox", NEOX, False),
         "gpt2": ("gpt2", GPT2, False), "phi3_longer": ("phi3", LLAMA, False), "lfm2": ("lfm2", LFM2, False)}


def llama3_factors(rope, dim):
    factors = []
    for i in range(0, dim, 2):
        wave = 2 * math.pi * rope["rope_theta"] ** (i / dim)
        low, high = (rope["original_max_position_embeddings"] / rope[f"{end}_freq_factor"] for end in ("low", "high"))
        if wave < high:
            factors.append(1.0)
        elif wave > low:
            factors.append(rope["factor"])
        else:
            smooth = (rope["original_max_position_embeddings"] / wave - rope["low_freq_factor"]) / (
                rope["high_freq_factor"] - rope["low_freq_factor"])
            factors.append(1 / ((1 - smooth) / rope["factor"] + smooth))
    return np.array(factors, dtype=np.float32)


def write(name, architecture, names, pairs):
    source, folder = HERE / name, HERE / f"{name}_gguf"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    config = json.loads((source / "config.json").read_text())
    tensors = {}
    for file in source.glob("model*.safetensors"):
        tensors.update({key: value.to(torch.float32).numpy() for key, value in load_file(file).items()})
    get = lambda *keys, other=None: next((config[k] for k in keys if config.get(k) is not None), other)
    hidden, heads = get("hidden_size", "n_embd"), get("num_attention_heads", "n_head")
    kv_heads, head = get("num_key_value_heads", other=heads), get("head_dim", other=hidden // heads)
    rope = config.get("rope_parameters") or {"rope_theta": config.get("rope_theta", 10000.0), **(config.get("rope_scaling") or {})}
    rotary = int(head * rope.get("partial_rotary_factor", config.get("partial_rotary_factor", 1.0)))
    writer = gguf.GGUFWriter(folder / "model.gguf", architecture)
    writer.add_context_length(get("max_position_embeddings", "n_positions"))
    writer.add_embedding_length(hidden)
    writer.add_block_count(get("num_hidden_layers", "n_layer"))
    writer.add_feed_forward_length(get("intermediate_size", "n_inner"))
    writer.add_head_count(heads)
    writer.add_head_count_kv([0 if kind == "conv" else kv_heads for kind in config["layer_types"]] if architecture == "lfm2" else kv_heads)
    if "rms_norm_eps" in config or architecture == "lfm2":
        writer.add_layer_norm_rms_eps(get("rms_norm_eps", "norm_eps"))
    else:
        writer.add_layer_norm_eps(get("layer_norm_eps", "layer_norm_epsilon"))
    if "head_dim" in config:
        writer.add_key_length(head)
        writer.add_value_length(head)
    if architecture != "gpt2":
        writer.add_rope_dimension_count(rotary)
        writer.add_rope_freq_base(rope["rope_theta"])
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind in ("linear", "yarn"):
        writer.add_rope_scaling_type(gguf.RopeScalingType(kind))
        writer.add_rope_scaling_factor(rope["factor"])
        if kind == "yarn":
            writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
    elif kind == "longrope":
        original, factor = config["original_max_position_embeddings"], config["max_position_embeddings"] / config["original_max_position_embeddings"]
        writer.add_rope_scaling_orig_ctx_len(original)
        writer.add_rope_scaling_attn_factors(math.sqrt(1 + math.log(factor) / math.log(original)))
        for form in ("long", "short"):
            writer.add_tensor(f"rope_factors_{form}.weight", np.array(rope[f"{form}_factor"], dtype=np.float32))
    elif kind == "llama3":
        writer.add_tensor("rope_freqs.weight", llama3_factors(rope, rotary))
    if architecture in ("gptneox", "stablelm"):
        writer.add_parallel_residual(config["use_parallel_residual"])
    if architecture == "lfm2":
        writer.add_shortconv_l_cache(config["conv_L_cache"])
    if architecture == "gemma2":
        writer.add_attn_logit_softcapping(config["attn_logit_softcapping"])
        writer.add_final_logit_softcapping(config["final_logit_softcapping"])
        writer.add_sliding_window(config["sliding_window"])
    if architecture == "granite":
        writer.add_attention_scale(config["attention_multiplier"])
        writer.add_embedding_scale(config["embedding_multiplier"])
        writer.add_residual_scale(config["residual_multiplier"])
        writer.add_logit_scale(config["logits_scaling"])

    for key, value in tensors.items():
        stem, ending = key.rsplit(".", 1)
        for prefix in ("model.", "gpt_neox.", "transformer."):
            stem = stem.removeprefix(prefix)
        if key.endswith((".attn.bias", ".attn.masked_bias")) and value.ndim == 4:
            continue
        parts = stem.split(".")
        layer, own = (parts[1], ".".join(parts[2:])) if parts[0] in ("layers", "h") else (None, stem)
        if pairs and own in ("self_attn.q_proj", "self_attn.k_proj"):
            count = heads if own.endswith("q_proj") else kv_heads
            value = value.reshape(count, 2, head // 2, *value.shape[1:]).swapaxes(1, 2).reshape(value.shape)
        if architecture == "gemma2" and own.endswith("norm"):
            value = value + 1
        if architecture == "gptneox" and own == "attention.query_key_value":
            value = value.reshape(heads, 3, head, *value.shape[1:]).swapaxes(0, 1).reshape(value.shape)
        if architecture == "gpt2" and ending == "weight" and own.split(".")[-1] in ("c_attn", "c_proj", "c_fc"):
            value = value.T
        if own == "conv.conv" and ending == "weight":
            value = value.squeeze(1)
        name_there = f"blk.{layer}.{names[own]}" if layer else names[own]
        writer.add_tensor(f"{name_there}.{ending}", np.ascontiguousarray(value, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    shutil.copy(source / "reference.safetensors", folder)
    print(f"{name}_gguf: {sum(f.stat().st_size for f in folder.iterdir()) // 1024} KB")


for checkpoint, how in FILES.items():
    write(checkpoint, *how)
