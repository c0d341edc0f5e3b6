#include "files/json_cursor.h"

#include <fmt/format.h>

#include "base/checked.h"
#include "base/text_util.h"

namespace bantam {

Error FileError(std::string_view file, std::string_view field, uint64_t offset, std::string_view why) {
  return Err(ErrorCode::kCorrupt, "{}: {} at byte {}: {}", file, field, offset, why);
}

void JsonCursor::SkipSpace() {
  while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t'))
    ++at_;
}

std::string JsonCursor::Got() const {
  if (AtEnd()) return "the end of the text";
  return fmt::format("'{}'", EscapeForTerminal(text_.substr(at_, 1)));
}

bool JsonCursor::Next(char c) {
  SkipSpace();
  if (AtEnd() || text_[at_] != c) return false;
  ++at_;
  return true;
}

Status JsonCursor::Expect(char c, std::string_view field) {
  if (Next(c)) return Ok();
  return Wrong(field, fmt::format("expected '{}' (got {})", c, Got()));
}

Result<std::string> JsonCursor::String(std::string_view field, size_t max_bytes) {
  SkipSpace();
  const uint64_t start = offset();
  if (!Next('"')) return Wrong(field, fmt::format("expected a string (got {})", Got()));
  std::string out;
  while (true) {
    // Everything up to the next quote or escape at once; the limit is applied before the copy.
    size_t end = at_;
    while (end < text_.size() && text_[end] != '"' && text_[end] != '\\' &&
           static_cast<unsigned char>(text_[end]) >= 0x20 && end - at_ <= max_bytes) {
      ++end;
    }
    if (out.size() + (end - at_) > max_bytes) {
      return FileError(file_, field, start, fmt::format("a string is too long (limit {} bytes)", max_bytes));
    }
    const std::string_view part = text_.substr(at_, end - at_);
    if (const auto bad = FirstInvalidUtf8(part)) {
      at_ += *bad;
      return Wrong(field, fmt::format("invalid UTF-8 (got byte {})", Got()));
    }
    out += part;
    at_ = end;
    if (AtEnd()) return Wrong(field, "the text ends inside a string");
    if (text_[at_] == '"') {
      ++at_;
      return out;
    }
    if (text_[at_] != '\\') return Wrong(field, fmt::format("a control character in a string (got {})", Got()));
    ++at_;
    BANTAM_RETURN_IF_ERROR(Escape(field, out));
  }
}

Status JsonCursor::Escape(std::string_view field, std::string& out) {
  static constexpr std::string_view kLetters = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
  const size_t letter = AtEnd() ? std::string_view::npos : kLetters.find(text_[at_]);
  if (letter != std::string_view::npos) {
    out += kMeanings[letter];
    ++at_;
    return Ok();
  }
  if (AtEnd() || text_[at_] != 'u') return Wrong(field, fmt::format("an unknown escape in a string (got {})", Got()));
  ++at_;
  BANTAM_TRY(uint32_t code, HexDigits(field));
  if (code >= 0xD800 && code < 0xDC00 && text_.substr(at_, 2) == "\\u") {
    at_ += 2;
    BANTAM_TRY(const uint32_t low, HexDigits(field));
    if (low < 0xDC00 || low > 0xDFFF) return Wrong(field, "a lone surrogate in a string");
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
  } else if (code >= 0xD800 && code <= 0xDFFF) {
    return Wrong(field, "a lone surrogate in a string");
  }
  AppendUtf8(code, out);
  return Ok();
}

Result<uint32_t> JsonCursor::HexDigits(std::string_view field) {
  uint32_t code = 0;
  for (int i = 0; i < 4; ++i, ++at_) {
    const char c = AtEnd() ? '\0' : text_[at_];
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return Wrong(field, fmt::format("expected four hexadecimal digits (got {})", Got()));
    code = code << 4 | static_cast<uint32_t>(digit);
  }
  return code;
}

Result<uint64_t> JsonCursor::Unsigned(std::string_view field) {
  SkipSpace();
  const size_t start = at_;
  uint64_t number = 0;
  const auto is_digit = [&] { return !AtEnd() && text_[at_] >= '0' && text_[at_] <= '9'; };
  while (is_digit()) {
    const auto ten = CheckedMul(number, 10);
    const auto sum = ten ? CheckedAdd(*ten, static_cast<uint64_t>(text_[at_] - '0')) : std::nullopt;
    if (!sum) {
      return FileError(file_, field, base_ + start, "the number is too large (limit 18446744073709551615)");
    }
    number = *sum;
    ++at_;
  }
  const bool leading_zero = at_ - start > 1 && text_[start] == '0';
  const bool goes_on = !AtEnd() && std::string_view(".eE+-").find(text_[at_]) != std::string_view::npos;
  if (at_ == start || leading_zero || goes_on) {
    const std::string got =
        EscapeForTerminal(text_.substr(start, 24).substr(0, text_.substr(start, 24).find_first_of(",]} \n")), 24);
    return FileError(file_, field, base_ + start,
                     fmt::format("expected a non-negative integer (got {})", got.empty() ? Got() : got));
  }
  return number;
}

Status JsonCursor::Skip(std::string_view field, int max_depth) {
  if (max_depth == 0) return Wrong(field, "nested too deep");
  SkipSpace();
  const char c = AtEnd() ? '\0' : text_[at_];
  if (c == '"') return String(field, text_.size()).has_value() ? Ok() : Status(Wrong(field, "a malformed string"));
  if (c == '[') return Array(field, [&] { return Skip(field, max_depth - 1); });
  if (c == '{') return Object(field, text_.size(), [&](std::string, uint64_t) { return Skip(field, max_depth - 1); });
  for (const std::string_view word : {"true", "false", "null"}) {
    if (rest().starts_with(word)) return at_ += word.size(), Ok();
  }
  const size_t start = at_;
  while (!AtEnd() && std::string_view("+-.0123456789Ee").find(text_[at_]) != std::string_view::npos) ++at_;
  if (at_ == start) return Wrong(field, fmt::format("expected a value (got {})", Got()));
  return Ok();
}

}  // namespace bantam
