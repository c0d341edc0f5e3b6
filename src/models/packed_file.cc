// Header, one page, little-endian, then the weights:
//   0    magic "BANTAMPK"
//   8    u64 num_parameters of the original file
//   16   u64 size of the weights
//   24   sha256 of the identity: layout version, kernel layout, contents, original weights' sha256
//   56   sha256 of bytes 0..55
//   88   zeros
// The weights start on a page of their own, so kernels see them aligned.
#include "models/packed_file.h"

#include <array>
#include <cstring>

#include "base/log.h"
#include "base/sha256.h"
#include "base/text_util.h"

namespace bantam {
namespace {

constexpr size_t kHeaderBytes = 4096;
constexpr std::string_view kMagic = "BANTAMPK";
// Raise it with any change to LayOutBert, PackInt8 or the rounding in them.
constexpr int kLayoutVersion = 2;
// Every x86 level reads the same panels (kernels/kernel_table.h): 64 columns, four k side by side.
constexpr std::string_view kKernelLayout = "k4n64";

using Header = std::array<char, kHeaderBytes>;

Header MakeHeader(const PackedFile& file, uint64_t num_parameters) {
  Header header{};
  const Sha256Digest identity = Sha256Of(
      fmt::format("layout {} {}\n{}\n{}\n", kLayoutVersion, kKernelLayout, file.contents, file.weights_sha256));
  const uint64_t size = file.size_bytes;
  std::memcpy(header.data(), kMagic.data(), kMagic.size());
  std::memcpy(header.data() + 8, &num_parameters, sizeof num_parameters);
  std::memcpy(header.data() + 16, &size, sizeof size);
  std::memcpy(header.data() + 24, identity.data(), identity.size());
  const Sha256Digest checksum = Sha256Of({header.data(), 56});
  std::memcpy(header.data() + 56, checksum.data(), checksum.size());
  return header;
}

}  // namespace

Path PackedFile::path() const {
  return folder / fmt::format("{}-{}-{}-{}.bin", weights_sha256.substr(0, 16), kLayoutVersion, kKernelLayout,
                              Sha256Hex(contents).substr(0, 8));
}

std::optional<OpenedPackedFile> OpenPackedFile(const PackedFile& file) {
  const Path path = file.path();
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return std::nullopt;
  auto mapped = MappedFile::Open(path);
  std::string reason;
  if (!mapped) {
    reason = mapped.error().message;
  } else if (mapped->bytes().size() != kHeaderBytes + file.size_bytes) {
    reason = fmt::format("{} bytes, expected {}", mapped->bytes().size(), kHeaderBytes + file.size_bytes);
  } else {
    uint64_t num_parameters = 0;
    std::memcpy(&num_parameters, mapped->bytes().data() + 8, sizeof num_parameters);
    const Header expected = MakeHeader(file, num_parameters);
    if (std::memcmp(mapped->bytes().data(), expected.data(), kHeaderBytes) == 0) {
      return OpenedPackedFile{WeightMemory::FromFile(std::move(*mapped), kHeaderBytes), num_parameters};
    }
    reason = "another header";
  }
  Log(LogLevel::kInfo, "packed weights {} are remade: {}", EscapeForTerminal(path.string(), 400), reason);
  return std::nullopt;
}

Status WritePackedFile(const PackedFile& file, std::span<const std::byte> weights, uint64_t num_parameters) {
  const Header header = MakeHeader(file, num_parameters);
  const std::string_view pieces[] = {{header.data(), header.size()},
                                     {reinterpret_cast<const char*>(weights.data()), weights.size()}};
  return WritePiecesAtomic(file.path(), pieces);
}

}  // namespace bantam
