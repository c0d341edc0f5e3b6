#include "api/web_assets.h"

#include <array>
#include <string>

#include "base/sha256.h"

// Defined by web_files.S, which includes the bytes of web/ as they are.
extern "C" {
extern const char bantam_web_html[], bantam_web_html_end[];
extern const char bantam_web_console_css[], bantam_web_console_css_end[];
extern const char bantam_web_learning_css[], bantam_web_learning_css_end[];
extern const char bantam_web_theme_js[], bantam_web_theme_js_end[];
extern const char bantam_web_page_js[], bantam_web_page_js_end[];
extern const char bantam_web_console_js[], bantam_web_console_js_end[];
extern const char bantam_web_learning_js[], bantam_web_learning_js_end[];
extern const char bantam_web_usage_js[], bantam_web_usage_js_end[];
extern const char bantam_web_review_js[], bantam_web_review_js_end[];
extern const char bantam_web_charts_js[], bantam_web_charts_js_end[];
}

namespace bantam {
namespace {

constexpr std::string_view kHtml = "text/html; charset=utf-8";
constexpr std::string_view kCss = "text/css; charset=utf-8";
constexpr std::string_view kScript = "text/javascript; charset=utf-8";

}  // namespace

const WebAsset* FindWebAsset(std::string_view path) {
  static const auto assets = [] {
    std::array list = {
        WebAsset{"/", kHtml, {bantam_web_html, bantam_web_html_end}, {}},
        WebAsset{"/console/console.css", kCss, {bantam_web_console_css, bantam_web_console_css_end}, {}},
        WebAsset{"/console/learning.css", kCss, {bantam_web_learning_css, bantam_web_learning_css_end}, {}},
        WebAsset{"/console/theme.js", kScript, {bantam_web_theme_js, bantam_web_theme_js_end}, {}},
        WebAsset{"/console/page.js", kScript, {bantam_web_page_js, bantam_web_page_js_end}, {}},
        WebAsset{"/console/console.js", kScript, {bantam_web_console_js, bantam_web_console_js_end}, {}},
        WebAsset{"/console/learning.js", kScript, {bantam_web_learning_js, bantam_web_learning_js_end}, {}},
        WebAsset{"/console/usage.js", kScript, {bantam_web_usage_js, bantam_web_usage_js_end}, {}},
        WebAsset{"/console/review.js", kScript, {bantam_web_review_js, bantam_web_review_js_end}, {}},
        WebAsset{"/console/charts.js", kScript, {bantam_web_charts_js, bantam_web_charts_js_end}, {}},
    };
    static std::array<std::string, list.size()> etags;
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
