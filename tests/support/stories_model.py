"""The trained 260K-parameter Llama of the data sets (llama2.c's format) as a GGUF file, F32 or quantised."""

import struct

import gguf
import numpy as np


def write_stories(data, path, kind=gguf.GGMLQuantizationType.F32, chat_template=None):
    """data: the folder weights-stories260k. Both formats have the values of a rotary pair side by side."""
    weights = (data / "raw/stories260K.bin").read_bytes()
    dim, hidden, layers, heads, kv_heads, vocab, length = struct.unpack("<7i", weights[:28])
    floats = np.frombuffer(weights[28:], np.float32)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(length)
    writer.add_embedding_length(dim)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(hidden)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)

    vocabulary = (data / "raw/tok512.bin").read_bytes()
    at, tokens, scores, types = 4, [], [], []
    for index in range(vocab):
        score, size = struct.unpack_from("<fi", vocabulary, at)
        text = vocabulary[at + 8 : at + 8 + size].decode(errors="replace").replace(" ", "\u2581")
        at += 8 + size
        if index < 3:
            text = ("<unk>", "<s>", "</s>")[index]
        elif index < 259:
            text = f"<0x{index - 3:02X}>"
        tokens.append(text)
        scores.append(score)
        types.append(2 if index == 0 else 3 if index < 3 else 6 if index < 259 else 1)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types(types)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    if chat_template:
        writer.add_chat_template(chat_template)

    taken = 0

    def take(*shape):
        nonlocal taken
        count = int(np.prod(shape))
        values = floats[taken : taken + count].reshape(shape)
        taken += count
        return values

    def add(name, values):
        if values.ndim == 2 and kind != gguf.GGMLQuantizationType.F32 and values.shape[1] % 32 == 0:
            writer.add_tensor(name, gguf.quants.quantize(values, kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, values)

    kv = dim // heads * kv_heads
    add("token_embd.weight", take(vocab, dim))
    shapes = {"attn_norm": (dim,), "attn_q": (dim, dim), "attn_k": (kv, dim), "attn_v": (kv, dim), "attn_output": (dim, dim),
              "ffn_norm": (dim,), "ffn_gate": (hidden, dim), "ffn_down": (dim, hidden), "ffn_up": (hidden, dim)}  # fmt: skip
    for name, shape in shapes.items():
        for layer in range(layers):
            add(f"blk.{layer}.{name}.weight", take(*shape))
    add("output_norm.weight", take(dim))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
