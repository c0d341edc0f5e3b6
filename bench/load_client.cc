// Many clients at once on one HTTP endpoint, from one thread that costs little: requests are written beforehand,
// replies are read to their length and not parsed. The same for every server of the benchmark.
//
//   load_client PORT PATH CLIENTS WARMUP_S SECONDS [RATE] < BODIES      one JSON body a line; prints one JSON object
//
// Each client keeps one connection and sends its next request when it has the reply to its last (a closed loop). With a
// RATE requests become due at random, so many a second on average (Poisson arrivals, the same ones in every run); one
// that finds no client free waits, and its time counts from when it was due. The bodies go round in the order of the
// file, whichever client is free takes the next. Caches are not asked (`Cache-Control: no-store`) unless BENCH_CACHE=1.
// With BENCH_POLL=1 the client asks again and again whether a reply is there, so that its core never halts: a virtual
// core may take 0.1 ms to wake up, and that is no server's doing.
// With BENCH_REFUSALS=1 a reply of 429 is none that ends the run: it is counted by itself, as "refused".
// `client_cpu` is this program's own share of the time on the wall: near 1 it, and not the server, would be what is
// measured.
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
#include <deque>
#include <iostream>
#include <random>
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
  double due = 0;       // when its request had to go out
  bool refused = false;
  bool busy = false;  // a reply is owed
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

void Send(Connection& connection, std::string_view request, double due) {
  connection.reply.clear();
  connection.expected = 0;
  connection.due = due;
  connection.busy = true;
  while (!request.empty()) {
    const ssize_t sent = ::send(connection.fd, request.data(), request.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) Fail(std::string("send: ") + std::strerror(errno));
    request.remove_prefix(static_cast<size_t>(sent));
  }
}

// The reply's whole size from its head, 0 while the head is not complete. Anything but a 200 ends the run, or a 429
// where it may come.
size_t ExpectedSize(const std::string& reply, bool* refused) {
  static const bool may_refuse = std::getenv("BENCH_REFUSALS") != nullptr;
  const size_t end = reply.find("\r\n\r\n");
  if (end == std::string::npos) return 0;
  std::string head = reply.substr(0, end + 2);
  std::transform(head.begin(), head.end(), head.begin(), [](unsigned char c) { return std::tolower(c); });
  *refused = may_refuse && head.compare(0, 12, "http/1.1 429") == 0;
  if (!*refused && head.compare(0, 12, "http/1.1 200") != 0) Fail("the server answers " + reply.substr(0, 400));
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
  if (connection.expected == 0) connection.expected = ExpectedSize(connection.reply, &connection.refused);
  return connection.expected > 0 && connection.reply.size() >= connection.expected;
}

std::vector<std::string> ReadRequests(int port, const std::string& path) {
  const std::string cache = std::getenv("BENCH_CACHE") != nullptr ? "" : "\r\nCache-Control: no-store";
  std::vector<std::string> requests;
  std::string body;
  while (std::getline(std::cin, body)) {
    if (body.empty()) continue;
    requests.push_back("POST " + path + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port) +
                       "\r\nContent-Type: application/json" + cache +
                       "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  }
  if (requests.empty()) Fail("no bodies on standard input");
  return requests;
}

double Quantile(const std::vector<double>& sorted, double p) {
  return sorted[std::min(sorted.size() - 1, static_cast<size_t>(p * static_cast<double>(sorted.size())))];
}

// Requests that become due by themselves; none with a rate of 0.
class Arrivals {
 public:
  Arrivals(double rate, double begin) : rate_(rate), next_(begin) {}

  // When the next one is due that nobody has taken, if that is over.
  bool Due(double now, double* due) {
    if (rate_ <= 0 || next_ > now) return false;
    *due = next_;
    next_ += std::exponential_distribution<double>(rate_)(random_);
    return true;
  }
  double next() const { return next_; }

 private:
  const double rate_;
  double next_;
  std::mt19937_64 random_{1};
};

int Wait(int poll, epoll_event* events, int count, double seconds) {
  static const bool polls = std::getenv("BENCH_POLL") != nullptr;
  seconds = std::max(0.0, seconds);
  if (polls) {
    const double until = Now(CLOCK_MONOTONIC) + seconds;
    int ready = 0;
    do ready = ::epoll_wait(poll, events, count, 0);
    while (ready == 0 && Now(CLOCK_MONOTONIC) < until);
    return ready;
  }
  timespec timeout{};
  timeout.tv_sec = static_cast<time_t>(seconds);
  timeout.tv_nsec = static_cast<long>((seconds - static_cast<double>(timeout.tv_sec)) * 1e9);
  return ::epoll_pwait2(poll, events, count, &timeout, nullptr);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6 && argc != 7) Fail("usage: load_client PORT PATH CLIENTS WARMUP_S SECONDS [RATE] < BODIES");
  const int port = std::atoi(argv[1]), clients = std::atoi(argv[3]);
  const double warm_up = std::atof(argv[4]), seconds = std::atof(argv[5]), rate = argc > 6 ? std::atof(argv[6]) : 0;
  if (port < 1 || port > 65535 || clients < 1 || clients > 4096 || seconds <= 0 || rate < 0) {
    Fail("an argument is out of range");
  }
  const std::vector<std::string> requests = ReadRequests(port, argv[2]);
  size_t next = 0;
  const auto take = [&]() -> std::string_view { return requests[next++ % requests.size()]; };

  const int poll = ::epoll_create1(EPOLL_CLOEXEC);
  std::vector<Connection> connections(static_cast<size_t>(clients));
  const auto open = [&](size_t i) {
    connections[i].fd = Connect(port);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = i;
    ::epoll_ctl(poll, EPOLL_CTL_ADD, connections[i].fd, &event);
  };
  for (size_t i = 0; i < connections.size(); ++i) open(i);
  double now = Now(CLOCK_MONOTONIC);
  const double begin = now + warm_up, end = begin + seconds;
  Arrivals arrivals(rate, now);
  std::deque<double> waiting;     // requests that are due
  std::vector<Connection*> idle;  // clients without one
  for (Connection& connection : connections) {
    idle.push_back(&connection);
    if (rate == 0) waiting.push_back(now);
  }

  std::vector<double> times, refusals;
  double cpu_begin = -1;
  epoll_event events[64];
  while (now < end) {
    for (double due = 0; arrivals.Due(now, &due);) waiting.push_back(due);
    for (; !waiting.empty() && !idle.empty(); waiting.pop_front(), idle.pop_back()) {
      Send(*idle.back(), take(), waiting.front());
    }
    const int ready = Wait(poll, events, 64, rate == 0 ? 60 : std::min(arrivals.next() - now, 60.0));
    if (ready == 0 && (rate == 0 || arrivals.next() - now > 60)) Fail("no reply within a minute");
    now = Now(CLOCK_MONOTONIC);
    for (int i = 0; i < ready; ++i) {
      Connection& connection = connections[events[i].data.u64];
      if (!connection.busy) {  // the server keeps none for ever that nobody uses
        ::close(connection.fd);
        open(events[i].data.u64);
        continue;
      }
      if (!Receive(connection)) continue;
      connection.busy = false;
      now = Now(CLOCK_MONOTONIC);
      if (now >= begin) {
        if (cpu_begin < 0) cpu_begin = Now(CLOCK_PROCESS_CPUTIME_ID);
        (connection.refused ? refusals : times).push_back((now - connection.due) * 1e3);
      }
      idle.push_back(&connection);
      if (rate == 0) waiting.push_back(now);
    }
  }
  if (times.empty()) Fail("no reply came within the measured time");
  std::sort(times.begin(), times.end());
  std::sort(refusals.begin(), refusals.end());
  std::printf("{\"requests\": %zu, \"requests_per_s\": %.2f, \"median_ms\": %.4f, \"p99_ms\": %.4f, \"min_ms\": %.4f, ",
              times.size(), static_cast<double>(times.size()) / seconds, Quantile(times, 0.5), Quantile(times, 0.99),
              times[0]);
  if (!refusals.empty()) {
    std::printf("\"refused\": %zu, \"refused_median_ms\": %.4f, \"refused_p99_ms\": %.4f, ", refusals.size(),
                Quantile(refusals, 0.5), Quantile(refusals, 0.99));
  }
  std::printf("\"client_cpu\": %.3f}\n", (Now(CLOCK_PROCESS_CPUTIME_ID) - cpu_begin) / seconds);
  return 0;
}
