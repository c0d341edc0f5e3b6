// A NumPy .npy file of rows, written as they come: numpy.load(FILE) gives [rows, columns].
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/file_io.h"

namespace bantam::cli {

struct NpyRow {
  std::string_view type = "<f4";  // as numpy spells it: "<f4", "|i1", "|u1"
  size_t columns = 0;
  size_t bytes = 0;  // of one row
  static NpyRow Floats(size_t columns) { return {"<f4", columns, columns * sizeof(float)}; }
};

// The file appears under its name when Finish succeeds; without that nothing is left behind.
class NpyWriter {
 public:
  static Result<NpyWriter> Create(const Path& path, const NpyRow& row);
  NpyWriter(NpyWriter&&) noexcept = default;
  NpyWriter& operator=(NpyWriter&&) = delete;
  ~NpyWriter();

  Status Append(std::span<const float> row);  // [columns]
  Status AppendBytes(std::string_view row);   // row.bytes of them
  Status Finish();
  size_t rows() const { return rows_; }

 private:
  NpyWriter(UniqueFd fd, Path path, Path partial, const NpyRow& row)
      : fd_(std::move(fd)), path_(std::move(path)), partial_(std::move(partial)), row_(row) {}
  UniqueFd fd_;
  Path path_, partial_;
  NpyRow row_;
  size_t rows_ = 0;
  std::string buffer_;
};

}  // namespace bantam::cli
