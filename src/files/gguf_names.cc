#include "files/gguf_names.h"

#include <fmt/format.h>

#include <algorithm>

namespace bantam {
namespace {

using enum GgufConfigRow::Kind;

constexpr GgufConfigRow kBertConfig[] = {
    {"embedding_length", "hidden_size"},
    {"block_count", "num_hidden_layers"},
    {"attention.head_count", "num_attention_heads"},
    {"feed_forward_length", "intermediate_size"},
    {"attention.layer_norm_epsilon", "layer_norm_eps", kNumber},
};
constexpr GgufNameRow kBertOutside[] = {
    {"token_embd", "embeddings.word_embeddings"},
    {"position_embd", "embeddings.position_embeddings"},
    {"token_types", "embeddings.token_type_embeddings"},
    {"token_embd_norm", "embeddings.LayerNorm"},
    {"cls", "classifier.dense"},
    {"cls.output", "classifier.out_proj", GgufNameRow::Rows::kMayBeOne},
};
constexpr GgufNameRow kBertLayer[] = {
    {"attn_q", "encoder.layer.{}.attention.self.query"},
    {"attn_k", "encoder.layer.{}.attention.self.key"},
    {"attn_v", "encoder.layer.{}.attention.self.value"},
    {"attn_output", "encoder.layer.{}.attention.output.dense"},
    {"attn_output_norm", "encoder.layer.{}.attention.output.LayerNorm"},
    {"ffn_up", "encoder.layer.{}.intermediate.dense"},
    {"ffn_down", "encoder.layer.{}.output.dense"},
    {"layer_output_norm", "encoder.layer.{}.output.LayerNorm"},
};

// Its converter writes it as a BERT without token types. The epsilon is the same in every model.
constexpr GgufConfigRow kDistilBertConfig[] = {
    {"embedding_length", "dim"},
    {"block_count", "n_layers"},
    {"attention.head_count", "n_heads"},
    {"feed_forward_length", "hidden_dim"},
};
constexpr GgufNameRow kDistilBertLayer[] = {
    {"attn_q", "transformer.layer.{}.attention.q_lin"},
    {"attn_k", "transformer.layer.{}.attention.k_lin"},
    {"attn_v", "transformer.layer.{}.attention.v_lin"},
    {"attn_output", "transformer.layer.{}.attention.out_lin"},
    {"attn_output_norm", "transformer.layer.{}.sa_layer_norm"},
    {"ffn_up", "transformer.layer.{}.ffn.lin1"},
    {"ffn_down", "transformer.layer.{}.ffn.lin2"},
    {"layer_output_norm", "transformer.layer.{}.output_layer_norm"},
};

constexpr GgufConfigRow kNomicBertConfig[] = {
    {"embedding_length", "n_embd"},
    {"block_count", "n_layer"},
    {"attention.head_count", "n_head"},
    {"feed_forward_length", "n_inner"},
    {"context_length", "n_positions"},
    {"attention.layer_norm_epsilon", "layer_norm_epsilon", kNumber},
    {"rope.freq_base", "rotary_emb_base", kNumber, false},
};
constexpr GgufNameRow kNomicBertOutside[] = {
    {"token_embd", "embeddings.word_embeddings"},
    {"token_types", "embeddings.token_type_embeddings"},
    {"token_embd_norm", "emb_ln"},
};
constexpr GgufNameRow kNomicBertLayer[] = {
    {"attn_qkv", "encoder.layers.{}.attn.Wqkv"},      {"attn_output", "encoder.layers.{}.attn.out_proj"},
    {"attn_output_norm", "encoder.layers.{}.norm1"},  {"ffn_up", "encoder.layers.{}.mlp.fc11"},
    {"ffn_gate", "encoder.layers.{}.mlp.fc12"},       {"ffn_down", "encoder.layers.{}.mlp.fc2"},
    {"layer_output_norm", "encoder.layers.{}.norm2"},
};

constexpr GgufConfigRow kModernBertConfig[] = {
    {"embedding_length", "hidden_size"},
    {"block_count", "num_hidden_layers"},
    {"attention.head_count", "num_attention_heads"},
    {"feed_forward_length", "intermediate_size"},
    {"context_length", "max_position_embeddings"},
    {"attention.layer_norm_epsilon", "norm_eps", kNumber},
    {"attention.sliding_window", "local_attention"},
    {"attention.sliding_window_pattern", "global_attn_every_n_layers", kSize, false},
    {"rope.freq_base", "global_rope_theta", kNumber, false},
    {"rope.freq_base_swa", "local_rope_theta", kNumber, false},
};
constexpr GgufNameRow kModernBertOutside[] = {
    {"token_embd", "embeddings.tok_embeddings"},
    {"token_embd_norm", "embeddings.norm"},
    {"output_norm", "final_norm"},
    {"cls", "head.dense"},
    {"cls.norm", "head.norm"},
    {"cls.output", "classifier", GgufNameRow::Rows::kMayBeOne},
};
constexpr GgufNameRow kModernBertLayer[] = {
    {"attn_norm", "layers.{}.attn_norm"}, {"attn_qkv", "layers.{}.attn.Wqkv"}, {"attn_output", "layers.{}.attn.Wo"},
    {"ffn_norm", "layers.{}.mlp_norm"},   {"ffn_up", "layers.{}.mlp.Wi"},      {"ffn_down", "layers.{}.mlp.Wo"},
};

constexpr GgufConfigRow kQwen3Config[] = {
    {"embedding_length", "hidden_size"},
    {"block_count", "num_hidden_layers"},
    {"attention.head_count", "num_attention_heads"},
    {"attention.head_count_kv", "num_key_value_heads"},
    {"attention.key_length", "head_dim"},
    {"feed_forward_length", "intermediate_size"},
    {"context_length", "max_position_embeddings"},
    {"attention.layer_norm_rms_epsilon", "rms_norm_eps", kNumber},
    {"rope.freq_base", "rope_theta", kNumber, false},
};
constexpr GgufNameRow kQwen3Outside[] = {
    {"token_embd", "embed_tokens"},
    {"output_norm", "norm"},
    {"output", "lm_head"},
    {"cls.output", "score"},
};
constexpr GgufNameRow kQwen3Layer[] = {
    {"attn_norm", "layers.{}.input_layernorm"},    {"attn_q", "layers.{}.self_attn.q_proj"},
    {"attn_k", "layers.{}.self_attn.k_proj"},      {"attn_v", "layers.{}.self_attn.v_proj"},
    {"attn_q_norm", "layers.{}.self_attn.q_norm"}, {"attn_k_norm", "layers.{}.self_attn.k_norm"},
    {"attn_output", "layers.{}.self_attn.o_proj"}, {"ffn_norm", "layers.{}.post_attention_layernorm"},
    {"ffn_gate", "layers.{}.mlp.gate_proj"},       {"ffn_up", "layers.{}.mlp.up_proj"},
    {"ffn_down", "layers.{}.mlp.down_proj"},
};

// Llama and its descendants.
constexpr GgufConfigRow kLlamaConfig[] = {
    {"embedding_length", "hidden_size"},
    {"block_count", "num_hidden_layers"},
    {"attention.head_count", "num_attention_heads"},
    {"attention.head_count_kv", "num_key_value_heads", kSize, false},
    {"attention.key_length", "head_dim", kSize, false},
    {"feed_forward_length", "intermediate_size"},
    {"context_length", "max_position_embeddings"},
    {"attention.layer_norm_rms_epsilon", "rms_norm_eps", kNumber},
    {"attention.sliding_window", "sliding_window", kSize, false},
    {"rope.freq_base", "rope_theta", kNumber, false},
    {"rope.freq_base_swa", "rope_local_base_freq", kNumber, false},
    {"rope.dimension_count", "rotary_dim", kSize, false},
    {"attn_logit_softcapping", "attn_logit_softcapping", kNumber, false},
    {"final_logit_softcapping", "final_logit_softcapping", kNumber, false},
    {"embedding_scale", "embedding_multiplier", kNumber, false},
    {"residual_scale", "residual_multiplier", kNumber, false},
    {"attention.scale", "attention_multiplier", kNumber, false},
    {"logit_scale", "logits_scaling", kNumber, false},
};
constexpr GgufNameRow kLlamaOutside[] = {
    {"token_embd", "embed_tokens"},
    {"output_norm", "norm"},
    {"output", "lm_head"},
    {"rope_freqs", "rope_freqs"},
    {"rope_factors_short", "rope_factors_short"},
    {"rope_factors_long", "rope_factors_long"},
};
constexpr GgufNameRow kLlamaLayer[] = {
    {"attn_norm", "layers.{}.input_layernorm"},
    {"attn_q", "layers.{}.self_attn.q_proj", GgufNameRow::Rows::kPairsOfQueries},
    {"attn_k", "layers.{}.self_attn.k_proj", GgufNameRow::Rows::kPairsOfKeys},
    {"attn_v", "layers.{}.self_attn.v_proj"},
    {"attn_output", "layers.{}.self_attn.o_proj"},
    {"ffn_norm", "layers.{}.post_attention_layernorm"},
    {"ffn_gate", "layers.{}.mlp.gate_proj"},
    {"ffn_up", "layers.{}.mlp.up_proj"},
    {"ffn_down", "layers.{}.mlp.down_proj"},
};
constexpr GgufNameRow kPhi3Layer[] = {
    {"attn_norm", "layers.{}.input_layernorm"},    {"attn_qkv", "layers.{}.self_attn.qkv_proj"},
    {"attn_output", "layers.{}.self_attn.o_proj"}, {"ffn_norm", "layers.{}.post_attention_layernorm"},
    {"ffn_up", "layers.{}.mlp.gate_up_proj"},      {"ffn_down", "layers.{}.mlp.down_proj"},
};
// With norms after each part, as OLMo 2 and Gemma 2 and 3 have them.
constexpr GgufNameRow kPostNormLayer[] = {
    {"attn_norm", "layers.{}.input_layernorm"},
    {"attn_q", "layers.{}.self_attn.q_proj"},
    {"attn_k", "layers.{}.self_attn.k_proj"},
    {"attn_v", "layers.{}.self_attn.v_proj"},
    {"attn_q_norm", "layers.{}.self_attn.q_norm"},
    {"attn_k_norm", "layers.{}.self_attn.k_norm"},
    {"attn_output", "layers.{}.self_attn.o_proj"},
    {"post_attention_norm", "layers.{}.post_attention_layernorm"},
    {"ffn_norm", "layers.{}.pre_feedforward_layernorm"},
    {"ffn_gate", "layers.{}.mlp.gate_proj"},
    {"ffn_up", "layers.{}.mlp.up_proj"},
    {"ffn_down", "layers.{}.mlp.down_proj"},
    {"post_ffw_norm", "layers.{}.post_feedforward_layernorm"},
};
// With LayerNorms in place of RMSNorms.
constexpr GgufConfigRow kLayerNormConfig[] = {
    {"embedding_length", "hidden_size"},
    {"block_count", "num_hidden_layers"},
    {"attention.head_count", "num_attention_heads"},
    {"attention.head_count_kv", "num_key_value_heads", kSize, false},
    {"feed_forward_length", "intermediate_size"},
    {"context_length", "max_position_embeddings"},
    {"attention.layer_norm_epsilon", "layer_norm_eps", kNumber},
    {"rope.freq_base", "rope_theta", kNumber, false},
    {"rope.dimension_count", "rotary_dim", kSize, false},
    {"use_parallel_residual", "use_parallel_residual", kFlag, false},
};
constexpr GgufConfigRow kLfm2Config[] = {
    {"embedding_length", "hidden_size"},
    {"block_count", "num_hidden_layers"},
    {"attention.head_count", "num_attention_heads"},
    {"attention.head_count_kv", "num_key_value_heads", kSize, false},
    {"feed_forward_length", "intermediate_size"},
    {"context_length", "max_position_embeddings"},
    {"shortconv.l_cache", "conv_L_cache"},
    {"attention.layer_norm_rms_epsilon", "norm_eps", kNumber},
    {"rope.freq_base", "rope_theta", kNumber, false},
};
constexpr GgufNameRow kLfm2Outside[] = {
    {"token_embd", "embed_tokens"},
    {"token_embd_norm", "embedding_norm"},
    {"output", "lm_head"},
};
constexpr GgufNameRow kLfm2Layer[] = {
    {"attn_norm", "layers.{}.operator_norm"},
    {"attn_q", "layers.{}.self_attn.q_proj"},
    {"attn_k", "layers.{}.self_attn.k_proj"},
    {"attn_v", "layers.{}.self_attn.v_proj"},
    {"attn_q_norm", "layers.{}.self_attn.q_layernorm"},
    {"attn_k_norm", "layers.{}.self_attn.k_layernorm"},
    {"attn_output", "layers.{}.self_attn.out_proj"},
    {"shortconv.in_proj", "layers.{}.conv.in_proj"},
    {"shortconv.conv", "layers.{}.conv.conv"},
    {"shortconv.out_proj", "layers.{}.conv.out_proj"},
    {"ffn_norm", "layers.{}.ffn_norm"},
    {"ffn_gate", "layers.{}.feed_forward.w1"},
    {"ffn_up", "layers.{}.feed_forward.w3"},
    {"ffn_down", "layers.{}.feed_forward.w2"},
};
constexpr GgufNameRow kPhi2Outside[] = {
    {"token_embd", "embed_tokens"},
    {"output_norm", "final_layernorm"},
    {"output", "lm_head"},
};
constexpr GgufNameRow kPhi2Layer[] = {
    {"attn_norm", "layers.{}.input_layernorm"},
    {"attn_qkv", "layers.{}.self_attn.qkv_proj"},
    {"attn_q", "layers.{}.self_attn.q_proj"},
    {"attn_k", "layers.{}.self_attn.k_proj"},
    {"attn_v", "layers.{}.self_attn.v_proj"},
    {"attn_output", "layers.{}.self_attn.dense"},
    {"ffn_up", "layers.{}.mlp.fc1"},
    {"ffn_down", "layers.{}.mlp.fc2"},
};
constexpr GgufNameRow kGptNeoXOutside[] = {
    {"token_embd", "embed_in"},
    {"output_norm", "final_layer_norm"},
    {"output", "embed_out"},
};
constexpr GgufNameRow kGptNeoXLayer[] = {
    {"attn_norm", "layers.{}.input_layernorm"},   {"attn_qkv", "layers.{}.attention.query_key_value"},
    {"attn_output", "layers.{}.attention.dense"}, {"ffn_norm", "layers.{}.post_attention_layernorm"},
    {"ffn_up", "layers.{}.mlp.dense_h_to_4h"},    {"ffn_down", "layers.{}.mlp.dense_4h_to_h"},
};
constexpr GgufConfigRow kGpt2Config[] = {
    {"embedding_length", "n_embd"},     {"block_count", "n_layer"},
    {"attention.head_count", "n_head"}, {"feed_forward_length", "n_inner"},
    {"context_length", "n_positions"},  {"attention.layer_norm_epsilon", "layer_norm_epsilon", kNumber},
};
constexpr GgufNameRow kGpt2Outside[] = {
    {"token_embd", "wte"},
    {"position_embd", "wpe"},
    {"output_norm", "ln_f"},
    {"output", "lm_head"},
};
constexpr GgufNameRow kGpt2Layer[] = {
    {"attn_norm", "h.{}.ln_1"}, {"attn_qkv", "h.{}.attn.c_attn"}, {"attn_output", "h.{}.attn.c_proj"},
    {"ffn_norm", "h.{}.ln_2"},  {"ffn_up", "h.{}.mlp.c_fc"},      {"ffn_down", "h.{}.mlp.c_proj"},
};
constexpr GgufConfigRow kT5Config[] = {
    {"embedding_length", "d_model"},
    {"feed_forward_length", "d_ff"},
    {"block_count", "num_layers"},
    {"decoder_block_count", "num_decoder_layers", kSize, false},
    {"attention.head_count", "num_heads"},
    {"attention.key_length", "d_kv"},
    {"attention.relative_buckets_count", "relative_attention_num_buckets"},
    {"attention.layer_norm_rms_epsilon", "layer_norm_epsilon", kNumber},
    {"decoder_start_token_id", "decoder_start_token_id", kId, false},
};
constexpr GgufNameRow kT5Outside[] = {
    {"token_embd", "shared"},
    {"enc.output_norm", "encoder.final_layer_norm"},
    {"dec.output_norm", "decoder.final_layer_norm"},
    {"output", "lm_head"},
};
constexpr GgufNameRow kT5Layer[] = {
    {"enc.attn_norm", "encoder.block.{}.layer.0.layer_norm"},
    {"enc.attn_q", "encoder.block.{}.layer.0.SelfAttention.q"},
    {"enc.attn_k", "encoder.block.{}.layer.0.SelfAttention.k"},
    {"enc.attn_v", "encoder.block.{}.layer.0.SelfAttention.v"},
    {"enc.attn_o", "encoder.block.{}.layer.0.SelfAttention.o"},
    {"enc.attn_rel_b", "encoder.block.{}.layer.0.SelfAttention.relative_attention_bias"},
    {"enc.ffn_norm", "encoder.block.{}.layer.1.layer_norm"},
    {"enc.ffn_gate", "encoder.block.{}.layer.1.DenseReluDense.wi_0"},
    {"enc.ffn_up", "encoder.block.{}.layer.1.DenseReluDense.wi_1"},
    {"enc.ffn_down", "encoder.block.{}.layer.1.DenseReluDense.wo"},
    {"dec.attn_norm", "decoder.block.{}.layer.0.layer_norm"},
    {"dec.attn_q", "decoder.block.{}.layer.0.SelfAttention.q"},
    {"dec.attn_k", "decoder.block.{}.layer.0.SelfAttention.k"},
    {"dec.attn_v", "decoder.block.{}.layer.0.SelfAttention.v"},
    {"dec.attn_o", "decoder.block.{}.layer.0.SelfAttention.o"},
    {"dec.attn_rel_b", "decoder.block.{}.layer.0.SelfAttention.relative_attention_bias"},
    {"dec.cross_attn_norm", "decoder.block.{}.layer.1.layer_norm"},
    {"dec.cross_attn_q", "decoder.block.{}.layer.1.EncDecAttention.q"},
    {"dec.cross_attn_k", "decoder.block.{}.layer.1.EncDecAttention.k"},
    {"dec.cross_attn_v", "decoder.block.{}.layer.1.EncDecAttention.v"},
    {"dec.cross_attn_o", "decoder.block.{}.layer.1.EncDecAttention.o"},
    {"dec.cross_attn_rel_b", "decoder.block.{}.layer.1.EncDecAttention.relative_attention_bias"},
    {"dec.ffn_norm", "decoder.block.{}.layer.2.layer_norm"},
    {"dec.ffn_gate", "decoder.block.{}.layer.2.DenseReluDense.wi_0"},
    {"dec.ffn_up", "decoder.block.{}.layer.2.DenseReluDense.wi_1"},
    {"dec.ffn_down", "decoder.block.{}.layer.2.DenseReluDense.wo"},
};
// The files hold the sums with which Gemma scales.
constexpr std::string_view kGemmaMore = R"({"norm_offset":0})";

// RoBERTa and XLM-RoBERTa are written as BERTs too, their positions without the rows before the first token's. What a
// ModernBERT's head reads is not said; the format's own library gives it the mean.
constexpr GgufArchitecture kArchitectures[] = {
    {"bert", "bert", kBertConfig, kBertOutside, kBertLayer, "{}", "type_vocab_size", "max_position_embeddings", false,
     "BertForSequenceClassification"},
    {"bert", "distilbert", kDistilBertConfig, kBertOutside, kDistilBertLayer, R"({"activation":"gelu"})", "",
     "max_position_embeddings", false, "DistilBertForSequenceClassification"},
    {"nomic-bert", "nomic_bert", kNomicBertConfig, kNomicBertOutside, kNomicBertLayer,
     R"({"activation_function":"swiglu"})", "type_vocab_size", ""},
    {"modern-bert", "modernbert", kModernBertConfig, kModernBertOutside, kModernBertLayer,
     R"({"classifier_pooling":"mean"})", "", "", false, "ModernBertForSequenceClassification"},
    {"qwen3", "qwen3", kQwen3Config, kQwen3Outside, kQwen3Layer, "{}", "", "", true},
    {"llama", "llama", kLlamaConfig, kLlamaOutside, kLlamaLayer, "{}", "", "", true},
    {"smollm3", "smollm3", kLlamaConfig, kLlamaOutside, kLlamaLayer, "{}", "", "", true},
    {"granite", "granite", kLlamaConfig, kLlamaOutside, kLlamaLayer, "{}", "", "", true},
    {"qwen2", "qwen2", kLlamaConfig, kQwen3Outside, kQwen3Layer, "{}", "", "", true},
    {"gemma", "gemma", kLlamaConfig, kLlamaOutside, kQwen3Layer, kGemmaMore, "", "", true},
    {"gemma2", "gemma2", kLlamaConfig, kLlamaOutside, kPostNormLayer, kGemmaMore, "", "", true},
    {"gemma3", "gemma3_text", kLlamaConfig, kLlamaOutside, kPostNormLayer, kGemmaMore, "", "", true},
    {"phi3", "phi3", kLlamaConfig, kLlamaOutside, kPhi3Layer, "{}", "", "", true},
    {"olmo2", "olmo2", kLlamaConfig, kLlamaOutside, kPostNormLayer, "{}", "", "", true},
    {"stablelm", "stablelm", kLayerNormConfig, kLlamaOutside, kQwen3Layer, "{}", "", "", true},
    {"phi2", "phi", kLayerNormConfig, kPhi2Outside, kPhi2Layer, "{}", "", "", true},
    {"gptneox", "gpt_neox", kLayerNormConfig, kGptNeoXOutside, kGptNeoXLayer, "{}", "", "", true},
    {"gpt2", "gpt2", kGpt2Config, kGpt2Outside, kGpt2Layer, "{}", "", "", true},
    // The width is that after its adjustment.
    {"lfm2", "lfm2", kLfm2Config, kLfm2Outside, kLfm2Layer, R"({"block_auto_adjust_ff_dim":false})", "", "", true},
    {"t5", "t5", kT5Config, kT5Outside, kT5Layer, "{}", "", "", true},
};

// What `bantam show` can say of any file.
constexpr GgufConfigRow kAnyConfig[] = {
    {"embedding_length", "hidden_size", kSize, false},
    {"block_count", "num_hidden_layers", kSize, false},
    {"attention.head_count", "num_attention_heads", kSize, false},
    {"context_length", "max_position_embeddings", kSize, false},
};

const GgufNameRow* Lookup(std::span<const GgufNameRow> rows, std::string_view name) {
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const GgufNameRow& row) { return row.name == name; });
  return found == rows.end() ? nullptr : &*found;
}

// "enc." and "dec." begin what models with two halves have twice.
std::string_view HalfOf(std::string_view name) {
  return name.starts_with("enc.") || name.starts_with("dec.") ? name.substr(0, 4) : std::string_view();
}

// "blk.7.attn_q.weight": the row, the layer's number or "", the ending.
struct ReadName {
  const GgufNameRow* row = nullptr;
  std::string_view number, ending;
};
std::optional<ReadName> ReadTensorName(const GgufArchitecture& architecture, std::string_view name) {
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const std::string_view stem = name.substr(0, dot), ending = name.substr(dot);
  if (ending != ".weight" && ending != ".bias") return std::nullopt;
  if (const GgufNameRow* row = Lookup(architecture.outside, stem)) return ReadName{row, "", ending};
  constexpr std::string_view kBlock = "blk.";
  const std::string_view half = HalfOf(stem);
  if (!stem.substr(half.size()).starts_with(kBlock)) return std::nullopt;
  const std::string_view rest = stem.substr(half.size() + kBlock.size());
  const size_t end = rest.find('.');
  const std::string_view number = rest.substr(0, end);
  if (end == std::string_view::npos || number.empty() || number.size() > 6 ||
      number.find_first_not_of("0123456789") != std::string_view::npos) {
    return std::nullopt;
  }
  const GgufNameRow* row = Lookup(architecture.layer, std::string(half) + std::string(rest.substr(end + 1)));
  if (row == nullptr) return std::nullopt;
  return ReadName{row, number, ending};
}

}  // namespace

const GgufArchitecture* FindGgufArchitecture(std::string_view name, bool has_types) {
  const GgufArchitecture* last = nullptr;
  for (const GgufArchitecture& architecture : kArchitectures) {
    if (architecture.name != name) continue;
    last = &architecture;
    if (has_types || architecture.model_type != "bert") return last;
  }
  return last;
}

GgufArchitecture AnyGgufArchitecture(std::string_view name) {
  return {.name = name, .model_type = name, .config = kAnyConfig, .outside = {}, .layer = {}, .more = "{}"};
}

std::optional<std::string> OriginalName(const GgufArchitecture& architecture, std::string_view name) {
  const auto read = ReadTensorName(architecture, name);
  if (!read) return std::nullopt;
  const std::string_view original = read->row->original;
  if (read->number.empty()) return std::string(original) + std::string(read->ending);
  const size_t brackets = original.find("{}");
  return fmt::format("{}{}{}{}", original.substr(0, brackets), read->number, original.substr(brackets + 2),
                     read->ending);
}

std::optional<std::string> GgufName(const GgufArchitecture& architecture, std::string_view original) {
  const size_t dot = original.rfind('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const std::string_view stem = original.substr(0, dot), ending = original.substr(dot);
  if (ending != ".weight" && ending != ".bias") return std::nullopt;
  for (const GgufNameRow& row : architecture.outside) {
    if (row.original == stem) return fmt::format("{}{}", row.name, ending);
  }
  for (const GgufNameRow& row : architecture.layer) {
    const size_t brackets = row.original.find("{}");
    const std::string_view before = row.original.substr(0, brackets), after = row.original.substr(brackets + 2);
    if (!stem.starts_with(before) || !stem.ends_with(after) || stem.size() <= before.size() + after.size()) continue;
    const std::string_view number = stem.substr(before.size(), stem.size() - before.size() - after.size());
    if (number.size() > 6 || number.find_first_not_of("0123456789") != std::string_view::npos) continue;
    const std::string_view half = HalfOf(row.name);
    return fmt::format("{}blk.{}.{}{}", half, number, row.name.substr(half.size()), ending);
  }
  return std::nullopt;
}

GgufNameRow::Rows RowsOfTensor(const GgufArchitecture& architecture, std::string_view name) {
  const auto read = ReadTensorName(architecture, name);
  return read ? read->row->rows : GgufNameRow::Rows::kSame;
}

}  // namespace bantam
