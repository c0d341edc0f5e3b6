// hand_over: to a person. {type: hand_over, response: NAME, notify: "https://desk.example/new", secret:
// os.environ/NAME, on_error: NAME}, or `queue_file: handovers.jsonl` in the place of `notify` and `secret`. Somebody
// must hear of it: a fixed text alone is type escalate.
//
// What they hear: {"assistant", "route", "request_id", "question", "messages": [{"role", "content"}, ...]}
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text_util.h"
#include "route/actions/action.h"
#include "route/signing.h"

namespace bantam {
namespace {

constexpr std::string_view kDefaultTrouble = "I could not reach anybody just now. Please try again in a few minutes.";
constexpr size_t kMaxConversationBytes = size_t{256} << 10;  // told to the person, the newest messages

// One line, in one write: several processes may share the queue.
Status AppendToQueue(const Path& file, std::string_view line) {
  UniqueFd fd(::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600));
  if (!fd.valid()) return ErrnoError("open the queue", file, errno);
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return ErrnoError("inspect", file, errno);
  if (!S_ISREG(info.st_mode))
    return Err(ErrorCode::kInvalidArgument, "the queue {} is no regular file", EscapeForTerminal(file.string(), 400));
  BANTAM_RETURN_IF_ERROR(WriteAll(fd.get(), line, file));
  return ::fdatasync(fd.get()) == 0 ? Ok() : Status(ErrnoError("sync", file, errno));
}

class HandOverAction : public Action {
 public:
  struct Settings {
    std::string response, on_error, notify, queue_file;
    SigningSecret secret;
    std::chrono::milliseconds timeout{};
  };
  explicit HandOverAction(Settings settings) : settings_(std::move(settings)) {}

  std::string Describe() const override {
    return "hand over, tell " + (settings_.notify.empty() ? settings_.queue_file : settings_.notify);
  }
  DecisionKind kind() const override { return DecisionKind::kEscalate; }
  bool AnswersAtOnce() const override { return false; }

  Result<ActionResult> Run(const ActionContext& context) const override {
    ActionResult result;
    result.text = context.file.responses.at(settings_.response);
    if (context.offline) return result;
    const Status told = settings_.notify.empty() ? AppendToQueue(context.file.path.parent_path() / settings_.queue_file,
                                                                 Message(context) + "\n")
                                                 : Notify(context, result.outcome);
    if (told) return result;
    if (told.error().code == ErrorCode::kCancelled) return told.error();
    if (told.error().code == ErrorCode::kDeadline && MonotonicNow() >= context.deadline) return told.error();
    if (result.outcome == "ok")
      result.outcome = settings_.notify.empty() ? "queue_failed" : ServiceOutcome(told.error());
    result.problem = "nobody was told: " + told.error().message;
    result.text =
        settings_.on_error.empty() ? std::string(kDefaultTrouble) : context.file.responses.at(settings_.on_error);
    return result;
  }

 private:
  Status Notify(const ActionContext& context, std::string& outcome) const {
    OutgoingRequest request = ServiceRequest(context, "POST", settings_.notify, settings_.timeout);
    request.headers.emplace_back("Content-Type", "application/json");
    request.headers.emplace_back("Idempotency-Key", std::string(context.request_id));
    request.body = Message(context);
    if (Status signed_well = Sign(settings_.secret, request); !signed_well) {
      outcome = "http_unsigned";
      return signed_well;
    }
    BANTAM_TRY(const IncomingResponse response, context.send(request, context.stop));
    if (response.status >= 200 && response.status <= 299) return Ok();
    outcome = "http_status";
    return Err(ErrorCode::kUnavailable, "{} answered with status {}", settings_.notify, response.status);
  }

  std::string Message(const ActionContext& context) const {
    json::array messages;
    size_t first = context.messages.size(), bytes = 0;
    while (first > 0 && (bytes += context.messages[first - 1].content.size()) <= kMaxConversationBytes) --first;
    for (const ChatMessage& message : context.messages.subspan(first)) {
      messages.push_back(json::object{{"role", message.role}, {"content", ReplaceInvalidUtf8(message.content)}});
    }
    return ToJson(json::object{{"assistant", context.file.name},
                               {"route", context.route},
                               {"request_id", context.request_id},
                               {"question", ReplaceInvalidUtf8(context.question.substr(0, kMaxConversationBytes))},
                               {"messages", std::move(messages)}});
  }

  const Settings settings_;
};

}  // namespace

std::shared_ptr<const Action> ReadHandOverAction(YamlMap& map, References& references) {
  HandOverAction::Settings settings;
  settings.response = map.RequiredText("response", "name the response to say to who asked");
  references.Add(References::Kind::kResponse, settings.response, map.PlaceOf("response"));
  settings.on_error = map.Text("on_error");
  if (map.Has("on_error")) references.Add(References::Kind::kResponse, settings.on_error, map.PlaceOf("on_error"));
  settings.notify = map.Text("notify");
  CheckUrl(settings.notify, map.PlaceOf("notify"), map.problems());
  if (!settings.notify.empty()) settings.secret = ReadSecret(map, "nobody is told of what is handed over");
  settings.queue_file = map.Text("queue_file");
  settings.timeout =
      map.Duration("timeout", std::chrono::seconds(5), std::chrono::milliseconds(1), std::chrono::minutes(5));
  if (settings.notify.empty() == settings.queue_file.empty()) {
    map.problems().Error(
        map.place(),
        "{} tells {}; give either \"notify\", a URL, or \"queue_file\", or use type: escalate, which tells "
        "nobody",
        map.what(), settings.notify.empty() ? "nobody" : "two of them");
  }
  return std::make_shared<HandOverAction>(std::move(settings));
}

}  // namespace bantam
