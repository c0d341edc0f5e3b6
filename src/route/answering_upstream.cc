// When the large model is asked, and what is said when it cannot be.
#include <algorithm>

#include "base/log.h"
#include "route/answering.h"
#include "route/send_queued.h"
#include "route/upstream_group.h"

namespace bantam {

Status Answering::Escalate(const std::string& model, const Understanding& understanding, std::string local_text,
                           bool cacheable) {
  const bool has_response = !local_text.empty();
  const std::string later_text = has_response ? local_text : QueuedText(file_);
  if (!has_response) local_text = UnsureText(file_, understanding);
  if (model.empty()) {
    answer_.text = std::move(local_text);
    if (cacheable) StoreLocal();
    return Ok();
  }
  answer_.model = model;
  if (parts_.offline) {
    answer_.decision = DecisionKind::kEscalate;
    answer_.text = fmt::format("(This question would be handed to the model \"{}\".)", model);
    return Ok();
  }
  if (parts_.upstreams.contains(model)) {
    if (FindSimilar(understanding)) return Ok();
    if (parts_.ask_later) {
      if (!AskLater(model, "the network is not used here", later_text)) answer_.text = std::move(local_text);
      return Ok();
    }
  }
  const std::optional<UpstreamReply> reply = AskInTurn(model);
  if (reply && reply->outcome == UpstreamOutcome::kOk) return TakeUpstreamReply(*reply, understanding);
  if (reply && reply->outcome == UpstreamOutcome::kCancelled)
    return Err(ErrorCode::kCancelled, "the client went away while the model answered");
  notes_.upstream_failed = reply.has_value();
  const bool late = reply && reply->outcome == UpstreamOutcome::kTimeout;
  const ErrorCode code = late ? ErrorCode::kDeadline : ErrorCode::kUnavailable;
  if (reply && reply->text_was_sent) {
    answer_.source = AnswerSource::kUpstream;
    answer_.decision = DecisionKind::kEscalate;
    return Err(code, "{}", reply->problem);
  }
  if (audited_) {  // it could not be asked again, which is no trouble of whoever asks
    answer_.upstream_error.reset();
    GiveSimilar(*std::move(audited_));
    return Ok();
  }
  if (reply && MayBeReachedLater(reply->outcome) && AskLater(model, reply->problem, later_text)) return Ok();
  // What the route's author lets be said instead is an answer under every rule.
  if (file_.offline == OfflineRule::kRefuse && !has_response) return Err(code, "{}", *answer_.upstream_error);
  const bool has_route = !answer_.route.empty();
  answer_.text = has_route || !reply ? std::move(local_text) : UpstreamFailedText(file_, understanding, reply->outcome);
  return Ok();
}

// The model, those that are asked in its place, and the one for an empty purse; nothing when all are switched off.
std::optional<UpstreamReply> Answering::AskInTurn(const std::string& model) {
  std::vector<std::string> turn = {model};
  if (const auto others = file_.fallbacks.find(model); others != file_.fallbacks.end()) {
    turn.insert(turn.end(), others->second.begin(), others->second.end());
  }
  std::optional<UpstreamReply> reply;
  for (size_t i = 0; i < turn.size(); ++i) {
    const auto upstream = parts_.upstreams.find(turn[i]);
    if (upstream == parts_.upstreams.end()) {
      NoteDisabled(turn[i]);
      continue;
    }
    answer_.model = turn[i];
    reply = AskUpstream(*upstream->second);
    if (!MayAskAnother(*reply)) break;
    if (reply->outcome == UpstreamOutcome::kOverBudget && !file_.on_budget_exceeded.empty() &&
        std::ranges::find(turn, file_.on_budget_exceeded) == turn.end()) {
      turn.push_back(file_.on_budget_exceeded);
    }
  }
  return reply;
}

void Answering::NoteDisabled(const std::string& model) {
  const auto why = file_.disabled_upstreams.find(model);
  NoteProblem("upstream_disabled", fmt::format("\"{}\" is switched off: {}", model,
                                               why == file_.disabled_upstreams.end() ? "unknown" : why->second));
  if (!answer_.upstream_error) answer_.upstream_error = fmt::format("\"{}\" is switched off", model);
}

// The first trouble is the one to tell of; those who were asked afterwards were asked because of it.
void Answering::NoteProblem(std::string_view outcome, const std::string& problem) {
  notes_.outcome = outcome;
  if (notes_.problem.empty()) notes_.problem = problem;
}

bool Answering::AskLater(const std::string& model, std::string_view problem, const std::string& text) {
  if (!parts_.queue) return false;
  answer_.model = model;
  answer_.upstream_error = problem;
  notes_.outcome = "queued";
  notes_.problem = problem;
  // First, so that what the sender keeps comes behind it.
  Status added =
      parts_.late ? parts_.late->Keep(request_.tenant, request_.request_id, {.asked_us = WallMicros()}) : Ok();
  if (added) {
    added = parts_.queue->Add({.model = model,
                               .route = answer_.route,
                               .request = earlier_question_.empty() ? request_ : WithEarlierQuestion()});
  }
  if (!added) {
    notes_.outcome = "queue_failed";
    notes_.problem += ", and the question is not queued: " + added.error().message;
    Log(LogLevel::kWarning, "the question of request {} is not queued: {}", request_.request_id, added.error().message);
    return false;
  }
  answer_.queued = true;
  answer_.decision = DecisionKind::kEscalate;
  answer_.text = text;
  if (const size_t at = answer_.text.find("{id}"); at != std::string::npos)
    answer_.text.replace(at, 4, request_.request_id);
  return true;
}

// A client with a session sends the last message alone, and "the second one" tells a model nothing.
AssistantRequest Answering::WithEarlierQuestion() const {
  AssistantRequest request = request_;
  if (!session_.empty()) request.messages[question_index_].content = earlier_question_;
  return request;
}

UpstreamReply Answering::AskUpstream(Upstream& upstream) {
  notes_.upstream_asked = true;
  UpstreamReply reply =
      earlier_question_.empty() ? upstream.Ask(request_, sink_) : upstream.Ask(WithEarlierQuestion(), sink_);
  answer_.cost += reply.cost;
  answer_.prompt_tokens = reply.prompt_tokens;
  answer_.completion_tokens = reply.completion_tokens;
  NoteProblem(UpstreamOutcomeName(reply.outcome), reply.problem);
  if (reply.outcome != UpstreamOutcome::kOk && !answer_.upstream_error) answer_.upstream_error = reply.problem;
  return reply;
}

Status Answering::TakeUpstreamReply(const UpstreamReply& reply, const Understanding& understanding) {
  answer_.source = AnswerSource::kUpstream;
  answer_.decision = DecisionKind::kEscalate;
  answer_.text = reply.text;
  answer_.finish_reason = reply.finish_reason;
  // An answer of somebody in its place is not kept: the model itself may answer the next time.
  if (answer_.upstream_error) return Ok();
  if (audited_) JudgeAudit();
  if (earlier_question_.empty()) StoreUpstream(understanding);
  return Ok();
}

}  // namespace bantam
