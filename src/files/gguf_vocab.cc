#include "files/gguf_vocab.h"

#include <fmt/format.h>

namespace bantam {
namespace {

constexpr size_t kMostTokens = size_t{2} << 20;
constexpr size_t kMostTemplateBytes = size_t{1} << 20;

Status ReadTypes(const GgufMetadata& keys, GgufVocab& vocab) {
  if (!keys.Has("token_type")) {
    vocab.types.assign(vocab.tokens.size(), GgufVocab::TokenType::kNormal);
    return Ok();
  }
  BANTAM_TRY(const std::vector<int32_t> types, keys.Ints("token_type"));
  if (types.size() != vocab.tokens.size()) {
    return keys.Wrong("token_type",
                      fmt::format("has {} elements, there are {} tokens", types.size(), vocab.tokens.size()));
  }
  for (size_t i = 0; i < types.size(); ++i) {
    // 0 is "undefined" in old files, which means nothing else than normal.
    if (types[i] < 0 || types[i] > 6) {
      return keys.Wrong("token_type", fmt::format("element {} is {}, expected 0 to 6", i, types[i]));
    }
    vocab.types.push_back(types[i] == 0 ? GgufVocab::TokenType::kNormal : static_cast<GgufVocab::TokenType>(types[i]));
  }
  return Ok();
}

Status ReadScores(const GgufMetadata& keys, GgufVocab& vocab) {
  if (!keys.Has("scores")) return Ok();
  BANTAM_TRY(vocab.scores, keys.Floats("scores"));
  if (vocab.scores.size() == vocab.tokens.size()) return Ok();
  return keys.Wrong("scores",
                    fmt::format("has {} elements, there are {} tokens", vocab.scores.size(), vocab.tokens.size()));
}

Status ReadIds(const GgufMetadata& keys, GgufVocab& vocab) {
  struct Row {
    const char* key;
    int32_t* id;
  };
  // "seperator" is how the format spells it.
  const Row rows[] = {{"bos_token_id", &vocab.bos},
                      {"eos_token_id", &vocab.eos},
                      {"eot_token_id", &vocab.eot},
                      {"unknown_token_id", &vocab.unknown},
                      {"seperator_token_id", &vocab.separator},
                      {"padding_token_id", &vocab.padding},
                      {"cls_token_id", &vocab.cls},
                      {"mask_token_id", &vocab.mask}};
  for (const auto& [key, id] : rows) {
    if (!keys.Has(key)) continue;
    BANTAM_TRY(const int64_t value, keys.Int(key, 0, static_cast<int64_t>(vocab.tokens.size()) - 1));
    *id = static_cast<int32_t>(value);
  }
  return Ok();
}

Status ReadFlags(const GgufMetadata& keys, GgufVocab& vocab) {
  struct Row {
    const char* key;
    std::optional<bool>* flag;
  };
  const Row rows[] = {{"add_bos_token", &vocab.add_bos},
                      {"add_eos_token", &vocab.add_eos},
                      {"add_sep_token", &vocab.add_separator},
                      {"add_space_prefix", &vocab.add_space_prefix},
                      {"remove_extra_whitespaces", &vocab.remove_extra_whitespaces},
                      {"normalizer.lowercase", &vocab.lowercase},
                      {"normalizer.strip_accents", &vocab.strip_accents}};
  for (const auto& [key, flag] : rows) {
    if (!keys.Has(key)) continue;
    BANTAM_TRY(*flag, keys.Bool(key));
  }
  return Ok();
}

}  // namespace

Result<GgufVocab> ReadGgufVocab(const GgufMetadata& metadata) {
  const GgufMetadata keys = metadata.Below("tokenizer.ggml.");
  if (!keys.Has("model")) {
    return Err(ErrorCode::kNotFound, "{}: has no tokenizer ('tokenizer.ggml.model')", metadata.file());
  }
  GgufVocab vocab;
  vocab.place = metadata.file() + ": 'tokenizer.ggml";
  BANTAM_TRY(vocab.model, keys.String("model"));
  BANTAM_TRY(vocab.pre, keys.StringOr("pre", ""));
  // Some kinds have no tokens in the file: what they are is said by whoever makes the tokenizer.
  if (keys.Has("tokens")) {
    BANTAM_TRY(vocab.tokens, keys.Strings("tokens"));
    if (vocab.tokens.empty() || vocab.tokens.size() > kMostTokens) {
      return keys.Wrong("tokens", fmt::format("expected 1 to {} tokens (got {})", kMostTokens, vocab.tokens.size()));
    }
  }
  BANTAM_RETURN_IF_ERROR(ReadTypes(keys, vocab));
  BANTAM_RETURN_IF_ERROR(ReadScores(keys, vocab));
  if (keys.Has("merges")) {
    BANTAM_TRY(vocab.merges, keys.Strings("merges"));
  }
  BANTAM_RETURN_IF_ERROR(ReadIds(keys, vocab));
  BANTAM_RETURN_IF_ERROR(ReadFlags(keys, vocab));
  if (keys.Has("precompiled_charsmap")) {
    BANTAM_TRY(const auto bytes, keys.Bytes("precompiled_charsmap"));
    vocab.charsmap = {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  BANTAM_TRY(vocab.chat_template, metadata.StringOr("tokenizer.chat_template", ""));
  if (vocab.chat_template.size() > kMostTemplateBytes) {
    return metadata.Wrong("tokenizer.chat_template", fmt::format("too long (got {} bytes, limit {})",
                                                                 vocab.chat_template.size(), kMostTemplateBytes));
  }
  return vocab;
}

}  // namespace bantam
