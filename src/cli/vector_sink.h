// Where `bantam embed` puts vectors: JSON lines, or a NumPy matrix, of floats or of one of their smaller forms.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/npy_writer.h"
#include "tasks/embed.h"
#include "tasks/vector_types.h"

namespace bantam::cli {

struct VectorSinkOptions {
  VectorType type = VectorType::kFloat32;
  size_t dimensions = 0;    // of every vector; those that are longer are cut and get length 1
  std::string output;       // a .npy file, or "" for lines
  std::string ranges;       // a file of ranges for int8 and uint8; "": the ranges of the vectors themselves
  std::string save_ranges;  // a file that gets the ranges of these vectors, or ""
};

// Without a file of ranges, int8 and uint8 need all vectors before the first one is written: they are kept until
// Finish.
class VectorSink {
 public:
  static Result<VectorSink> Create(VectorSinkOptions options);

  // Appends lines that can be written already to `lines`.
  Status Take(Embedding embedding, std::string& lines);
  Status Finish(std::string& lines);
  size_t rows() const { return rows_; }
  std::string_view type_name() const { return VectorTypeName(options_.type); }

 private:
  explicit VectorSink(VectorSinkOptions options) : options_(std::move(options)) {}
  Status Write(const Embedding& embedding, std::string& lines);
  Status SaveRanges() const;

  VectorSinkOptions options_;
  std::optional<NpyWriter> matrix_;
  std::optional<ValueRanges> given_, seen_;
  std::vector<Embedding> kept_;
  size_t rows_ = 0;
};

}  // namespace bantam::cli
