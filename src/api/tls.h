// TLS for the connections of a server: what one is offered, and the encryption of one over its socket. OpenSSL reads
// and writes the non-blocking socket itself; Asio's ssl::stream would link libssl, and keeps 70 KiB for each
// connection.
//
//   BANTAM_TRY(const auto tls, TlsContext::Load("chain.pem", "key.pem"));
//   TlsStream stream(tls, fd);
//   while (stream.Handshake() == TlsStep::kWantsRead) wait until fd can be read
//
// OpenSSL may write to a closed socket: the process must ignore SIGPIPE, as the bantam program does.
#pragma once

#include <openssl/types.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/file_io.h"
#include "base/result.h"

namespace bantam {

struct SslApi;

// TLS 1.2 and 1.3, HTTP/1.1 by ALPN, no sessions in memory. Immutable.
class TlsContext {
 public:
  // kBadConfig for a pair that does not do, see ReadCertificatePair.
  static Result<std::shared_ptr<const TlsContext>> Load(const Path& certificate_file, const Path& key_file);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;
  int64_t expires() const { return expires_; }  // when the certificate ends, in seconds since 1970

 private:
  friend class TlsStream;
  TlsContext(const SslApi& api, SSL_CTX* context) : api_(api), context_(context) {}
  const SslApi& api_;
  SSL_CTX* const context_;
  int64_t expires_ = 0;
};

enum class TlsStep { kDone, kWantsRead, kWantsWrite, kEnded, kFailed };

// Not thread-safe.
class TlsStream {
 public:
  TlsStream(std::shared_ptr<const TlsContext> context, int fd);
  ~TlsStream();
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  // Each is called again when the socket can do what it wants. kEnded: the client ended its sending side.
  TlsStep Handshake();
  TlsStep Read(std::span<char> into, size_t& count);     // some
  TlsStep Write(std::string_view bytes, size_t& count);  // some; again with the same ones after kWantsWrite
  TlsStep Peek();                                        // whether there is something to read
  void EndWrites();                                      // as far as the socket takes it at once

 private:
  TlsStep StepOf(int result);
  const std::shared_ptr<const TlsContext> context_;
  const SslApi& api_;
  SSL* ssl_;
  bool established_ = false, failed_ = false;
};

}  // namespace bantam
