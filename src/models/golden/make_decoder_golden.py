#!/usr/bin/env python3
"""Makes a tiny random checkpoint and reference outputs for every architecture that generates text, with the transformers library.

Each folder under decoders/ has what save_pretrained writes (config.json and safetensors) and reference.safetensors:
  token_ids, cu_seqlens   sequences back to back
  logits                  [tokens, vocab_size] in f32 from the stored weights, each sequence alone
  greedy                  [sequences, 64]: how each sequence goes on, always by the most probable token

  make_decoder_golden.py [NAME ...]      # all of them without a name
"""
import json
import pathlib
import random
import shutil
import sys

import numpy as np
import torch
import transformers as t
from safetensors.numpy import save_file

HERE = pathlib.Path(__file__).resolve().parent / "decoders"
LENGTHS = [1, 2, 5, 31, 66]
GREEDY = 64
VOCAB = 99
# Odd sizes on purpose: no width is a multiple of a vector.
BASE = dict(vocab_size=VOCAB, hidden_size=40, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
            intermediate_size=68, max_position_embeddings=160, bos_token_id=1, eos_token_id=2, pad_token_id=0)


def base(**options):
    return {**BASE, **options}


def neox(**options):
    return {key: value for key, value in base(**options).items() if key != "num_key_value_heads"}


def rope(theta=10000.0, **more):
    return {"rope_type": "default", "rope_theta": theta, **more}


LLAMA3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32)
YARN = dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=40)
OLD_ROPE = {"rope_parameters": None, "rope_theta": 500000.0, "rope_scaling": {"type": "linear", "factor": 2.0}}

# name: (config, options, model class, how to store it). `replace` lists keys of config.json as deployed checkpoints still
# have them (None takes a key out).
MODELS = {
    "llama": (t.LlamaConfig, base(), t.LlamaForCausalLM, {}),
    # Widths that blocks of 32 divide: such a checkpoint can be computed in GGUF's block formats.
    "llama_wide": (t.LlamaConfig, base(hidden_size=64, intermediate_size=96, tie_word_embeddings=True), t.LlamaForCausalLM, {}),
    "qwen2_wide": (t.Qwen2Config, base(hidden_size=64, intermediate_size=96), t.Qwen2ForCausalLM, {"dtype": torch.float16}),
    "llama_tied": (t.LlamaConfig, base(tie_word_embeddings=True, num_key_value_heads=1, head_dim=12, rope_parameters=rope(500000.0, **LLAMA3)),
                   t.LlamaForCausalLM, {"dtype": torch.bfloat16, "shard": "20KB"}),
    "llama_biased": (t.LlamaConfig, base(attention_bias=True, mlp_bias=True, num_key_value_heads=4,
                                         rope_parameters=rope(500000.0, rope_type="linear", factor=2.0)),
                     t.LlamaForCausalLM, {"dtype": torch.float16, "replace": OLD_ROPE}),
    "mistral": (t.MistralConfig, base(sliding_window=17, head_dim=16), t.MistralForCausalLM, {}),
    "qwen2": (t.Qwen2Config, base(tie_word_embeddings=True, rope_parameters=rope(1000000.0, **YARN)), t.Qwen2ForCausalLM,
              {"dtype": torch.bfloat16}),
    "qwen2_window": (t.Qwen2Config, base(use_sliding_window=True, sliding_window=9, max_window_layers=1, num_hidden_layers=3),
                     t.Qwen2ForCausalLM, {}),
    "qwen3": (t.Qwen3Config, base(head_dim=20, rope_parameters=rope(1000000.0)), t.Qwen3ForCausalLM, {"dtype": torch.bfloat16}),
    "smollm3": (t.SmolLM3Config, base(num_hidden_layers=5, tie_word_embeddings=True), t.SmolLM3ForCausalLM, {}),
    "gemma": (t.GemmaConfig, base(head_dim=16, num_key_value_heads=1), t.GemmaForCausalLM, {"words": 0.02}),
    "gemma2": (t.Gemma2Config, base(head_dim=16, sliding_window=13, query_pre_attn_scalar=16, attn_logit_softcapping=5.0,
                                    final_logit_softcapping=4.0), t.Gemma2ForCausalLM, {"words": 0.02}),
    "gemma3": (t.Gemma3TextConfig, base(head_dim=16, sliding_window=13, query_pre_attn_scalar=24, num_hidden_layers=3,
                                        layer_types=["sliding_attention", "full_attention", "sliding_attention"]), t.Gemma3ForCausalLM, {"words": 0.02}),
    "phi3": (t.Phi3Config, base(rope_parameters=rope(partial_rotary_factor=0.6)), t.Phi3ForCausalLM, {}),
    "phi3_long": (t.Phi3Config, base(original_max_position_embeddings=140, max_position_embeddings=560,
                                     rope_parameters=rope(rope_type="longrope", short_factor=[1.0, 1.1, 1.3, 1.7, 2.5],
                                                          long_factor=[1.0, 2.0, 4.0, 6.0, 8.0])),
                  t.Phi3ForCausalLM, {}),
    "olmo2": (t.Olmo2Config, base(), t.Olmo2ForCausalLM, {}),
    "stablelm": (t.StableLmConfig, base(use_qkv_bias=True, rope_parameters=rope(partial_rotary_factor=0.4)), t.StableLmForCausalLM, {}),
    "stablelm_parallel": (t.StableLmConfig, base(use_parallel_residual=True, rope_parameters=rope(partial_rotary_factor=0.4)),
                          t.StableLmForCausalLM, {"dtype": torch.float16}),
    "phi": (t.PhiConfig, base(rope_parameters=rope(partial_rotary_factor=0.4), resid_pdrop=0.0, embd_pdrop=0.0), t.PhiForCausalLM, {}),
    "gpt2": (t.GPT2Config, dict(vocab_size=VOCAB, n_positions=130, n_embd=40, n_layer=2, n_head=4, n_inner=68, bos_token_id=1, eos_token_id=2,
                                pad_token_id=0), t.GPT2LMHeadModel, {}),
    "gpt_neox": (t.GPTNeoXConfig, neox(rope_parameters=rope(partial_rotary_factor=0.4)), t.GPTNeoXForCausalLM, {}),
    "gpt_neox_serial": (t.GPTNeoXConfig, neox(use_parallel_residual=False, rope_parameters=rope(partial_rotary_factor=1.0)),
                        t.GPTNeoXForCausalLM, {"dtype": torch.bfloat16, "replace": {"rope_parameters": None, "rotary_pct": 1.0,
                                                                                    "rotary_emb_base": 10000}}),
    "granite": (t.GraniteConfig, base(embedding_multiplier=3.0, residual_multiplier=0.4, attention_multiplier=0.2, logits_scaling=1.5,
                                      tie_word_embeddings=True), t.GraniteForCausalLM, {"dtype": torch.float16, "words": 0.03}),
    # New ones at the end: a checkpoint's place is its seed. Texts cross the original length, and begin beyond it.
    "phi3_longer": (t.Phi3Config, base(original_max_position_embeddings=40, rope_parameters=rope(
        rope_type="longrope", short_factor=[1.0, 1.1, 1.3, 1.7, 2.5], long_factor=[1.2, 2.0, 4.0, 6.0, 8.0])), t.Phi3ForCausalLM, {}),
    "lfm2": (t.Lfm2Config, base(num_hidden_layers=4, layer_types=["conv", "conv", "full_attention", "conv"], block_auto_adjust_ff_dim=False),
             t.Lfm2ForCausalLM, {}),
    # As its first checkpoints say it. A convolution's inputs take one and a half layers of such a cache.
    "lfm2_adjusted": (t.Lfm2Config, base(hidden_size=96, num_attention_heads=3, num_key_value_heads=1, intermediate_size=200, block_multiple_of=32,
                                         num_hidden_layers=3, full_attn_idxs=[1], conv_bias=True, conv_L_cache=4), t.Lfm2ForCausalLM,
                      {"dtype": torch.bfloat16, "replace": {"layer_types": None, "full_attn_idxs": [1], "intermediate_size": None, "block_ff_dim": 200,
                                                            "tie_word_embeddings": None, "tie_embedding": True}}),
}


def randomise(model, std, words):
    """Larger than the start values: attention and activations leave their linear ranges. Words are small, or a model whose
    words make the logits too would say the last one again and again."""
    with torch.no_grad():
        for key, p in model.named_parameters():
            if p.dim() == 1 and "bias" not in key:
                p.uniform_(0.5, 1.5) if "Gemma" not in type(model).__name__ else p.uniform_(-0.5, 0.5)
            else:
                p.normal_(0, 0.3 if "bias" in key else words if "embed_tokens" in key or "wte" in key or "embed_in" in key else std)


def greedy(model, ids):
    """By whole passes, without a cache: nothing that it could get wrong."""
    ids = list(ids)
    for _ in range(GREEDY):
        ids.append(int(model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1].argmax()))
    return ids[-GREEDY:]


def make(name, seed):
    config_class, options, model_class, how = MODELS[name]
    torch.manual_seed(seed)
    random.seed(seed)
    config = config_class(**options)
    model = model_class._from_config(config, attn_implementation="eager").eval()
    randomise(model, 0.25, how.get("words", 0.1))
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    model.to(how.get("dtype", torch.float32))
    model.save_pretrained(folder, max_shard_size=how.get("shard", "50GB"))
    (folder / "generation_config.json").unlink(missing_ok=True)
    model = model_class.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    path = folder / "config.json"
    stored = json.loads(path.read_text())
    stored.pop("transformers_version", None)
    for key, value in how.get("replace", {}).items():
        if value is None:
            stored.pop(key, None)
        else:
            stored[key] = value
    path.write_text(json.dumps(stored, indent=1) + "\n")

    sequences = [[random.randrange(3, VOCAB) for _ in range(n)] for n in LENGTHS]
    with torch.no_grad():
        logits = [model(input_ids=torch.tensor([ids]), use_cache=False).logits[0].numpy() for ids in sequences]
        continued = [greedy(model, ids) for ids in sequences]
    save_file({"token_ids": np.array([i for s in sequences for i in s], dtype=np.int32),
               "cu_seqlens": np.cumsum([0] + LENGTHS).astype(np.int32), "logits": np.concatenate(logits),
               "greedy": np.array(continued, dtype=np.int32)}, folder / "reference.safetensors")
    size = sum(f.stat().st_size for f in folder.iterdir())
    top = np.sort(np.concatenate(logits), axis=1)
    print(f"{name}: {size // 1024} KB, logits {np.abs(top).mean():.2f} on average, "
          f"{len(set(continued[-1]))} tokens in the longest text, least margin {(top[:, -1] - top[:, -2]).min():.4f}")


torch.set_num_threads(1)  # the same sums on every machine
t.logging.set_verbosity_error()
t.logging.disable_progress_bar()
for index, model_name in enumerate(MODELS):
    if len(sys.argv) == 1 or model_name in sys.argv[1:]:
        make(model_name, 301 + index)
