#!/usr/bin/env python3
"""Makes sentence/ beside this file: tiny random models with every pooling, module and prompt, and what sentence-transformers says.

  sentence/base/         a BERT of two layers with its tokenizer
  sentence/static/       a StaticEmbedding
  sentence/texts.json    the texts of all cases
  sentence/cases/NAME/   the files that make a model of one of these ("over" in reference.json says which), and reference.json: the
                         calls, each with a tensor of its name in reference.safetensors

  sentence/multi/NAME/   the same of models with a vector for each token: CALL.rows of all texts, CALL.counts of each

A case's model is its base folder with the case's files laid over it. Weights are random but of the size trained ones have, so that
an activation or a norm that is left out shows.
"""
import json
import pathlib
import shutil
import string
import tempfile

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import MultiVectorEncoder, SentenceTransformer
from sentence_transformers.base.modules import Dense, Transformer
from sentence_transformers.multi_vector_encoder.modules import MultiVectorMask
from sentence_transformers.sentence_transformer.modules import LayerNorm, Normalize, Pooling, StaticEmbedding
from sentence_transformers.util.quantization import quantize_embeddings
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

OUT = pathlib.Path(__file__).resolve().parent / "sentence"
HIDDEN = 32
TEXTS = ["where is my refund", "a", "", "the cat sat on the mat. the cat is old, and the mat is new!",
         "query: how do i reset a password?", "zebra quilt jumps over vexing fjords", "where is my refund",
         "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30", "unknown ß é 漢 words",
         "pay the bill", "the the the the the", "(brackets) [and] {more}: \"quotes\"; 'single' -- dashes"]
WORDS = ("the is my where cat mat on a refund how do i reset password query passage represent this sentence for and "
         "pay bill over old new sat ##s ##ing ##ed q d").split()


def tokenizer():
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[unused0]", "[unused1]", *WORDS, *"!\"#$%&'()*+,-./:;<=>?@[]^_{|}~", *letters]
    vocab += ["##" + letter for letter in letters]
    vocab = list(dict.fromkeys(vocab))
    made = Tokenizer(models.WordPiece({token: i for i, token in enumerate(vocab)}, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    made.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
                                                        special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    made.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    return made, len(vocab)


def make_base(folder):
    torch.manual_seed(5)
    made, size = tokenizer()
    config = BertConfig(vocab_size=size, hidden_size=HIDDEN, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48,
                        max_position_embeddings=40)
    model = BertModel(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "LayerNorm.weight" in name:
                parameter.copy_(1 + 0.2 * torch.randn_like(parameter))
            else:
                parameter.copy_(0.3 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    fast = PreTrainedTokenizerFast(tokenizer_object=made, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
                                   mask_token="[MASK]", model_max_length=40)
    fast.save_pretrained(folder)


def dense(inputs, outputs, activation=None, **options):
    module = Dense(inputs, outputs, activation_function=activation or torch.nn.Tanh(), **options)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.4 * torch.randn_like(parameter))
    return module


def layer_norm(width):
    module = LayerNorm(width)
    with torch.no_grad():
        module.norm.weight.copy_(1 + 0.5 * torch.randn(width))
        module.norm.bias.copy_(0.5 * torch.randn(width))
    return module


PLAIN = {"plain": ("encode", {})}
PROMPTS = {"query": "query: ", "passage": "passage: ", "document": "represent this sentence for the cat: "}
PROMPT_CALLS = {"plain": ("encode", {}), "query": ("encode_query", {}), "document": ("encode_document", {}),
                "by_name": ("encode", {"prompt_name": "passage"}), "own": ("encode", {"prompt": "how do i "}),
                "none": ("encode", {"prompt": ""}), "role_query": ("encode", {"prompt_name": "query"})}


def cases():
    """name: (over, modules after the first, options of the model, calls)"""
    act = torch.nn
    for mode in ("cls", "mean", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"):
        yield "pool_" + mode, "base", [Pooling(HIDDEN, mode)], {}, PLAIN
    yield "pool_several", "base", [Pooling(HIDDEN, ("cls", "weightedmean", "max", "mean"))], {}, PLAIN
    yield "mean_normalized", "base", [Pooling(HIDDEN, "mean"), Normalize()], {}, PLAIN
    yield "dense_tanh", "base", [Pooling(HIDDEN, "cls"), dense(HIDDEN, 70), Normalize()], {}, PLAIN
    yield "dense_after_several", "base", [Pooling(HIDDEN, ("mean", "max")), dense(2 * HIDDEN, 24, act.GELU()), Normalize()], {}, PLAIN
    for name, function in (("identity", act.Identity()), ("relu", act.ReLU()), ("silu", act.SiLU()), ("sigmoid", act.Sigmoid()),
                           ("leaky_relu", act.LeakyReLU()), ("elu", act.ELU()), ("softplus", act.Softplus())):
        yield "dense_" + name, "base", [Pooling(HIDDEN, "mean"), dense(HIDDEN, 9, function, bias=name != "identity")], {}, PLAIN
    yield "dense_residual", "base", [Pooling(HIDDEN, "mean"), dense(HIDDEN, HIDDEN, act.GELU(), use_residual=True),
                                     dense(HIDDEN, 65, act.Tanh(), use_residual=True)], {}, PLAIN
    yield "norm_then_dense", "base", [Pooling(HIDDEN, "mean"), layer_norm(HIDDEN), Normalize(), dense(HIDDEN, 16, act.Identity()),
                                      layer_norm(16)], {}, PLAIN
    yield "token_dense", "base", [dense(HIDDEN, 12, act.Tanh(), module_input_name="token_embeddings"),
                                  Normalize(module_input_name="token_embeddings"), Pooling(12, "mean"), Normalize()], {}, PLAIN
    yield "prompts", "base", [Pooling(HIDDEN, "mean"), Normalize()], {"prompts": PROMPTS}, PROMPT_CALLS
    yield "prompt_by_default", "base", [Pooling(HIDDEN, "mean")], {"prompts": PROMPTS, "default_prompt_name": "passage"}, PROMPT_CALLS
    for mode in ("mean", "cls", "weightedmean", "max", "lasttoken"):
        yield "prompt_not_pooled_" + mode, "base", [Pooling(HIDDEN, mode, include_prompt=False), Normalize()], \
            {"prompts": PROMPTS}, PROMPT_CALLS
    yield "truncate_dim", "base", [Pooling(HIDDEN, "mean"), Normalize()], {"truncate_dim": 10}, PLAIN
    yield "static", "static", [], {}, PLAIN
    yield "static_dense", "static", [dense(HIDDEN, 20), Normalize()], {"prompts": PROMPTS}, PROMPT_CALLS
    yield "static_normalized", "static", [Normalize()], {}, PLAIN


def alike(a, b):
    """Of weights the tensors count, not the order in which a version of the library writes them."""
    if not a.exists() or a.read_bytes() == b.read_bytes():
        return a.exists()
    if a.suffix != ".safetensors":
        return False
    x, y = load_file(a), load_file(b)
    return x.keys() == y.keys() and all(torch.equal(x[name], y[name]) for name in x)


def lay_over(base, folder, case):
    """The files of `folder` that `base` does not have alike."""
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if not path.is_file() or path.name in ("README.md", ".gitattributes", "pytorch_model.bin"):
            continue
        if alike(base / relative, path):
            continue
        (case / relative).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, case / relative)


def reference(folder, calls):
    model = SentenceTransformer(str(folder), device="cpu")
    tensors = {}
    for name, (method, options) in calls.items():
        # One by one: padding would change the last bits.
        vectors = [getattr(model, method)(text, show_progress_bar=False, **options) for text in TEXTS]
        tensors[name] = torch.from_numpy(np.stack(vectors).astype(np.float32))
    return tensors


def quantized(vectors):
    values = vectors.numpy()
    ranges = np.vstack((values[:5].min(axis=0), values[:5].max(axis=0)))
    out = {"ranges": torch.from_numpy(ranges)}
    for precision in ("int8", "uint8", "binary", "ubinary"):
        out[precision] = torch.from_numpy(quantize_embeddings(values, precision))
        if precision.endswith("int8"):
            out[precision + "_by_ranges"] = torch.from_numpy(quantize_embeddings(values, precision, ranges=ranges))
    return out


MULTI_CALLS = {"query": ("encode_query", {}), "document": ("encode_document", {}), "plain": ("encode", {})}
PUNCTUATION = list(string.punctuation)


def projection(width=8):
    return dense(HIDDEN, width, torch.nn.Identity(), bias=False, module_input_name="token_embeddings")


def native(base, skip, **options):
    """As MultiVectorEncoder saves it."""
    prompts = {"query": "query: ", "document": "passage: "}
    modules = [Transformer(str(base), **options), projection(), MultiVectorMask(skiplist_words=skip),
               Normalize(module_input_name="token_embeddings")]
    return MultiVectorEncoder(modules=modules, device="cpu", prompts=prompts)


def py_late(folder, **settings):
    """The same weights as PyLate 3 wrote them: two modules, the rest at the top of config_sentence_transformers.json."""
    (folder / "config_sentence_transformers.json").write_text(json.dumps(
        {"model_type": "ColBERT", "prompts": {}, "default_prompt_name": None, "similarity_fn_name": "MaxSim", **settings}, indent=1))
    for left in ("2_MultiVectorMask", "3_Normalize"):
        shutil.rmtree(folder / left, ignore_errors=True)
    (folder / "modules.json").write_text(json.dumps(
        [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
         {"idx": 1, "name": "1", "path": "1_Dense", "type": "pylate.models.Dense.Dense"}], indent=1))
    (folder / "1_Dense/config.json").write_text(json.dumps(
        {"in_features": HIDDEN, "out_features": 8, "bias": False, "activation_function": "torch.nn.modules.linear.Identity"}))
    bert = json.loads((folder / "sentence_bert_config.json").read_text())
    for key in ("query_length", "document_length", "query_expansion"):
        bert.pop(key, None)
    (folder / "sentence_bert_config.json").write_text(json.dumps(bert, indent=1))


def stanford(folder, **metadata):
    """As Stanford's ColBERT: one file of weights with the projection in it, artifact.metadata."""
    weights = {"bert." + name: tensor for name, tensor in load_file(folder / "model.safetensors").items()}
    weights["linear.weight"] = load_file(folder / "1_Dense/model.safetensors")["linear.weight"]
    for left in ("1_Dense", "2_MultiVectorMask", "3_Normalize"):
        shutil.rmtree(folder / left, ignore_errors=True)
    for left in ("modules.json", "config_sentence_transformers.json", "sentence_bert_config.json"):
        (folder / left).unlink(missing_ok=True)
    save_file(weights, str(folder / "model.safetensors"), metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "architectures": ["HF_ColBERT"]}, indent=1))
    (folder / "artifact.metadata").write_text(json.dumps(metadata))


def multi_cases(base):
    fixed, least = {"strategy": "fixed", "length": 12}, {"strategy": "min", "length": 8, "attend": True, "token": "query"}
    yield "fixed", native(base, PUNCTUATION, query_expansion=fixed, document_length=16), None
    yield "min_attending", native(base, [], query_expansion=least, query_length=20), None
    yield "no_expansion", native(base, ["the", "a"], query_length=6), None
    yield "py_late", native(base, []), lambda folder: py_late(folder, query_prefix="[unused0]", document_prefix="[unused1]",
                                                              query_length=14, document_length=20)
    yield "py_late_told", native(base, []), lambda folder: py_late(
        folder, query_prefix="[unused0] ", document_prefix="[unused1] ", query_length=10, document_length=20, do_query_expansion=True,
        attend_to_expansion_tokens=True, skiplist_words=["cat", "."])
    yield "stanford", native(base, []), lambda folder: stanford(folder, query_maxlen=11, doc_maxlen=18)


def multi_reference(folder):
    model = MultiVectorEncoder(str(folder), device="cpu")
    tensors = {}
    for name, (method, options) in MULTI_CALLS.items():
        rows = [np.asarray(getattr(model, method)(text, show_progress_bar=False, **options), dtype=np.float32) for text in TEXTS]
        tensors[name + ".rows"] = torch.from_numpy(np.concatenate(rows))
        tensors[name + ".counts"] = torch.tensor([len(row) for row in rows], dtype=torch.int32)
    return tensors


def make_multi(base):
    for name, model, change in multi_cases(base):
        case = OUT / "multi" / name
        case.mkdir(parents=True)
        with tempfile.TemporaryDirectory() as temp:
            folder = pathlib.Path(temp) / "model"
            model.save_pretrained(str(folder), create_model_card=False)
            if change:
                change(folder)
            tensors = multi_reference(folder)
            lay_over(base, folder, case)
        save_file(tensors, str(case / "reference.safetensors"))
        described = {call: {"method": method, **given} for call, (method, given) in MULTI_CALLS.items()}
        (case / "reference.json").write_text(json.dumps({"over": "base", "calls": described}, indent=1) + "\n")


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    base, static = OUT / "base", OUT / "static"
    make_base(base)
    torch.manual_seed(6)
    made, size = tokenizer()
    StaticEmbedding(made, embedding_weights=torch.randn(size, HIDDEN)).save(str(static.absolute())) if static.mkdir() is None else None
    (OUT / "texts.json").write_text(json.dumps(TEXTS, indent=1, ensure_ascii=False) + "\n")
    for name, over, modules, options, calls in cases():
        case = OUT / "cases" / name
        case.mkdir(parents=True)
        first = Transformer(str(base)) if over == "base" else StaticEmbedding.load(str(static))
        model = SentenceTransformer(modules=[first, *modules], device="cpu", **options)
        with tempfile.TemporaryDirectory() as temp:
            folder = pathlib.Path(temp) / "model"
            model.save_pretrained(str(folder), create_model_card=False)
            tensors = reference(folder, calls)
            if name == "mean_normalized":
                tensors.update(quantized(tensors["plain"]))
            lay_over(OUT / over, folder, case)
        save_file(tensors, str(case / "reference.safetensors"))
        described = {call: {"method": method, **given} for call, (method, given) in calls.items()}
        (case / "reference.json").write_text(json.dumps({"over": over, "calls": described}, indent=1) + "\n")
    make_multi(base)
    print(f"{sum(1 for _ in (OUT / 'cases').iterdir())} cases")


if __name__ == "__main__":
    main()
