#include "route/answering.h"

#include "base/log.h"

namespace bantam {
namespace {

std::optional<size_t> LastUserMessage(const std::vector<ChatMessage>& messages) {
  for (size_t i = messages.size(); i > 0; --i) {
    if (messages[i - 1].role == "user") return i - 1;
  }
  return std::nullopt;
}

}  // namespace

std::string SessionKey(const AssistantRequest& request) {
  return request.tenant.empty() ? request.session_id
                                : fmt::format("{}:{}:{}", request.tenant.size(), request.tenant, request.session_id);
}

Result<AssistantAnswer> Answering::Run() {
  const auto last = LastUserMessage(request_.messages);
  if (!last)
    return Err(ErrorCode::kInvalidArgument, "there is no message with the role \"user\"; add the question as one");
  question_index_ = *last;
  if (!request_.session_id.empty()) {
    session_ = SessionKey(request_);
    BANTAM_TRY(guard_, locks_.Acquire(session_, request_.deadline, request_.stop));
  }
  BANTAM_TRY(Pending pending, FindPending());
  answer_.calibration_id = policy_.calibration_id();
  if (pending.form) {
    BANTAM_RETURN_IF_ERROR(ContinueTheForm(*std::move(pending.form)));
  } else if (pending.asked) {
    BANTAM_RETURN_IF_ERROR(TakeReply(*pending.asked));
  } else if (!FindInCache()) {
    BANTAM_RETURN_IF_ERROR(DecideAnew(question(), 0));
  }
  return std::move(answer_);
}

std::string_view Answering::question() const {
  return question_index_ < request_.messages.size() ? std::string_view(request_.messages[question_index_].content)
                                                    : std::string_view();
}

Result<Judgement> Answering::JudgeMessage(std::string_view text) {
  if (request_.stop.stop_requested()) return Err(ErrorCode::kCancelled, "the client went away");
  BANTAM_TRY(Understanding understanding, parts_.intents->Understand(text, request_.deadline));
  return Judge(file_, policy_, std::move(understanding));
}

void Answering::TakeOver(const Judgement& judgement) {
  const Understanding& understanding = judgement.understanding;
  answer_.confidence = understanding.confidence;
  answer_.p_correct = understanding.confidence;
  answer_.prediction_set = understanding.prediction_set;
  answer_.nearest = understanding.nearest;
  answer_.exit_layer = understanding.exit_layer;
  answer_.prompt_tokens = static_cast<int64_t>(understanding.num_tokens);
  answer_.source = AnswerSource::kLocalModel;
  answer_.threshold = static_cast<float>(judgement.bar->threshold);
  answer_.budget = BudgetOf(*judgement.bar);
  if (judgement.route != nullptr) answer_.route = judgement.route->name;
}

Status Answering::DecideAnew(std::string_view text, int asked) {
  BANTAM_TRY(const Judgement judgement, JudgeMessage(text));
  TakeOver(judgement);
  notes_.decided = judgement.understanding.confidence;
  if (judgement.route != nullptr) {
    return TakeRoute(*judgement.route, text, judgement.understanding, /*cacheable=*/true);
  }
  if (!judgement.options.empty() && asked < file_.clarify->max_turns) return AskBack(judgement, text, asked);
  answer_.decision = DecisionKind::kUnsure;
  // What was asked before it is part of why this is not asked back: the message alone does not tell.
  return Escalate(file_.fallback_upstream, judgement.understanding, {}, /*cacheable=*/asked == 0);
}

Status Answering::TakeRoute(const Route& route, std::string_view text, const Understanding& understanding,
                            bool cacheable) {
  answer_.route = route.name;
  answer_.decision = route.action->kind();
  if (const std::string form = route.action->FormToStart(); !form.empty())
    return BeginTheForm(file_.forms.at(form), route, text);
  BANTAM_TRY(ActionResult result, route.action->Run({.file = file_,
                                                     .question = text,
                                                     .request_id = request_.request_id,
                                                     .send = parts_.send,
                                                     .route = route.name,
                                                     .messages = request_.messages,
                                                     .offline = parts_.offline,
                                                     .deadline = request_.deadline,
                                                     .stop = request_.stop}));
  notes_.outcome = result.outcome;
  notes_.problem = result.problem;
  if (!result.problem.empty() && !parts_.offline)
    Log(LogLevel::kWarning, "route \"{}\": {}", route.name, result.problem);
  if (result.escalate) {
    return Escalate(result.escalate_model, understanding, std::move(result.text), result.cacheable && cacheable);
  }
  answer_.text = std::move(result.text);
  if (result.cacheable && cacheable) StoreLocal();
  return Ok();
}

}  // namespace bantam
