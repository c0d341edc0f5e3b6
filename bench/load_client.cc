// Many clients at once on one HTTP endpoint, from one thread that costs little: requests are written beforehand,
// replies are read to their length and not parsed. The same for every server of the benchmark.
//
//   load_client PORT PATH CLIENTS WARMUP_S SECONDS < BODIES      one JSON body a line; prints one JSON object
//
// Each client keeps one connection and sends its next request when it has the reply to its last (a closed loop). The
// bodies go round in the order of the file, whichever client is free takes the next. `client_cpu` is this program's own
// share of the time on the wall: near 1 it, and not the server, would be what is measured.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

namespace {

double Now(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

[[noreturn]] void Fail(const std::string& message) {
  std::fprintf(stderr, "load_client: %s\n", message.c_str());
  std::exit(1);
}

struct Connection {
  int fd = -1;
  std::string reply;
  size_t expected = 0;  // bytes of the whole reply, 0 until its head is here
  double sent_at = 0;
};

int Connect(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    Fail("connect to port " + std::to_string(port) + ": " + std::strerror(errno));
  }
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

void Send(Connection& connection, std::string_view request) {
  connection.reply.clear();
  connection.expected = 0;
  connection.sent_at = Now(CLOCK_MONOTONIC);
  while (!request.empty()) {
    const ssize_t sent = ::send(connection.fd, request.data(), request.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) Fail(std::string("send: ") + std::strerror(errno));
    request.remove_prefix(static_cast<size_t>(sent));
  }
}

// The reply's whole size from its head, 0 while the head is not complete. Anything but a 200 ends the run.
size_t ExpectedSize(const std::string& reply) {
  const size_t end = reply.find("\r\n\r\n");
  if (end == std::string::npos) return 0;
  std::string head = reply.substr(0, end + 2);
  std::transform(head.begin(), head.end(), head.begin(), [](unsigned char c) { return std::tolower(c); });
  if (head.compare(0, 12, "http/1.1 200") != 0) Fail("the server answers " + reply.substr(0, 400));
  const size_t at = head.find("\r\ncontent-length:");
  if (at == std::string::npos) Fail("a reply without Content-Length: " + head);
  return end + 4 + std::strtoull(head.c_str() + at + 17, nullptr, 10);
}

// True when the reply is complete.
bool Receive(Connection& connection) {
  char buffer[65536];
  const ssize_t got = ::recv(connection.fd, buffer, sizeof buffer, 0);
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return false;
  if (got <= 0) Fail("the server closed a connection in the middle of a reply");
  connection.reply.append(buffer, static_cast<size_t>(got));
  if (connection.expected == 0) connection.expected = ExpectedSize(connection.reply);
  return connection.expected > 0 && connection.reply.size() >= connection.expected;
}

std::vector<std::string> ReadRequests(int port, const std::string& path) {
  std::vector<std::string> requests;
  std::string body;
  while (std::getline(std::cin, body)) {
    if (body.empty()) continue;
    requests.push_back("POST " + path + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port) +
                       "\r\nContent-Type: application/json\r\nCache-Control: no-store\r\nContent-Length: " +
                       std::to_string(body.size()) + "\r\n\r\n" + body);
  }
  if (requests.empty()) Fail("no bodies on standard input");
  return requests;
}

double Quantile(const std::vector<double>& sorted, double p) {
  return sorted[std::min(sorted.size() - 1, static_cast<size_t>(p * static_cast<double>(sorted.size())))];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) Fail("usage: load_client PORT PATH CLIENTS WARMUP_S SECONDS < BODIES");
  const int port = std::atoi(argv[1]), clients = std::atoi(argv[3]);
  const double warm_up = std::atof(argv[4]), seconds = std::atof(argv[5]);
  if (port < 1 || port > 65535 || clients < 1 || clients > 4096 || seconds <= 0) Fail("an argument is out of range");
  const std::vector<std::string> requests = ReadRequests(port, argv[2]);
  size_t next = 0;
  const auto take = [&]() -> std::string_view { return requests[next++ % requests.size()]; };

  const int poll = ::epoll_create1(EPOLL_CLOEXEC);
  std::vector<Connection> connections(static_cast<size_t>(clients));
  for (size_t i = 0; i < connections.size(); ++i) {
    connections[i].fd = Connect(port);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = i;
    ::epoll_ctl(poll, EPOLL_CTL_ADD, connections[i].fd, &event);
  }
  const double begin = Now(CLOCK_MONOTONIC) + warm_up, end = begin + seconds;
  for (Connection& connection : connections) Send(connection, take());

  std::vector<double> times;
  double cpu_begin = -1;
  epoll_event events[64];
  for (double now = 0; now < end;) {
    const int ready = ::epoll_wait(poll, events, 64, 60'000);
    if (ready == 0) Fail("no reply within a minute");
    for (int i = 0; i < ready; ++i) {
      Connection& connection = connections[events[i].data.u64];
      if (!Receive(connection)) continue;
      now = Now(CLOCK_MONOTONIC);
      if (now >= begin) {
        if (cpu_begin < 0) cpu_begin = Now(CLOCK_PROCESS_CPUTIME_ID);
        times.push_back((now - connection.sent_at) * 1e3);
      }
      if (now < end) Send(connection, take());
    }
  }
  if (times.empty()) Fail("no reply came within the measured time");
  std::sort(times.begin(), times.end());
  std::printf(
      "{\"requests\": %zu, \"requests_per_s\": %.2f, \"median_ms\": %.4f, \"p99_ms\": %.4f, \"min_ms\": %.4f, "
      "\"client_cpu\": %.3f}\n",
      times.size(), static_cast<double>(times.size()) / seconds, Quantile(times, 0.5), Quantile(times, 0.99), times[0],
      (Now(CLOCK_PROCESS_CPUTIME_ID) - cpu_begin) / seconds);
  return 0;
}
