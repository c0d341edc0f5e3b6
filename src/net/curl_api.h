// libcurl's functions, looked up with dlopen when the first request is made: linking it would cost every process 7 ms
// and 11 MB at start. The types come from curl/curl.h, so a wrong call does not compile.
#pragma once

#include <curl/curl.h>

#include "base/result.h"

namespace bantam {

// clang-format off
#define BANTAM_CURL_FUNCTIONS(X) \
  X(curl_global_init) X(curl_version_info) X(curl_easy_init) X(curl_easy_cleanup) \
  X(curl_easy_perform) X(curl_easy_send) X(curl_easy_recv) \
  X(curl_easy_reset) X(curl_easy_setopt) X(curl_easy_getinfo) X(curl_easy_strerror) \
  X(curl_slist_append) X(curl_slist_free_all) X(curl_multi_init) X(curl_multi_cleanup) \
  X(curl_multi_add_handle) X(curl_multi_remove_handle) X(curl_multi_perform) X(curl_multi_poll) \
  X(curl_multi_wakeup) X(curl_multi_info_read) X(curl_multi_strerror)
// clang-format on

struct CurlApi {
#define BANTAM_CURL_MEMBER(name) decltype(&::name) name = nullptr;
  BANTAM_CURL_FUNCTIONS(BANTAM_CURL_MEMBER)
#undef BANTAM_CURL_MEMBER
};

// The same table for every caller; the library is never unloaded. kUnsupported when this machine has no libcurl.
Result<const CurlApi*> LoadCurl();

}  // namespace bantam
