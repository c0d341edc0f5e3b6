"""LoRA adapters of the golden decoders, made and computed with peft: golden/lora/NAME holds

  adapter_config.json, adapter_model.safetensors     as save_pretrained writes them; or adapter.gguf, as llama.cpp's converter does
  reference.safetensors   token_ids, cu_seqlens; logits [tokens, vocab], each sequence alone, base and adapter side by side

The base is the golden decoder that "base_model_name_or_path" names.

  make_lora_golden.py [NAME ...]      # all of them without a name
"""
import json
import math
import pathlib
import random
import shutil
import sys

import gguf
import numpy as np
import peft
import torch
import transformers as t
from safetensors.numpy import load_file, save_file

HERE = pathlib.Path(__file__).resolve().parent
LENGTHS = [1, 2, 31]
LLAMA = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]

# name: (base, options of peft's LoraConfig)
ADAPTERS = {
    "llama": ("llama", dict(r=4, lora_alpha=8, target_modules=LLAMA + ["lm_head"], rank_pattern={"down_proj": 2, "layers.1.self_attn.q_proj": 7},
                            alpha_pattern={"up_proj": 3, "model.layers.0.self_attn.o_proj": 5})),
    "llama_wide": ("llama_wide", dict(r=8, lora_alpha=8, target_modules=LLAMA)),
    # Another one of the same base, for batches of both.
    "llama_rslora": ("llama", dict(r=9, lora_alpha=4, use_rslora=True, target_modules=["q_proj", "v_proj", "embed_tokens"])),
    "gemma2": ("gemma2", dict(r=3, lora_alpha=6, target_modules=LLAMA)),
    "phi3": ("phi3", dict(r=4, lora_alpha=4, target_modules=["qkv_proj", "o_proj", "gate_up_proj", "down_proj"])),
    "granite": ("granite", dict(r=4, lora_alpha=8, target_modules=["o_proj", "down_proj"])),
    "gpt2": ("gpt2", dict(r=4, lora_alpha=8, target_modules=["c_attn", "c_proj", "c_fc"], fan_in_fan_out=True)),
    "gpt_neox": ("gpt_neox", dict(r=4, lora_alpha=8, target_modules=["query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"])),
    "phi": ("phi", dict(r=4, lora_alpha=8, target_modules=["q_proj", "k_proj", "v_proj", "dense", "fc1", "fc2"])),
    "llama_gguf": ("llama", dict(r=5, lora_alpha=8, target_modules=LLAMA)),
    # New ones at the end: an adapter's place is its seed.
    "llama_layer": ("llama", dict(r=2, lora_alpha=4, target_modules=["q_proj", "k_proj"], layers_to_transform=[1], layers_pattern="layers")),
}
# Which of them become a GGUF file, and how that calls their parts.
GGUF = {"llama_gguf": ("llama", {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
                                 "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"})}


def pairs(rows, heads):
    """What the converter does to rows of queries and keys: the two that turn together side by side."""
    return rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def to_gguf(folder, config, options, architecture, names):
    tensors = load_file(folder / "adapter_model.safetensors")
    writer = gguf.GGUFWriter(folder / "adapter.gguf", architecture)
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, float(options["lora_alpha"]))
    for name, values in sorted(tensors.items()):
        _, _, _, _, layer, part, kind = name.removesuffix(".weight").replace("self_attn.", "self_attn/").replace("mlp.", "mlp/").split(".")
        part = part.replace("/", ".")
        if kind == "lora_B" and part.endswith(("q_proj", "k_proj")):
            values = pairs(values, config.num_attention_heads if part.endswith("q_proj") else config.num_key_value_heads)
        writer.add_tensor(f"blk.{layer}.{names[part]}.weight.{kind.lower()}", np.ascontiguousarray(values))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    (folder / "adapter_config.json").unlink()
    (folder / "adapter_model.safetensors").unlink()


def make(name, seed):
    base, options = ADAPTERS[name]
    torch.manual_seed(seed)
    random.seed(seed)
    model = t.AutoModelForCausalLM.from_pretrained(HERE / "decoders" / base, dtype=torch.float32, attn_implementation="eager").eval()
    vocab = model.config.vocab_size
    sequences = [[random.randrange(3, vocab) for _ in range(n)] for n in LENGTHS]
    run = lambda net: np.concatenate([net(input_ids=torch.tensor([ids]), use_cache=False).logits[0].numpy() for ids in sequences])
    with torch.no_grad():
        plain = run(model)
        adapted = peft.get_peft_model(model, peft.LoraConfig(task_type="CAUSAL_LM", lora_dropout=0.0, **options)).eval()
        for key, p in adapted.named_parameters():
            if "lora_" in key:
                p.normal_(0, 0.3 / math.sqrt(options["r"]))
        folder = HERE / "lora" / name
        shutil.rmtree(folder, ignore_errors=True)
        logits = run(adapted)
        adapted.save_pretrained(folder, save_embedding_layers=False)
        (folder / "README.md").unlink(missing_ok=True)
        path = folder / "adapter_config.json"
        stored = json.loads(path.read_text())
        stored.pop("peft_version", None)
        for key in ("target_modules",):
            if isinstance(stored[key], list):
                stored[key] = sorted(stored[key])  # a set: in another order every time
        stored["base_model_name_or_path"] = base
        path.write_text(json.dumps(stored, indent=1, sort_keys=True) + "\n")
        np.testing.assert_allclose(run(adapted.merge_and_unload()), logits, atol=2e-4)
    if name in GGUF:
        to_gguf(folder, model.config, options, *GGUF[name])
    save_file({"token_ids": np.array([i for s in sequences for i in s], dtype=np.int32),
               "cu_seqlens": np.cumsum([0] + LENGTHS).astype(np.int32), "logits": logits}, folder / "reference.safetensors", {"base": base})
    size = sum(f.stat().st_size for f in folder.iterdir())
    print(f"{name}: {size // 1024} KB, changes logits of {np.abs(plain).mean():.2f} by {np.abs(logits - plain).mean():.2f} on average")


torch.set_num_threads(1)  # the same sums on every machine
t.logging.set_verbosity_error()
t.logging.disable_progress_bar()
for index, adapter in enumerate(ADAPTERS):
    if len(sys.argv) == 1 or adapter in sys.argv[1:]:
        make(adapter, 701 + index)
