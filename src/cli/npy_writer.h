// A NumPy .npy file of float32 rows, written as they come: numpy.load(FILE) gives [rows, columns].
#pragma once

#include <span>

#include "base/file_io.h"

namespace bantam::cli {

// The file appears under its name when Finish succeeds; without that nothing is left behind.
class NpyWriter {
 public:
  static Result<NpyWriter> Create(const Path& path, size_t columns);
  NpyWriter(NpyWriter&&) noexcept = default;
  NpyWriter& operator=(NpyWriter&&) = delete;
  ~NpyWriter();

  Status Append(std::span<const float> row);  // [columns]
  Status Finish();
  size_t rows() const { return rows_; }

 private:
  NpyWriter(UniqueFd fd, Path path, Path partial, size_t columns)
      : fd_(std::move(fd)), path_(std::move(path)), partial_(std::move(partial)), columns_(columns) {}
  UniqueFd fd_;
  Path path_, partial_;
  size_t columns_;
  size_t rows_ = 0;
  std::string buffer_;
};

}  // namespace bantam::cli
