#include "api/tls_library.h"

#include <dlfcn.h>

namespace bantam {
namespace {

Result<SslApi> Load() {
  // Of the same OpenSSL as libcrypto, which this program links.
  void* const library = ::dlopen("libssl.so.3", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (library == nullptr) {
    return Err(ErrorCode::kUnsupported, "TLS needs OpenSSL's libssl, which is not installed here: apt install libssl3");
  }
  SslApi api;
  const char* missing = nullptr;
#define BANTAM_SSL_LOOKUP(name)                                             \
  api.name = reinterpret_cast<decltype(api.name)>(::dlsym(library, #name)); \
  if (api.name == nullptr) missing = #name;
  BANTAM_SSL_FUNCTIONS(BANTAM_SSL_LOOKUP)
#undef BANTAM_SSL_LOOKUP
  if (missing != nullptr)
    return Err(ErrorCode::kUnsupported, "libssl lacks {}: OpenSSL 3.0 or later is needed", missing);
  return api;
}

}  // namespace

Result<const SslApi*> LoadSsl() {
  static const Result<SslApi> loaded = Load();  // once, whoever comes first
  if (!loaded) return loaded.error();
  return &*loaded;
}

}  // namespace bantam
