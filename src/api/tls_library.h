// libssl's functions, looked up with dlopen when the first certificate is read: a server without TLS never touches the
// library. The types come from OpenSSL's headers, so a wrong call does not compile.
#pragma once

#include <openssl/ssl.h>

#include "base/result.h"

namespace bantam {

// clang-format off
#define BANTAM_SSL_FUNCTIONS(X) \
  X(TLS_server_method) X(SSL_CTX_new) X(SSL_CTX_free) X(SSL_CTX_ctrl) X(SSL_CTX_set_options) \
  X(SSL_CTX_set_cipher_list) X(SSL_CTX_set_alpn_select_cb) X(SSL_CTX_use_cert_and_key) \
  X(SSL_new) X(SSL_free) X(SSL_set_fd) X(SSL_get_rbio) X(SSL_accept) X(SSL_read) X(SSL_peek) \
  X(SSL_write) X(SSL_shutdown) X(SSL_get_error)
// clang-format on

struct SslApi {
#define BANTAM_SSL_MEMBER(name) decltype(&::name) name = nullptr;
  BANTAM_SSL_FUNCTIONS(BANTAM_SSL_MEMBER)
#undef BANTAM_SSL_MEMBER
};

// The same table for every caller; the library is never unloaded. kUnsupported when this machine has no libssl.
Result<const SslApi*> LoadSsl();

}  // namespace bantam
