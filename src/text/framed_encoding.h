// What every kind of tokenizer does around its own cutting of a text: mends broken UTF-8, puts special tokens before
// and after, keeps to the limit.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/text_util.h"
#include "text/added_tokens.h"
#include "text/parts.h"
#include "text/tokenizer.h"

namespace bantam::text {

inline void AppendSpecialTokens(const std::vector<int32_t>& ids, const EncodeOptions& options, Encoding& encoding) {
  encoding.ids.insert(encoding.ids.end(), ids.begin(), ids.end());
  if (options.offsets) encoding.offsets.resize(encoding.ids.size());
  if (options.words) encoding.words.resize(encoding.ids.size(), encoding.words.empty() ? 0 : encoding.words.back());
}

// before, after: the special tokens around a text. encode(text, options, encoding, sink) adds the tokens of well-formed
// text.
template <typename EncodeText>
Encoding EncodeFramed(std::string_view text, const std::vector<int32_t>& before, const std::vector<int32_t>& after,
                      const EncodeOptions& options, const EncodeText& encode) {
  constexpr size_t kMaxTextBytes = size_t{1} << 30;
  BANTAM_CHECK(text.size() <= kMaxTextBytes, "{} bytes of text: bound it where it comes in", text.size());
  std::string repaired;
  EncodeOptions safe;
  const EncodeOptions* of_text = &options;
  if (FirstInvalidUtf8(text)) {
    repaired = ReplaceInvalidUtf8(text);
    text = repaired;
    if (!options.untrusted.empty()) {  // its places are no longer those of the text
      safe = WithoutSpecialTokens(options);
      of_text = &safe;
    }
  }
  const size_t added = options.add_special_tokens ? before.size() + after.size() : 0;
  size_t limit = SIZE_MAX;
  if (options.max_tokens != 0) limit = options.max_tokens > added ? options.max_tokens - added : 0;

  Encoding encoding;
  encoding.ids.reserve(std::min(limit, text.size() / 4 + 4) + added);
  if (options.offsets) encoding.offsets.reserve(encoding.ids.capacity());
  if (options.add_special_tokens) AppendSpecialTokens(before, options, encoding);
  TokenSink sink(encoding, limit, options);
  encode(text, *of_text, encoding, sink);
  if (options.add_special_tokens) AppendSpecialTokens(after, options, encoding);
  encoding.num_tokens_before_truncation = sink.count() + added;
  // A limit below the number of special tokens cuts them too.
  if (options.max_tokens != 0 && encoding.ids.size() > options.max_tokens) {
    encoding.ids.resize(options.max_tokens);
    if (options.offsets) encoding.offsets.resize(options.max_tokens);
    if (options.words) encoding.words.resize(options.max_tokens);
  }
  return encoding;
}

}  // namespace bantam::text
