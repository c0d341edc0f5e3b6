#include "route/placeholders.h"

#include "base/text_util.h"

namespace bantam {
namespace {

bool IsWordByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

struct Hole {
  size_t begin, end;  // with its braces
  std::string_view name;
};

// The next {word} at or after `at`.
std::optional<Hole> NextSlotHole(std::string_view text, size_t at) {
  while (at < text.size()) {
    const size_t open = text.find('{', at);
    if (open == std::string_view::npos) return std::nullopt;
    if (open + 1 < text.size() && text[open + 1] == '{') {
      const size_t close = text.find("}}", open);
      at = close == std::string_view::npos ? open + 2 : close + 2;
      continue;
    }
    size_t end = open + 1;
    while (end < text.size() && IsWordByte(text[end])) ++end;
    if (end > open + 1 && end < text.size() && text[end] == '}') {
      return Hole{open, end + 1, text.substr(open + 1, end - open - 1)};
    }
    at = open + 1;
  }
  return std::nullopt;
}

// The next {{path}}; an error when it is not closed.
Result<std::optional<Hole>> NextFieldHole(std::string_view text, size_t at) {
  const size_t open = text.find("{{", at);
  if (open == std::string_view::npos) return std::optional<Hole>();
  const size_t close = text.find("}}", open);
  if (close == std::string_view::npos) {
    return Err(ErrorCode::kInvalidArgument, "\"{}\" is not closed; add }}}}", EscapeForTerminal(text.substr(open), 40));
  }
  std::string_view name = text.substr(open + 2, close - open - 2);
  while (!name.empty() && name.front() == ' ') name.remove_prefix(1);
  while (!name.empty() && name.back() == ' ') name.remove_suffix(1);
  bool well_formed = !name.empty() && name.front() != '.' && name.back() != '.';
  for (size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    well_formed = well_formed && (IsWordByte(c) || c == '-' || (c == '.' && name[i - 1] != '.'));
  }
  if (!well_formed) {
    return Err(ErrorCode::kInvalidArgument,
               "{{{{{}}}}} is no field of a JSON reply; write {{{{name}}}} or {{{{outer.inner}}}}",
               EscapeForTerminal(name, 40));
  }
  return std::optional<Hole>(Hole{open, close + 2, name});
}

const json::value* Descend(const json::value& reply, std::string_view path) {
  const json::value* value = &reply;
  while (value != nullptr && !path.empty()) {
    const size_t dot = path.find('.');
    const std::string_view step = path.substr(0, dot);
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
    if (value->is_object()) {
      value = value->get_object().if_contains(step);
    } else if (value->is_array() && !step.empty() && step.size() < 7 &&
               step.find_first_not_of("0123456789") == std::string_view::npos) {
      const size_t index = std::stoul(std::string(step));
      value = index < value->get_array().size() ? &value->get_array()[index] : nullptr;
    } else {
      value = nullptr;
    }
  }
  return value;
}

}  // namespace

std::vector<std::string> SlotPlaceholders(std::string_view text) {
  std::vector<std::string> names;
  size_t at = 0;
  while (const auto hole = NextSlotHole(text, at)) {
    names.emplace_back(hole->name);
    at = hole->end;
  }
  return names;
}

std::string FillSlots(std::string_view text, const std::function<const std::string*(std::string_view word)>& value_of) {
  std::string out;
  size_t at = 0;
  while (const auto hole = NextSlotHole(text, at)) {
    out += text.substr(at, hole->begin - at);
    const std::string* value = value_of(hole->name);
    out += value == nullptr ? text.substr(hole->begin, hole->end - hole->begin) : std::string_view(*value);
    at = hole->end;
  }
  out += text.substr(std::min(at, text.size()));
  return out;
}

std::string FillList(std::string_view text, std::string_view word, std::string_view lines) {
  const std::string hole = fmt::format("{{{}}}", word);
  std::string out;
  while (true) {
    const size_t at = text.find(hole);
    std::string_view before = text.substr(0, at);
    if (at == std::string_view::npos) return out + std::string(before);
    while (before.ends_with(' ') || before.ends_with('\n')) before.remove_suffix(1);
    out += before;
    out += lines;
    text.remove_prefix(at + hole.size());
    while (text.starts_with(' ')) text.remove_prefix(1);
    if (!text.empty() && !text.starts_with('\n')) out += '\n';
  }
}

Result<std::vector<std::string>> FieldPlaceholders(std::string_view text) {
  std::vector<std::string> names;
  for (size_t at = 0;;) {
    BANTAM_TRY(const std::optional<Hole> hole, NextFieldHole(text, at));
    if (!hole) return names;
    names.emplace_back(hole->name);
    at = hole->end;
  }
}

Result<std::string> FillFields(std::string_view text, const json::value& reply) {
  std::string out;
  for (size_t at = 0;;) {
    BANTAM_TRY(const std::optional<Hole> hole, NextFieldHole(text, at));
    if (!hole) return out + std::string(text.substr(at));
    out += text.substr(at, hole->begin - at);
    const json::value* value = Descend(reply, hole->name);
    if (value == nullptr || value->is_null() || value->is_object() || value->is_array()) {
      return Err(ErrorCode::kNotFound, "the reply has no text or number in \"{}\"", hole->name);
    }
    out += value->is_string() ? PlainText(value->get_string(), 1'000) : ToJson(*value);
    at = hole->end;
  }
}

std::string PlainText(std::string_view text, size_t max_characters) {
  const std::string valid = ReplaceInvalidUtf8(text);
  std::string out;
  size_t characters = 0;
  for (const char c : valid) {
    if ((static_cast<unsigned char>(c) & 0xC0) != 0x80 && ++characters > max_characters) {
      out += "…";
      break;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += (byte < 0x20 && c != '\n') || byte == 0x7F ? ' ' : c;
  }
  const size_t begin = out.find_first_not_of(" \n");
  if (begin == std::string::npos) return {};
  return out.substr(begin, out.find_last_not_of(" \n") - begin + 1);
}

}  // namespace bantam
