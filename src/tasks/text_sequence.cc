#include "tasks/text_sequence.h"

#include <algorithm>

#include "base/text_util.h"

namespace bantam {

Encoding EncodeBare(const LoadedModel& model, std::string_view text, bool offsets) {
  EncodeOptions options = offsets ? kBareTokensWithOffsets : kBareTokens;
  options.max_tokens = static_cast<size_t>(model.max_tokens);
  return model.tokenizer->Encode(text, options);
}

TextSequence SingleSequence(const LoadedModel& model, std::string_view text) {
  Encoding encoding =
      model.tokenizer->Encode(text, {.offsets = false, .max_tokens = static_cast<size_t>(model.max_tokens)});
  const bool truncated = encoding.truncated();
  return {.ids = std::move(encoding.ids), .types = {}, .truncated = truncated};
}

Result<const TokenTemplate*> PairTemplate(const LoadedModel& model) {
  const TokenTemplate& pieces = model.tokenizer->pair_template();
  if (!pieces.empty()) return &pieces;
  return Err(ErrorCode::kUnsupported,
             "model \"{}\" cannot read two texts together: the post_processor of its tokenizer.json does not say how "
             "to join them",
             EscapeForTerminal(model.folder.name));
}

Result<size_t> RoomForText(const LoadedModel& model, const TokenTemplate& pieces) {
  const size_t added = NumAddedTokens(pieces), limit = static_cast<size_t>(model.max_tokens);
  if (added < limit) return limit - added;
  return Err(ErrorCode::kCorrupt,
             "model \"{}\" reads {} tokens, its tokenizer.json puts {} special tokens around a text",
             EscapeForTerminal(model.folder.name), limit, added);
}

Result<TextSequence> PairSequence(const LoadedModel& model, const Encoding& first, const Encoding& second,
                                  PairTruncation truncation) {
  BANTAM_TRY(const TokenTemplate* pieces, PairTemplate(model));
  BANTAM_TRY(const size_t room, RoomForText(model, *pieces));
  const PairLengths lengths{first.num_tokens_before_truncation, second.num_tokens_before_truncation};
  const auto kept = TruncatePair(lengths, room, truncation);
  if (!kept) {
    const bool cut_first = truncation == PairTruncation::kOnlyFirst;
    return Err(ErrorCode::kInvalidArgument,
               "the {} text has {} tokens, which leaves none of {} for the {} one: shorten it",
               cut_first ? "second" : "first", cut_first ? lengths.second : lengths.first, room,
               cut_first ? "first" : "second");
  }
  JoinedTokens joined =
      JoinTokens(*pieces, std::span(first.ids).first(kept->first), std::span(second.ids).first(kept->second));
  TextSequence sequence{.ids = std::move(joined.ids), .types = {}, .truncated = *kept != lengths};
  if (model.gives_types) sequence.types = std::move(joined.type_ids);
  return sequence;
}

Result<TextSequence> MakeSequence(const LoadedModel& model, const TextInput& input, PairTruncation truncation) {
  if (!input.pair) return SingleSequence(model, input.text);
  return PairSequence(model, EncodeBare(model, input.text), EncodeBare(model, *input.pair), truncation);
}

}  // namespace bantam
