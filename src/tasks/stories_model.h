// For tests: the trained 260K-parameter Llama of the data sets (llama2.c's format) as a GGUF file. Both have the values
// of a rotary pair side by side.
#pragma once

#include <array>
#include <cstring>

#include "base/file_io.h"
#include "files/gguf_builder.h"

namespace bantam::testing {

inline Result<std::string> StoriesGguf(const Path& folder, std::string_view chat_template = {}) {
  BANTAM_TRY(const std::string weights, ReadFile(folder / "raw/stories260K.bin"));
  BANTAM_TRY(const std::string vocabulary, ReadFile(folder / "raw/tok512.bin"));
  int32_t sizes[7];  // dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size, seq_len
  std::memcpy(sizes, weights.data(), sizeof sizes);
  const auto number = [&](int i) { return static_cast<uint32_t>(sizes[i]); };
  const uint64_t dim = number(0), hidden = number(1), layers = number(2), vocab = number(5);
  const uint64_t kv = dim / number(3) * number(4);
  GgufBuilder gguf;
  gguf.String("general.architecture", "llama");
  gguf.U32("llama.embedding_length", number(0));
  gguf.U32("llama.feed_forward_length", number(1));
  gguf.U32("llama.block_count", number(2));
  gguf.U32("llama.attention.head_count", number(3));
  gguf.U32("llama.attention.head_count_kv", number(4));
  gguf.U32("llama.context_length", number(6));
  gguf.F32("llama.attention.layer_norm_rms_epsilon", 1e-5f);
  gguf.F32("llama.rope.freq_base", 10'000);

  // tok512.bin: the longest token, then score, length and bytes of each.
  std::vector<std::string> tokens;
  std::string scores, types;
  size_t at = sizeof(int32_t);
  for (uint64_t id = 0; id < vocab; ++id) {
    scores += vocabulary.substr(at, sizeof(float));
    int32_t length = 0;
    std::memcpy(&length, vocabulary.data() + at + sizeof(float), sizeof length);
    std::string token = vocabulary.substr(at + 8, static_cast<size_t>(length));
    at += 8 + static_cast<size_t>(length);
    if (id >= 3 && id < 259) token = fmt::format("<0x{:02X}>", id - 3);
    std::string text;
    for (const char c : token) text += c == ' ' ? "\u2581" : std::string(1, c);
    if (id < 3) text = std::array{"<unk>", "<s>", "</s>"}[id];
    tokens.push_back(text);
    types += LittleEndian(id == 0 ? 2 : id < 3 ? 3 : id < 259 ? 6 : 1);
  }
  gguf.String("tokenizer.ggml.model", "llama");
  gguf.Strings("tokenizer.ggml.tokens", tokens);
  gguf.Array("tokenizer.ggml.scores", 6, vocab, scores);
  gguf.Array("tokenizer.ggml.token_type", 5, vocab, types);
  gguf.U32("tokenizer.ggml.bos_token_id", 1);
  gguf.U32("tokenizer.ggml.eos_token_id", 2);
  gguf.U32("tokenizer.ggml.unknown_token_id", 0);
  if (!chat_template.empty()) gguf.String("tokenizer.chat_template", std::string(chat_template));

  size_t next = sizeof sizes;
  const auto take = [&](uint64_t count) {
    std::string bytes = weights.substr(next, count * sizeof(float));
    next += count * sizeof(float);
    return bytes;
  };
  gguf.Tensor("token_embd.weight", {dim, vocab}, kGgmlF32, take(dim * vocab));
  struct Kind {
    const char* name;
    uint64_t in, out;  // in 0: a vector
  };
  const Kind kinds[] = {{"attn_norm", 0, dim},     {"attn_q", dim, dim},      {"attn_k", dim, kv},
                        {"attn_v", dim, kv},       {"attn_output", dim, dim}, {"ffn_norm", 0, dim},
                        {"ffn_gate", dim, hidden}, {"ffn_down", hidden, dim}, {"ffn_up", dim, hidden}};
  for (const Kind& kind : kinds) {
    for (uint64_t layer = 0; layer < layers; ++layer) {
      const std::string name = fmt::format("blk.{}.{}.weight", layer, kind.name);
      if (kind.in == 0) {
        gguf.Tensor(name, {kind.out}, kGgmlF32, take(kind.out));
      } else {
        gguf.Tensor(name, {kind.in, kind.out}, kGgmlF32, take(kind.in * kind.out));
      }
    }
  }
  gguf.Tensor("output_norm.weight", {dim}, kGgmlF32, take(dim));
  return gguf.Build();
}

}  // namespace bantam::testing
