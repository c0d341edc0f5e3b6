// A request for inference. Its first line is the header with the length of the JSON, the rest the body. What is
// accepted has the texts that its shapes say, all of them UTF-8; its texts written as bytes read back the same.
#include <cstddef>
#include <cstdint>

#include "api/tensor.h"
#include "base/check.h"
#include "base/text_util.h"

namespace bantam {
namespace {

void CheckReadsBack(const InferRequest& request) {
  json::array inputs;
  std::string bytes;
  for (const TextTensor& input : request.inputs) {
    const size_t before = bytes.size();
    AppendTensorBytes({.name = input.name, .shape = {input.texts.size()}, .values = input.texts}, bytes);
    inputs.push_back({{"name", input.name.empty() ? "text" : input.name},
                      {"datatype", "BYTES"},
                      {"shape", json::array{input.texts.size()}},
                      {"parameters", json::object{{"binary_data_size", bytes.size() - before}}}});
  }
  const std::string head = ToJson(json::object{{"inputs", std::move(inputs)}});
  const auto again = ReadInferRequest(head + bytes, std::to_string(head.size()));
  BANTAM_CHECK(again.has_value(), "{}: {}", head, again.error().message);
  BANTAM_CHECK(again->inputs.size() == request.inputs.size());
  for (size_t i = 0; i < request.inputs.size(); ++i) {
    BANTAM_CHECK(again->inputs[i].texts == request.inputs[i].texts, "{}", head);
  }
}

}  // namespace
}  // namespace bantam

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bantam;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const size_t line = bytes.find('\n');
  if (line == std::string_view::npos) return 0;
  const auto request = ReadInferRequest(bytes.substr(line + 1), bytes.substr(0, line));
  if (!request) {
    BANTAM_CHECK(!request.error().message.empty() && !FirstInvalidUtf8(request.error().message));
    return 0;
  }
  BANTAM_CHECK(!request->inputs.empty() && request->parameters.is_object());
  for (const TextTensor& input : request->inputs) {
    BANTAM_CHECK(!input.texts.empty() && (request->raw || !input.name.empty()));
    for (const std::string& text : input.texts) BANTAM_CHECK(!FirstInvalidUtf8(text));
  }
  CheckReadsBack(*request);
  return 0;
}
