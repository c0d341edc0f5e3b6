#include "base/json.h"

#include <fmt/compile.h>

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <cstring>
#include <iterator>
#include <unordered_set>
#include <vector>

#include "base/text_util.h"

namespace bantam {
namespace {

// Builds the value like boost::json::parser, and refuses what that lets pass: duplicate keys (it keeps the last) and
// numbers beyond double's range (it reads infinity).
class StrictHandler {
 public:
  static constexpr size_t max_object_size = size_t(-1) >> 1;
  static constexpr size_t max_array_size = size_t(-1) >> 1;
  static constexpr size_t max_key_size = size_t(-1) >> 1;
  static constexpr size_t max_string_size = size_t(-1) >> 1;
  using error_code = boost::system::error_code;

  explicit StrictHandler(json::storage_ptr storage, std::span<const JsonStream> streams)
      : storage_(std::move(storage)), streams_(streams), root_(storage_) {}

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code&) {
    frames_.push_back({json::object(storage_), {}, StreamHere()});
    return true;
  }
  bool on_object_end(size_t, error_code& ec) { return Close(ec); }
  bool on_array_begin(error_code&) {
    frames_.push_back({json::array(storage_), {}, StreamHere()});
    return true;
  }
  bool on_array_end(size_t, error_code& ec) { return Close(ec); }
  bool on_key_part(std::string_view part, size_t, error_code&) {
    text_ += part;
    return true;
  }
  bool on_key(std::string_view part, size_t, error_code& ec) {
    text_ += part;
    Frame& top = frames_.back();
    if (top.stream == nullptr && top.value.as_object().contains(text_)) {
      return Fail(ec, Err(ErrorCode::kInvalidArgument, "duplicate key \"{}\"", EscapeForTerminal(text_)));
    }
    top.key.swap(text_);
    text_.clear();
    return true;
  }
  bool on_string_part(std::string_view part, size_t, error_code&) {
    text_ += part;
    return true;
  }
  bool on_string(std::string_view part, size_t, error_code& ec) {
    if (text_.empty()) return Put(json::value(part, storage_), ec);  // whole, as nearly all are
    text_ += part;
    json::value value(text_, storage_);
    text_.clear();
    return Put(std::move(value), ec);
  }
  bool on_number_part(std::string_view, error_code&) { return true; }
  bool on_int64(int64_t i, std::string_view, error_code& ec) { return Put(i, ec); }
  bool on_uint64(uint64_t u, std::string_view, error_code& ec) { return Put(u, ec); }
  // One of 17 digits may be off by the last bit. So are those of serde_json, which the reference tokenizers read their
  // scores with: to the last bit, ties between pieces would be decided otherwise than by them.
  bool on_double(double d, std::string_view, error_code& ec) {
    if (!std::isfinite(d)) return Fail(ec, Err(ErrorCode::kInvalidArgument, "a number beyond the range of a double"));
    return Put(d, ec);
  }
  bool on_bool(bool b, error_code& ec) { return Put(b, ec); }
  bool on_null(error_code& ec) { return Put(nullptr, ec); }
  bool on_comment_part(std::string_view, error_code&) { return true; }
  bool on_comment(std::string_view, error_code&) { return true; }

  json::value Take() { return std::move(root_); }
  const std::optional<Error>& problem() const { return problem_; }

 private:
  struct Frame {
    json::value value;
    std::string key;
    const JsonStream* stream = nullptr;  // takes the members instead of `value`
  };
  // The stream whose path leads to the container that begins now.
  const JsonStream* StreamHere() const {
    for (const JsonStream& stream : streams_) {
      if (stream.path.size() != frames_.size()) continue;
      const auto same = [](const Frame& frame, const std::string& key) { return frame.key == key; };
      if (std::equal(frames_.begin(), frames_.end(), stream.path.begin(), same)) return &stream;
    }
    return nullptr;
  }
  bool Fail(error_code& ec, Error problem) {
    problem_ = std::move(problem);
    ec = json::error::extra_data;  // any error; `problem_` is what the user reads
    return false;
  }
  bool Put(json::value value, error_code& ec) {
    if (frames_.empty()) {
      root_ = std::move(value);
    } else if (Frame& top = frames_.back(); top.stream != nullptr) {
      if (Status taken = top.stream->member(top.key, std::move(value)); !taken)
        return Fail(ec, std::move(taken).error());
    } else if (top.value.is_object()) {
      top.value.get_object().emplace(top.key, std::move(value));
    } else {
      top.value.get_array().push_back(std::move(value));
    }
    return true;
  }
  bool Close(error_code& ec) {
    json::value done = std::move(frames_.back().value);
    frames_.pop_back();
    return Put(std::move(done), ec);
  }

  const json::storage_ptr storage_;
  std::span<const JsonStream> streams_;
  std::vector<Frame> frames_;
  std::string text_;
  std::optional<Error> problem_;
  json::value root_;
};

// Whether reading stopped right after the escape of a high surrogate (\ud800 to \udbff), or after that and a backslash:
// its other half is missing. Boost calls it a syntax error like any other.
bool EndsInHalfAPair(std::string_view read) {
  if (read.ends_with('\\')) read.remove_suffix(1);
  constexpr size_t kEscape = 6;
  if (read.size() < kEscape) return false;
  const std::string_view escape = read.substr(read.size() - kEscape);
  size_t backslashes = 0;  // an even number of them is that many characters, and no escape
  for (size_t i = read.size() - kEscape + 1; i > 0 && read[i - 1] == '\\'; --i) ++backslashes;
  return backslashes % 2 == 1 && escape[1] == 'u' && (escape[2] == 'd' || escape[2] == 'D') &&
         std::string_view("89abAB").find(escape[3]) != std::string_view::npos;
}

std::string Place(std::string_view text, size_t offset, std::string_view name) {
  size_t line = 1, column = 1;
  for (size_t i = 0; i < offset && i < text.size(); ++i) {
    if (text[i] == '\n') {
      ++line;
      column = 1;
    } else {
      ++column;
    }
  }
  return fmt::format("{}:{}:{}", name, line, column);
}

}  // namespace

namespace {

Result<json::value> Parse(std::string_view text, std::string_view name, const JsonLimits& limits,
                          std::span<const JsonStream> streams, json::storage_ptr storage) {
  if (text.size() > limits.max_bytes) {
    return Err(ErrorCode::kTooLarge, "{}: {} bytes of JSON, the limit is {}", name, text.size(), limits.max_bytes);
  }
  if (const auto bad = FirstInvalidUtf8(text)) {
    return Err(ErrorCode::kInvalidArgument, "{}: invalid UTF-8 at byte {}", name, *bad);
  }
  try {
    json::parse_options options;
    options.max_depth = limits.max_depth;
    json::basic_parser<StrictHandler> parser(options, std::move(storage), streams);
    boost::system::error_code ec;
    const size_t used = parser.write_some(false, text.data(), text.size(), ec);
    if (ec) {
      if (const std::optional<Error>& problem = parser.handler().problem()) {
        return Err(problem->code, "{}: {}", Place(text, used, name), problem->message);
      }
      std::string why;
      if (ec == json::error::too_deep) why = fmt::format("nested deeper than {} levels", limits.max_depth);
      if (why.empty() && ec == json::error::incomplete) why = "the text ends in the middle of a value";
      if (ec == json::error::illegal_leading_surrogate || ec == json::error::illegal_trailing_surrogate ||
          (ec == json::error::syntax && EndsInHalfAPair(text.substr(0, used)))) {
        why = "a \\u escape is one half of a surrogate pair without its other half, so it is no character";
      }
      if (why.empty()) why = fmt::format("not JSON: {}", ec.message());
      return Err(ErrorCode::kInvalidArgument, "{}: {}", Place(text, used, name), why);
    }
    const size_t rest = text.find_first_not_of(" \t\r\n", used);
    if (rest != std::string_view::npos) {
      return Err(ErrorCode::kInvalidArgument, "{}: text after the end of the JSON value", Place(text, rest, name));
    }
    return parser.handler().Take();
  } catch (const std::bad_alloc&) {
    return Err(ErrorCode::kOutOfMemory, "{}: not enough memory for {} bytes of JSON", name, text.size());
  } catch (const std::exception& e) {
    return Err(ErrorCode::kInvalidArgument, "{}: {}", name, e.what());
  }
}

// Eight bytes a step: whether any is below a space, a quotation mark or a backslash.
bool NeedsEscapes(std::string_view text) {
  constexpr uint64_t kOnes = 0x0101010101010101, kHighs = 0x8080808080808080;
  const auto holds_zero = [](uint64_t eight) { return (eight - kOnes) & ~eight & kHighs; };
  size_t at = 0;
  for (uint64_t eight = 0; text.size() - at >= sizeof eight; at += sizeof eight) {
    std::memcpy(&eight, text.data() + at, sizeof eight);
    const uint64_t below_space = (eight - kOnes * ' ') & ~eight & kHighs;
    if ((below_space | holds_zero(eight ^ kOnes * '"') | holds_zero(eight ^ kOnes * '\\')) != 0) return true;
  }
  for (; at < text.size(); ++at) {
    const auto c = static_cast<unsigned char>(text[at]);
    if (c < ' ' || c == '"' || c == '\\') return true;
  }
  return false;
}

// Boost prints 0.93 as 9.3E-1; people read our output. Depth is bounded: values come from ParseJson or from our own
// code.
void Write(const json::value& value, std::string& out) {
  switch (value.kind()) {
    case json::kind::null:
      out += "null";
      break;
    case json::kind::bool_:
      out += value.get_bool() ? "true" : "false";
      break;
    case json::kind::int64:
      fmt::format_to(std::back_inserter(out), "{}", value.get_int64());
      break;
    case json::kind::uint64:
      fmt::format_to(std::back_inserter(out), "{}", value.get_uint64());
      break;
    case json::kind::double_:
      AppendJsonNumber(value.get_double(), out);
      break;
    case json::kind::string:
      AppendQuotedJson(value.get_string(), out);
      break;
    case json::kind::array: {
      char separator = '[';
      for (const json::value& item : value.get_array()) {
        out += separator;
        Write(item, out);
        separator = ',';
      }
      out += separator == '[' ? "[]" : "]";
      break;
    }
    case json::kind::object: {
      char separator = '{';
      for (const auto& [key, item] : value.get_object()) {
        out += separator;
        AppendQuotedJson(key, out);
        out += ':';
        Write(item, out);
        separator = ',';
      }
      out += separator == '{' ? "{}" : "}";
      break;
    }
  }
}
}  // namespace

Result<json::value> ParseJson(std::string_view text, std::string_view name, const JsonLimits& limits) {
  return Parse(text, name, limits, {}, {});
}
Result<json::value> ParseJson(std::string_view text, std::string_view name, const JsonLimits& limits,
                              std::span<const JsonStream> streams) {
  return Parse(text, name, limits, streams, {});
}
Result<json::value> ParseJsonInto(json::storage_ptr storage, std::string_view text, std::string_view name,
                                  const JsonLimits& limits) {
  return Parse(text, name, limits, {}, std::move(storage));
}

void AppendJsonNumber(double number, std::string& out) {
  if (!std::isfinite(number)) {  // JSON has no word for it
    out += "null";
    return;
  }
  const size_t begin = out.size();
  fmt::format_to(std::back_inserter(out), FMT_COMPILE("{}"), number);
  if (out.find_first_of(".e", begin) == std::string::npos) out += ".0";
}

void AppendJsonNumber(float number, std::string& out) {
  if (!std::isfinite(number)) {
    out += "null";
    return;
  }
  fmt::format_to(std::back_inserter(out), FMT_COMPILE("{}"), number);
}

std::string ToJson(const json::value& value) {
  std::string out;
  Write(value, out);
  return out;
}

void AppendQuotedJson(std::string_view text, std::string& out) {
  if (NeedsEscapes(text)) {
    out += json::serialize(json::string_view(text.data(), text.size()));
    return;
  }
  out += '"';
  out += text;
  out += '"';
}
std::string QuoteJson(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  AppendQuotedJson(text, out);
  return out;
}

Result<JsonObject> JsonObject::From(const json::value& value, std::string_view name) {
  if (!value.is_object()) {
    return Err(ErrorCode::kInvalidArgument, "{}: expected a JSON object {{...}} at the top", name);
  }
  return JsonObject(&value.get_object(), std::string(name));
}

const json::value* JsonObject::Find(std::string_view key) const { return object_->if_contains(key); }

bool JsonObject::Absent(std::string_view key) const {
  const json::value* value = Find(key);
  return value == nullptr || value->is_null();
}

std::string JsonObject::Where(std::string_view key) const { return fmt::format("{}: \"{}\"", name_, key); }

Error JsonObject::Wrong(std::string_view key, std::string_view expected) const {
  const json::value* value = Find(key);
  if (value == nullptr) return Err(ErrorCode::kInvalidArgument, "{} is missing, expected {}", Where(key), expected);
  return Err(ErrorCode::kInvalidArgument, "{} is {}, expected {}", Where(key), EscapeForTerminal(ToJson(*value), 80),
             expected);
}

Result<int64_t> JsonObject::Int(std::string_view key, int64_t minimum, int64_t maximum) const {
  const json::value* value = Find(key);
  std::optional<int64_t> number;
  if (value != nullptr && value->is_int64()) number = value->get_int64();
  // 1.0 is an integer to JavaScript clients and to OpenAI's server.
  if (value != nullptr && value->is_double() && std::trunc(value->get_double()) == value->get_double() &&
      std::abs(value->get_double()) < 9e15) {
    number = static_cast<int64_t>(value->get_double());
  }
  if (!number || *number < minimum || *number > maximum) {
    return Wrong(key, fmt::format("an integer from {} to {}", minimum, maximum));
  }
  return *number;
}

Result<double> JsonObject::Number(std::string_view key, double minimum, double maximum) const {
  const json::value* value = Find(key);
  std::optional<double> number;
  if (value != nullptr && value->is_double()) number = value->get_double();
  if (value != nullptr && value->is_int64()) number = static_cast<double>(value->get_int64());
  if (value != nullptr && value->is_uint64()) number = static_cast<double>(value->get_uint64());
  if (!number || !(*number >= minimum && *number <= maximum)) {
    return Wrong(key, fmt::format("a number from {} to {}", minimum, maximum));
  }
  return *number;
}

Result<bool> JsonObject::Bool(std::string_view key) const {
  const json::value* value = Find(key);
  if (value == nullptr || !value->is_bool()) return Wrong(key, "true or false");
  return value->get_bool();
}

Result<std::string> JsonObject::String(std::string_view key) const {
  const json::value* value = Find(key);
  if (value == nullptr || !value->is_string()) return Wrong(key, "a string");
  return std::string(value->get_string());
}

Result<JsonObject> JsonObject::Object(std::string_view key) const {
  const json::value* value = Find(key);
  if (value == nullptr || !value->is_object()) return Wrong(key, "an object {...}");
  return JsonObject(&value->get_object(), Where(key));
}

Result<const json::array*> JsonObject::Array(std::string_view key) const {
  const json::value* value = Find(key);
  if (value == nullptr || !value->is_array()) return Wrong(key, "an array [...]");
  return &value->get_array();
}

Result<int64_t> JsonObject::IntOr(std::string_view key, int64_t other, int64_t minimum, int64_t maximum) const {
  return Absent(key) ? Result<int64_t>(other) : Int(key, minimum, maximum);
}
Result<double> JsonObject::NumberOr(std::string_view key, double other, double minimum, double maximum) const {
  return Absent(key) ? Result<double>(other) : Number(key, minimum, maximum);
}
Result<bool> JsonObject::BoolOr(std::string_view key, bool other) const {
  return Absent(key) ? Result<bool>(other) : Bool(key);
}
Result<std::string> JsonObject::StringOr(std::string_view key, std::string_view other) const {
  return Absent(key) ? Result<std::string>(std::string(other)) : String(key);
}

}  // namespace bantam
