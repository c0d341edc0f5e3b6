// The body of a request for inference: JSON, and behind it the bytes of the tensors that say so ("binary_data_size"),
// in the order of the inputs. Nothing that a size says is believed before it is compared with what is there.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "api/tensor.h"
#include "base/checked.h"
#include "base/text_util.h"

namespace bantam {
namespace {

constexpr size_t kMaxInputs = 16, kMaxOutputs = 16;
constexpr uint64_t kMaxElements = 2048;  // of a tensor: as many texts as a request for embeddings may have

// What an input or output may not say, because nobody here would do it.
Status RefuseParameters(const json::object& parameters, const std::string& place) {
  for (const auto& [key, value] : parameters) {
    const std::string_view name = key;
    if (name.starts_with("shared_memory_")) {
      return Err(ErrorCode::kInvalidArgument, "{}: \"{}\" is not supported: no memory is shared; send the data itself",
                 place, name);
    }
    if (name == "classification") {
      return Err(ErrorCode::kInvalidArgument,
                 "{}: \"classification\" is not supported: a classifier has the outputs \"label\" and \"score\"",
                 place);
    }
  }
  return Ok();
}

bool IsNull(const JsonObject& object, std::string_view key) {
  const json::value* value = object.Find(key);
  return value == nullptr || value->is_null();
}

// "parameters" of an input or output; empty where there are none.
Result<json::value> ReadParameters(const JsonObject& object, const std::string& place) {
  if (IsNull(object, "parameters")) return json::value(json::object());
  BANTAM_TRY(const JsonObject parameters, object.Object("parameters"));
  BANTAM_RETURN_IF_ERROR(RefuseParameters(parameters.raw(), place));
  return json::value(parameters.raw());
}

class Reader {
 public:
  // tail: what follows the JSON; nothing: there is no header that says so.
  explicit Reader(std::optional<std::string_view> tail) : tail_(tail) {}

  Result<InferRequest> Read(const JsonObject& body) {
    InferRequest request;
    BANTAM_TRY(request.id, body.StringOr("id", ""));
    if (!IsNull(body, "parameters")) {
      BANTAM_TRY(const JsonObject parameters, body.Object("parameters"));
      request.parameters = parameters.raw();
      BANTAM_TRY(request.binary, parameters.BoolOr("binary_data_output", false));
    }
    BANTAM_TRY(const json::array* inputs, body.Array("inputs"));
    if (inputs->empty() || inputs->size() > kMaxInputs) {
      return Err(ErrorCode::kInvalidArgument, "\"inputs\" has {} tensors, expected 1 to {}", inputs->size(),
                 kMaxInputs);
    }
    for (size_t i = 0; i < inputs->size(); ++i) {
      BANTAM_TRY(TextTensor input, ReadInput((*inputs)[i], i));
      if (request.Find(input.name) != nullptr) {
        return Err(ErrorCode::kInvalidArgument, "the input \"{}\" comes twice", EscapeForTerminal(input.name, 80));
      }
      request.inputs.push_back(std::move(input));
    }
    if (tail_ && !tail_->empty()) {
      return Err(ErrorCode::kInvalidArgument,
                 "{} bytes follow the last tensor; the \"binary_data_size\" of the inputs must add up to what follows "
                 "the JSON",
                 tail_->size());
    }
    BANTAM_RETURN_IF_ERROR(ReadOutputs(body, request));
    return request;
  }

 private:
  Result<TextTensor> ReadInput(const json::value& item, size_t i) {
    BANTAM_TRY(const JsonObject object, JsonObject::From(item, fmt::format("inputs[{}]", i)));
    TextTensor input;
    BANTAM_TRY(input.name, object.String("name"));
    if (input.name.empty()) return Err(ErrorCode::kInvalidArgument, "\"inputs[{}].name\" is empty", i);
    const std::string place = fmt::format("input \"{}\"", EscapeForTerminal(input.name, 80));
    BANTAM_TRY(const std::string datatype, object.String("datatype"));
    if (datatype != "BYTES") {
      return Err(ErrorCode::kInvalidArgument, "{}: the datatype is \"{}\", expected \"BYTES\": models here read texts",
                 place, EscapeForTerminal(datatype, 80));
    }
    BANTAM_TRY(const uint64_t count, ReadShape(object, place));
    BANTAM_TRY(const json::value parameters, ReadParameters(object, place));
    BANTAM_TRY(const JsonObject own, JsonObject::From(parameters, place + ", \"parameters\""));
    const bool has_data = !IsNull(object, "data"), is_binary = !IsNull(own, "binary_data_size");
    if (has_data == is_binary) {
      return Err(ErrorCode::kInvalidArgument,
                 "{} has {}: send \"data\", or the bytes after the JSON and their "
                 "\"binary_data_size\" in \"parameters\"",
                 place, has_data ? "both" : "no data");
    }
    if (has_data) {
      BANTAM_TRY(const json::array* data, object.Array("data"));
      BANTAM_RETURN_IF_ERROR(AddTexts(*data, place, count, input.texts));
      if (input.texts.size() == count) return input;
      return Err(ErrorCode::kInvalidArgument, "{}: \"data\" holds {} texts, its shape has {}", place,
                 input.texts.size(), count);
    }
    BANTAM_TRY(const int64_t size, own.Int("binary_data_size", 0, INT64_MAX));
    BANTAM_TRY(const std::string_view bytes, TakeBytes(static_cast<uint64_t>(size), place));
    BANTAM_TRY(input.texts, SplitTexts(bytes, place, count));
    return input;
  }

  // How many elements it has.
  static Result<uint64_t> ReadShape(const JsonObject& object, const std::string& place) {
    BANTAM_TRY(const json::array* items, object.Array("shape"));
    const std::string shown = EscapeForTerminal(ToJson(*items), 80);
    std::vector<uint64_t> shape;
    std::optional<uint64_t> count = 1;
    for (const json::value& item : *items) {
      const bool fits = item.is_uint64() || (item.is_int64() && item.get_int64() >= 0);
      if (!fits) {
        return Err(ErrorCode::kInvalidArgument, "{}: the shape is {}, expected whole numbers from 0", place, shown);
      }
      shape.push_back(item.to_number<uint64_t>());
      count = CheckedMul(*count, shape.back());
      if (!count) {
        return Err(ErrorCode::kInvalidArgument, "{}: the shape is {}, whose elements are more than 64 bits can count",
                   place, shown);
      }
    }
    // [N, 1] is what servers that make batches of models of their own know.
    if (shape.empty() || shape.size() > 2 || (shape.size() == 2 && shape[1] != 1)) {
      return Err(ErrorCode::kInvalidArgument, "{}: the shape is {}, expected [N] or [N, 1]: N texts", place, shown);
    }
    if (*count == 0 || *count > kMaxElements) {
      return Err(ErrorCode::kInvalidArgument, "{}: the shape is {}, expected 1 to {} texts", place, shown,
                 kMaxElements);
    }
    return *count;
  }

  // Lists may be nested as the shape says, or not.
  static Status AddTexts(const json::array& items, const std::string& place, uint64_t count,
                         std::vector<std::string>& texts) {
    for (const json::value& item : items) {
      if (const json::array* inner = item.if_array()) {
        BANTAM_RETURN_IF_ERROR(AddTexts(*inner, place, count, texts));
        continue;
      }
      if (!item.is_string()) {
        return Err(ErrorCode::kInvalidArgument, "{}: element {} of \"data\" is {}, expected a text", place,
                   texts.size(), EscapeForTerminal(ToJson(item), 80));
      }
      if (texts.size() == count) {
        return Err(ErrorCode::kInvalidArgument, "{}: \"data\" holds more texts than its shape, which has {}", place,
                   count);
      }
      texts.emplace_back(item.get_string());
    }
    return Ok();
  }

  Result<std::string_view> TakeBytes(uint64_t size, const std::string& place) {
    if (!tail_) {
      return Err(ErrorCode::kInvalidArgument,
                 "{} has a \"binary_data_size\", but nothing says where its bytes begin: send the header "
                 "Inference-Header-Content-Length with the length of the JSON",
                 place);
    }
    if (size > tail_->size()) {
      return Err(ErrorCode::kInvalidArgument, "{}: its \"binary_data_size\" is {}, but {} bytes are left of the body",
                 place, size, tail_->size());
    }
    const std::string_view bytes = tail_->substr(0, size);
    tail_->remove_prefix(size);
    return bytes;
  }

  static Result<std::vector<std::string>> SplitTexts(std::string_view bytes, const std::string& place, uint64_t count) {
    constexpr size_t kLengthBytes = 4;
    std::vector<std::string> texts;
    for (uint64_t i = 0; i < count; ++i) {
      if (bytes.size() < kLengthBytes) {
        return Err(ErrorCode::kInvalidArgument,
                   "{}: its bytes end before element {} of {}: each is a length, four bytes in little-endian order, "
                   "and so many bytes of text",
                   place, i, count);
      }
      uint64_t length = 0;
      for (size_t k = kLengthBytes; k-- > 0;) length = length << 8 | static_cast<unsigned char>(bytes[k]);
      bytes.remove_prefix(kLengthBytes);
      if (length > bytes.size()) {
        return Err(ErrorCode::kInvalidArgument, "{}: element {} has the length {}, but {} bytes are left of the tensor",
                   place, i, length, bytes.size());
      }
      const std::string_view text = bytes.substr(0, length);
      if (const auto at = FirstInvalidUtf8(text)) {
        return Err(ErrorCode::kInvalidArgument, "{}: element {} is no UTF-8 at its byte {}", place, i, *at);
      }
      texts.emplace_back(text);
      bytes.remove_prefix(length);
    }
    if (bytes.empty()) return texts;
    return Err(ErrorCode::kInvalidArgument, "{}: {} bytes follow the last of its {} elements", place, bytes.size(),
               count);
  }

  static Status ReadOutputs(const JsonObject& body, InferRequest& request) {
    if (IsNull(body, "outputs")) return Ok();
    BANTAM_TRY(const json::array* outputs, body.Array("outputs"));
    if (outputs->size() > kMaxOutputs) {
      return Err(ErrorCode::kInvalidArgument, "\"outputs\" has {} tensors, the limit is {}", outputs->size(),
                 kMaxOutputs);
    }
    for (size_t i = 0; i < outputs->size(); ++i) {
      BANTAM_TRY(const JsonObject object, JsonObject::From((*outputs)[i], fmt::format("outputs[{}]", i)));
      WantedOutput output;
      BANTAM_TRY(output.name, object.String("name"));
      const std::string place = fmt::format("output \"{}\"", EscapeForTerminal(output.name, 80));
      BANTAM_TRY(const json::value parameters, ReadParameters(object, place));
      BANTAM_TRY(const JsonObject own, JsonObject::From(parameters, place + ", \"parameters\""));
      BANTAM_TRY(output.binary, own.BoolOr("binary_data", request.binary));
      if (std::ranges::any_of(request.outputs, [&](const WantedOutput& other) { return other.name == output.name; })) {
        return Err(ErrorCode::kInvalidArgument, "the {} is asked for twice", place);
      }
      request.outputs.push_back(std::move(output));
    }
    return Ok();
  }

  std::optional<std::string_view> tail_;
};

// A body that is nothing but one text, for clients that have no JSON.
Result<InferRequest> ReadRaw(std::string_view body) {
  if (body.empty()) return Err(ErrorCode::kInvalidArgument, "the body is empty, expected a text");
  if (const auto at = FirstInvalidUtf8(body)) {
    return Err(ErrorCode::kInvalidArgument,
               "the body is no UTF-8 at its byte {}; with Inference-Header-Content-Length: 0 it is one text", *at);
  }
  InferRequest request{.id = {}, .inputs = {{.name = "", .texts = {std::string(body)}}}, .outputs = {}};
  request.binary = request.raw = true;
  return request;
}

}  // namespace

const TextTensor* InferRequest::Find(std::string_view name) const {
  const auto found = std::ranges::find(inputs, name, &TextTensor::name);
  return found == inputs.end() ? nullptr : &*found;
}

Result<InferRequest> ReadInferRequest(std::string_view body, std::string_view header_length) {
  std::optional<std::string_view> tail;
  if (!header_length.empty()) {
    size_t length = 0;
    const char* const end = header_length.data() + header_length.size();
    const auto [stop, error] = std::from_chars(header_length.data(), end, length);
    if (error != std::errc() || stop != end || length > body.size()) {
      return Err(ErrorCode::kInvalidArgument,
                 "Inference-Header-Content-Length is \"{}\", expected how many of the {} bytes of the body are JSON",
                 EscapeForTerminal(header_length, 40), body.size());
    }
    if (length == 0) return ReadRaw(body);
    tail = body.substr(length);
    body = body.substr(0, length);
  }
  BANTAM_TRY(const json::value document, ParseJson(body, "body"));
  BANTAM_TRY(const JsonObject object, JsonObject::From(document, "body"));
  return Reader(tail).Read(object);
}

}  // namespace bantam
