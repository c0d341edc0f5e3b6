// The bytes of one connection, plain or through TLS, as a session reads and writes them. On the I/O thread alone;
// whoever waits for something keeps the session alive, and it the connection.
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "api/tls.h"

namespace bantam {

namespace asio = boost::asio;
using boost::system::error_code;
// Of TCP or of a Unix socket.
using Protocol = asio::generic::stream_protocol;
using Socket = Protocol::socket;

class Connection {
 public:
  enum class Greeting { kDone, kPlainText, kFailed };
  enum class Peer { kThere, kFinished, kGone };

  // Without a context: plain.
  Connection(Socket socket, std::shared_ptr<const TlsContext> tls);
  const std::string& peer() const { return peer_; }  // the client's address, without its port

  // Of TLS, before anything else: where `encrypted`. After kPlainText the connection is plain, for a last word.
  bool encrypted() const { return tls_ != nullptr; }
  void Handshake(std::function<void(Greeting)> handler);

  // handler(error_code, size_t): some bytes.
  template <typename Handler>
  void Read(asio::mutable_buffer into, Handler handler) {
    if (tls_ != nullptr) return ReadTls(into, std::move(handler));
    socket_.async_read_some(into, std::move(handler));
  }
  // handler(error_code, size_t): all of them.
  template <typename Handler>
  void Write(asio::const_buffer bytes, Handler handler) {
    if (tls_ != nullptr) return WriteTls(bytes, std::move(handler));
    asio::async_write(socket_, bytes, std::move(handler));
  }
  // handler(Peer), when the client sends something, ends its sending side, or has gone; not at all when Cancel or
  // another watch comes first. Nothing is taken from what it sent.
  template <typename Handler>
  void WatchPeer(Handler handler) {
    KeepWatching(++watches_, Socket::wait_read, std::move(handler));
  }
  // handler(), once the client refuses what it is sent; ends as WatchPeer does.
  template <typename Handler>
  void WatchForReset(Handler handler) {
    AwaitReset(++watches_, std::move(handler));
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
  using IoHandler = std::function<void(error_code, size_t)>;
  using Step = std::function<TlsStep(size_t& count)>;
  void ReadTls(asio::mutable_buffer into, IoHandler handler);
  void WriteTls(asio::const_buffer bytes, IoHandler handler);
  void Try(Step step, IoHandler handler);

  template <typename Handler>
  void KeepWatching(uint64_t watch, Socket::wait_type wait, Handler handler) {
    socket_.async_wait(wait, [this, watch, handler = std::move(handler)](error_code ec) mutable {
      if (ec || watch != watches_) return;
      Socket::wait_type next = Socket::wait_read;
      if (const auto peer = Look(next)) return handler(*peer);
      KeepWatching(watch, next, std::move(handler));
    });
  }
  template <typename Handler>
  void AwaitReset(uint64_t watch, Handler handler) {
    socket_.async_wait(Socket::wait_error, [this, watch, handler = std::move(handler)](error_code ec) mutable {
      if (ec || watch != watches_) return;
      if (WasReset()) return handler();
      AwaitReset(watch, std::move(handler));
    });
  }
  bool WasReset();
  // Nothing: what came says nothing yet, such as half a record of TLS; again when the socket can do `next`.
  std::optional<Peer> Look(Socket::wait_type& next);

  Socket socket_;
  std::unique_ptr<TlsStream> tls_;  // null: plain, or closed
  uint64_t watches_ = 0;
  std::string peer_;
};

}  // namespace bantam
