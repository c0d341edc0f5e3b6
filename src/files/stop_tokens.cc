#include "files/stop_tokens.h"

#include <algorithm>

#include "base/text_util.h"
#include "files/gguf.h"
#include "files/gguf_vocab.h"
#include "files/sentence_config.h"

namespace bantam {
namespace {

void AddOnce(int64_t id, std::vector<int32_t>& ids) {
  if (id < 0) return;
  if (std::ranges::find(ids, static_cast<int32_t>(id)) == ids.end()) ids.push_back(static_cast<int32_t>(id));
}

// A number or a list of numbers.
Status AddIds(const JsonObject& config, std::vector<int32_t>& ids) {
  constexpr std::string_view kKey = "eos_token_id";
  const json::value* value = config.Find(kKey);
  if (value == nullptr || value->is_null()) return Ok();
  const json::array alone{*value};
  for (const json::value& id : value->is_array() ? value->get_array() : alone) {
    if (!id.is_int64() || id.get_int64() < 0 || id.get_int64() > INT32_MAX) {
      return Err(ErrorCode::kCorrupt, "{} holds {}, expected token ids", config.Where(kKey),
                 EscapeForTerminal(ToJson(id)));
    }
    AddOnce(id.get_int64(), ids);
  }
  return Ok();
}

Result<std::vector<int32_t>> OfGguf(const GgufFile& file) {
  std::vector<int32_t> ids;
  if (!file.metadata().Has("tokenizer.ggml.model")) return ids;
  BANTAM_TRY(const GgufVocab vocab, ReadGgufVocab(file.metadata()));
  AddOnce(vocab.eos, ids);
  AddOnce(vocab.eot, ids);
  // Many files name the end of a text alone, and not that of a turn.
  static constexpr std::string_view kEnds[] = {"<|im_end|>", "<|eot_id|>",      "<|eom_id|>",   "<end_of_turn>",
                                               "<|end|>",    "<|end_of_text|>", "<|endoftext|>"};
  for (size_t id = 0; id < vocab.tokens.size(); ++id) {
    if (vocab.types[id] == GgufVocab::TokenType::kNormal) continue;
    if (std::ranges::find(kEnds, vocab.tokens[id]) != std::end(kEnds)) AddOnce(static_cast<int64_t>(id), ids);
  }
  return ids;
}

}  // namespace

Result<std::vector<int32_t>> ReadStopTokens(const ModelFolder& model) {
  if (model.gguf != nullptr) return OfGguf(*model.gguf);
  std::vector<int32_t> ids;
  const Path path = model.transformer_folder / "generation_config.json";
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) {
    BANTAM_TRY(const json::value document, ReadJsonFile(path));
    BANTAM_TRY(const JsonObject config, JsonObject::From(document, EscapeForTerminal(path.string(), 400)));
    BANTAM_RETURN_IF_ERROR(AddIds(config, ids));
  }
  if (ids.empty()) {
    BANTAM_TRY(const JsonObject config,
               JsonObject::From(model.config, EscapeForTerminal(model.config_path().string(), 400)));
    BANTAM_RETURN_IF_ERROR(AddIds(config, ids));
  }
  return ids;
}

}  // namespace bantam
