// A request and its reply, without a word of how they travel.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace bantam {

// Where the time of a request went, in milliseconds; less than 0: nobody told.
struct StageTimes {
  double queue = -1, tokenize = -1, compute = -1;
};

// How short of memory the process is. kSome: connections close after their reply. kHard: no new work.
enum class MemoryPressure { kNone, kSome, kHard };

// What whoever answers a request tells of how: headers of the reply, which are in the request's line of the log, too;
// its times, for the metrics; and whose it is, for the log alone. Thread-safe, for the line of a client that has left
// is written while its request is still at work.
class ReplyNotes {
 public:
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  // The value is fit for a header.
  void Add(std::string_view name, std::string value) {
    std::lock_guard lock(mutex_);
    headers_.emplace_back(name, std::move(value));
  }
  Pairs headers() const {
    std::lock_guard lock(mutex_);
    return headers_;
  }
  std::string Header(std::string_view name) const {  // "": it was not told
    std::lock_guard lock(mutex_);
    for (const auto& [told, value] : headers_) {
      if (told == name) return value;
    }
    return {};
  }
  void SetTimes(const StageTimes& times) {
    std::lock_guard lock(mutex_);
    times_ = times;
  }
  StageTimes times() const {
    std::lock_guard lock(mutex_);
    return times_;
  }
  void SetKeyName(std::string name) {
    std::lock_guard lock(mutex_);
    key_name_ = std::move(name);
  }
  std::string key_name() const {  // "": nobody's
    std::lock_guard lock(mutex_);
    return key_name_;
  }

 private:
  mutable std::mutex mutex_;
  Pairs headers_;
  StageTimes times_;
  std::string key_name_;
};

// Where a body goes that is larger than memory should hold, piece by piece as it comes. Nothing is kept of one that
// goes away before Finish.
class BodySink {
 public:
  virtual ~BodySink() = default;
  // On a worker, one call at a time; an error ends the request with it.
  virtual Status Write(std::string_view piece) = 0;
  // By the handler, once all of the body was written.
  virtual Status Finish() = 0;
};

struct HttpRequest {
  std::string method;
  std::string path;                                          // decoded, without the query
  std::string query;                                         // as sent
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;
  std::shared_ptr<BodySink> upload;  // has the body where HttpApp::OpenUpload gave it one
  std::string request_id;
  std::string peer;  // the client's address, without its port
  MonotonicTime received;
  MonotonicTime begun = {};  // when its handler was called
  std::shared_ptr<ReplyNotes> notes = std::make_shared<ReplyNotes>();
  std::stop_token stop;  // requested when the client went away or the server's drain time is over

  std::string_view Header(std::string_view lower_case_name) const {
    for (const auto& [name, value] : headers) {
      if (name == lower_case_name) return value;
    }
    return {};
  }
};

struct HttpReply {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

// Exactly one of Send, Detach, TakeOver, ContinueOnWorker and BeginStream is called, once. From one thread at a time.
class Responder {
 public:
  virtual ~Responder() = default;
  virtual void Send(HttpReply reply) = 0;
  // For an answer that comes after the handler has returned, from any thread: no thread waits for it. What it returns
  // is called once, with a function that makes the reply; that one runs on the I/O thread and must not block. The
  // request is gone by then.
  using Later = std::function<void(std::function<HttpReply()> make)>;
  virtual Later Detach() = 0;
  // For work that goes on, elsewhere, after the handler has returned: what it returns takes the place of this
  // responder, and the request lives as long as that.
  virtual std::unique_ptr<Responder> TakeOver() = 0;
  // For a handler on the I/O thread that finds its request takes longer than microseconds: `work` answers it on a
  // worker, as if it had been handled there (429 when too many wait already). On a worker it just runs.
  virtual void ContinueOnWorker(std::function<void(Responder&)> work) = 0;
  // `head.body` is ignored; pieces follow. Write blocks while the client reads too slowly, and returns false when the
  // client is gone: stop working then. End finishes the body.
  virtual void BeginStream(HttpReply head) = 0;
  virtual bool Write(std::string_view piece) = 0;
  virtual void End() = 0;
};

}  // namespace bantam
