#include "net/testing/scripted_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

namespace bantam::testing {
namespace {

int ListenOnLoopback(int* port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  if (fd < 0 || ::bind(fd, reinterpret_cast<sockaddr*>(&address), length) != 0 || ::listen(fd, 64) != 0 ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    std::abort();
  }
  *port = ntohs(address.sin_port);
  return fd;
}

}  // namespace

ScriptedServer::ScriptedServer(Script script) : script_(std::move(script)) {
  listener_ = UniqueFd(ListenOnLoopback(&port_));
  int pipe_fds[2];
  if (::pipe2(pipe_fds, O_CLOEXEC) != 0) std::abort();
  stop_reader_ = UniqueFd(pipe_fds[0]);
  stop_writer_ = UniqueFd(pipe_fds[1]);
  accept_thread_ = std::thread([this] { AcceptLoop(); });
}

ScriptedServer::~ScriptedServer() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stopped_.notify_all();
  if (::write(stop_writer_.get(), "x", 1) != 1) std::abort();  // stays in the pipe: every poll sees it
  accept_thread_.join();
}

void ScriptedServer::AcceptLoop() {
  while (WaitReadable(listener_.get())) {
    const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    const int yes = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    const int number = connections_++;
    threads_.emplace_back([this, fd, number] {
      UniqueFd owner(fd);
      Connection connection(fd, number, *this);
      script_(connection);
    });
  }
  for (std::thread& thread : threads_) thread.join();
}

bool ScriptedServer::WaitReadable(int fd) {
  pollfd fds[] = {{fd, POLLIN, 0}, {stop_reader_.get(), POLLIN, 0}};
  while (::poll(fds, 2, -1) < 0) {
  }
  return fds[1].revents == 0;
}

std::string ScriptedServer::Url(std::string_view path, std::string_view scheme) const {
  return fmt::format("{}://127.0.0.1:{}{}", scheme, port_, path);
}

std::vector<std::string> ScriptedServer::requests() const {
  std::lock_guard lock(mutex_);
  return requests_;
}

int ScriptedServer::ClosedPort() {
  int port = 0;
  ::close(ListenOnLoopback(&port));
  return port;
}

std::string ScriptedServer::Connection::ReadRequest() {
  size_t wanted = std::string::npos;
  for (;;) {
    const size_t head = unread_.find("\r\n\r\n");
    if (head != std::string::npos && wanted == std::string::npos) {
      const size_t length = unread_.find("Content-Length: ");
      wanted = head + 4 + (length < head ? std::strtoul(unread_.c_str() + length + 16, nullptr, 10) : 0);
    }
    if (wanted != std::string::npos && unread_.size() >= wanted) {
      std::string request = unread_.substr(0, wanted);
      unread_.erase(0, wanted);
      std::lock_guard lock(server_.mutex_);
      server_.requests_.push_back(request);
      return request;
    }
    if (!server_.WaitReadable(fd_)) return {};
    char buffer[16384];
    const ssize_t got = ::recv(fd_, buffer, sizeof buffer, 0);
    if (got <= 0) return {};
    unread_.append(buffer, static_cast<size_t>(got));
  }
}

bool ScriptedServer::Connection::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    pollfd fds[] = {{fd_, POLLOUT, 0}, {server_.stop_reader_.get(), POLLIN, 0}};
    if (::poll(fds, 2, -1) < 0) continue;
    if (fds[1].revents != 0) return false;
    const ssize_t put = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(put));
  }
  return true;
}

bool ScriptedServer::Connection::SendSlowly(std::string_view bytes, std::chrono::milliseconds pause) {
  for (const char& c : bytes) {
    if (!Send({&c, 1}) || !Pause(pause)) return false;
  }
  return true;
}

bool ScriptedServer::Connection::Pause(std::chrono::milliseconds time) {
  std::unique_lock lock(server_.mutex_);
  return !server_.stopped_.wait_for(lock, time, [&] { return server_.stopping_.load(); });
}

bool ScriptedServer::Connection::WaitForBytes() { return server_.WaitReadable(fd_); }

bool ScriptedServer::Connection::WaitForPeerToClose() {
  char buffer[16384];
  for (;;) {
    if (!server_.WaitReadable(fd_)) return false;
    if (::recv(fd_, buffer, sizeof buffer, 0) <= 0) return true;
  }
}

void ScriptedServer::Connection::Reset() {
  const linger at_once{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

}  // namespace bantam::testing
