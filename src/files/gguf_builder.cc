#include "files/gguf_builder.h"

#include <fmt/format.h>

#include <cstring>

#include "base/check.h"

namespace bantam::testing {

std::string GgufString(std::string_view text) { return LittleEndian(uint64_t{text.size()}) + std::string(text); }

void GgufBuilder::Raw(std::string_view key, uint32_t type, std::string_view value) {
  keys_ += GgufString(key) + LittleEndian(type);
  keys_ += value;
  ++num_keys_;
}

void GgufBuilder::Array(std::string_view key, uint32_t element, uint64_t count, std::string_view elements) {
  Raw(key, 9, LittleEndian(element) + LittleEndian(count) + std::string(elements));
}

void GgufBuilder::Strings(std::string_view key, const std::vector<std::string>& values) {
  std::string elements;
  for (const std::string& value : values) elements += GgufString(value);
  Array(key, 8, values.size(), elements);
}

void GgufBuilder::Tensor(std::string_view name, const std::vector<uint64_t>& dims, uint32_t type, std::string data) {
  data_.resize((data_.size() + alignment - 1) / alignment * alignment);
  Described(name, dims, type, data_.size());
  data_ += data;
}

void GgufBuilder::Described(std::string_view name, const std::vector<uint64_t>& dims, uint32_t type, uint64_t offset) {
  descriptions_ += GgufString(name) + LittleEndian(static_cast<uint32_t>(dims.size()));
  for (const uint64_t dim : dims) descriptions_ += LittleEndian(dim);
  descriptions_ += LittleEndian(type) + LittleEndian(offset);
  ++num_tensors_;
}

std::string GgufBuilder::Build() const {
  std::string bytes = "GGUF" + LittleEndian(version) + LittleEndian(num_tensors_ + extra_tensors) +
                      LittleEndian(num_keys_ + extra_keys) + keys_ + descriptions_;
  bytes.resize((bytes.size() + alignment - 1) / alignment * alignment);
  return bytes + data_;
}

void AddTinyBert(GgufBuilder& gguf) {
  constexpr uint64_t kHidden = 8, kWords = 16, kPositions = 12, kInner = 16;
  gguf.String("general.architecture", "bert");
  gguf.U32("bert.block_count", 1);
  gguf.U32("bert.context_length", kPositions);
  gguf.U32("bert.embedding_length", kHidden);
  gguf.U32("bert.feed_forward_length", kInner);
  gguf.U32("bert.attention.head_count", 2);
  gguf.F32("bert.attention.layer_norm_epsilon", 1e-12f);
  gguf.Bool("bert.attention.causal", 0);
  gguf.U32("bert.pooling_type", 1);
  gguf.String("tokenizer.ggml.model", "bert");
  std::vector<std::string> tokens = {"[PAD]", "[UNK]", "[CLS]", "[SEP]"};
  std::string types;
  while (tokens.size() < kWords) tokens.push_back(fmt::format("\u2581word{}", tokens.size()));
  for (size_t i = 0; i < kWords; ++i) types += LittleEndian(int32_t{i < 4 ? 3 : 1});
  gguf.Strings("tokenizer.ggml.tokens", tokens);
  gguf.Array("tokenizer.ggml.token_type", 5, kWords, types);
  gguf.U32("tokenizer.ggml.unknown_token_id", 1);
  gguf.U32("tokenizer.ggml.cls_token_id", 2);
  gguf.U32("tokenizer.ggml.seperator_token_id", 3);

  uint32_t next = 1;
  const auto floats = [&next](uint64_t count) {
    std::string data;
    for (uint64_t i = 0; i < count; ++i) {
      next = next * 1664525 + 1013904223;
      data += LittleEndian(static_cast<float>(next >> 8) / static_cast<float>(1 << 24) - 0.5f);
    }
    return data;
  };
  const auto matrix = [&](const std::string& name, uint64_t in, uint64_t out) {
    gguf.Tensor(name, {in, out}, kGgmlF32, floats(in * out));
  };
  const auto vector = [&](const std::string& name, uint64_t size) {
    gguf.Tensor(name, {size}, kGgmlF32, floats(size));
  };
  matrix("token_embd.weight", kHidden, kWords);
  matrix("position_embd.weight", kHidden, kPositions);
  matrix("token_types.weight", kHidden, 2);
  const auto norm = [&](const std::string& name) {
    vector(name + ".weight", kHidden), vector(name + ".bias", kHidden);
  };
  norm("token_embd_norm");
  for (const char* part : {"attn_q", "attn_k", "attn_v", "attn_output"}) {
    matrix(fmt::format("blk.0.{}.weight", part), kHidden, kHidden);
    vector(fmt::format("blk.0.{}.bias", part), kHidden);
  }
  matrix("blk.0.ffn_up.weight", kHidden, kInner);
  vector("blk.0.ffn_up.bias", kInner);
  matrix("blk.0.ffn_down.weight", kInner, kHidden);
  vector("blk.0.ffn_down.bias", kHidden);
  norm("blk.0.attn_output_norm");
  norm("blk.0.layer_output_norm");
}

std::string TinyBertGguf() {
  GgufBuilder gguf;
  AddTinyBert(gguf);
  return gguf.Build();
}

std::string WithU32(std::string bytes, std::string_view key, uint32_t value) {
  const size_t at = bytes.find(GgufString(key));
  BANTAM_CHECK(at != std::string::npos, "no key {}", key);
  std::memcpy(bytes.data() + at + sizeof(uint64_t) + key.size() + sizeof(uint32_t), &value, sizeof value);
  return bytes;
}

}  // namespace bantam::testing
