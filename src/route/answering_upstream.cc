// When the large model is asked, and what is said when it cannot be.
#include "route/answering.h"

namespace bantam {

Status Answering::Escalate(const std::string& model, const Understanding& understanding, std::string local_text,
                           bool cacheable) {
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
  return AskUpstream(*upstream->second, understanding, std::move(local_text));
}

// A client with a session sends the last message alone, and "the second one" tells a model nothing.
AssistantRequest Answering::WithEarlierQuestion() const {
  AssistantRequest request = request_;
  if (!session_.empty()) request.messages[question_index_].content = earlier_question_;
  return request;
}

Status Answering::AskUpstream(Upstream& upstream, const Understanding& understanding, std::string local_text) {
  if (FindSimilar(understanding)) return Ok();
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
    if (audited_) JudgeAudit();
    if (earlier_question_.empty()) StoreUpstream(understanding);
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
  if (audited_) {  // it could not be asked again
    GiveSimilar(*std::move(audited_));
    return Ok();
  }
  answer_.upstream_error = reply.problem;
  answer_.text = has_route ? std::move(local_text) : UpstreamFailedText(file_, understanding, reply.outcome);
  return Ok();
}

}  // namespace bantam
