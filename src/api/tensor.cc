#include "api/tensor.h"

#include <bit>
#include <span>

#include "base/json_floats.h"
#include "base/json_writer.h"

namespace bantam {
namespace {

static_assert(std::endian::native == std::endian::little, "elements are sent as they lie in memory");

template <typename T>
void AppendRaw(std::span<const T> values, std::string& out) {
  const auto bytes = std::as_bytes(values);
  out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

}  // namespace

std::string_view Tensor::datatype() const {
  if (std::holds_alternative<std::vector<float>>(values)) return "FP32";
  return std::holds_alternative<std::vector<int64_t>>(values) ? "INT64" : "BYTES";
}

void AppendTensorJson(const Tensor& tensor, std::string& out) {
  if (const auto* floats = std::get_if<std::vector<float>>(&tensor.values)) return AppendJsonFloats(*floats, out);
  JsonWriter writer(out);
  writer.BeginArray();
  if (const auto* texts = std::get_if<std::vector<std::string>>(&tensor.values)) {
    for (const std::string& text : *texts) writer.Value(text);
  } else {
    for (const int64_t number : std::get<std::vector<int64_t>>(tensor.values)) writer.Value(number);
  }
  writer.EndArray();
}

void AppendTensorBytes(const Tensor& tensor, std::string& out) {
  if (const auto* floats = std::get_if<std::vector<float>>(&tensor.values)) return AppendRaw<float>(*floats, out);
  if (const auto* numbers = std::get_if<std::vector<int64_t>>(&tensor.values)) return AppendRaw<int64_t>(*numbers, out);
  for (const std::string& text : std::get<std::vector<std::string>>(tensor.values)) {
    const auto length = static_cast<uint32_t>(text.size());
    AppendRaw(std::span(&length, 1), out);
    out += text;
  }
}

}  // namespace bantam
