// When the large model is asked, and what is said when it cannot be.
#include "base/log.h"
#include "route/answering.h"
#include "route/send_queued.h"

namespace bantam {

Status Answering::Escalate(const std::string& model, const Understanding& understanding, std::string local_text,
                           bool cacheable) {
  const std::string later_text = local_text.empty() ? QueuedText(file_) : local_text;
  if (local_text.empty()) local_text = UnsureText(file_, understanding);
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
  const auto upstream = parts_.upstreams.find(model);
  if (upstream == parts_.upstreams.end()) {
    const auto why = file_.disabled_upstreams.find(model);
    notes_.outcome = "upstream_disabled";
    notes_.problem = fmt::format("\"{}\" is switched off: {}", model,
                                 why == file_.disabled_upstreams.end() ? "unknown" : why->second);
    answer_.upstream_error = fmt::format("\"{}\" is switched off", model);
    answer_.text = std::move(local_text);
    return Ok();
  }
  if (!parts_.ask_later) return AskUpstream(*upstream->second, understanding, std::move(local_text), later_text);
  if (!AskLater("the network is not used here", later_text)) answer_.text = std::move(local_text);
  return Ok();
}

bool Answering::AskLater(std::string_view problem, const std::string& text) {
  if (!parts_.queue) return false;
  answer_.upstream_error = problem;
  notes_.outcome = "queued";
  notes_.problem = problem;
  const Status added = parts_.queue->Add({.model = answer_.model,
                                          .route = answer_.route,
                                          .request = earlier_question_.empty() ? request_ : WithEarlierQuestion()});
  if (!added) {
    notes_.outcome = "queue_failed";
    notes_.problem += ", and the question is not queued: " + added.error().message;
    Log(LogLevel::kWarning, "the question of request {} is not queued: {}", request_.request_id, added.error().message);
    return false;
  }
  answer_.queued = true;
  answer_.decision = DecisionKind::kEscalate;
  answer_.text = text;
  return true;
}

// A client with a session sends the last message alone, and "the second one" tells a model nothing.
AssistantRequest Answering::WithEarlierQuestion() const {
  AssistantRequest request = request_;
  if (!session_.empty()) request.messages[question_index_].content = earlier_question_;
  return request;
}

Status Answering::AskUpstream(Upstream& upstream, const Understanding& understanding, std::string local_text,
                              const std::string& later_text) {
  notes_.upstream_asked = true;
  const bool has_route = !answer_.route.empty();
  UpstreamReply reply =
      earlier_question_.empty() ? upstream.Ask(request_, sink_) : upstream.Ask(WithEarlierQuestion(), sink_);
  answer_.cost = reply.cost;
  answer_.prompt_tokens = reply.prompt_tokens;
  answer_.completion_tokens = reply.completion_tokens;
  notes_.outcome = UpstreamOutcomeName(reply.outcome);
  notes_.problem = reply.problem;
  if (reply.outcome == UpstreamOutcome::kOk) {
    answer_.source = AnswerSource::kUpstream;
    answer_.decision = DecisionKind::kEscalate;
    answer_.text = std::move(reply.text);
    answer_.finish_reason = std::move(reply.finish_reason);
    if (earlier_question_.empty()) StoreUpstream();
    return Ok();
  }
  if (reply.outcome == UpstreamOutcome::kCancelled)
    return Err(ErrorCode::kCancelled, "the client went away while the model answered");
  notes_.upstream_failed = true;
  if (reply.text_was_sent) {
    answer_.source = AnswerSource::kUpstream;
    answer_.decision = DecisionKind::kEscalate;
    return Err(reply.outcome == UpstreamOutcome::kTimeout ? ErrorCode::kDeadline : ErrorCode::kUnavailable, "{}",
               reply.problem);
  }
  if (MayBeReachedLater(reply.outcome) && AskLater(reply.problem, later_text)) return Ok();
  answer_.upstream_error = reply.problem;
  answer_.text = has_route ? std::move(local_text) : UpstreamFailedText(file_, understanding, reply.outcome);
  return Ok();
}

}  // namespace bantam
