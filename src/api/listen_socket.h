// The socket that a server listens on: of a host and a port, or a Unix socket.
#pragma once

#include <sys/stat.h>

#include <string>

#include "api/http_server.h"
#include "base/file_io.h"

struct sockaddr;

namespace bantam {

class ListenSocket {
 public:
  // Listening. kInvalidArgument for a host that is no address and a path that is too long, kConflict where another
  // program listens, and where something stands at the path that is no socket. A Unix socket that nobody listens on any
  // more, which a server that was killed leaves, makes way for a new one.
  static Result<ListenSocket> Open(const ServerOptions& options);

  int family() const { return family_; }  // AF_INET, AF_INET6 or AF_UNIX
  int port() const { return port_; }      // 0 of a Unix socket
  bool loopback() const { return loopback_; }
  int TakeFd();  // for who accepts from it, and closes it
  // Takes a Unix socket out of the file system, if it is still ours and not one that somebody has put in its place.
  void RemovePath() const;

 private:
  static Result<ListenSocket> OpenUnix(const Path& path);
  static Result<ListenSocket> OpenTcp(const ServerOptions& options);

  UniqueFd fd_;
  int family_ = 0, port_ = 0;
  bool loopback_ = true;
  Path path_;
  struct stat made_{};  // what stood at the path then
};

// "127.0.0.1"; empty for a Unix socket.
std::string AddressOf(const sockaddr* address);

}  // namespace bantam
