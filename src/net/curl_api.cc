#include "net/curl_api.h"

#include <dlfcn.h>

#include <mutex>

namespace bantam {
namespace {

// Debian's two builds of the same library; the OpenSSL one first, because it is what setup installs.
constexpr const char* kNames[] = {"libcurl.so.4", "libcurl-gnutls.so.4"};
// curl_multi_poll came with 7.66, curl_multi_wakeup with 7.68.
constexpr unsigned kOldestVersion = 0x074400;

Result<CurlApi> Load() {
  void* library = nullptr;
  for (const char* name : kNames) {
    library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (library != nullptr) break;
  }
  if (library == nullptr) {
    return Err(ErrorCode::kUnsupported,
               "requests to other servers need libcurl, which is not installed here: apt install libcurl4");
  }
  CurlApi api;
  const char* missing = nullptr;
#define BANTAM_CURL_LOOKUP(name)                                            \
  api.name = reinterpret_cast<decltype(api.name)>(::dlsym(library, #name)); \
  if (api.name == nullptr) missing = #name;
  BANTAM_CURL_FUNCTIONS(BANTAM_CURL_LOOKUP)
#undef BANTAM_CURL_LOOKUP
  if (missing != nullptr) {
    return Err(ErrorCode::kUnsupported, "libcurl lacks {}: version 7.68 or later is needed", missing);
  }
  if (api.curl_version_info(CURLVERSION_NOW)->version_num < kOldestVersion) {
    return Err(ErrorCode::kUnsupported, "libcurl is {}: version 7.68 or later is needed",
               api.curl_version_info(CURLVERSION_NOW)->version);
  }
  if (api.curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    return Err(ErrorCode::kUnsupported, "libcurl {} cannot be initialised",
               api.curl_version_info(CURLVERSION_NOW)->version);
  }
  return api;
}

}  // namespace

Result<const CurlApi*> LoadCurl() {
  static const Result<CurlApi> loaded = Load();  // once, whoever comes first
  if (!loaded) return loaded.error();
  return &*loaded;
}

}  // namespace bantam
