// From tokens, one at a time, to text that can be shown: whole characters, and nothing that may yet turn out to be the
// beginning of a stop string.
//
//   PieceDecoder decoder(tokenizer, prompt_ids);
//   StopStrings stops({"\n\n", "User:"});
//   std::string shown = stops.Add(decoder.Add(id));
//   if (stops.found()) ...
#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "text/tokenizer.h"

namespace bantam {

// A token's bytes may end inside a character, and its text may depend on what stands before it; so a few tokens are
// decoded again with each new one. A character that a prompt ends inside of is shown when it is whole; so is, once
// more, a U+FFFD that a prompt ends with.
class PieceDecoder {
 public:
  // `before`: the tokens that the text goes on from. `spelled`: tokens that are part of the text as they are spelled,
  // control tokens or not. The tokenizer must outlive the decoder.
  PieceDecoder(const Tokenizer& tokenizer, std::span<const int32_t> before, std::vector<int32_t> spelled = {});

  // What the token completes; may be empty.
  std::string Add(int32_t id);
  // What is left at the end: half a character is U+FFFD.
  std::string Finish();

 private:
  std::string Take(bool all);
  std::string Decode(size_t end) const;

  const Tokenizer& tokenizer_;
  const std::vector<int32_t> shown_;
  std::vector<int32_t> window_;
  size_t num_shown_ = 0;  // of the window's tokens
};

class StopStrings {
 public:
  explicit StopStrings(std::vector<std::string> stops) : stops_(std::move(stops)) {}

  // What can be shown of the text so far: all up to a stop string, or to what may become one.
  std::string Add(std::string_view piece);
  // The text ends: what was held back is shown.
  std::string Finish() { return found_ ? std::string() : std::exchange(held_, {}); }
  // The stop string that was found; nothing is shown from there on.
  const std::optional<std::string>& found() const { return found_; }

 private:
  std::vector<std::string> stops_;
  std::string held_;
  std::optional<std::string> found_;
};

}  // namespace bantam
