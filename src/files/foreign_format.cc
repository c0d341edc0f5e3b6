#include "files/foreign_format.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

namespace bantam {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kLfs =
    "this is a Git LFS pointer, not the model: run 'git lfs pull' in its repository, or download the file itself";
constexpr std::string_view kHtml =
    "this is an HTML page, not a model: the download probably ended at a login or error page";
constexpr std::string_view kPickle =
    "this is a Python pickle; pickle files are never loaded, because they can run code: convert it to safetensors";
constexpr std::string_view kZip =
    "this is a zip archive, as PyTorch checkpoints are; pickle files are never loaded, because they can run code: use "
    "the "
    "model's safetensors files";
constexpr std::string_view kOnnx = "this is an ONNX graph, which is not read here: use the model's safetensors files";
constexpr std::string_view kGguf = "this is a GGUF file under another name: call it NAME.gguf and name the file";
constexpr std::string_view kArchive = "this is a compressed archive: unpack it and name the folder inside";

}  // namespace

std::optional<std::string_view> ForeignFormat(std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), std::min<size_t>(bytes.size(), 512));
  if (text.starts_with("version https://git-lfs")) return kLfs;
  if (text.starts_with("PK\x03\x04") || text.starts_with("PK\x05\x06")) return kZip;
  if (text.starts_with("GGUF")) return kGguf;
  if (text.starts_with("\x1F\x8B") || text.starts_with("\x28\xB5\x2F\xFD") ||
      text.starts_with("\xFD"
                       "7zXZ") ||
      text.starts_with("7z\xBC\xAF") || text.starts_with("BZh") ||
      (text.size() > 262 && text.substr(257, 5) == "ustar")) {
    return kArchive;
  }
  // Pickle protocols 2 to 5: PROTO, then the version.
  if (text.size() > 2 && text[0] == '\x80' && text[1] >= 2 && text[1] <= 5) return kPickle;
  // ONNX is a protobuf: field 1 (ir_version, a small number), then the producer's name (2) or the graph (7).
  if (text.size() > 3 && text[0] == 8 && text[1] > 0 && text[1] < 32 && (text[2] == 0x12 || text[2] == 0x3A))
    return kOnnx;
  std::string start(text.substr(0, std::min(text.size(), text.find_first_not_of(" \t\r\n") + 16)));
  std::transform(start.begin(), start.end(), start.begin(), [](unsigned char c) { return std::tolower(c); });
  if (start.find("<!doctype") != std::string::npos || start.find("<html") != std::string::npos) return kHtml;
  return std::nullopt;
}

std::optional<std::string_view> ForeignFileName(std::string_view name) {
  static constexpr std::array kEndings = {
      std::pair{".bin"sv, kPickle}, std::pair{".pt"sv, kPickle},   std::pair{".pth"sv, kPickle},
      std::pair{".pkl"sv, kPickle}, std::pair{".ckpt"sv, kPickle}, std::pair{".onnx"sv, kOnnx},
      std::pair{".gguf"sv, kGguf},  std::pair{".zip"sv, kArchive}, std::pair{".tar"sv, kArchive},
      std::pair{".gz"sv, kArchive}, std::pair{".tgz"sv, kArchive}};
  for (const auto& [ending, sentence] : kEndings) {
    if (name.ends_with(ending)) return sentence;
  }
  return std::nullopt;
}

}  // namespace bantam
