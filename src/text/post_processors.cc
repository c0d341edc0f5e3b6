// The post-processors beside TemplateProcessing: BertProcessing, RobertaProcessing, ByteLevel, Sequence.
#include "text/part_makers.h"

namespace bantam::text {
namespace {

// ["[SEP]", 102]
Result<int32_t> ReadToken(const JsonPart& config, std::string_view key, const TokenNames& names) {
  BANTAM_TRY(const std::vector<JsonPart> pair, config.Elements(key, 2));
  if (pair.size() != 2) {
    return config.Wrong(ErrorCode::kCorrupt, PointerTo("", key), "is not a pair of a token and its id");
  }
  BANTAM_TRY(const std::string token, pair[0].AsString());
  BANTAM_TRY(const int64_t id, pair[1].AsInt(0, Vocabulary::kMaxId));
  if (const int32_t known = names.Id(token); known != id) {
    return pair[1].Wrong(ErrorCode::kCorrupt, "",
                         known < 0
                             ? fmt::format("is {} for {}, which is not in the vocabulary", id, QuoteForError(token))
                             : fmt::format("is {} for {}, which has the id {}", id, QuoteForError(token), known));
  }
  return static_cast<int32_t>(id);
}

Status ReadAround(const JsonPart& config, const TokenNames& names, PostProcessor& out) {
  BANTAM_TRY(const int32_t cls, ReadToken(config, "cls", names));
  BANTAM_TRY(const int32_t sep, ReadToken(config, "sep", names));
  out.before = {cls};
  out.after = {sep};
  return Ok();
}

constexpr auto kFirst = TemplatePiece::Kind::kFirst, kSecond = TemplatePiece::Kind::kSecond,
               kToken = TemplatePiece::Kind::kToken;

Status ReadTrim(const JsonPart& config, PostProcessor& out) {
  BANTAM_TRY(const bool trims, config.Bool("trim_offsets"));
  BANTAM_TRY(const bool add_prefix_space, config.Bool("add_prefix_space"));
  if (trims) out.trims = {add_prefix_space};
  return Ok();
}

}  // namespace

TokenTemplate PlainPair() {
  TokenTemplate pieces(2);  // a list of both here trips a warning of GCC 12
  pieces[0].kind = kFirst;
  pieces[1].kind = kSecond;
  pieces[1].type_id = 1;
  return pieces;
}

TokenTemplate PostProcessor::Single() const {
  TokenTemplate pieces;
  for (const int32_t id : before) pieces.push_back({kToken, id});
  pieces.push_back({kFirst});
  for (const int32_t id : after) pieces.push_back({kToken, id});
  return pieces;
}

Result<PostProcessor> MakeBertProcessing(const JsonPart& config, const TokenNames& names) {
  BANTAM_RETURN_IF_ERROR(config.CheckMembers({"type", "sep", "cls"}));
  PostProcessor out;
  BANTAM_RETURN_IF_ERROR(ReadAround(config, names, out));
  const int32_t cls = out.before[0], sep = out.after[0];
  out.pair = {{kToken, cls}, {kFirst}, {kToken, sep}, {kSecond, -1, 1}, {kToken, sep, 1}};
  return out;
}

Result<PostProcessor> MakeRobertaProcessing(const JsonPart& config, const TokenNames& names) {
  BANTAM_RETURN_IF_ERROR(config.CheckMembers({"type", "sep", "cls", "trim_offsets", "add_prefix_space"}));
  PostProcessor out;
  BANTAM_RETURN_IF_ERROR(ReadAround(config, names, out));
  BANTAM_RETURN_IF_ERROR(ReadTrim(config, out));
  const int32_t cls = out.before[0], sep = out.after[0];
  out.pair = {{kToken, cls}, {kFirst}, {kToken, sep}, {kToken, sep}, {kSecond}, {kToken, sep}};  // all of type 0
  return out;
}

Result<PostProcessor> MakeByteLevelProcessing(const JsonPart& config, const TokenNames&) {
  BANTAM_RETURN_IF_ERROR(config.CheckMembers({"type", "add_prefix_space", "trim_offsets", "use_regex"}));
  PostProcessor out;
  BANTAM_RETURN_IF_ERROR(ReadTrim(config, out));
  return out;
}

Result<PostProcessor> MakePostProcessorSequence(const JsonPart& config, const TokenNames& names) {
  BANTAM_RETURN_IF_ERROR(config.CheckMembers({"type", "processors"}));
  BANTAM_TRY(const std::vector<JsonPart> elements, config.Elements("processors", kMostParts));
  PostProcessor out;
  for (const JsonPart& element : elements) {
    BANTAM_TRY(const PostProcessor next, MakePostProcessor(element, names));
    // Each works on what the one before made: its tokens go outside.
    out.before.insert(out.before.begin(), next.before.begin(), next.before.end());
    out.after.insert(out.after.end(), next.after.begin(), next.after.end());
    out.trims.insert(out.trims.end(), next.trims.begin(), next.trims.end());
    // The reference joins two texts with one template only.
    if (next.pair != PlainPair()) out.pair = out.pair == PlainPair() ? next.pair : TokenTemplate();
    if (out.before.size() + out.after.size() > kMostParts) {
      return config.Wrong(ErrorCode::kTooLarge, "/processors", fmt::format("add more than {} tokens", kMostParts));
    }
  }
  return out;
}

}  // namespace bantam::text
