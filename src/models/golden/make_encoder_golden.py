#!/usr/bin/env python3
"""Makes a tiny random checkpoint and reference outputs for every architecture beside BERT, with the transformers library.

Each folder has what save_pretrained writes (config.json and safetensors) and reference.safetensors with token_ids,
cu_seqlens, token_type_ids, hidden (the last layer, tokens packed, in f32 from the stored weights) and, for a model with a
classification head, logits ([sequences, labels] or [tokens, labels]; of question answering [tokens, start and end]), for a
masked language model lm_logits ([tokens, vocabulary]).

  make_encoder_golden.py [NAME ...]      # all of them without a name
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
from safetensors.torch import save_file as save_torch
from sentence_transformers.models import StaticEmbedding
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

HERE = pathlib.Path(__file__).resolve().parent
LENGTHS = [1, 2, 3, 5, 8, 13, 17, 31, 70]
VOCAB = 99
BASE = dict(vocab_size=VOCAB, hidden_size=40, num_hidden_layers=2, num_attention_heads=4, intermediate_size=68,
            max_position_embeddings=72)


def base(**options):
    return {**BASE, **options}


def distil(**options):
    return {**dict(vocab_size=VOCAB, dim=40, n_layers=2, n_heads=4, hidden_dim=68, max_position_embeddings=72, dropout=0.0,
                   attention_dropout=0.0, seq_classif_dropout=0.0), **options}


DEBERTA_V3 = dict(relative_attention=True, position_buckets=8, max_relative_positions=-1, pos_att_type="p2c|c2p",
                  norm_rel_ebd="layer_norm", share_att_key=True, position_biased_input=False, type_vocab_size=0)
MOBILE = base(hidden_size=56, embedding_size=20, intra_bottleneck_size=32, num_feedforward_networks=3, type_vocab_size=2)
ROPE_OLD = {"rope_theta": 1000000.0, "rope_scaling": None}
NOMIC_OLD = {"n_embd": 40, "n_head": 4, "n_layer": 2, "n_inner": 68, "n_positions": 72, "activation_function": "swiglu",
             "layer_norm_epsilon": 1e-5, "rotary_emb_base": 1000, "rotary_emb_fraction": 1.0, "rotary_emb_interleaved": False,
             "rotary_emb_scale_base": None, "qkv_proj_bias": False, "mlp_fc1_bias": False, "mlp_fc2_bias": False,
             "prenorm": False, "use_rms_norm": False, "causal": False, "type_vocab_size": 2, "vocab_size": VOCAB,
             "model_type": "nomic_bert", "architectures": ["NomicBertModel"]}

# name: (config, options, model class, how to store it). `replace` lists keys of config.json as deployed checkpoints still
# have them (None takes a key out); `whole` is a config.json of its own.
MODELS = {
    # BERT's own heads.
    "bert_classes": (t.BertConfig, base(num_labels=3), t.BertForSequenceClassification, {}),
    "bert_tokens": (t.BertConfig, base(num_labels=5), t.BertForTokenClassification, {"dtype": torch.float16}),
    "distilbert": (t.DistilBertConfig, distil(), t.DistilBertModel, {}),
    "distilbert_sinusoidal": (t.DistilBertConfig, distil(sinusoidal_pos_embds=True, activation="relu"), t.DistilBertForMaskedLM, {}),
    "distilbert_classes": (t.DistilBertConfig, distil(num_labels=2), t.DistilBertForSequenceClassification,
                           {"dtype": torch.float16}),
    "roberta": (t.RobertaConfig, base(type_vocab_size=1, pad_token_id=1, layer_norm_eps=1e-5), t.RobertaModel, {}),
    "roberta_classes": (t.RobertaConfig, base(type_vocab_size=1, pad_token_id=1, num_labels=4),
                        t.RobertaForSequenceClassification, {"dtype": torch.bfloat16}),
    "camembert": (t.CamembertConfig, base(type_vocab_size=1, pad_token_id=1, hidden_act="gelu_new"), t.CamembertForMaskedLM,
                  {"dtype": torch.bfloat16}),
    "xlm_roberta": (t.XLMRobertaConfig, base(type_vocab_size=1, pad_token_id=1, num_labels=3), t.XLMRobertaForTokenClassification,
                    {"shard": "50KB"}),
    "xlm_roberta_pad3": (t.XLMRobertaConfig, base(type_vocab_size=2, pad_token_id=3, max_position_embeddings=74), t.XLMRobertaModel, {}),
    "electra": (t.ElectraConfig, base(embedding_size=20, num_labels=2), t.ElectraForSequenceClassification, {}),
    "electra_wide": (t.ElectraConfig, base(embedding_size=40), t.ElectraForPreTraining, {}),
    "albert": (t.AlbertConfig, base(embedding_size=20, num_hidden_layers=4, num_hidden_groups=1, hidden_act="gelu_new", num_labels=3),
               t.AlbertForSequenceClassification, {}),
    "albert_groups": (t.AlbertConfig, base(embedding_size=34, num_hidden_layers=4, num_hidden_groups=2, inner_group_num=2,
                                           hidden_act="relu"), t.AlbertForMaskedLM, {}),
    "mpnet": (t.MPNetConfig, base(pad_token_id=1), t.MPNetModel, {}),
    "mpnet_classes": (t.MPNetConfig, base(pad_token_id=1, num_labels=2), t.MPNetForSequenceClassification, {"dtype": torch.float16}),
    "mobilebert": (t.MobileBertConfig, {**MOBILE, "num_labels": 3}, t.MobileBertForSequenceClassification, {}),
    "mobilebert_plain": (t.MobileBertConfig, {**MOBILE, "normalization_type": "layer_norm", "trigram_input": False,
                                              "use_bottleneck_attention": True, "num_feedforward_networks": 1}, t.MobileBertModel, {}),
    "mobilebert_unshared": (t.MobileBertConfig, {**MOBILE, "key_query_shared_bottleneck": False, "hidden_size": 32, "classifier_activation": True},
                            t.MobileBertForTokenClassification, {}),
    "deberta_v3": (t.DebertaV2Config, base(**DEBERTA_V3, num_labels=3), t.DebertaV2ForSequenceClassification, {}),
    "deberta_v3_c2p": (t.DebertaV2Config, base(**{**DEBERTA_V3, "pos_att_type": ["c2p"], "share_att_key": False, "position_buckets": -1,
                                                  "norm_rel_ebd": "none", "max_relative_positions": 20}), t.DebertaV2ForMaskedLM, {}),
    "deberta_v2": (t.DebertaV2Config, base(**{**DEBERTA_V3, "share_att_key": False, "position_buckets": 16, "type_vocab_size": 2,
                                              "position_biased_input": True}), t.DebertaV2ForTokenClassification,
                   {"dtype": torch.float16}),
    "deberta_v2_absolute": (t.DebertaV2Config, base(relative_attention=False, position_biased_input=True, type_vocab_size=0,
                                                    pos_att_type=[]), t.DebertaV2Model, {}),
    "modernbert": (t.ModernBertConfig, base(num_hidden_layers=4, local_attention=16, num_labels=3, classifier_pooling="mean"),
                   t.ModernBertForSequenceClassification, {}),
    "modernbert_biased": (t.ModernBertConfig, base(num_hidden_layers=3, local_attention=8, norm_bias=True, attention_bias=True,
                                                   mlp_bias=True, hidden_activation="silu"), t.ModernBertForMaskedLM,
                          {"dtype": torch.bfloat16,
                           "replace": {"rope_parameters": None, "layer_types": None, "global_attn_every_n_layers": 3,
                                       "global_rope_theta": 160000.0, "local_rope_theta": 10000.0}}),
    "modernbert_tokens": (t.ModernBertConfig, base(num_hidden_layers=2, local_attention=12, num_labels=4, classifier_bias=True),
                          t.ModernBertForTokenClassification, {}),
    "nomic_bert": (t.NomicBertConfig, base(layer_norm_eps=1e-5), t.NomicBertModel, {"whole": NOMIC_OLD}),
    "nomic_bert_v5": (t.NomicBertConfig, base(hidden_act="gelu"), t.NomicBertForMaskedLM, {}),
    "qwen3": (t.Qwen3Config, base(head_dim=20, num_key_value_heads=2, hidden_size=40), t.Qwen3Model,
              {"dtype": torch.bfloat16, "shard": "30KB", "replace": {"rope_parameters": None, **ROPE_OLD}, "theta": 1000000.0}),
    "qwen3_lm": (t.Qwen3Config, base(head_dim=16, num_key_value_heads=1, tie_word_embeddings=False, attention_bias=True), t.Qwen3ForCausalLM, {}),
    "qwen3_tied": (t.Qwen3Config, base(head_dim=12, num_key_value_heads=4, tie_word_embeddings=True, use_sliding_window=True,
                                       sliding_window=9, max_window_layers=1), t.Qwen3ForCausalLM, {"dtype": torch.float16}),
    # Heads that the models above do not have.
    "bert_lm": (t.BertConfig, base(tie_word_embeddings=False, hidden_act="relu"), t.BertForMaskedLM, {"dtype": torch.float16}),
    "roberta_lm": (t.RobertaConfig, base(type_vocab_size=1, pad_token_id=1, layer_norm_eps=1e-5, hidden_act="relu"), t.RobertaForMaskedLM, {}),
    "electra_lm": (t.ElectraConfig, base(embedding_size=20, hidden_act="relu"), t.ElectraForMaskedLM, {}),
    "mpnet_lm": (t.MPNetConfig, base(pad_token_id=1), t.MPNetForMaskedLM, {"dtype": torch.bfloat16}),
    "mobilebert_lm": (t.MobileBertConfig, {**MOBILE, "num_feedforward_networks": 1}, t.MobileBertForMaskedLM, {}),
    "deberta_v3_lm": (t.DebertaV2Config, base(**DEBERTA_V3, legacy=False), t.DebertaV2ForMaskedLM, {}),
    "bert_qa": (t.BertConfig, base(), t.BertForQuestionAnswering, {}),
    "modernbert_qa": (t.ModernBertConfig, base(num_hidden_layers=2, local_attention=12), t.ModernBertForQuestionAnswering, {}),
    "nomic_classes": (t.NomicBertConfig, base(num_labels=3), t.NomicBertForSequenceClassification, {}),
}


def randomise(model, std):
    """Larger than the start values: attention and activations leave their linear ranges."""
    with torch.no_grad():
        for key, p in model.named_parameters():
            if p.dim() == 1 and "bias" not in key:
                p.uniform_(0.5, 1.5)
            else:
                p.normal_(0, 0.3 if "bias" in key else std)


def make(name, seed):
    config_class, options, model_class, how = MODELS[name]
    torch.manual_seed(seed)
    random.seed(seed)
    if "theta" in how:
        options = {**options, "rope_parameters": {"rope_type": "default", "rope_theta": how["theta"]}}
    for key in ("hidden_dropout_prob", "attention_probs_dropout_prob"):
        if key in config_class().to_dict():
            options = {**options, key: 0.0}
    if config_class is not t.NomicBertConfig and config_class().to_dict().get("pad_token_id", 0) not in (None, 0, 1):
        options = {**options, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2}
    config = config_class(**options)
    config._attn_implementation = "eager"
    model = model_class._from_config(config, attn_implementation="eager").eval()
    randomise(model, how.get("std", 0.15))
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    dtype = how.get("dtype", torch.float32)
    model.to(dtype)
    model.save_pretrained(folder, max_shard_size=how.get("shard", "50GB"))
    for unwanted in ("generation_config.json",):
        (folder / unwanted).unlink(missing_ok=True)
    model = model_class.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    path = folder / "config.json"
    stored = how.get("whole") or json.loads(path.read_text())
    stored.pop("transformers_version", None)
    for key, value in how.get("replace", {}).items():
        if value is None:
            stored.pop(key, None)
        else:
            stored[key] = value
    path.write_text(json.dumps(stored, indent=1) + "\n")

    first = max(getattr(config, "pad_token_id", None) or 0, 0) + 1  # a padding token would get no position of its own
    sequences = [[random.randrange(first, VOCAB) for _ in range(n)] for n in LENGTHS]
    kinds = getattr(config, "type_vocab_size", 0) or 1
    types = [[int(i > n // 2) % kinds for i in range(n)] for n in LENGTHS]
    hidden, logits, lm_logits = [], [], []
    body = model if model.base_model is model else model.base_model
    with torch.no_grad():
        for ids, kind in zip(sequences, types):
            inputs = {"input_ids": torch.tensor([ids]), "attention_mask": torch.ones(1, len(ids), dtype=torch.long)}
            if kinds > 1:
                inputs["token_type_ids"] = torch.tensor([kind])
            hidden.append(body(**inputs)[0][0].numpy())
            if "Classification" in model_class.__name__:
                logits.append(np.atleast_2d(model(**inputs).logits[0].numpy()))
            elif "QuestionAnswering" in model_class.__name__:
                answer = model(**inputs)
                logits.append(np.stack([answer.start_logits[0].numpy(), answer.end_logits[0].numpy()], axis=1))
            elif "MaskedLM" in model_class.__name__:
                lm_logits.append(model(**inputs).logits[0].numpy())
    pack = lambda lists: np.array([i for s in lists for i in s], dtype=np.int32)
    tensors = {"token_ids": pack(sequences), "cu_seqlens": np.cumsum([0] + LENGTHS).astype(np.int32), "token_type_ids": pack(types),
               "hidden": np.concatenate(hidden)}
    if logits:
        tensors["logits"] = np.concatenate(logits)
    if lm_logits:
        tensors["lm_logits"] = np.concatenate(lm_logits)
    save_file(tensors, folder / "reference.safetensors")
    size = sum(f.stat().st_size for f in folder.iterdir())
    print(f"{name}: {size // 1024} KB, hidden {np.abs(tensors['hidden']).mean():.2f} on average")


def make_static(name, folder, dtype):
    """sentence-transformers' StaticEmbedding as that saves it, and with model2vec's own files around the same table."""
    torch.manual_seed(7)
    random.seed(7)
    table = torch.randn(VOCAB, 24).to(dtype).float()
    tokenizer = Tokenizer(WordLevel({f"w{i}": i for i in range(VOCAB)}, unk_token="w0"))
    tokenizer.pre_tokenizer = Whitespace()
    module = StaticEmbedding(tokenizer, embedding_weights=table.numpy())
    shutil.rmtree(HERE / name, ignore_errors=True)
    (HERE / name / folder).mkdir(parents=True)
    weights = table.to(dtype)
    kind = "sentence_transformers.models."
    if folder:
        save_torch({"embedding.weight": weights}, HERE / name / folder / "model.safetensors")
        modules = [{"idx": 0, "name": "0", "path": folder, "type": kind + "StaticEmbedding"}]
    else:
        save_torch({"embeddings": weights}, HERE / name / "model.safetensors")
        config = {"model_type": "model2vec", "architectures": ["StaticModel"], "hidden_dim": 24, "seq_length": 1000000, "normalize": True}
        (HERE / name / "config.json").write_text(json.dumps(config, indent=1) + "\n")
        modules = [{"idx": 0, "name": "0", "path": ".", "type": kind + "StaticEmbedding"},
                   {"idx": 1, "name": "1", "path": "1_Normalize", "type": kind + "Normalize"}]
    (HERE / name / "modules.json").write_text(json.dumps(modules, indent=1) + "\n")
    sequences = [[random.randrange(VOCAB) for _ in range(n)] for n in LENGTHS]
    flat = np.array([i for s in sequences for i in s], dtype=np.int32)
    borders = np.cumsum([0] + LENGTHS).astype(np.int32)
    with torch.no_grad():
        pooled = module({"input_ids": torch.tensor(flat), "offsets": torch.tensor(borders[:-1])})["sentence_embedding"]
        pooled = pooled if folder else torch.nn.functional.normalize(pooled)
    save_file({"token_ids": flat, "cu_seqlens": borders, "token_type_ids": np.zeros_like(flat), "hidden": table.numpy()[flat],
               "embeddings": pooled.numpy()}, HERE / name / "reference.safetensors")


STATIC = {"static_embedding": ("0_StaticEmbedding", torch.float32), "model2vec": ("", torch.float16)}

torch.set_num_threads(1)  # the same sums on every machine
t.logging.set_verbosity_error()
for index, model_name in enumerate(MODELS):
    if len(sys.argv) == 1 or model_name in sys.argv[1:]:
        make(model_name, 101 + index)
for model_name, static_options in STATIC.items():
    if len(sys.argv) == 1 or model_name in sys.argv[1:]:
        make_static(model_name, *static_options)
