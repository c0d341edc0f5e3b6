#include "tasks/token_bytes.h"

#include <array>
#include <charconv>
#include <optional>
#include <vector>

#include "base/text_util.h"
#include "text/byte_alphabet.h"
#include "text/unicode.h"

namespace bantam {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // what half a character is decoded to

// "<0x0A>", as SentencePiece's vocabularies spell the bytes that they fall back to.
std::optional<std::string> ByteFallback(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return std::nullopt;
  unsigned value = 0;
  const auto [end, error] = std::from_chars(token.data() + 3, token.data() + 5, value, 16);
  if (error != std::errc() || end != token.data() + 5) return std::nullopt;
  return std::string(1, static_cast<char>(value));
}

// The same of a byte-level vocabulary, which writes each byte as a character.
std::optional<std::string> Spelled(std::string_view token) {
  if (FirstInvalidUtf8(token)) return std::nullopt;
  std::string bytes;
  for (size_t at = 0; at < token.size();) {
    const text::Decoded c = text::DecodeUtf8(token.data() + at);
    const std::optional<char> byte = text::ByteAlphabet::ByteOf(c.code_point);
    if (!byte) return std::nullopt;
    bytes += *byte;
    at += c.length;
  }
  return bytes;
}

}  // namespace

TokenBytes::TokenBytes(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {
  for (const std::string_view letter : {"a", "e", "t", "A", "1", "x"}) {
    const int32_t id = tokenizer.TokenId(letter);
    if (id < 0) continue;
    const std::array ids{id};
    std::string text = tokenizer.Decode(ids, {.skip_special_tokens = false});
    if (text != letter) continue;
    before_ = id;
    before_text_ = std::move(text);
    return;
  }
}

std::string TokenBytes::Of(int32_t id) const {
  std::vector<int32_t> ids;
  if (before_ >= 0) ids.push_back(before_);
  ids.push_back(id);
  std::string text = tokenizer_.Decode(ids, {.skip_special_tokens = false});
  if (text.starts_with(before_text_)) text.erase(0, before_text_.size());
  if (text.find(kReplacement) == std::string::npos) return text;
  const std::string_view raw = tokenizer_.TokenText(id);
  if (auto byte = ByteFallback(raw)) return *byte;
  if (auto bytes = Spelled(raw)) return *bytes;
  return text;
}

}  // namespace bantam
