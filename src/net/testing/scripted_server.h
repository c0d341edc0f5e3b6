// For tests only: a TCP server on the loopback interface that does to each connection what a script says, rightly or
// wrongly: sends half an answer, falls silent, resets.
//
//   ScriptedServer server([](ScriptedServer::Connection& c) {
//     c.ReadRequest();
//     c.Send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
//   });
//   client.Send({.url = server.Url("/path")}, {});
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/file_io.h"

namespace bantam::testing {

class ScriptedServer {
 public:
  class Connection {
   public:
    Connection(int fd, int number, ScriptedServer& server) : fd_(fd), number_(number), server_(server) {}
    int number() const { return number_; }  // from 0, in the order of acceptance
    // Head and body (by Content-Length) of the next request; empty when the peer closed or the server stops.
    std::string ReadRequest();
    // Until the peer has sent something, of which nothing is taken; false when the server stops first.
    bool WaitForBytes();
    bool Send(std::string_view bytes);
    bool SendSlowly(std::string_view bytes, std::chrono::milliseconds pause);  // byte by byte
    // False when the server stops first.
    bool Pause(std::chrono::milliseconds time);
    // Silence until the peer closes or the server stops; true when it was the peer.
    bool WaitForPeerToClose();
    // The connection ends with RST instead of FIN.
    void Reset();

   private:
    int fd_;
    int number_;
    ScriptedServer& server_;
    std::string unread_;
  };
  using Script = std::function<void(Connection&)>;

  // Each connection gets a thread; it is closed when the script returns.
  explicit ScriptedServer(Script script);
  ~ScriptedServer();
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  int port() const { return port_; }
  std::string Url(std::string_view path, std::string_view scheme = "http") const;
  int connections() const { return connections_; }
  std::vector<std::string> requests() const;  // what ReadRequest returned so far

  // A port on which nobody listens: bound once and released.
  static int ClosedPort();

 private:
  void AcceptLoop();
  bool WaitReadable(int fd);  // false when the server stops

  Script script_;
  UniqueFd listener_, stop_reader_, stop_writer_;
  int port_ = 0;
  std::atomic<int> connections_ = 0;
  std::atomic<bool> stopping_ = false;
  mutable std::mutex mutex_;
  std::condition_variable stopped_;
  std::vector<std::string> requests_;  // guarded by mutex_
  std::vector<std::thread> threads_;   // of the accept thread
  std::thread accept_thread_;
};

}  // namespace bantam::testing
