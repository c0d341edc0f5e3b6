"""A small T5 with random weights, as a Hugging Face folder or a GGUF file, with the tokenizer of T5-small."""

import json
import shutil

import numpy as np

from lora_adapters import write_safetensors

HIDDEN, HEADS, INNER, WIDE, LAYERS, VOCAB = 16, 2, 8, 24, 2, 32128
CONFIG = {"model_type": "t5", "vocab_size": VOCAB, "d_model": HIDDEN, "d_kv": INNER // HEADS, "num_heads": HEADS, "d_ff": WIDE, "num_layers": LAYERS,
          "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False, "decoder_start_token_id": 0, "eos_token_id": 1, "pad_token_id": 0}  # fmt: skip


def weights(seed):
    random = np.random.default_rng(seed)
    tensors = {}

    def add(name, *shape, deviation=0.5):
        tensors[name + ".weight"] = (random.normal(0, deviation, shape) if deviation else np.ones(shape)).astype(np.float32)

    add("shared", VOCAB, HIDDEN, deviation=0.2)
    add("lm_head", VOCAB, HIDDEN, deviation=1)
    for half, parts in (("encoder", ["SelfAttention"]), ("decoder", ["SelfAttention", "EncDecAttention"])):
        add(f"{half}.final_layer_norm", HIDDEN, deviation=0)
        add(f"{half}.block.0.layer.0.SelfAttention.relative_attention_bias", 32, HEADS, deviation=1)
        for block in range(LAYERS):
            for number, part in enumerate(parts):
                name = f"{half}.block.{block}.layer.{number}"
                add(f"{name}.layer_norm", HIDDEN, deviation=0)
                for matrix in "qkv":
                    add(f"{name}.{part}.{matrix}", INNER, HIDDEN)
                add(f"{name}.{part}.o", HIDDEN, INNER)
            name = f"{half}.block.{block}.layer.{len(parts)}"
            add(f"{name}.layer_norm", HIDDEN, deviation=0)
            for matrix in ("wi_0", "wi_1"):
                add(f"{name}.DenseReluDense.{matrix}", WIDE, HIDDEN)
            add(f"{name}.DenseReluDense.wo", HIDDEN, WIDE)
    return tensors


def write_t5(data, folder, seed=1):
    """data: the folder tok-hf-json/t5-small."""
    folder.mkdir()
    shutil.copyfile(data / "tokenizer.json", folder / "tokenizer.json")
    write_safetensors(folder / "model.safetensors", weights(seed))
    (folder / "config.json").write_text(json.dumps(CONFIG))
    return folder
