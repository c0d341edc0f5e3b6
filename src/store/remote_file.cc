#include "store/remote_file.h"

#include <algorithm>

#include "base/mapped_file.h"

namespace bantam {

std::optional<FileDigest> MakeDigest(FileDigest::Kind kind, std::string_view hex) {
  const size_t length = kind == FileDigest::Kind::kSha256 ? 64 : 40;
  const auto digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (hex.size() != length || !std::all_of(hex.begin(), hex.end(), digit)) return std::nullopt;
  return FileDigest{kind, std::string(hex)};
}

FileHasher::FileHasher(const FileDigest& expected, uint64_t size) {
  if (expected.kind != FileDigest::Kind::kGitBlob) return;
  git_.emplace();
  git_->Update(fmt::format("blob {}", size)).Update(std::string_view("\0", 1));
}

void FileHasher::Update(std::string_view bytes) {
  sha256_.Update(bytes);
  if (git_) git_->Update(bytes);
}

FileHasher::Digests FileHasher::Finish() {
  Digests digests;
  digests.sha256 = HexOf(sha256_.Finish());
  digests.told = git_ ? git_->FinishHex() : digests.sha256;
  return digests;
}

std::optional<std::string> HashIfEqual(const Path& path, uint64_t size, const FileDigest& expected) {
  const auto file = MappedFile::Open(path);
  if (!file || file->bytes().size() != size) return std::nullopt;
  FileHasher hasher(expected, size);
  hasher.Update({reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size()});
  FileHasher::Digests digests = hasher.Finish();
  if (digests.told != expected.hex) return std::nullopt;
  return std::move(digests.sha256);
}

}  // namespace bantam
