// Tensors as the Open Inference Protocol has them: texts (BYTES), FP32 and INT64. A request brings texts in JSON, or in
// bytes that follow it; so does a reply its outputs.
//
//   BANTAM_TRY(const InferRequest request, ReadInferRequest(http.body, http.Header(kInferHeaderLength)));
//   request.Find("text")->texts
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/json.h"

namespace bantam {

// How many bytes of a body are its JSON, where tensors follow it.
inline constexpr std::string_view kInferHeaderLength = "inference-header-content-length";

struct TextTensor {
  std::string name;
  std::vector<std::string> texts;  // UTF-8
};

struct WantedOutput {
  std::string name;
  bool binary = false;
};

struct InferRequest {
  std::string id;
  json::value parameters = json::object();
  std::vector<TextTensor> inputs;
  std::vector<WantedOutput> outputs;  // empty: all
  bool binary = false;                // how those are sent of which nothing is said
  // The body is one text without any JSON: of an input that has no name.
  bool raw = false;

  const TextTensor* Find(std::string_view name) const;  // null: not sent
};

// header_length: of kInferHeaderLength; empty: there is none. kInvalidArgument names the tensor and the mend.
Result<InferRequest> ReadInferRequest(std::string_view body, std::string_view header_length);

struct Tensor {
  std::string name;
  std::vector<size_t> shape;
  std::variant<std::vector<std::string>, std::vector<float>, std::vector<int64_t>> values;  // row by row

  std::string_view datatype() const;
};

// "[1.5,2]": all elements in one list.
void AppendTensorJson(const Tensor& tensor, std::string& out);
// Little-endian elements without gaps; a text after its length in four bytes.
void AppendTensorBytes(const Tensor& tensor, std::string& out);

}  // namespace bantam
