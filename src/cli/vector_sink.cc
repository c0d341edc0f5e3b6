#include "cli/vector_sink.h"

#include <algorithm>

#include "base/json.h"

namespace bantam::cli {
namespace {

NpyRow RowOf(VectorType type, size_t dimensions) {
  if (type == VectorType::kFloat32) return NpyRow::Floats(dimensions);
  const size_t bytes = BytesOf(type, dimensions);
  const bool is_signed = type == VectorType::kInt8 || type == VectorType::kBinary;
  return {is_signed ? "|i1" : "|u1", bytes, bytes};
}

// {"embedding": [...], "truncated": true, "tokens": 300}
void AppendLine(const Embedding& embedding, VectorType type, const std::string& bytes, std::string& out) {
  out += "{\"embedding\": [";
  bool first = true;
  const auto separate = [&] {
    if (!first) out += ", ";
    first = false;
  };
  if (type == VectorType::kFloat32) {
    for (const float value : embedding.vector) {
      separate();
      AppendJsonNumber(value, out);
    }
  } else {
    const bool is_signed = type == VectorType::kInt8 || type == VectorType::kBinary;
    for (const char byte : bytes) {
      separate();
      out += std::to_string(is_signed ? static_cast<int>(static_cast<signed char>(byte))
                                      : static_cast<int>(static_cast<unsigned char>(byte)));
    }
  }
  out += "]";
  if (embedding.truncated) out += fmt::format(", \"truncated\": true, \"tokens\": {}", embedding.text_tokens);
  out += "}\n";
}

void Widen(std::span<const float> vector, std::optional<ValueRanges>& ranges) {
  if (!ranges) {
    ranges = RangesOf(vector, vector.size());
    return;
  }
  for (size_t i = 0; i < vector.size(); ++i) {
    ranges->minimum[i] = std::min(ranges->minimum[i], vector[i]);
    ranges->maximum[i] = std::max(ranges->maximum[i], vector[i]);
  }
}

}  // namespace

Result<VectorSink> VectorSink::Create(VectorSinkOptions options) {
  VectorSink sink(std::move(options));
  const VectorSinkOptions& o = sink.options_;
  if (!o.ranges.empty()) {
    BANTAM_TRY(sink.given_, ReadRanges(o.ranges, o.dimensions));
  }
  if (!o.output.empty()) {
    BANTAM_TRY(NpyWriter writer, NpyWriter::Create(o.output, RowOf(o.type, o.dimensions)));
    sink.matrix_.emplace(std::move(writer));
  }
  return sink;
}

Status VectorSink::Take(Embedding embedding, std::string& lines) {
  CutVector(embedding.vector, options_.dimensions);
  if (!options_.save_ranges.empty() || NeedsRanges(options_.type)) Widen(embedding.vector, seen_);
  if (!NeedsRanges(options_.type) || given_) return Write(embedding, lines);
  kept_.push_back(std::move(embedding));
  return Ok();
}

Status VectorSink::Write(const Embedding& embedding, std::string& lines) {
  ++rows_;
  if (matrix_ && options_.type == VectorType::kFloat32) return matrix_->Append(embedding.vector);
  std::string bytes;
  if (options_.type != VectorType::kFloat32) {
    const std::optional<ValueRanges>& ranges = given_ ? given_ : seen_;
    AppendVector(embedding.vector, options_.type, ranges ? &*ranges : nullptr, bytes);
  }
  if (matrix_) return matrix_->AppendBytes(bytes);
  AppendLine(embedding, options_.type, bytes, lines);
  return Ok();
}

Status VectorSink::Finish(std::string& lines) {
  constexpr size_t kFewLines = 100;  // below that sentence-transformers warns too
  if (!kept_.empty() && kept_.size() < kFewLines) {
    fmt::print(
        stderr,
        "embed: the ranges for {} come from {} {} only; make them from more with --save-ranges and give them with "
        "--ranges\n",
        VectorTypeName(options_.type), kept_.size(), kept_.size() == 1 ? "line" : "lines");
  }
  for (const Embedding& embedding : kept_) BANTAM_RETURN_IF_ERROR(Write(embedding, lines));
  kept_.clear();
  if (matrix_) BANTAM_RETURN_IF_ERROR(matrix_->Finish());
  return options_.save_ranges.empty() ? Ok() : SaveRanges();
}

Status VectorSink::SaveRanges() const {
  if (!seen_) return Err(ErrorCode::kInvalidArgument, "no line to take the ranges for {} from", options_.save_ranges);
  BANTAM_TRY(NpyWriter writer, NpyWriter::Create(options_.save_ranges, NpyRow::Floats(options_.dimensions)));
  BANTAM_RETURN_IF_ERROR(writer.Append(seen_->minimum));
  BANTAM_RETURN_IF_ERROR(writer.Append(seen_->maximum));
  return writer.Finish();
}

}  // namespace bantam::cli
