// One text or two -> the token sequence that a model's head reads, cut to what the model takes.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "tasks/loaded_model.h"

namespace bantam {

// A text, or two that are read together: premise and hypothesis, query and document.
struct TextInput {
  std::string_view text;
  std::optional<std::string_view> pair = std::nullopt;
};

struct TextSequence {
  std::vector<int32_t> ids, types;  // types: empty for all zero
  bool truncated = false;
};

// The tokens of a text without special tokens; ids hold as many as a model may read, num_tokens_before_truncation
// counts all.
Encoding EncodeBare(const LoadedModel& model, std::string_view text, bool offsets = false);

TextSequence SingleSequence(const LoadedModel& model, std::string_view text);
// kUnsupported for a tokenizer that cannot join two texts, kInvalidArgument where the text that is not to be cut leaves
// no room.
Result<TextSequence> PairSequence(const LoadedModel& model, const Encoding& first, const Encoding& second,
                                  PairTruncation truncation);
Result<TextSequence> MakeSequence(const LoadedModel& model, const TextInput& input,
                                  PairTruncation truncation = PairTruncation::kLongestFirst);

// What is left for the texts themselves; kCorrupt where special tokens take all of it.
Result<size_t> RoomForText(const LoadedModel& model, const TokenTemplate& pieces);
// The template for two texts, or kUnsupported.
Result<const TokenTemplate*> PairTemplate(const LoadedModel& model);

}  // namespace bantam
