// What a route does once it is chosen. One file per kind of action, one list of them (table.cc).
//
// To add one: write its file (read its keys, run it), declare its Read function below, add a row to the table.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "net/http_client.h"
#include "route/route_file.h"
#include "route/types.h"
#include "route/yaml_reader.h"

namespace bantam {

// Sends one HTTP request; the real one is HttpClient::Send.
using HttpSend = std::function<Result<IncomingResponse>(const OutgoingRequest&, std::stop_token)>;

struct ActionContext {
  const RouteFile& file;
  std::string_view question;
  std::string_view request_id;
  const HttpSend& send;
  std::string_view route = {};
  std::span<const ChatMessage> messages = {};  // of the request, the question among them
  bool offline = false;                        // nothing may be called or written; it counts as done
  MonotonicTime deadline = MonotonicTime::max();
  std::stop_token stop = {};
};

struct ActionResult {
  std::string text;            // the answer; for an escalation what is said when no model can be asked
  bool cacheable = false;      // the same question always gets this answer
  bool escalate = false;       // the question goes to `escalate_model`
  std::string escalate_model;  // empty: no model is asked, `text` is the answer
  std::string outcome = "ok";  // for the audit log: "ok", "http_timeout", ...
  std::string problem;         // for the server's log, one sentence, when outcome is not "ok"
};

// Immutable; Run may be called from many threads.
class Action {
 public:
  virtual ~Action() = default;
  virtual std::string Describe() const = 0;  // "respond utter_hours"
  // Answered without a service, a form or a large model: may interrupt a form.
  virtual bool AnswersAtOnce() const = 0;
  virtual DecisionKind kind() const = 0;
  // The form that begins; empty for other actions.
  virtual std::string FormToStart() const { return {}; }
  // Errors only for kCancelled and kDeadline of the request itself; trouble with a service is an answer.
  virtual Result<ActionResult> Run(const ActionContext& context) const = 0;
};

// Names that an action refers to; they are looked up once the whole file is read.
struct References {
  enum class Kind { kResponse, kForm, kModel };
  struct Use {
    Kind kind;
    std::string name;
    YamlPlace place;
  };
  std::vector<Use> uses;
  void Add(Kind kind, std::string name, YamlPlace place) { uses.push_back({kind, std::move(name), place}); }
};

struct ActionType {
  std::string_view name;  // `type:` in the route file
  std::string_view cost;  // for people who choose one
  std::string_view privacy;
  // Reads the keys beside `type`. Null after a complaint, when there is nothing to go on with.
  std::shared_ptr<const Action> (*read)(YamlMap& map, References& references);
};

std::span<const ActionType> ActionTypes();

std::shared_ptr<const Action> ReadRespondAction(YamlMap& map, References& references);
std::shared_ptr<const Action> ReadFormAction(YamlMap& map, References& references);
std::shared_ptr<const Action> ReadHttpAction(YamlMap& map, References& references);
std::shared_ptr<const Action> ReadEscalateAction(YamlMap& map, References& references);
std::shared_ptr<const Action> ReadHandOverAction(YamlMap& map, References& references);

// A request to a service of the file's author, which gets `timeout` to begin and to go on, within the caller's
// deadline.
OutgoingRequest ServiceRequest(const ActionContext& context, std::string method, std::string url,
                               std::chrono::milliseconds timeout);
inline constexpr size_t kMaxServiceReply = size_t{1} << 20;

// "http://host/path" or https; anything else is complained of.
void CheckUrl(std::string_view url, YamlPlace place, Problems& problems);
// The audit log's word for how a service failed: "http_timeout", "http_refused", "http_status".
std::string ServiceOutcome(const Error& error);

}  // namespace bantam
