"""Writes GGUF files of encoders with the format's own package, as its converter does: names by the package's own table."""

import json
import struct
from pathlib import Path

import gguf
import numpy as np

DTYPES = {"F32": np.float32, "F16": np.float16, "I64": np.int64, "BF16": np.uint16}
BY_LOOKUP = ("position_embd.weight", "token_types.weight")  # read row by row: its converter keeps them f32


def read_safetensors(folder):
    """name -> float32 array, of all files of the folder."""
    tensors = {}
    for path in sorted(Path(folder).glob("model*.safetensors")):
        data = path.read_bytes()
        (length,) = struct.unpack("<Q", data[:8])
        for name, entry in json.loads(data[8 : 8 + length]).items():
            if name == "__metadata__":
                continue
            begin, end = entry["data_offsets"]
            values = np.frombuffer(data[8 + length + begin : 8 + length + end], DTYPES[entry["dtype"]])
            if entry["dtype"] == "BF16":
                values = (values.astype(np.uint32) << 16).view(np.float32)
            tensors[name] = values.reshape(entry["shape"]).astype(np.float32)
    return tensors


def quantized(values, kind):
    """Data in this type. The package quantises the old formats only; K-blocks are made here, coarsely: one scale a block."""
    try:
        return gguf.quants.quantize(values, kind)
    except NotImplementedError:
        return {"Q4_K": q4_k, "Q6_K": q6_k}[kind.name](values)


def q4_k(values):
    """Every sub-block has a scale and a minimum of six bits below two of the whole block."""
    blocks = values.reshape(-1, 8, 32)
    minimum = np.maximum(-blocks.min(axis=2), 0)
    scale = (blocks.max(axis=2) + minimum) / 15
    d, dmin = (np.float16(x.max(axis=1) / 63 + 1e-8).astype(np.float32) for x in (scale, minimum))
    six_scale = np.clip(np.round(scale / d[:, None]), 1, 63).astype(np.uint8)
    six_minimum = np.clip(np.round(minimum / dmin[:, None]), 0, 63).astype(np.uint8)
    levels = (blocks + (dmin[:, None] * six_minimum)[..., None]) / (d[:, None] * six_scale)[..., None]
    levels = np.clip(np.round(levels), 0, 15).astype(np.uint8)
    out = np.zeros((len(blocks), 144), np.uint8)
    out[:, 0:2] = d.astype(np.float16).view(np.uint8).reshape(-1, 2)
    out[:, 2:4] = dmin.astype(np.float16).view(np.uint8).reshape(-1, 2)
    out[:, 4:8] = six_scale[:, :4] | (six_scale[:, 4:] >> 4) << 6
    out[:, 8:12] = six_minimum[:, :4] | (six_minimum[:, 4:] >> 4) << 6
    out[:, 12:16] = (six_scale[:, 4:] & 15) | (six_minimum[:, 4:] & 15) << 4
    out[:, 16:] = (levels[:, 0::2] | levels[:, 1::2] << 4).reshape(-1, 128)
    return out.reshape(values.shape[0], -1)


def q6_k(values):
    blocks = values.reshape(-1, 16, 16)
    scale = np.abs(blocks).max(axis=2) / 31 + 1e-12
    d = np.float16(scale.max(axis=1) / 127 + 1e-8).astype(np.float32)
    eight = np.clip(np.ceil(scale / d[:, None]), 1, 127).astype(np.int8)
    levels = np.clip(np.round(blocks / (d[:, None] * eight)[..., None]) + 32, 0, 63).astype(np.uint8).reshape(-1, 2, 4, 32)
    low = (levels & 15)[:, :, 0:2] | (levels & 15)[:, :, 2:4] << 4  # [blocks, half, 2, 32]
    high = sum((levels[:, :, quarter] >> 4) << (2 * quarter) for quarter in range(4))
    out = np.concatenate([low.reshape(-1, 128), high.reshape(-1, 64).astype(np.uint8), eight.view(np.uint8),
                          d.astype(np.float16).view(np.uint8).reshape(-1, 2)], axis=1)  # fmt: skip
    return np.ascontiguousarray(out).reshape(values.shape[0], -1)


def add_bert_vocabulary(writer, words):
    """words: token -> id. llama.cpp's form of WordPiece: the beginning of a word is marked, its continuations are not."""
    tokens, types = [], []
    for word in sorted(words, key=words.get):
        special = word in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
        bare = word.startswith("[") and word.endswith("]")
        tokens.append(word if bare else word[2:] if word.startswith("##") else "\u2581" + word)
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


def bert_parameters(writer, config):
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_layer_norm_eps(config["layer_norm_eps"])
    writer.add_causal_attention(False)


def distilbert_parameters(writer, config):
    bert_parameters(writer, {"max_position_embeddings": config["max_position_embeddings"], "hidden_size": config["dim"],
                             "intermediate_size": config["hidden_dim"], "num_hidden_layers": config["n_layers"],
                             "num_attention_heads": config["n_heads"], "layer_norm_eps": 1e-12})  # fmt: skip


def roberta_parameters(writer, config):
    bert_parameters(writer, config | {"max_position_embeddings": config["max_position_embeddings"] - config["pad_token_id"] - 1})


def nomic_parameters(writer, config):
    bert_parameters(writer, {"max_position_embeddings": config["n_positions"], "hidden_size": config["n_embd"], "intermediate_size": config["n_inner"],
                             "num_hidden_layers": config["n_layer"], "num_attention_heads": config["n_head"],
                             "layer_norm_eps": config["layer_norm_epsilon"]})  # fmt: skip
    writer.add_rope_freq_base(config["rotary_emb_base"])


def modern_parameters(writer, config):
    bert_parameters(writer, config | {"layer_norm_eps": config["norm_eps"]})
    writer.add_sliding_window(config["local_attention"])
    writer.add_rope_freq_base(config["rope_parameters"]["full_attention"]["rope_theta"])
    writer.add_rope_freq_base_swa(config["rope_parameters"]["sliding_attention"]["rope_theta"])
    writer.add_rope_scaling_type(gguf.RopeScalingType.NONE)


def qwen3_parameters(writer, config):
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(config["head_dim"])
    writer.add_value_length(config["head_dim"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config["rope_theta"])


def add_vocabulary(writer, folder):
    """That of a tokenizer.json, with what the package's own reader makes of the special tokens beside it."""
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    model = tokenizer["model"]
    vocab = {entry[0]: number for number, entry in enumerate(model["vocab"])} if model["type"] == "Unigram" else model["vocab"]
    words = vocab | {token["content"]: token["id"] for token in tokenizer["added_tokens"]}
    special = {token["content"] for token in tokenizer["added_tokens"] if token["special"]}
    texts, types = [], []
    for word in sorted(words, key=words.get):
        plain = model["type"] != "WordPiece" or word in special
        texts.append(word if plain else word[2:] if word.startswith("##") else "\u2581" + word)
        unknown = model["type"] == "Unigram" and words[word] == model["unk_id"]
        types.append(gguf.TokenType.UNKNOWN if unknown else gguf.TokenType.CONTROL if word in special else gguf.TokenType.NORMAL)
    normalizer = (tokenizer["normalizer"] or {}).get("type")
    kind, pre = {"WordPiece": ("bert", "default"), "BPE": ("gpt2", "modern-bert" if normalizer == "NFC" else "roberta-bpe"),
                 "Unigram": ("t5", "default")}[model["type"]]  # fmt: skip
    writer.add_tokenizer_model(kind)
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(texts)
    writer.add_token_types(types)
    if kind == "t5":
        writer.add_token_scores([entry[1] for entry in model["vocab"]])
        writer.add_add_space_prefix(True)
        writer.add_remove_extra_whitespaces(True)
    gguf.SpecialVocab(folder, load_merges=kind == "gpt2", n_vocab=len(texts)).add_to_gguf(writer, quiet=True)


CLASSIFIERS = {
    "bert": (gguf.MODEL_ARCH.BERT, bert_parameters),
    "roberta": (gguf.MODEL_ARCH.BERT, roberta_parameters),
    "xlm-roberta": (gguf.MODEL_ARCH.BERT, roberta_parameters),
    "distilbert": (gguf.MODEL_ARCH.BERT, distilbert_parameters),
    "modernbert": (gguf.MODEL_ARCH.MODERN_BERT, modern_parameters),
}


def write_classifier(folder, target, kind="F32", as_floats=False, pooler=True, more=lambda writer: None):
    """A folder of a sequence classifier -> GGUF, as llama.cpp's converter writes it, but for the pooler of BERT, which that leaves out: with
    it, it is the layer 'cls', which is what that library computes of 'cls'. more(writer): further keys."""
    config = json.loads((folder / "config.json").read_text())
    architecture, parameters = CLASSIFIERS[config["model_type"]]
    tensors = {}
    for name, values in read_safetensors(folder).items():
        for prefix in ("bert.", "roberta.", "distilbert.", "model."):
            name = name.removeprefix(prefix)
        if name.endswith("embeddings.position_ids") or (name.startswith("pooler.") and not pooler):
            continue
        if config["model_type"].endswith("roberta") and name == "embeddings.position_embeddings.weight":
            values = values[config["pad_token_id"] + 1 :]
        if name.startswith("pooler.dense."):
            name = name.replace("pooler.dense.", "classifier.dense.")
        elif name in ("classifier.weight", "classifier.bias"):
            name = name.replace("classifier.", "classifier.out_proj.")
        tensors[name] = values
    labels = [label for _, label in sorted(config.get("id2label", {}).items(), key=lambda item: int(item[0]))]

    def keys(writer):
        parameters(writer, config)
        if labels and labels != ["LABEL_0", "LABEL_1"]:
            writer.add_classifier_output_labels(labels)
        more(writer)

    layers = config.get("num_hidden_layers") or config["n_layers"]
    return write_encoder(target, architecture, tensors, layers, keys, lambda writer: add_vocabulary(writer, folder), kind, as_floats)


def write_sentence_bert(folder, target, kind="F32", as_floats=False):
    """A BERT's folder with its tokenizer.json, whose vectors are the mean of its tokens' -> GGUF."""
    config = json.loads((folder / "config.json").read_text())
    words = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    tensors = {name: values for name, values in read_safetensors(folder).items() if not name.startswith(("pooler.", "embeddings.position_ids"))}

    def parameters(writer):
        writer.add_name(folder.name)
        writer.add_license("apache-2.0")
        bert_parameters(writer, config)
        writer.add_pooling_type(gguf.PoolingType.MEAN)
        writer.add_token_type_count(config["type_vocab_size"])
        names = ("ALL_F32",) if kind == "F32" else (f"MOSTLY_{kind}", f"MOSTLY_{kind}_M", f"MOSTLY_{kind}_S")
        writer.add_file_type(next(file_type for file_type in gguf.LlamaFileType if file_type.name in names))

    return write_encoder(target, gguf.MODEL_ARCH.BERT, tensors, config["num_hidden_layers"], parameters,
                         lambda writer: add_bert_vocabulary(writer, words), kind, as_floats)  # fmt: skip


def write_encoder(target, architecture, tensors, layers, parameters, vocabulary, kind="F32", as_floats=False, **options):
    """parameters(writer): the keys of the architecture. tensors: by the names of the checkpoint. as_floats: what `kind` makes of the values,
    by the package's own dequantisation, stored as F32."""
    writer = gguf.GGUFWriter(str(target), gguf.MODEL_ARCH_NAMES[architecture], **options)
    parameters(writer)
    vocabulary(writer)
    names = gguf.get_tensor_name_map(architecture, layers)
    for name, values in tensors.items():
        new = names.get_name(name, try_suffixes=(".weight", ".bias"))
        assert new is not None, f"{name} has no place in a GGUF file of {architecture.name}"
        as_kind = gguf.GGMLQuantizationType[kind if values.ndim == 2 and new not in BY_LOOKUP else "F32"]
        block = gguf.GGML_QUANT_SIZES[as_kind][0]
        if values.shape[-1] % block != 0:
            as_kind = gguf.GGMLQuantizationType.F32
        if as_kind == gguf.GGMLQuantizationType.F32:
            writer.add_tensor(new, values)
        elif as_floats:
            writer.add_tensor(new, np.ascontiguousarray(gguf.quants.dequantize(quantized(values, as_kind), as_kind).reshape(values.shape)))
        else:
            writer.add_tensor(new, quantized(values, as_kind), raw_dtype=as_kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target
