// bantam_tokenizer_*: texts to ids and back.
#include <span>

#include "base/text_util.h"
#include "capi/byte_offsets.h"
#include "capi/call.h"
#include "capi/handles.h"
#include "text/tokenizer.h"

namespace bantam::capi {
namespace {

struct Tokens : bantam_tokens {
  std::vector<int32_t> id_values;
  std::vector<bantam_span> span_values;
};

struct String : bantam_string {
  std::string value;
};

Status LoadTokenizer(const char* path, bantam_tokenizer** out) {
  BANTAM_RETURN_IF_ERROR(NotNull(out, "out"));
  BANTAM_RETURN_IF_ERROR(NotNull(path, "path"));
  BANTAM_TRY(const std::string_view name, ReadName(path, "path"));
  auto tokenizer = std::make_unique<bantam_tokenizer>();
  BANTAM_TRY(tokenizer->owned, Tokenizer::Load(Path(name)));
  tokenizer->tokenizer = tokenizer->owned.get();
  *out = tokenizer.release();
  return Ok();
}

Status Encode(const bantam_tokenizer* tokenizer, const char* text, size_t text_size, const bantam_encode_options* given,
              bantam_tokens** out) {
  BANTAM_RETURN_IF_ERROR(NotNull(out, "out"));
  BANTAM_RETURN_IF_ERROR(NotNull(tokenizer, "tokenizer"));
  BANTAM_TRY(const auto options,
             ReadOptions(given, BANTAM_SIZE_THROUGH(bantam_encode_options, max_tokens), "bantam_encode_options"));
  BANTAM_TRY(const std::string_view view, ReadText(text, text_size, "text"));
  Encoding encoding = tokenizer->tokenizer->Encode(view, {.add_special_tokens = options.no_special_tokens == 0,
                                                          .recognize_special_tokens = false,
                                                          .offsets = options.offsets != 0,
                                                          .max_tokens = options.max_tokens});
  auto tokens = std::make_unique<Tokens>();
  tokens->id_values = std::move(encoding.ids);
  if (options.offsets != 0) {
    tokens->span_values.reserve(encoding.offsets.size());
    const ByteOffsets bytes(options.code_points != 0 ? std::string_view() : view);
    for (const TokenSpan& span : encoding.offsets) {
      tokens->span_values.push_back(options.code_points != 0 ? bantam_span{span.begin, span.end}
                                                             : bantam_span{bytes.At(span.begin), bytes.At(span.end)});
    }
  }
  tokens->struct_size = sizeof(bantam_tokens);
  tokens->num_tokens = tokens->id_values.size();
  tokens->ids = tokens->id_values.data();
  tokens->offsets = options.offsets != 0 ? tokens->span_values.data() : nullptr;
  tokens->num_before_cut = encoding.num_tokens_before_truncation;
  *out = tokens.release();
  return Ok();
}

Status CheckId(const bantam_tokenizer& tokenizer, int32_t id, std::string_view name) {
  if (id >= 0 && id < tokenizer.tokenizer->vocab_size()) return Ok();
  return Err(ErrorCode::kInvalidArgument, "{} is {}: the tokenizer has the ids 0 to {}", name, id,
             tokenizer.tokenizer->vocab_size() - 1);
}

Status Decode(const bantam_tokenizer* tokenizer, const int32_t* ids, size_t num_ids, const bantam_decode_options* given,
              bantam_string** out) {
  BANTAM_RETURN_IF_ERROR(NotNull(out, "out"));
  BANTAM_RETURN_IF_ERROR(NotNull(tokenizer, "tokenizer"));
  BANTAM_TRY(const auto options, ReadOptions(given, BANTAM_SIZE_THROUGH(bantam_decode_options, keep_special_tokens),
                                             "bantam_decode_options"));
  if (num_ids > 0) BANTAM_RETURN_IF_ERROR(NotNull(ids, "ids"));
  if (num_ids > BANTAM_MAX_TEXT_BYTES) {
    return Err(ErrorCode::kTooLarge, "{} ids: at most {} at one time", num_ids, BANTAM_MAX_TEXT_BYTES);
  }
  const std::span list(ids, num_ids);
  for (size_t i = 0; i < num_ids; ++i) BANTAM_RETURN_IF_ERROR(CheckId(*tokenizer, list[i], fmt::format("ids[{}]", i)));
  auto string = std::make_unique<String>();
  string->value = tokenizer->tokenizer->Decode(list, {.skip_special_tokens = options.keep_special_tokens == 0});
  string->struct_size = sizeof(bantam_string);
  string->data = string->value.c_str();
  string->size = string->value.size();
  *out = string.release();
  return Ok();
}

Status TokenText(const bantam_tokenizer* tokenizer, int32_t id, bantam_text* out) {
  BANTAM_RETURN_IF_ERROR(NotNull(out, "out"));
  BANTAM_RETURN_IF_ERROR(NotNull(tokenizer, "tokenizer"));
  BANTAM_RETURN_IF_ERROR(CheckId(*tokenizer, id, "id"));
  const std::string_view text = tokenizer->tokenizer->TokenText(id);
  *out = {text.data() == nullptr ? "" : text.data(), text.size()};
  return Ok();
}

}  // namespace
}  // namespace bantam::capi

using namespace bantam::capi;

extern "C" {

bantam_status bantam_tokenizer_load(const char* path, bantam_tokenizer** out) {
  return Call([&] { return LoadTokenizer(path, out); });
}

void bantam_tokenizer_free(bantam_tokenizer* tokenizer) {
  // A model's own is the model's.
  if (tokenizer != nullptr && tokenizer->owned != nullptr) delete tokenizer;
}

bantam_status bantam_tokenizer_encode(const bantam_tokenizer* tokenizer, const char* text, size_t text_size,
                                      const bantam_encode_options* options, bantam_tokens** out) {
  return Call([&] { return Encode(tokenizer, text, text_size, options, out); });
}

void bantam_tokens_free(bantam_tokens* tokens) { delete static_cast<Tokens*>(tokens); }

bantam_status bantam_tokenizer_decode(const bantam_tokenizer* tokenizer, const int32_t* ids, size_t num_ids,
                                      const bantam_decode_options* options, bantam_string** out) {
  return Call([&] { return Decode(tokenizer, ids, num_ids, options, out); });
}

void bantam_string_free(bantam_string* string) { delete static_cast<String*>(string); }

int32_t bantam_tokenizer_vocab_size(const bantam_tokenizer* tokenizer) {
  return tokenizer == nullptr ? 0 : tokenizer->tokenizer->vocab_size();
}

bantam_status bantam_tokenizer_token(const bantam_tokenizer* tokenizer, int32_t id, bantam_text* out) {
  return Call([&] { return TokenText(tokenizer, id, out); });
}
}
