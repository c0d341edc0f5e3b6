// The bytes of one connection, as a session reads and writes them. On the I/O thread alone; whoever waits for something
// keeps the session alive, and it the connection.
#pragma once

#include <sys/socket.h>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <string>
#include <utility>

namespace bantam {

namespace asio = boost::asio;
using boost::system::error_code;
// Of TCP or of a Unix socket.
using Protocol = asio::generic::stream_protocol;
using Socket = Protocol::socket;

class Connection {
 public:
  enum class Peer { kThere, kFinished, kGone };

  explicit Connection(Socket socket);
  const std::string& peer() const { return peer_; }  // the client's address, without its port

  // handler(error_code, size_t): some bytes.
  template <typename Handler>
  void Read(asio::mutable_buffer into, Handler handler) {
    socket_.async_read_some(into, std::move(handler));
  }
  // handler(error_code, size_t): all of them.
  template <typename Handler>
  void Write(asio::const_buffer bytes, Handler handler) {
    asio::async_write(socket_, bytes, std::move(handler));
  }
  // handler(Peer), when the client sends something, ends its sending side, or has gone; not at all when Cancel comes
  // first. Nothing is taken from what it sent.
  template <typename Handler>
  void WatchPeer(Handler handler) {
    socket_.async_wait(Socket::wait_read, [this, handler = std::move(handler)](error_code ec) {
      if (!ec) handler(Look());
    });
  }
  // handler(error_code, size_t): bytes that nobody wants to understand.
  template <typename Handler>
  void ReadAndForget(asio::mutable_buffer into, Handler handler) {
    socket_.async_read_some(into, std::move(handler));
  }

  void Cancel();     // what is waited for ends with an error
  void EndWrites();  // the client reads to the end
  void Close();

 private:
  Peer Look();

  Socket socket_;
  std::string peer_;
};

}  // namespace bantam
