#include "cli/npy_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace bantam::cli {
namespace {

constexpr size_t kHeaderBytes = 128;
constexpr size_t kBufferBytes = size_t{1} << 20;

// Version 1.0: magic, version, header length, a Python dictionary padded so that the numbers start at a multiple of 64.
std::string Header(size_t rows, const NpyRow& row) {
  std::string header("\x93NUMPY\x01\x00", 8);
  const size_t length = kHeaderBytes - 10;
  header += static_cast<char>(length & 0xFF);
  header += static_cast<char>(length >> 8);
  header += fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}, {}), }}", row.type, rows, row.columns);
  header.resize(kHeaderBytes - 1, ' ');
  return header + '\n';
}

}  // namespace

Result<NpyWriter> NpyWriter::Create(const Path& path, const NpyRow& row) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return ErrnoError("write", path, EISDIR);
  Path partial = path.string() + fmt::format(".{}.partial", ::getpid());
  UniqueFd fd(::open(partial.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd.valid()) return ErrnoError("create", partial, errno);
  NpyWriter writer(std::move(fd), path, std::move(partial), row);
  // The number of rows is not known yet; the header of this size comes again at the end.
  BANTAM_RETURN_IF_ERROR(WriteAll(writer.fd_.get(), Header(0, row), writer.partial_));
  return writer;
}

NpyWriter::~NpyWriter() {
  if (!partial_.empty() && fd_.valid()) ::unlink(partial_.c_str());
}

Status NpyWriter::Append(std::span<const float> row) {
  return AppendBytes({reinterpret_cast<const char*>(row.data()), row.size_bytes()});
}

Status NpyWriter::AppendBytes(std::string_view row) {
  BANTAM_CHECK(row.size() == row_.bytes, "{} bytes for a row of {}", row.size(), row_.bytes);
  buffer_ += row;
  ++rows_;
  if (buffer_.size() < kBufferBytes) return Ok();
  BANTAM_RETURN_IF_ERROR(WriteAll(fd_.get(), buffer_, partial_));
  buffer_.clear();
  return Ok();
}

Status NpyWriter::Finish() {
  BANTAM_RETURN_IF_ERROR(WriteAll(fd_.get(), buffer_, partial_));
  const std::string header = Header(rows_, row_);
  if (::lseek(fd_.get(), 0, SEEK_SET) != 0) return ErrnoError("write", partial_, errno);
  BANTAM_RETURN_IF_ERROR(WriteAll(fd_.get(), header, partial_));
  if (::rename(partial_.c_str(), path_.c_str()) != 0) return ErrnoError("rename to", path_, errno);
  partial_.clear();
  return Ok();
}

}  // namespace bantam::cli
