// Filters on texts and single values.
#include <cmath>

#include "text/jinja/callables.h"
#include "text/jinja/operations.h"
#include "text/jinja/text_work.h"
#include "text/unicode.h"

namespace bantam::jinja {
namespace {

template <MarkedText (*kChange)(const MarkedText&)>
Result<Value> Changed(Call& call) {
  BANTAM_TRY(const TextRef text, SelfText(call));
  return call.heap.Text(kChange(*text));
}

// str.title() but that words end at white space, hyphens and opening brackets only.
Result<Value> TitleWords(Call& call) {
  BANTAM_TRY(const TextRef text, SelfText(call));
  MarkedText out;
  const std::string_view bytes = text->view();
  for (size_t begin = 0; begin < bytes.size();) {
    size_t end = begin;
    const auto separates = [&](size_t at) {
      const auto c = text::DecodeUtf8(bytes.data() + at).code_point;
      return IsPythonSpace(c) ||
             (c < 0x80 && std::string_view("-({[<").find(static_cast<char>(c)) != std::string_view::npos);
    };
    const bool between = separates(begin);
    while (end < bytes.size() && separates(end) == between) end += text::DecodeUtf8(bytes.data() + end).length;
    const size_t first = begin + text::DecodeUtf8(bytes.data() + begin).length;
    if (between) {
      out.Append(*text, begin, end);
    } else {
      out.Append(Upper(text->Slice(begin, first)));
      out.Append(Lower(text->Slice(first, end)));
    }
    begin = end;
  }
  return call.heap.Text(std::move(out));
}

Result<Value> Trim(Call& call) {
  BANTAM_TRY(const TextRef text, SelfText(call));
  if (call.Given(0) == nullptr || Is<None>(*call.Given(0))) return StripText(call.heap, *text, nullptr, true, true);
  BANTAM_TRY(const MarkedText* const characters, StringArgument(call, 0));
  return StripText(call.heap, *text, characters, true, true);
}

Result<Value> Replace(Call& call) {
  BANTAM_TRY(const TextRef text, SelfText(call));
  BANTAM_TRY(const TextRef from, TextArgument(call, 0));
  BANTAM_TRY(const TextRef to, TextArgument(call, 1));
  int64_t count = -1;
  if (call.Given(2) != nullptr && !Is<None>(*call.Given(2))) {
    BANTAM_TRY(count, IntArgument(call, 2, -1));
  }
  return ReplaceText(call.heap, *text, *from, *to, count);
}

// Lines after the first get blanks in front; blank ones and the first only if asked.
Result<Value> Indent(Call& call) {
  if (const auto* undefined = If<Undefined>(call.self)) return UndefinedError(*undefined);
  const MarkedText* const text = IfText(call.self);
  if (text == nullptr) return Err(ErrorCode::kInvalidArgument, "needs a string, not {}", TypeName(call.self));
  MarkedText indent;
  if (call.Given(0) != nullptr && IfText(*call.Given(0)) != nullptr) {
    indent = *IfText(*call.Given(0));
  } else {
    BANTAM_TRY(const int64_t width, IntArgument(call, 0, 4));
    if (width > 1000) return Err(ErrorCode::kTooLarge, "indent: a width of {} is above the limit, 1000", width);
    indent.Append(std::string(static_cast<size_t>(std::max<int64_t>(width, 0)), ' '));
  }
  const bool first = call.Flag(1, false), blank = call.Flag(2, false);
  MarkedText out;
  const std::string_view bytes = text->view();
  for (size_t begin = 0, line = 0; begin <= bytes.size(); ++line) {
    size_t end = begin;
    size_t next = bytes.size() + 1;  // past the last line's end
    for (; end < bytes.size(); ++end) {
      const size_t ends = LineEnd(bytes, end);
      if (ends == 0) continue;
      next = end + ends;
      break;
    }
    // A line end of any kind becomes '\n'. An empty last line is one only where `blank` asks.
    if (line > 0) out.Append("\n");
    if (line == 0 ? first : (blank || end > begin)) out.Append(indent);
    out.Append(*text, begin, end);
    BANTAM_RETURN_IF_ERROR(call.heap.Room(out.size()));
    begin = next;
  }
  return call.heap.Text(std::move(out));
}

Result<Value> String(Call& call) {
  BANTAM_TRY(TextRef text, SelfText(call));
  return Value(std::move(text));
}

Result<Value> Safe(Call& call) {
  BANTAM_TRY(const TextRef text, SelfText(call));
  MarkedText out = *text;
  out.is_markup = true;
  return call.heap.Text(std::move(out));
}

Result<Value> Escape(Call& call) {
  BANTAM_TRY(const TextRef text, SelfText(call));
  if (text->is_markup) return Value(text);
  MarkedText out;
  AppendHtmlEscaped(*text, out);
  out.is_markup = true;
  return call.heap.Text(std::move(out));
}

Result<Value> WordCount(Call& call) {
  BANTAM_TRY(const TextRef text, SelfText(call));
  Int words = 0;
  bool in_word = false;
  const std::string_view bytes = text->view();
  for (size_t at = 0; at < bytes.size();) {
    const auto c = text::DecodeUtf8(bytes.data() + at);
    const bool is_word = (text::ClassOf(c.code_point).flags & text::kWordCharacter) != 0;
    words += is_word && !in_word ? 1 : 0;
    in_word = is_word;
    at += c.length;
  }
  return Value(words);
}

Result<Value> Truncate(Call& call) {
  BANTAM_TRY(const TextRef text, SelfText(call));
  BANTAM_TRY(const int64_t length, IntArgument(call, 0, 255));
  const bool in_words = call.Flag(1, false);
  const Value dots = LiteralText(MarkedText("..."));
  const MarkedText* end = IfText(dots);
  if (call.Given(2) != nullptr) {
    BANTAM_TRY(end, StringArgument(call, 2));
  }
  BANTAM_TRY(const int64_t leeway, IntArgument(call, 3, 5));
  const auto end_length = static_cast<int64_t>(text::CountCodePoints(end->view()));
  if (length < end_length || leeway < 0) {
    return Err(ErrorCode::kInvalidArgument, "the length {} is less than that of the end, {}", length, end_length);
  }
  const auto size = static_cast<int64_t>(text::CountCodePoints(text->view()));
  if (size <= length + leeway) return Value(text);
  size_t cut = 0;
  for (int64_t i = 0; i < length - end_length; ++i) cut += text::DecodeUtf8(text->view().data() + cut).length;
  if (!in_words) {
    const size_t space = text->view().substr(0, cut).rfind(' ');
    if (space != std::string_view::npos) cut = space;
  }
  MarkedText out = text->Slice(0, cut);
  out.Append(*end);
  return call.heap.Text(std::move(out));
}

Result<Value> ToJsonText(Call& call) {
  JsonStyle style;
  style.ensure_ascii = call.Flag(0, false);
  style.indent = call.Given(1);
  style.sort_keys = call.Flag(3, false);
  if (call.Given(2) != nullptr && !Is<None>(*call.Given(2))) {
    BANTAM_TRY(const std::vector<Value> pair, Items(call.heap, *call.Given(2)));
    if (pair.size() != 2 || IfText(pair[0]) == nullptr || IfText(pair[1]) == nullptr) {
      return Err(ErrorCode::kInvalidArgument, "separators must be two strings, for items and for keys");
    }
    // The values live in the argument.
    style.item_separator = IfText(pair[0]);
    style.key_separator = IfText(pair[1]);
    MarkedText out;
    BANTAM_RETURN_IF_ERROR(AppendJson(call.heap, call.self, style, out));
    return call.heap.Text(std::move(out));
  }
  MarkedText out;
  BANTAM_RETURN_IF_ERROR(AppendJson(call.heap, call.self, style, out));
  return call.heap.Text(std::move(out));
}

Result<Value> Default(Call& call) {
  const bool wanted = Is<Undefined>(call.self) || (call.Flag(1, false) && !IsTrue(call.self));
  if (!wanted) return call.self;
  if (call.Given(0) == nullptr) return call.heap.Text("");
  return *call.Given(0);
}

Result<Value> Absolute(Call& call) {
  if (const double* number = If<double>(call.self)) return Value(std::abs(*number));
  if (!IsNumber(call.self)) {
    if (const auto* undefined = If<Undefined>(call.self)) return UndefinedError(*undefined);
    return Err(ErrorCode::kInvalidArgument, "a value of type {} has no absolute value", TypeName(call.self));
  }
  return ToInt(call.self) < 0 ? Negative(call.self) : Result<Value>(Value(ToInt(call.self)));
}

Result<Value> ToInteger(Call& call) {
  const Value other = call.Given(0) != nullptr ? *call.Given(0) : Value(Int{0});
  BANTAM_TRY(const int64_t base, IntArgument(call, 1, 10));
  if (const auto* undefined = If<Undefined>(call.self)) return UndefinedError(*undefined);
  if (const double* number = If<double>(call.self)) {
    if (!std::isfinite(*number) || std::abs(*number) > 1e36) return other;
    return Value(static_cast<Int>(*number));
  }
  if (IsNumber(call.self)) return Value(ToInt(call.self));
  const MarkedText* text = IfText(call.self);
  if (text == nullptr) return other;
  if (base != 0 && (base < 2 || base > 36)) return other;
  if (const std::optional<Int> number = ParseInt(text->view(), static_cast<int>(base))) return Value(*number);
  // "3.7" is 3.
  if (const std::optional<double> number = ParseFloat(text->view()); number && std::abs(*number) < 1e36) {
    return Value(static_cast<Int>(*number));
  }
  return other;
}

Result<Value> ToFloat(Call& call) {
  const Value other = call.Given(0) != nullptr ? *call.Given(0) : Value(0.0);
  if (const auto* undefined = If<Undefined>(call.self)) return UndefinedError(*undefined);
  if (IsNumber(call.self)) return Value(ToDouble(call.self));
  const MarkedText* text = IfText(call.self);
  const std::optional<double> number = text != nullptr ? ParseFloat(text->view()) : std::nullopt;
  return number ? Value(*number) : other;
}

Result<Value> Round(Call& call) {
  BANTAM_TRY(const int64_t precision, IntArgument(call, 0, 0));
  if (!IsNumber(call.self))
    return Err(ErrorCode::kInvalidArgument, "a value of type {} cannot be rounded", TypeName(call.self));
  if (call.Given(1) != nullptr) {
    BANTAM_TRY(const MarkedText* const method, StringArgument(call, 1));
    const double scale = std::pow(10.0, static_cast<double>(std::clamp<int64_t>(precision, -300, 300)));
    const double number = ToDouble(call.self);
    if (method->view() == "ceil") return Value(std::ceil(number * scale) / scale);
    if (method->view() == "floor") return Value(std::floor(number * scale) / scale);
    if (method->view() != "common") return Err(ErrorCode::kInvalidArgument, "method must be common, ceil or floor");
  }
  if (!Is<double>(call.self)) return Value(ToInt(call.self));
  // As Python: the decimal that is nearest to the exact value of the double.
  const auto digits = static_cast<int>(std::clamp<int64_t>(precision, 0, 300));
  if (precision >= 0) return Value(ParseFloat(fmt::format("{:.{}f}", ToDouble(call.self), digits)).value_or(0));
  const double scale = std::pow(10.0, static_cast<double>(std::clamp<int64_t>(-precision, 0, 300)));
  return Value(std::nearbyint(ToDouble(call.self) / scale) * scale);
}

}  // namespace

std::span<const Callable> TextFilters() {
  static constexpr Callable kTable[] = {
      {"abs", Absolute},
      {"capitalize", Changed<Capitalize>},
      {"d", Default, {"default_value", "boolean"}},
      {"default", Default, {"default_value", "boolean"}},
      {"e", Escape},
      {"escape", Escape},
      {"float", ToFloat, {"default"}},
      {"indent", Indent, {"width", "first", "blank"}},
      {"int", ToInteger, {"default", "base"}},
      {"lower", Changed<Lower>},
      {"replace", Replace, {"old", "new", "count"}, 2},
      {"round", Round, {"precision", "method"}},
      {"safe", Safe},
      {"string", String},
      {"title", TitleWords},
      {"tojson", ToJsonText, {"ensure_ascii", "indent", "separators", "sort_keys"}},
      {"trim", Trim, {"chars"}},
      {"truncate", Truncate, {"length", "killwords", "end", "leeway"}},
      {"upper", Changed<Upper>},
      {"wordcount", WordCount},
  };
  return kTable;
}

}  // namespace bantam::jinja
