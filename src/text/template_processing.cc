// TemplateProcessing: special tokens around a text, such as [CLS] $A [SEP], and around and between two.
#include <algorithm>

#include "text/part_makers.h"

namespace bantam::text {
namespace {

constexpr size_t kMostPieces = 64;
constexpr int64_t kMostTypes = 1023;  // as many as a model may have

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

// One piece of a template: its body, and whether that names a text rather than a token.
struct Entry {
  JsonPart body;
  std::string id = {};
  bool is_text = false;
};

Status ReadEntry(const JsonPart& piece, Entry& out) {
  BANTAM_RETURN_IF_ERROR(piece.CheckMembers({"Sequence", "SpecialToken"}));
  if (piece.Has("SpecialToken") == piece.Has("Sequence")) {
    return piece.Wrong(ErrorCode::kCorrupt, "", "is neither one SpecialToken nor one Sequence");
  }
  const bool is_text = piece.Has("Sequence");
  out.body = piece.Member(is_text ? "Sequence" : "SpecialToken");
  out.is_text = is_text;
  BANTAM_RETURN_IF_ERROR(out.body.CheckMembers({"id", "type_id"}));
  BANTAM_TRY(out.id, out.body.String("id"));
  return Ok();
}

// Empty where the file has none, or one that does not hold both texts once.
Result<TokenTemplate> ReadPair(const JsonPart& config, const TokenNames& names) {
  TokenTemplate out;
  if (!config.Has("pair")) return out;
  BANTAM_TRY(const std::vector<JsonPart> pieces, config.Elements("pair", kMostPieces));
  int firsts = 0, seconds = 0;
  for (const JsonPart& part : pieces) {
    Entry piece{.body = part};
    BANTAM_RETURN_IF_ERROR(ReadEntry(part, piece));
    int64_t type = 0;
    if (piece.body.Has("type_id")) {
      BANTAM_TRY(type, piece.body.Member("type_id").AsInt(0, kMostTypes));
    }
    const auto type_id = static_cast<int32_t>(type);
    if (piece.is_text) {
      if (piece.id != "A" && piece.id != "B") {
        return piece.body.Wrong(ErrorCode::kUnsupported, "/id",
                                fmt::format("is {}; texts are the Sequences \"A\" and \"B\"", QuoteForError(piece.id)));
      }
      const bool first = piece.id == "A";
      ++(first ? firsts : seconds);
      out.push_back({first ? TemplatePiece::Kind::kFirst : TemplatePiece::Kind::kSecond, -1, type_id});
      continue;
    }
    BANTAM_TRY(const std::vector<int32_t> ids, IdsOf(config, piece.id, names));
    for (const int32_t id : ids) out.push_back({TemplatePiece::Kind::kToken, id, type_id});
  }
  if (firsts != 1 || seconds != 1) out.clear();
  return out;
}

}  // namespace

Result<PostProcessor> MakeTemplateProcessing(const JsonPart& config, const TokenNames& names) {
  BANTAM_RETURN_IF_ERROR(config.CheckMembers({"type", "single", "pair", "special_tokens"}));
  BANTAM_TRY(const std::vector<JsonPart> pieces, config.Elements("single", kMostPieces));
  BANTAM_RETURN_IF_ERROR(config.Member("special_tokens").CheckObject());
  PostProcessor out;
  bool text_seen = false;
  for (const JsonPart& part : pieces) {
    Entry piece{.body = part};
    BANTAM_RETURN_IF_ERROR(ReadEntry(part, piece));
    if (piece.is_text) {
      if (piece.id != "A" || text_seen) {
        return piece.body.Wrong(
            ErrorCode::kUnsupported, "/id",
            fmt::format("is {}; a single text is the Sequence \"A\", once", QuoteForError(piece.id)));
      }
      text_seen = true;
      continue;
    }
    BANTAM_TRY(const std::vector<int32_t> ids, IdsOf(config, piece.id, names));
    std::vector<int32_t>& side = text_seen ? out.after : out.before;
    side.insert(side.end(), ids.begin(), ids.end());
  }
  if (!text_seen)
    return config.Wrong(ErrorCode::kUnsupported, "/single", "has no Sequence \"A\": the text would be lost");
  BANTAM_TRY(out.pair, ReadPair(config, names));
  return out;
}

}  // namespace bantam::text
