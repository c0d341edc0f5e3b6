#include "api/http_connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>

#include "api/listen_socket.h"

namespace bantam {
namespace {
constexpr char kHandshakeRecord = 0x16;  // the first byte that a client of TLS sends
}  // namespace

Connection::Connection(Socket socket, std::shared_ptr<const TlsContext> tls) : socket_(std::move(socket)) {
  error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  if (const auto peer = socket_.remote_endpoint(ignored); !ignored) peer_ = AddressOf(peer.data());
  if (tls == nullptr) return;
  socket_.non_blocking(true, ignored);
  tls_ = std::make_unique<TlsStream>(std::move(tls), socket_.native_handle());
}

void Connection::Handshake(std::function<void(Greeting)> handler) {
  socket_.async_wait(Socket::wait_read, [this, handler = std::move(handler)](error_code ec) mutable {
    if (ec || tls_ == nullptr) return handler(Greeting::kFailed);
    char first = 0;
    if (::recv(socket_.native_handle(), &first, 1, MSG_PEEK | MSG_DONTWAIT) == 1 && first != kHandshakeRecord) {
      tls_.reset();
      return handler(Greeting::kPlainText);
    }
    Try([this](size_t&) { return tls_->Handshake(); },
        [handler = std::move(handler)](error_code e, size_t) { handler(e ? Greeting::kFailed : Greeting::kDone); });
  });
}

void Connection::ReadTls(asio::mutable_buffer into, IoHandler handler) {
  const std::span<char> bytes(static_cast<char*>(into.data()), into.size());
  Try([this, bytes](size_t& count) { return tls_->Read(bytes, count); }, std::move(handler));
}

void Connection::WriteTls(asio::const_buffer bytes, IoHandler handler) {
  const std::string_view all(static_cast<const char*>(bytes.data()), bytes.size());
  Try(
      [this, rest = all, all](size_t& count) mutable {
        TlsStep step = TlsStep::kDone;
        while (step == TlsStep::kDone && !rest.empty()) {
          size_t written = 0;
          step = tls_->Write(rest, written);
          rest.remove_prefix(written);
        }
        count = all.size() - rest.size();
        return step;
      },
      std::move(handler));
}

// Until the step is done: waits for what it wants of the socket, and tries again.
void Connection::Try(Step step, IoHandler handler) {
  size_t count = 0;
  const TlsStep result = step(count);
  if (result == TlsStep::kWantsRead || result == TlsStep::kWantsWrite) {
    socket_.async_wait(result == TlsStep::kWantsRead ? Socket::wait_read : Socket::wait_write,
                       [this, step = std::move(step), handler = std::move(handler)](error_code ec) mutable {
                         if (ec) return handler(ec, 0);
                         if (tls_ == nullptr) return handler(asio::error::operation_aborted, 0);
                         Try(std::move(step), std::move(handler));
                       });
    return;
  }
  error_code ec;
  if (result == TlsStep::kEnded) ec = asio::error::eof;
  if (result == TlsStep::kFailed) ec = asio::error::connection_reset;
  // Never from within the call that asked, as with Asio's own operations.
  asio::post(socket_.get_executor(), [handler = std::move(handler), ec, count] { handler(ec, count); });
}

std::optional<Connection::Peer> Connection::Look(Socket::wait_type& next) {
  if (tls_ != nullptr) {
    switch (tls_->Peek()) {
      case TlsStep::kDone:
        return Peer::kThere;
      case TlsStep::kEnded:
        return Peer::kFinished;
      case TlsStep::kFailed:
        return Peer::kGone;
      case TlsStep::kWantsWrite:
        next = Socket::wait_write;
        return std::nullopt;
      case TlsStep::kWantsRead:
        return std::nullopt;
    }
  }
  char byte = 0;
  const ssize_t got = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (got == 0) return Peer::kFinished;
  return got < 0 && errno != EAGAIN && errno != EINTR ? Peer::kGone : Peer::kThere;
}

bool Connection::WasReset() {
  pollfd state{socket_.native_handle(), 0, 0};  // POLLERR and POLLHUP are always told
  return ::poll(&state, 1, 0) > 0;
}

void Connection::Cancel() {
  error_code ignored;
  socket_.cancel(ignored);
}

void Connection::EndWrites() {
  if (tls_ != nullptr) tls_->EndWrites();
  error_code ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
}

void Connection::Close() {
  EndWrites();
  // What has come and was not read (a pipelined request after the last one) would make this a reset.
  char sink[4096];
  for (int i = 0; i < 64 && ::recv(socket_.native_handle(), sink, sizeof sink, MSG_DONTWAIT) > 0; ++i) {
  }
  tls_.reset();  // its socket's number may be another one's from now on
  error_code ignored;
  socket_.close(ignored);
}

}  // namespace bantam
