#include "api/web_assets.h"

#include <array>
#include <string>

#include "base/sha256.h"

// Defined by web_files.S, which includes the bytes of web/ as they are.
extern "C" {
extern const char bantam_web_html[], bantam_web_html_end[];
extern const char bantam_web_css[], bantam_web_css_end[];
extern const char bantam_web_js[], bantam_web_js_end[];
}

namespace bantam {

const WebAsset* FindWebAsset(std::string_view path) {
  static const auto assets = [] {
    static std::array<std::string, 3> etags;
    std::array<WebAsset, 3> list = {
        WebAsset{"/", "text/html; charset=utf-8", {bantam_web_html, bantam_web_html_end}, {}},
        WebAsset{"/console.css", "text/css; charset=utf-8", {bantam_web_css, bantam_web_css_end}, {}},
        WebAsset{"/console.js", "text/javascript; charset=utf-8", {bantam_web_js, bantam_web_js_end}, {}},
    };
    for (size_t i = 0; i < list.size(); ++i) {
      etags[i] = "\"" + Sha256Hex(list[i].bytes).substr(0, 16) + "\"";
      list[i].etag = etags[i];
    }
    return list;
  }();
  for (const WebAsset& asset : assets) {
    if (asset.path == path) return &asset;
  }
  return nullptr;
}

}  // namespace bantam
