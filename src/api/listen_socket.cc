#include "api/listen_socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "base/text_util.h"

namespace bantam {
namespace {

UniqueFd NewSocket(int family) { return UniqueFd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)); }

bool BindAndListen(int fd, const sockaddr* address, socklen_t size) {
  return fd >= 0 && ::bind(fd, address, size) == 0 && ::listen(fd, SOMAXCONN) == 0;
}

}  // namespace

Result<ListenSocket> ListenSocket::Open(const ServerOptions& options) {
  return options.unix_socket.empty() ? OpenTcp(options) : OpenUnix(options.unix_socket);
}

Result<ListenSocket> ListenSocket::OpenUnix(const Path& path) {
  const std::string name = path.string(), shown = EscapeForTerminal(name, 400);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.size() >= sizeof address.sun_path) {
    return Err(ErrorCode::kInvalidArgument, "--unix-socket {}: a path of {} bytes; sockets have at most {}", shown,
               name.size(), sizeof address.sun_path - 1);
  }
  std::memcpy(address.sun_path, name.c_str(), name.size());
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  struct stat info{};
  if (::lstat(name.c_str(), &info) == 0) {
    if (!S_ISSOCK(info.st_mode)) {
      return Err(ErrorCode::kConflict, "--unix-socket {}: there is something that is no socket", shown);
    }
    const UniqueFd probe = NewSocket(AF_UNIX);
    if (::connect(probe.get(), generic, sizeof address) == 0) {
      return Err(ErrorCode::kConflict, "--unix-socket {}: another program listens there", shown);
    }
    ::unlink(name.c_str());
  }
  ListenSocket socket;
  socket.fd_ = NewSocket(AF_UNIX);
  if (!BindAndListen(socket.fd_.get(), generic, sizeof address)) {
    return Err(ErrorCode::kUnavailable, "cannot listen on {}: {}", shown, std::strerror(errno));
  }
  socket.family_ = AF_UNIX;
  socket.path_ = path;
  ::stat(name.c_str(), &socket.made_);
  return socket;
}

Result<ListenSocket> ListenSocket::OpenTcp(const ServerOptions& options) {
  const std::string host = options.host == "localhost" ? "127.0.0.1" : options.host;
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  // getaddrinfo, which knows of scopes ("fe80::1%eth0"), would take "1.2.3" for 1.2.0.3.
  in_addr v4{};
  const bool address_like = host.find(':') != std::string::npos || ::inet_pton(AF_INET, host.c_str(), &v4) == 1;
  if (!address_like || ::getaddrinfo(host.c_str(), std::to_string(options.port).c_str(), &hints, &found) != 0) {
    return Err(ErrorCode::kInvalidArgument, "--host {}: give an IP address, such as 127.0.0.1, ::1 or 0.0.0.0",
               EscapeForTerminal(options.host, 200));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(found, ::freeaddrinfo);
  ListenSocket socket;
  socket.family_ = found->ai_family;
  const std::string address = AddressOf(found->ai_addr);
  socket.loopback_ = address == "::1" || address.starts_with("127.");
  socket.fd_ = NewSocket(found->ai_family);
  const int on = 1;
  (void)::setsockopt(socket.fd_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (!BindAndListen(socket.fd_.get(), found->ai_addr, found->ai_addrlen)) {
    const int error = errno;
    if (error == EADDRINUSE) {
      return Err(ErrorCode::kConflict,
                 "port {} is taken by another program; choose another with --port {} (or: make run PORT={})",
                 options.port, options.port + 1, options.port + 1);
    }
    return Err(ErrorCode::kUnavailable, "cannot listen on {}:{}: {}", options.host, options.port, std::strerror(error));
  }
  sockaddr_storage local{};
  socklen_t size = sizeof local;
  if (::getsockname(socket.fd_.get(), reinterpret_cast<sockaddr*>(&local), &size) == 0) {
    // The port stands at the same place of both kinds of addresses.
    socket.port_ = ntohs(reinterpret_cast<const sockaddr_in*>(&local)->sin_port);
  }
  return socket;
}

int ListenSocket::TakeFd() {
  const int fd = ::fcntl(fd_.get(), F_DUPFD_CLOEXEC, 0);
  fd_ = UniqueFd();
  return fd;
}

void ListenSocket::RemovePath() const {
  struct stat info{};
  if (path_.empty() || ::stat(path_.c_str(), &info) != 0) return;
  if (info.st_ino == made_.st_ino && info.st_dev == made_.st_dev) ::unlink(path_.c_str());
}

std::string AddressOf(const sockaddr* address) {
  const int family = address->sa_family;
  if (family != AF_INET && family != AF_INET6) return {};
  const void* bytes = family == AF_INET
                          ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in*>(address)->sin_addr)
                          : &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
  char text[INET6_ADDRSTRLEN] = "";
  return ::inet_ntop(family, bytes, text, sizeof text) == nullptr ? std::string() : std::string(text);
}

}  // namespace bantam
