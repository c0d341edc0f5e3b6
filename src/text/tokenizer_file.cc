#include "text/tokenizer_file.h"

namespace bantam::text {
namespace {

Result<AddedToken> ReadAddedToken(const JsonPart& part) {
  BANTAM_RETURN_IF_ERROR(
      part.CheckMembers({"id", "content", "special", "single_word", "lstrip", "rstrip", "normalized"}));
  AddedToken token;
  BANTAM_TRY(const int64_t id, part.Int("id", 0, Vocabulary::kMaxId));
  token.id = static_cast<int32_t>(id);
  BANTAM_TRY(token.content, part.String("content"));
  if (token.content.empty()) return part.Wrong(ErrorCode::kCorrupt, "/content", "is empty");
  if (token.content.size() > AddedTokens::kMaxContentBytes) {
    return part.Wrong(
        ErrorCode::kTooLarge, "/content",
        fmt::format("has {} bytes, the limit is {}", token.content.size(), AddedTokens::kMaxContentBytes));
  }
  BANTAM_TRY(token.special, part.Bool("special"));
  BANTAM_TRY(token.single_word, part.Bool("single_word"));
  BANTAM_TRY(token.lstrip, part.Bool("lstrip"));
  BANTAM_TRY(token.rstrip, part.Bool("rstrip"));
  BANTAM_TRY(token.normalized, part.Bool("normalized"));
  return token;
}

// [token, score], as a Unigram model has them; the id is the place.
Status AddScored(const json::value& value, ModelTables& tables) {
  const size_t id = tables.scores.size();
  const json::array& pair = value.get_array();
  if (pair.size() != 2 || !pair[0].is_string() || !pair[1].is_number()) {
    return Err(ErrorCode::kCorrupt, "/model/vocab/{} is not a pair [token, score]", id);
  }
  Status added = tables.vocabulary.Add(pair[0].get_string(), static_cast<int64_t>(id));
  if (!added) return Err(added.error().code, "/model/vocab/{}: {}", id, added.error().message);
  tables.scores.push_back(pair[1].to_number<double>());
  return Ok();
}

// "left right" or ["left", "right"].
Status AddMerge(const json::value& value, MergeList& merges) {
  if (value.is_string()) return merges.AddLine(value.get_string());
  const json::array* pair = value.if_array();
  if (pair == nullptr || pair->size() != 2 || !(*pair)[0].is_string() || !(*pair)[1].is_string()) {
    return Err(ErrorCode::kCorrupt, "is neither a string nor a pair of strings");
  }
  return merges.Add((*pair)[0].get_string(), (*pair)[1].get_string());
}

}  // namespace

Result<TokenizerFile> ReadTokenizerFile(std::string_view text, std::string_view name) {
  TokenizerFile file;
  file.name = name;
  const auto add_to_vocabulary = [&file](std::string_view key, json::value&& value) -> Status {
    if (value.is_int64()) {
      Status added = file.tables.vocabulary.Add(key, value.get_int64());
      if (added) return added;
      return Err(added.error().code, "/model/vocab{}", added.error().message);
    }
    if (value.is_array()) return AddScored(value, file.tables);
    const JsonPart part(&value, PointerTo("/model/vocab", key), "");
    return part.AsInt(0, Vocabulary::kMaxId).error();
  };
  const auto add_merge = [&file](std::string_view, json::value&& value) -> Status {
    const size_t index = file.tables.merges.size();
    Status added = AddMerge(value, file.tables.merges);
    if (added) return added;
    return Err(added.error().code, "/model/merges/{} {}", index, added.error().message);
  };
  const auto add_token = [&file](std::string_view, json::value&& value) -> Status {
    const size_t index = file.added_tokens.size();
    if (index == AddedTokens::kMaxTokens) {
      return Err(ErrorCode::kTooLarge, "/added_tokens has more than {} elements", AddedTokens::kMaxTokens);
    }
    BANTAM_TRY(AddedToken token, ReadAddedToken(JsonPart(&value, fmt::format("/added_tokens/{}", index), "")));
    file.added_tokens.push_back(std::move(token));
    return Ok();
  };
  const JsonStream streams[] = {
      {{"model", "vocab"}, add_to_vocabulary}, {{"model", "merges"}, add_merge}, {{"added_tokens"}, add_token}};
  Result<json::value> document = ParseJson(text, name, {}, streams);
  if (!document) {
    Error error = std::move(document).error();
    // Malformed JSON is a broken file here, not a broken request.
    if (error.code == ErrorCode::kInvalidArgument) error.code = ErrorCode::kCorrupt;
    return error;
  }
  file.document = *std::move(document);
  BANTAM_RETURN_IF_ERROR(JsonPart(&file.document, "", name).CheckObject());
  BANTAM_RETURN_IF_ERROR(file.Part("model").CheckObject());
  if (const JsonPart added = file.Part("added_tokens"); !added.IsNull()) BANTAM_RETURN_IF_ERROR(added.CheckArray());
  return file;
}

}  // namespace bantam::text
