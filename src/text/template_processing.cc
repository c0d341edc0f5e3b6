// TemplateProcessing: special tokens around a text, such as [CLS] $A [SEP]. The template for pairs is not read.
#include <algorithm>

#include "text/part_makers.h"

namespace bantam::text {
namespace {

constexpr size_t kMostPieces = 64;

// The ids that the special token `name` stands for, from /post_processor/special_tokens.
Result<std::vector<int32_t>> IdsOf(const JsonPart& config, const std::string& name, const TokenNames& names) {
  const JsonPart special = config.Member("special_tokens").Member(name);
  BANTAM_RETURN_IF_ERROR(special.CheckMembers({"id", "ids", "tokens"}));
  BANTAM_TRY(const std::vector<JsonPart> tokens, special.Elements("tokens", kMostPieces));
  BANTAM_TRY(const std::vector<JsonPart> ids, special.Elements("ids", kMostPieces));
  if (tokens.size() != ids.size()) {
    return special.Wrong(ErrorCode::kCorrupt, "/ids",
                         fmt::format("has {} ids for {} tokens", ids.size(), tokens.size()));
  }
  std::vector<int32_t> out;
  for (size_t i = 0; i < ids.size(); ++i) {
    BANTAM_TRY(const std::string token, tokens[i].AsString());
    BANTAM_TRY(const int64_t id, ids[i].AsInt(0, Vocabulary::kMaxId));
    if (const int32_t known = names.Id(token); known != id) {
      return ids[i].Wrong(ErrorCode::kCorrupt, "",
                          known < 0
                              ? fmt::format("is {} for {}, which is not in the vocabulary", id, QuoteForError(token))
                              : fmt::format("is {} for {}, which has the id {}", id, QuoteForError(token), known));
    }
    out.push_back(static_cast<int32_t>(id));
  }
  return out;
}

}  // namespace

Result<PostProcessor> MakeTemplateProcessing(const JsonPart& config, const TokenNames& names) {
  BANTAM_RETURN_IF_ERROR(config.CheckMembers({"type", "single", "pair", "special_tokens"}));
  BANTAM_TRY(const std::vector<JsonPart> pieces, config.Elements("single", kMostPieces));
  BANTAM_RETURN_IF_ERROR(config.Member("special_tokens").CheckObject());
  PostProcessor out;
  bool text_seen = false;
  for (const JsonPart& piece : pieces) {
    BANTAM_RETURN_IF_ERROR(piece.CheckMembers({"Sequence", "SpecialToken"}));
    if (piece.Has("SpecialToken") == piece.Has("Sequence")) {
      return piece.Wrong(ErrorCode::kCorrupt, "", "is neither one SpecialToken nor one Sequence");
    }
    const JsonPart body = piece.Member(piece.Has("Sequence") ? "Sequence" : "SpecialToken");
    BANTAM_RETURN_IF_ERROR(body.CheckMembers({"id", "type_id"}));
    BANTAM_TRY(const std::string id, body.String("id"));
    if (piece.Has("Sequence")) {
      if (id != "A" || text_seen) {
        return body.Wrong(ErrorCode::kUnsupported, "/id",
                          fmt::format("is {}; a single text is the Sequence \"A\", once", QuoteForError(id)));
      }
      text_seen = true;
      continue;
    }
    BANTAM_TRY(const std::vector<int32_t> ids, IdsOf(config, id, names));
    std::vector<int32_t>& side = text_seen ? out.after : out.before;
    side.insert(side.end(), ids.begin(), ids.end());
  }
  if (!text_seen)
    return config.Wrong(ErrorCode::kUnsupported, "/single", "has no Sequence \"A\": the text would be lost");
  return out;
}

}  // namespace bantam::text
