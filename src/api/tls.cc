#include "api/tls.h"

#include <openssl/err.h>

#include <algorithm>
#include <climits>

#include "api/request_head.h"
#include "api/tls_certificate.h"
#include "api/tls_library.h"
#include "base/text_util.h"

namespace bantam {
namespace {

// Of TLS 1.2; those of 1.3 are all good. Each keeps what was said secret if the key is lost later, and has no padding.
constexpr const char* kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20";
// What a client sends until the handshake is over: as much as the head of a request.
constexpr uint64_t kMaxHandshakeBytes = kMaxHeadBytes;

// A client that offers protocols wants one of them.
int ChooseProtocol(SSL*, const unsigned char** chosen, unsigned char* chosen_size, const unsigned char* offered,
                   unsigned size, void*) {
  constexpr std::string_view kHttp = "http/1.1";
  const std::string_view list(reinterpret_cast<const char*>(offered), size);  // each with its length in front
  for (size_t at = 0; at < list.size(); at += 1 + static_cast<unsigned char>(list[at])) {
    if (list.substr(at + 1, static_cast<unsigned char>(list[at])) != kHttp) continue;
    *chosen = offered + at + 1;
    *chosen_size = static_cast<unsigned char>(kHttp.size());
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

int AtMostInt(size_t size) { return static_cast<int>(std::min<size_t>(size, INT_MAX)); }

}  // namespace

Result<std::shared_ptr<const TlsContext>> TlsContext::Load(const Path& certificate_file, const Path& key_file) {
  BANTAM_TRY(const SslApi* const api, LoadSsl());
  BANTAM_TRY(const CertificatePair pair, ReadCertificatePair(certificate_file, key_file));
  SSL_CTX* const ssl = api->SSL_CTX_new(api->TLS_server_method());
  if (ssl == nullptr) return Err(ErrorCode::kOutOfMemory, "OpenSSL has no memory for TLS");
  std::shared_ptr<TlsContext> context(new TlsContext(*api, ssl));
  context->expires_ = pair.expires;
  api->SSL_CTX_ctrl(ssl, SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_2_VERSION, nullptr);
  // Many clients only close the socket: that is an end, for HTTP knows by itself what was cut off.
  api->SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  // An idle connection holds no buffers; a reply goes out in records, as the socket takes them.
  api->SSL_CTX_ctrl(ssl, SSL_CTRL_MODE,
                    SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER,
                    nullptr);
  // After a record that holds nothing for us, such as a new key, others have their turn: a client may send no others.
  api->SSL_CTX_ctrl(ssl, SSL_CTRL_CLEAR_MODE, SSL_MODE_AUTO_RETRY, nullptr);
  // Clients resume by tickets, which they keep themselves.
  api->SSL_CTX_ctrl(ssl, SSL_CTRL_SET_SESS_CACHE_MODE, SSL_SESS_CACHE_OFF, nullptr);
  api->SSL_CTX_set_alpn_select_cb(ssl, ChooseProtocol, nullptr);
  ERR_clear_error();
  if (api->SSL_CTX_set_cipher_list(ssl, kCiphers) != 1 ||
      api->SSL_CTX_use_cert_and_key(ssl, pair.certificate.get(), pair.key.get(), pair.chain.get(), 1) != 1) {
    const char* const reason = ERR_reason_error_string(ERR_get_error());
    return Err(ErrorCode::kBadConfig,
               "--tls-cert {}: OpenSSL refuses the certificate ({}); make one with a stronger key",
               EscapeForTerminal(certificate_file.string(), 400), reason == nullptr ? "without a reason" : reason);
  }
  return std::shared_ptr<const TlsContext>(std::move(context));
}

TlsContext::~TlsContext() { api_.SSL_CTX_free(context_); }

TlsStream::TlsStream(std::shared_ptr<const TlsContext> context, int fd)
    : context_(std::move(context)), api_(context_->api_), ssl_(api_.SSL_new(context_->context_)) {
  failed_ = ssl_ == nullptr || api_.SSL_set_fd(ssl_, fd) != 1;
}

TlsStream::~TlsStream() { api_.SSL_free(ssl_); }

TlsStep TlsStream::StepOf(int result) {
  if (result > 0) return TlsStep::kDone;
  switch (api_.SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ:
      return TlsStep::kWantsRead;
    case SSL_ERROR_WANT_WRITE:
      return TlsStep::kWantsWrite;
    case SSL_ERROR_ZERO_RETURN:
      return TlsStep::kEnded;
    default:
      failed_ = true;  // after that OpenSSL wants no further call
      return TlsStep::kFailed;
  }
}

// OpenSSL's errors of a thread are one queue: what another call has left there would be taken for ours.
TlsStep TlsStream::Handshake() {
  if (failed_) return TlsStep::kFailed;
  ERR_clear_error();
  const TlsStep step = StepOf(api_.SSL_accept(ssl_));
  established_ = step == TlsStep::kDone;
  if (!established_ && BIO_number_read(api_.SSL_get_rbio(ssl_)) > kMaxHandshakeBytes) failed_ = true;
  return failed_ ? TlsStep::kFailed : step;
}

TlsStep TlsStream::Read(std::span<char> into, size_t& count) {
  if (failed_) return TlsStep::kFailed;
  ERR_clear_error();
  const int result = api_.SSL_read(ssl_, into.data(), AtMostInt(into.size()));
  count = static_cast<size_t>(std::max(result, 0));
  return StepOf(result);
}

TlsStep TlsStream::Write(std::string_view bytes, size_t& count) {
  if (failed_) return TlsStep::kFailed;
  ERR_clear_error();
  const int result = api_.SSL_write(ssl_, bytes.data(), AtMostInt(bytes.size()));
  count = static_cast<size_t>(std::max(result, 0));
  return StepOf(result);
}

TlsStep TlsStream::Peek() {
  if (failed_) return TlsStep::kFailed;
  ERR_clear_error();
  char byte = 0;
  return StepOf(api_.SSL_peek(ssl_, &byte, 1));
}

void TlsStream::EndWrites() {
  if (!established_ || failed_) return;
  ERR_clear_error();
  api_.SSL_shutdown(ssl_);
  ERR_clear_error();
}

}  // namespace bantam
