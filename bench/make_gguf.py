"""A BERT encoder of safetensors -> GGUF for llama.cpp, with its own Python package: names, vocabulary and quantization as its own
converter has them.

    make_gguf.py MODEL_FOLDER OUT.gguf f32|f16|q8_0
"""

import json
import sys
from pathlib import Path

import gguf
import numpy
from safetensors.numpy import load_file

OUTSIDE = {
    "embeddings.word_embeddings.weight": "token_embd.weight",
    "embeddings.position_embeddings.weight": "position_embd.weight",
    "embeddings.token_type_embeddings.weight": "token_types.weight",
    "embeddings.LayerNorm": "token_embd_norm",
}
INSIDE = {
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}
NOT_USED = ("pooler.", "embeddings.position_ids")
FILE_TYPES = {"f32": gguf.LlamaFileType.ALL_F32, "f16": gguf.LlamaFileType.MOSTLY_F16, "q8_0": gguf.LlamaFileType.MOSTLY_Q8_0}
KINDS = {"f16": gguf.GGMLQuantizationType.F16, "q8_0": gguf.GGMLQuantizationType.Q8_0}
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def gguf_name(name):
    """None for tensors that an embedding does not need."""
    name = name.removeprefix("bert.")
    if name.startswith(NOT_USED):
        return None
    if name in OUTSIDE:
        return OUTSIDE[name]
    stem, _, kind = name.rpartition(".")
    if stem in OUTSIDE:
        return f"{OUTSIDE[stem]}.{kind}"
    parts = stem.split(".")
    if parts[:2] == ["encoder", "layer"] and ".".join(parts[3:]) in INSIDE:
        return f"blk.{parts[2]}.{INSIDE['.'.join(parts[3:])]}.{kind}"
    raise ValueError(f"tensor {name} has no place in a GGUF file of a BERT")


def add_vocabulary(writer, model_folder):
    """llama.cpp's form of WordPiece: the beginning of a word is marked, its continuations are not."""
    words = json.loads((model_folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    tokens, types = [], []
    for word in sorted(words, key=words.get):
        special = word in SPECIAL
        tokens.append(word if special else word[2:] if word.startswith("##") else "\u2581" + word)
        types.append(gguf.TokenType.CONTROL if special else gguf.TokenType.NORMAL)
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_unk_token_id(words["[UNK]"])
    writer.add_sep_token_id(words["[SEP]"])
    writer.add_pad_token_id(words["[PAD]"])
    writer.add_bos_token_id(words["[CLS]"])
    writer.add_eos_token_id(words["[SEP]"])
    writer.add_mask_token_id(words["[MASK]"])


def write(model_folder, target, dtype):
    config = json.loads((model_folder / "config.json").read_text())
    writer = gguf.GGUFWriter(str(target), gguf.MODEL_ARCH_NAMES[gguf.MODEL_ARCH.BERT])
    writer.add_name(model_folder.name)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_layer_norm_eps(config["layer_norm_eps"])
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_token_type_count(config["type_vocab_size"])
    writer.add_file_type(FILE_TYPES[dtype])
    add_vocabulary(writer, model_folder)
    for name, values in load_file(model_folder / "model.safetensors").items():
        new_name = gguf_name(name)
        if new_name is None:
            continue
        # As its converter does: matrices in the wanted type, positions, token types, biases and norms in f32.
        matrix = values.ndim == 2 and new_name not in ("position_embd.weight", "token_types.weight")
        values = values.astype(numpy.float32)
        if matrix and dtype in KINDS:
            kind = KINDS[dtype]
            writer.add_tensor(new_name, gguf.quants.quantize(values, kind), raw_dtype=kind)
        else:
            writer.add_tensor(new_name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
