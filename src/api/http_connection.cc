#include "api/http_connection.h"

#include <boost/asio/ip/tcp.hpp>

#include "api/listen_socket.h"

namespace bantam {

Connection::Connection(Socket socket) : socket_(std::move(socket)) {
  error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  if (const auto peer = socket_.remote_endpoint(ignored); !ignored) peer_ = AddressOf(peer.data());
}

Connection::Peer Connection::Look() {
  char byte = 0;
  const ssize_t got = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (got == 0) return Peer::kFinished;
  return got < 0 && errno != EAGAIN && errno != EINTR ? Peer::kGone : Peer::kThere;
}

void Connection::Cancel() {
  error_code ignored;
  socket_.cancel(ignored);
}

void Connection::EndWrites() {
  error_code ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
}

void Connection::Close() {
  EndWrites();
  // What has come and was not read (a pipelined request after the last one) would make this a reset.
  char sink[4096];
  for (int i = 0; i < 64 && ::recv(socket_.native_handle(), sink, sizeof sink, MSG_DONTWAIT) > 0; ++i) {
  }
  error_code ignored;
  socket_.close(ignored);
}

}  // namespace bantam
