#include "route/send_queued.h"

#include "base/clock.h"
#include "route/late_answers.h"

namespace bantam {
namespace {

// Of a rejected request. Others are about the key, the model's name or the service.
bool IsAboutTheQuestion(int http_status) { return http_status == 400 || http_status == 413 || http_status == 422; }

class Sending {
 public:
  Sending(EscalationQueue& queue, const RouteFile& file,
          const std::map<std::string, std::unique_ptr<Upstream>>& upstreams, const TakeSent& take)
      : queue_(queue), file_(file), upstreams_(upstreams), take_(take) {}

  Status Run(MonotonicTime deadline, const std::stop_token& stop) {
    for (int64_t number = 0;;) {
      BANTAM_TRY(std::optional<QueuedQuestion> question, queue_.NextAfter(number));
      if (!question) return Report();
      number = question->number;
      question->request.deadline = deadline;
      question->request.stop = stop;
      BANTAM_RETURN_IF_ERROR(Send(*std::move(question)));
    }
  }

 private:
  Status Send(QueuedQuestion question) {
    SentQuestion sent{.question = std::move(question), .reply = {}, .outcome = "ok", .problem = {}};
    const std::string& model = sent.question.model;
    if (file_.FindUpstream(model) == nullptr) {
      sent.outcome = "upstream_gone";
      sent.problem = fmt::format("the route file has no model \"{}\" any more", model);
      return Finish(sent);
    }
    const auto upstream = upstreams_.find(model);
    if (upstream == upstreams_.end()) {
      const auto why = file_.disabled_upstreams.find(model);
      Leave(model, fmt::format("\"{}\" is switched off: {}", model,
                               why == file_.disabled_upstreams.end() ? "unknown" : why->second));
    }
    if (unreachable_.contains(model)) {
      ++num_left_;
      return Ok();
    }
    if (sent.question.request.stop.stop_requested()) return Err(ErrorCode::kCancelled, "sending was called off");
    if (MonotonicNow() >= sent.question.request.deadline)
      return Err(ErrorCode::kDeadline, "the time for sending is over; the rest stays in the queue");
    sent.reply = upstream->second->Ask(sent.question.request, {});
    if (sent.reply.outcome == UpstreamOutcome::kOk) return Finish(sent);
    if (sent.reply.outcome == UpstreamOutcome::kCancelled) return Err(ErrorCode::kCancelled, "sending was called off");
    if (sent.reply.outcome == UpstreamOutcome::kRejected && IsAboutTheQuestion(sent.reply.http_status)) {
      sent.outcome = UpstreamOutcomeName(sent.reply.outcome);
      sent.problem = sent.reply.problem;
      return Finish(sent);
    }
    Leave(model, sent.reply.problem);
    ++num_left_;
    return Ok();
  }

  void Leave(const std::string& model, std::string problem) { unreachable_.emplace(model, std::move(problem)); }

  Status Finish(const SentQuestion& sent) {
    take_(sent);
    return queue_.Remove(sent.question.number);
  }

  Status Report() const {
    if (num_left_ == 0) return Ok();
    return Err(ErrorCode::kUnavailable, "{} question{} stay{} in the queue: {}", num_left_, num_left_ == 1 ? "" : "s",
               num_left_ == 1 ? "s" : "", unreachable_.begin()->second);
  }

  EscalationQueue& queue_;
  const RouteFile& file_;
  const std::map<std::string, std::unique_ptr<Upstream>>& upstreams_;
  const TakeSent& take_;
  std::map<std::string, std::string> unreachable_;  // model, why
  int64_t num_left_ = 0;
};

}  // namespace

Status KeepEnd(LateAnswers& late, const SentQuestion& sent) {
  const AssistantRequest& request = sent.question.request;
  const auto asked = late.Find(request.tenant, request.request_id);
  LateAnswer answer{.asked_us = asked && *asked ? (*asked)->asked_us : 0, .ended_us = WallMicros()};
  answer.state = sent.problem.empty() ? LateAnswer::State::kAnswered : LateAnswer::State::kGivenUp;
  answer.text = sent.problem.empty() ? sent.reply.text : "";
  answer.model = sent.question.model;
  answer.problem = sent.problem;
  return late.Keep(request.tenant, request.request_id, answer);
}

bool MayBeReachedLater(UpstreamOutcome outcome) {
  switch (outcome) {
    case UpstreamOutcome::kRefused:
    case UpstreamOutcome::kTimeout:
    case UpstreamOutcome::kOverloaded:
    case UpstreamOutcome::kServerError:
    case UpstreamOutcome::kTruncated:
    case UpstreamOutcome::kCoolingDown:
    case UpstreamOutcome::kBusy:
    case UpstreamOutcome::kOverBudget:
      return true;
    case UpstreamOutcome::kOk:
    case UpstreamOutcome::kRejected:
    case UpstreamOutcome::kGarbage:
    case UpstreamOutcome::kCancelled:
      break;
  }
  return false;
}

Status SendQueued(EscalationQueue& queue, const RouteFile& file,
                  const std::map<std::string, std::unique_ptr<Upstream>>& upstreams, const TakeSent& take,
                  MonotonicTime deadline, std::stop_token stop) {
  return Sending(queue, file, upstreams, take).Run(deadline, stop);
}

}  // namespace bantam
