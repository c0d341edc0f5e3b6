// str.format(): "{} {1} {name!r:>10}". Fields of fields ("{0.a}", "{0[a]}") are refused: they reach into objects.
#include <cmath>

#include "base/text_util.h"
#include "text/jinja/callables.h"
#include "text/jinja/operations.h"
#include "text/unicode.h"

namespace bantam::jinja {
namespace {

constexpr int64_t kMaxWidth = 10'000;

// [[fill]align][sign][0][width][,][.precision][type]
struct Spec {
  std::string fill = " ";
  char align = '\0', sign = '-', type = '\0';
  bool thousands = false;
  int64_t width = 0, precision = -1;
};

Error WrongSpec(std::string_view spec) {
  return Err(ErrorCode::kUnsupported, "the format \"{}\" is not supported", spec);
}

Result<int64_t> Number(std::string_view& rest, int64_t other) {
  if (rest.empty() || rest[0] < '0' || rest[0] > '9') return other;
  int64_t out = 0;
  while (!rest.empty() && rest[0] >= '0' && rest[0] <= '9') {
    out = out * 10 + (rest[0] - '0');
    if (out > kMaxWidth) return Err(ErrorCode::kTooLarge, "format: a width above the limit, {}", kMaxWidth);
    rest.remove_prefix(1);
  }
  return out;
}

Result<Spec> ParseSpec(std::string_view text) {
  Spec spec;
  std::string_view rest = text;
  const auto is_align = [](char c) { return c == '<' || c == '>' || c == '^' || c == '='; };
  const size_t first = rest.empty() ? 0 : text::DecodeUtf8(rest.data()).length;
  if (rest.size() > first && is_align(rest[first])) {
    spec.fill = rest.substr(0, first);
    spec.align = rest[first];
    rest.remove_prefix(first + 1);
  } else if (!rest.empty() && is_align(rest[0])) {
    spec.align = rest[0];
    rest.remove_prefix(1);
  }
  if (!rest.empty() && (rest[0] == '+' || rest[0] == '-' || rest[0] == ' ')) spec.sign = rest[0], rest.remove_prefix(1);
  if (!rest.empty() && rest[0] == '0') {
    if (spec.align == '\0') spec.fill = "0", spec.align = '=';
    rest.remove_prefix(1);
  }
  BANTAM_TRY(spec.width, Number(rest, 0));
  if (!rest.empty() && rest[0] == ',') spec.thousands = true, rest.remove_prefix(1);
  if (!rest.empty() && rest[0] == '.') {
    rest.remove_prefix(1);
    BANTAM_TRY(spec.precision, Number(rest, -1));
    if (spec.precision < 0) return WrongSpec(text);
  }
  if (!rest.empty() && std::string_view("sdfFeEgGxXob%").find(rest[0]) != std::string_view::npos) {
    spec.type = rest[0];
    rest.remove_prefix(1);
  }
  if (!rest.empty()) return WrongSpec(text);
  return spec;
}

std::string WithThousands(std::string digits) {
  const size_t end = std::min(digits.find_first_not_of("0123456789"), digits.size());
  for (size_t at = end; at > 3; at -= 3) digits.insert(at - 3, ",");
  return digits;
}

// The digits of a number, without its sign.
Result<std::string> Digits(const Value& value, const Spec& spec, std::string_view text) {
  std::string digits;
  if (Is<double>(value) || std::string_view("fFeEgG%").find(spec.type) != std::string_view::npos) {
    const double number = std::abs(ToDouble(value));
    const int precision = static_cast<int>(spec.precision < 0 ? 6 : spec.precision);
    switch (spec.type) {
      case 'f':
      case 'F':
        digits = fmt::format("{:.{}f}", number, precision);
        break;
      case 'e':
        digits = fmt::format("{:.{}e}", number, precision);
        break;
      case 'g':
        digits = fmt::format("{:.{}g}", number, precision);
        break;
      case '%':
        digits = fmt::format("{:.{}f}%", number * 100, precision);
        break;
      case '\0':
        if (spec.precision >= 0) return WrongSpec(text);
        digits = FormatFloat(number);
        break;
      default:
        return WrongSpec(text);
    }
  } else {
    if (spec.precision >= 0 || (spec.type != '\0' && spec.type != 'd')) return WrongSpec(text);
    digits = FormatInt(ToInt(value));
    if (digits[0] == '-') digits.erase(0, 1);
  }
  return spec.thousands ? WithThousands(std::move(digits)) : digits;
}

Status AppendFormatted(Call& call, const Value& value, std::string_view text, MarkedText& out) {
  if (text.empty()) return AppendPrinted(call.heap, value, out);
  BANTAM_TRY(const Spec spec, ParseSpec(text));
  MarkedText body;
  std::string sign;
  const bool is_number = IsNumber(value) && !Is<bool>(value);
  if (is_number) {
    BANTAM_TRY(const std::string digits, Digits(value, spec, text));
    const bool negative = Is<double>(value) ? std::signbit(ToDouble(value)) : ToInt(value) < 0;
    sign = negative ? "-" : spec.sign == '-' ? "" : std::string(1, spec.sign);
    body.Append(digits);
  } else {
    if ((spec.type != '\0' && spec.type != 's') || spec.align == '=') return WrongSpec(text);
    BANTAM_TRY(const TextRef printed, ToText(call.heap, value));
    size_t end = printed->size();
    if (spec.precision >= 0) {
      end = 0;
      for (int64_t i = 0; i < spec.precision && end < printed->size(); ++i) {
        end += text::DecodeUtf8(printed->view().data() + end).length;
      }
    }
    body = printed->Slice(0, end);
  }
  const auto length = static_cast<int64_t>(text::CountCodePoints(body.view()) + sign.size());
  const auto missing = static_cast<size_t>(std::max<int64_t>(spec.width - length, 0));
  const char align = spec.align != '\0' ? spec.align : is_number ? '>' : '<';
  const size_t before = align == '<' ? 0 : align == '^' ? missing / 2 : missing;
  const auto fill = [&](size_t count) {
    for (size_t i = 0; i < count; ++i) out.Append(spec.fill);
  };
  if (align == '=') out.Append(sign);
  fill(before);
  if (align != '=') out.Append(sign);
  out.Append(body);
  fill(missing - before);
  return Ok();
}

class Formatter {
 public:
  explicit Formatter(Call& call) : call_(call), text_(*IfText(call.self)) {}

  Result<Value> Run() {
    const std::string_view bytes = text_.view();
    size_t done = 0;
    for (size_t at = 0; (at = bytes.find_first_of("{}", at)) != std::string_view::npos;) {
      out_.Append(text_, done, at);
      if (at + 1 < bytes.size() && bytes[at + 1] == bytes[at]) {  // {{ and }}
        out_.Append(text_, at, at + 1);
        at += 2;
      } else if (bytes[at] == '}') {
        return Err(ErrorCode::kInvalidArgument, "a single }} in the format; write it twice");
      } else {
        const size_t end = bytes.find('}', at);
        if (end == std::string_view::npos) {
          return Err(ErrorCode::kInvalidArgument, "a single {{ in the format; write it twice");
        }
        BANTAM_RETURN_IF_ERROR(Field(bytes.substr(at + 1, end - at - 1)));
        at = end + 1;
      }
      done = at;
      BANTAM_RETURN_IF_ERROR(call_.heap.Step());
      BANTAM_RETURN_IF_ERROR(call_.heap.Room(out_.size()));
    }
    out_.Append(text_, done, bytes.size());
    return call_.heap.Text(std::move(out_));
  }

 private:
  Result<Value> Lookup(std::string_view name) {
    if (name.find_first_of(".[{") != std::string_view::npos) {
      return Err(ErrorCode::kUnsupported, "the field \"{}\" reaches into a value, which is not supported",
                 EscapeForTerminal(name));
    }
    const bool is_number = name.find_first_not_of("0123456789") == std::string_view::npos;
    if (!is_number) {
      for (const NamedValue& each : call_.named) {
        if (each.name == name) return each.value;
      }
      return Err(ErrorCode::kInvalidArgument, "no argument is named \"{}\"", EscapeForTerminal(name));
    }
    size_t index = next_;
    if (name.empty()) {
      ++next_;
    } else {
      index = 0;
      for (const char c : name.substr(0, 9)) index = index * 10 + static_cast<size_t>(c - '0');
    }
    if (index >= call_.positional.size()) {
      return Err(ErrorCode::kInvalidArgument, "the format asks for argument {} of {}", index + 1,
                 call_.positional.size());
    }
    return call_.positional[index];
  }

  Status Field(std::string_view field) {
    const size_t colon = std::min(field.find(':'), field.size());
    std::string_view name = field.substr(0, colon);
    const std::string_view spec = field.substr(std::min(colon + 1, field.size()));
    char conversion = '\0';
    if (name.size() >= 2 && name[name.size() - 2] == '!') {
      conversion = name.back();
      name.remove_suffix(2);
    }
    BANTAM_TRY(Value value, Lookup(name));
    if (conversion == 'r') {
      MarkedText repr;
      BANTAM_RETURN_IF_ERROR(AppendReprOf(call_.heap, value, repr));
      BANTAM_TRY(value, call_.heap.Text(std::move(repr)));
    } else if (conversion == 's') {
      BANTAM_TRY(TextRef text, ToText(call_.heap, value));
      value = std::move(text);
    } else if (conversion != '\0') {
      return WrongSpec(field);
    }
    return AppendFormatted(call_, value, spec, out_);
  }

  Call& call_;
  const MarkedText& text_;
  size_t next_ = 0;
  MarkedText out_;
};

}  // namespace

Result<Value> FormatText(Call& call) { return Formatter(call).Run(); }

}  // namespace bantam::jinja
