// A connection for protocols other than HTTP: TCP, TLS or a socket of this machine, by libcurl, which looks names up
// and shakes hands within a time limit and is loaded when the first one is made. TLS is verified as HttpClient does it.
//
//   BANTAM_TRY(auto stream, ByteStream::Connect({.host = "cache.internal", .port = 6379}, milliseconds(250)));
//   BANTAM_RETURN_IF_ERROR(stream->Send("PING\r\n", MonotonicNow() + milliseconds(10)));
//   BANTAM_TRY(const size_t got, stream->Receive(buffer, MonotonicNow() + milliseconds(10)));
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace bantam {

struct StreamAddress {
  std::string host = {};  // a name, an IPv4 address, or an IPv6 address in brackets; used for messages, too
  int port = 0;
  std::string unix_path = {};  // in place of host and port
  bool tls = false;
  std::string ca_file = {};  // PEM certificates to trust instead of the system's; empty: the system's
};

// One thread at a time. After any error it is of no more use. kDeadline: too late. kUnavailable: no connection, or it
// broke or ended. Messages name host and port or the path.
class ByteStream {
 public:
  static Result<std::unique_ptr<ByteStream>> Connect(const StreamAddress& address, std::chrono::milliseconds timeout);
  virtual ~ByteStream() = default;
  virtual Status Send(std::string_view bytes, MonotonicTime deadline) = 0;           // all of them
  virtual Result<size_t> Receive(std::span<char> into, MonotonicTime deadline) = 0;  // at least one byte
  // What has come already, without waiting; 0: nothing.
  virtual Result<size_t> ReceiveWhatIsThere(std::span<char> into) = 0;
};

}  // namespace bantam
