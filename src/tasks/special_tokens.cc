#include "tasks/special_tokens.h"

#include "base/text_util.h"

namespace bantam {
namespace {

// "mask_token": "[MASK]", or {"content": "[MASK]", ...}; "" where it is not there.
Result<std::string> TokenOf(const JsonObject& config, std::string_view key) {
  const json::value* value = config.Find(key);
  if (value == nullptr || value->is_null()) return std::string();
  if (!value->is_object()) return config.String(key);
  BANTAM_TRY(const JsonObject token, config.Object(key));
  return token.String("content");
}

struct Part {
  std::string_view key;
  int32_t SpecialTokens::* id;
  std::string_view usual[2];
};
constexpr Part kParts[] = {
    {"mask_token", &SpecialTokens::mask, {"[MASK]", "<mask>"}},
    {"unk_token", &SpecialTokens::unknown, {"[UNK]", "<unk>"}},
    {"cls_token", &SpecialTokens::cls, {"[CLS]", "<s>"}},
    {"pad_token", &SpecialTokens::pad, {"[PAD]", "<pad>"}},
};

}  // namespace

Result<SpecialTokens> ReadSpecialTokens(const LoadedModel& model) {
  std::string named[std::size(kParts)];
  for (const std::string_view file : {"tokenizer_config.json", "special_tokens_map.json"}) {
    const Path path = model.folder.transformer_folder / file;
    std::error_code error;
    if (!std::filesystem::exists(path, error)) continue;
    const std::string place = EscapeForTerminal(path.string(), 400);
    BANTAM_TRY(const std::string text, ReadFile(path, 64 << 20));
    BANTAM_TRY(const json::value document, ParseJson(text, place));
    BANTAM_TRY(const JsonObject config, JsonObject::From(document, place));
    for (size_t i = 0; i < std::size(kParts); ++i) {
      if (!named[i].empty()) continue;
      BANTAM_TRY(named[i], TokenOf(config, kParts[i].key));
    }
  }
  SpecialTokens tokens;
  for (size_t i = 0; i < std::size(kParts); ++i) {
    int32_t& id = tokens.*kParts[i].id;
    if (!named[i].empty()) id = model.tokenizer->TokenId(named[i]);
    for (const std::string_view usual : kParts[i].usual) {
      if (id < 0 && named[i].empty()) id = model.tokenizer->TokenId(usual);
    }
  }
  if (tokens.mask >= 0) tokens.mask_text = model.tokenizer->TokenText(tokens.mask);
  return tokens;
}

}  // namespace bantam
