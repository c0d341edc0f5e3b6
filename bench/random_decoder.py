"""GGUF files of decoders in their real shapes with random weights in real block formats: speed depends on neither the values nor a vocabulary."""

from dataclasses import dataclass

import gguf
import numpy as np

Type = gguf.GGMLQuantizationType


@dataclass(frozen=True)
class DecoderShape:
    name: str
    architecture: str
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    inner: int
    vocab: int
    tied: bool
    qkv_bias: bool = False
    attends: tuple = None  # the layers that do, where others convolve

    def convolves(self, layer):
        return self.attends is not None and layer not in self.attends


SHAPES = [
    DecoderShape("SmolLM2-135M", "llama", 576, 30, 9, 3, 1536, 49152, True),
    DecoderShape("Qwen2.5-0.5B", "qwen2", 896, 24, 14, 2, 4864, 151936, True, qkv_bias=True),
    DecoderShape("LFM2-350M", "lfm2", 1024, 16, 16, 8, 4608, 65536, True, attends=(2, 5, 8, 10, 12, 14)),
    DecoderShape("TinyLlama-1.1B", "llama", 2048, 22, 32, 4, 5632, 32000, False),
]
CONVOLUTION = 3  # tokens
FORMATS = ("Q8_0", "Q4_0", "Q4_K_M")
HALVES = {Type.Q8_0: (0,), Type.Q4_0: (0,), Type.Q5_0: (0,), Type.Q4_K: (0, 2), Type.Q6_K: (208,)}  # where a block's f16 scales lie


def type_of(format, tensor, layer, layers, columns):
    """What llama.cpp's own quantiser gives such a tensor, its Q4_K_M with the usual exceptions."""
    wide = columns % 256 == 0
    head = tensor in ("output", "head")
    if format == "Q8_0":
        return Type.Q8_0
    six = Type.Q6_K if wide else Type.Q8_0
    if format == "Q4_0":
        return six if head else Type.Q4_0
    if head:
        return six
    more = layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2
    if tensor in ("attn_v", "ffn_down") and more:
        return six
    return Type.Q4_K if wide else Type.Q5_0


def random_blocks(random, rows, columns, type):
    elements, size = gguf.GGML_QUANT_SIZES[type]
    blocks = random.integers(0, 256, (rows * columns // elements, size), dtype=np.uint8)
    scale = np.array([0.002], dtype=np.float16).view(np.uint8)
    for at in HALVES[type]:
        blocks[:, at : at + 2] = scale
    return blocks.reshape(rows, -1)


def add_vocabulary(writer, path, size):
    """That of another file, made up to `size` tokens: who serves text needs one."""
    fields = gguf.GGUFReader(path).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    more = size - len(tokens)
    writer.add_tokenizer_model(fields["tokenizer.ggml.model"].contents())
    writer.add_tokenizer_pre(fields["tokenizer.ggml.pre"].contents())
    writer.add_token_list(tokens + [f"[more {i}]" for i in range(more)])
    writer.add_token_types(fields["tokenizer.ggml.token_type"].contents() + [gguf.TokenType.UNUSED] * more)
    writer.add_token_merges(fields["tokenizer.ggml.merges"].contents())
    writer.add_bos_token_id(fields["tokenizer.ggml.bos_token_id"].contents())
    writer.add_eos_token_id(fields["tokenizer.ggml.eos_token_id"].contents())


def work_of_a_token(shape, format, file_bytes):
    """Giga-operations of the layers' matrices for a token of a prompt, and gigabytes of weights that the next token reads: all but what is looked up."""
    head = shape.hidden // shape.heads
    gathers = {False: 2 * shape.hidden * shape.hidden + 2 * shape.hidden * shape.kv_heads * head, True: 4 * shape.hidden * shape.hidden}
    layers = sum(gathers[shape.convolves(i)] + 3 * shape.hidden * shape.inner for i in range(shape.layers))
    elements, size = gguf.GGML_QUANT_SIZES[type_of(format, "token_embd", 0, shape.layers, shape.hidden)]
    looked_up = 0 if shape.tied else shape.vocab * shape.hidden // elements * size
    return {"prompt": 2e-9 * layers, "generate": 1e-9 * (file_bytes - looked_up)}


def write(shape, format, path, vocabulary=None):
    """`vocabulary`: a GGUF file with at most shape.vocab tokens, or none: then there is no tokenizer."""
    random = np.random.default_rng(1)
    writer = gguf.GGUFWriter(path, shape.architecture)
    head = shape.hidden // shape.heads
    writer.add_context_length(4096)
    writer.add_embedding_length(shape.hidden)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.inner)
    writer.add_head_count(shape.heads)
    if shape.attends is None:
        writer.add_head_count_kv(shape.kv_heads)
    else:
        writer.add_head_count_kv([0 if shape.convolves(i) else shape.kv_heads for i in range(shape.layers)])
        writer.add_shortconv_l_cache(CONVOLUTION)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(head)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(shape.vocab)
    if vocabulary:
        add_vocabulary(writer, vocabulary, shape.vocab)
    else:
        writer.add_string("tokenizer.ggml.model", "none")

    def matrix(name, rows, columns, kind, layer=0):
        type = type_of(format, kind, layer, shape.layers, columns)
        writer.add_tensor(name + ".weight", random_blocks(random, rows, columns, type), raw_dtype=type)

    def norm(name, width=shape.hidden):
        writer.add_tensor(name + ".weight", np.ones(width, dtype=np.float32))

    matrix("token_embd", shape.vocab, shape.hidden, "head" if shape.tied else "token_embd")
    if not shape.tied:
        matrix("output", shape.vocab, shape.hidden, "output")
    norm("output_norm" if shape.attends is None else "token_embd_norm")
    for i in range(shape.layers):
        norm(f"blk.{i}.attn_norm")
        norm(f"blk.{i}.ffn_norm")
        if shape.convolves(i):
            writer.add_tensor(f"blk.{i}.shortconv.conv.weight", random.normal(0, 1, (shape.hidden, CONVOLUTION)).astype(np.float32))
            gather = [("shortconv.in_proj", 3 * shape.hidden, shape.hidden), ("shortconv.out_proj", shape.hidden, shape.hidden)]
        else:
            gather = [("attn_q", shape.hidden, shape.hidden), ("attn_k", shape.kv_heads * head, shape.hidden),
                      ("attn_v", shape.kv_heads * head, shape.hidden), ("attn_output", shape.hidden, shape.hidden)]  # fmt: skip
            if shape.attends is not None:
                norm(f"blk.{i}.attn_q_norm", head)
                norm(f"blk.{i}.attn_k_norm", head)
        for kind, rows, columns in (*gather, ("ffn_gate", shape.inner, shape.hidden), ("ffn_up", shape.inner, shape.hidden),
                                    ("ffn_down", shape.hidden, shape.inner)):  # fmt: skip
            matrix(f"blk.{i}.{kind}", rows, columns, kind, i)
            if shape.qkv_bias and kind in ("attn_q", "attn_k", "attn_v"):
                writer.add_tensor(f"blk.{i}.{kind}.bias", np.zeros(rows, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
