"""The encoders that people deploy, in their real shapes: what docs/models.md lists and `make bench-models` measures.

Weights are random, because speed and memory do not depend on them and so that nothing has to be fetched. `checkpoint` names the best known
one of the shape, with its licence. `beside`: also measured with onnxruntime and OpenVINO.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Shape:
    name: str
    model_type: str  # config.json
    checkpoint: str
    licence: str
    config: dict = field(default_factory=dict)  # over the defaults of transformers' configuration class
    beside: bool = False


SMALL = {"hidden_size": 384, "num_attention_heads": 12, "intermediate_size": 1536}
ROBERTA = {"vocab_size": 50265, "max_position_embeddings": 514, "type_vocab_size": 1, "layer_norm_eps": 1e-5}
DEBERTA_V3 = {"vocab_size": 128100, "relative_attention": True, "position_buckets": 256, "max_relative_positions": -1, "pos_att_type": "p2c|c2p",
              "norm_rel_ebd": "layer_norm", "share_att_key": True, "position_biased_input": False, "type_vocab_size": 0,
              "layer_norm_eps": 1e-7}  # fmt: skip

SHAPES = [
    Shape("minilm-l6", "bert", "sentence-transformers/all-MiniLM-L6-v2", "Apache-2.0", {**SMALL, "num_hidden_layers": 6}),
    Shape("bge-small", "bert", "BAAI/bge-small-en-v1.5", "MIT", {**SMALL, "num_hidden_layers": 12}),
    Shape("bert-base", "bert", "google-bert/bert-base-uncased", "Apache-2.0", beside=True),
    Shape("bert-large", "bert", "google-bert/bert-large-uncased", "Apache-2.0",
          {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096}, beside=True),
    Shape("distilbert-base", "distilbert", "distilbert/distilbert-base-uncased", "Apache-2.0"),
    Shape("roberta-base", "roberta", "FacebookAI/roberta-base", "MIT", ROBERTA),
    Shape("camembert-base", "camembert", "almanach/camembert-base", "MIT", {**ROBERTA, "vocab_size": 32005}),
    Shape("xlm-roberta-base", "xlm-roberta", "FacebookAI/xlm-roberta-base", "MIT", {**ROBERTA, "vocab_size": 250002}, beside=True),
    Shape("mpnet-base", "mpnet", "sentence-transformers/all-mpnet-base-v2", "Apache-2.0",
          {"vocab_size": 30527, "max_position_embeddings": 514, "layer_norm_eps": 1e-5}),
    Shape("albert-base", "albert", "albert/albert-base-v2", "Apache-2.0",
          {"embedding_size": 128, "hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072}),
    Shape("electra-small", "electra", "google/electra-small-discriminator", "Apache-2.0"),
    Shape("mobilebert", "mobilebert", "google/mobilebert-uncased", "Apache-2.0", beside=True),
    Shape("deberta-v3-small", "deberta-v2", "microsoft/deberta-v3-small", "MIT",
          {**DEBERTA_V3, "hidden_size": 768, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 3072}),
    Shape("deberta-v3-base", "deberta-v2", "microsoft/deberta-v3-base", "MIT",
          {**DEBERTA_V3, "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072}),
    Shape("modernbert-base", "modernbert", "answerdotai/ModernBERT-base", "Apache-2.0", beside=True),
    Shape("nomic-bert", "nomic_bert", "nomic-ai/nomic-embed-text-v1.5", "Apache-2.0"),
    Shape("qwen3-embedding-0.6b", "qwen3", "Qwen/Qwen3-Embedding-0.6B", "Apache-2.0",
          {"vocab_size": 151669, "hidden_size": 1024, "intermediate_size": 3072, "num_hidden_layers": 28, "num_attention_heads": 16,
           "num_key_value_heads": 8, "head_dim": 128, "max_position_embeddings": 32768, "tie_word_embeddings": True}),
    Shape("potion-base-8m", "model2vec", "minishlab/potion-base-8M", "MIT", {"vocab_size": 29528, "hidden_dim": 256}),
]  # fmt: skip

# What loads as one of the above: another name, what carries it, and whose shape it has.
ALIASES = [
    ("static_embedding", "a table of sentence-transformers' StaticEmbedding module, without a config.json", "model2vec"),
]
