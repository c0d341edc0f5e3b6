#include "text/jinja/text_work.h"

#include <charconv>
#include <limits>

#include "text/jinja/operations.h"
#include "text/unicode.h"

namespace bantam::jinja {
namespace {

// Without white space around it and underscores between digits; nothing where an underscore stands elsewhere.
std::optional<std::string> CleanNumber(std::string_view text) {
  text.remove_prefix(StripLeft(text));
  text.remove_suffix(StripRight(text));
  std::string out;
  const auto is_digit = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  };
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      out += text[i];
    } else if (i == 0 || i + 1 == text.size() || !is_digit(text[i - 1]) || !is_digit(text[i + 1])) {
      return std::nullopt;
    }
  }
  return out;
}

}  // namespace

Result<Value> StripText(Heap& heap, const MarkedText& text, const MarkedText* characters, bool left, bool right) {
  const std::string_view bytes = text.view();
  BANTAM_RETURN_IF_ERROR(heap.StepForBytes(characters != nullptr ? characters->size() : 0));
  size_t begin = 0;
  if (left) begin = characters != nullptr ? StripLeft(bytes, characters->view()) : StripLeft(bytes);
  const std::string_view rest = bytes.substr(begin);
  size_t end = bytes.size();
  if (right) end -= characters != nullptr ? StripRight(rest, characters->view()) : StripRight(rest);
  return heap.Text(text.Slice(begin, end));
}

Result<Value> ReplaceText(Heap& heap, const MarkedText& text, const MarkedText& from, const MarkedText& to,
                          int64_t count) {
  const std::string_view bytes = text.view();
  MarkedText out;
  out.is_markup = text.is_markup;
  size_t done = 0;
  for (size_t at = 0; count != 0 && at <= bytes.size(); --count) {
    const size_t found = FindText(bytes, from.view(), at);
    if (found == std::string_view::npos) break;
    out.Append(text, done, found);
    out.Append(to);
    BANTAM_RETURN_IF_ERROR(heap.StepForBytes(to.size()));
    BANTAM_RETURN_IF_ERROR(heap.Room(out.size()));
    done = found + from.size();
    at = done;
    if (!from.empty()) continue;
    // Nothing is found before each character and at the end.
    if (found == bytes.size()) break;
    at = found + text::DecodeUtf8(bytes.data() + found).length;
  }
  out.Append(text, done, bytes.size());
  return heap.Text(std::move(out));
}

size_t LineEnd(std::string_view text, size_t at) {
  const char c = text[at];
  if (c == '\r') return at + 1 < text.size() && text[at + 1] == '\n' ? 2 : 1;
  if ((c >= '\n' && c <= '\f') || (c >= '\x1c' && c <= '\x1e')) return 1;
  if (c == '\xC2' && text[at + 1] == '\x85') return 2;
  if (c == '\xE2' && text[at + 1] == '\x80' && (text[at + 2] == '\xA8' || text[at + 2] == '\xA9')) return 3;
  return 0;
}

std::optional<Int> ParseInt(std::string_view text, int base) {
  const std::optional<std::string> clean = CleanNumber(text);
  if (!clean) return std::nullopt;
  std::string_view digits = *clean;
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  const char letter = digits.size() > 2 && digits[0] == '0' ? static_cast<char>(digits[1] | 0x20) : '\0';
  for (const auto& [prefix, its_base] : {std::pair{'x', 16}, std::pair{'o', 8}, std::pair{'b', 2}}) {
    if (letter != prefix || (base != its_base && base != 0)) continue;
    digits.remove_prefix(2);
    base = its_base;
    break;
  }
  if (base == 0) base = 10;
  if (digits.empty()) return std::nullopt;
  Int out = 0;
  for (const char c : digits) {
    int digit = 99;
    if (c >= '0' && c <= '9') digit = c - '0';
    if (c >= 'a' && c <= 'z') digit = c - 'a' + 10;
    if (c >= 'A' && c <= 'Z') digit = c - 'A' + 10;
    if (digit >= base) return std::nullopt;
    if (__builtin_mul_overflow(out, Int{base}, &out) || __builtin_add_overflow(out, Int{digit}, &out)) {
      return std::nullopt;
    }
  }
  return negative ? -out : out;
}

std::optional<double> ParseFloat(std::string_view text) {
  const std::optional<std::string> clean = CleanNumber(text);
  if (!clean) return std::nullopt;
  std::string_view digits = *clean;
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  if (digits.empty() || digits.front() == '-' || digits.front() == '+') return std::nullopt;
  double out = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
  if (end != digits.data() + digits.size() || error == std::errc::invalid_argument) return std::nullopt;
  if (error == std::errc::result_out_of_range) {
    const size_t e = digits.find_first_of("eE");
    const bool tiny = e != std::string_view::npos && digits.substr(e + 1).starts_with('-');
    out = tiny ? 0.0 : std::numeric_limits<double>::infinity();
  }
  return negative ? -out : out;
}

}  // namespace bantam::jinja
