#include "api/web_assets.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/sha256.h"

// Defined by web_files.S, which includes the bytes of web/ as they are.
#define WEB_FILE(symbol, path, type)           \
  extern "C" const char bantam_web_##symbol[]; \
  extern "C" const char bantam_web_##symbol##_end[];
#include "api/web_files.inc"
#undef WEB_FILE

namespace bantam {
namespace {

constexpr std::string_view kHtml = "text/html; charset=utf-8";
constexpr std::string_view kCss = "text/css; charset=utf-8";
constexpr std::string_view kScript = "text/javascript; charset=utf-8";
constexpr std::string_view kText = "text/plain; charset=utf-8";

constexpr std::string_view NameOf(std::string_view path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

const WebAsset* FindWebAsset(std::string_view name) {
  static const auto assets = [] {
    std::array list = {
#define WEB_FILE(symbol, path, type) WebAsset{NameOf(path), type, {bantam_web_##symbol, bantam_web_##symbol##_end}, {}},
#include "api/web_files.inc"
#undef WEB_FILE
    };
    static std::array<std::string, list.size()> etags;
    for (size_t i = 0; i < list.size(); ++i) {
      etags[i] = "\"" + Sha256Hex(list[i].bytes).substr(0, 16) + "\"";
      list[i].etag = etags[i];
    }
    return list;
  }();
  const auto* const found = std::ranges::find(assets, name, &WebAsset::name);
  return found == assets.end() ? nullptr : found;
}

}  // namespace bantam
