#include "route/answering.h"

#include "base/log.h"
#include "route/requests.h"

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
    BANTAM_TRY(guard_, parts_.ledger->sessions.Acquire(session_, request_.deadline, request_.stop));
  }
  BANTAM_TRY(Pending pending, FindPending());
  if (pending.form_gone) Forget();
  answer_.calibration_id = policy_.calibration_id();
  if (pending.form) {
    BANTAM_RETURN_IF_ERROR(ContinueTheForm(*std::move(pending.form)));
  } else if (pending.asked) {
    BANTAM_RETURN_IF_ERROR(TakeReply(*pending.asked));
  } else if (!FindInCache(Where::kAnywhere)) {
    BANTAM_RETURN_IF_ERROR(DecideAnew(question(), 0));
  }
  if (pending.form_gone) TellThatTheFormIsGone();
  CountTokens();
  return std::move(answer_);
}

// Of an answer that no large model wrote, by the encoder's tokenizer: microseconds for one of usual length.
void Answering::CountTokens() {
  Embedder* embedder = parts_.intents->embedder();
  if (answer_.completion_tokens != 0 || embedder == nullptr) return;
  const Encoding encoding = embedder->tokenizer().Encode(answer_.text, {.add_special_tokens = false});
  answer_.completion_tokens = static_cast<int64_t>(encoding.ids.size());
}

// A conversation may wait for something: Run finds out.
std::optional<AssistantAnswer> Answering::RunAtOnce() {
  const auto last = LastUserMessage(request_.messages);
  const auto is_ours = [](const ChatMessage& message) { return message.role == "assistant"; };
  if (!last || !request_.session_id.empty() || std::ranges::any_of(request_.messages, is_ours)) return std::nullopt;
  question_index_ = *last;
  if (!FindInCache(Where::kMemory)) return std::nullopt;
  return std::move(answer_);
}

std::string_view Answering::question() const {
  return question_index_ < request_.messages.size() ? std::string_view(request_.messages[question_index_].content)
                                                    : std::string_view();
}

Result<Judgement> Answering::JudgeMessage(std::string_view text) {
  if (request_.stop.stop_requested()) return Err(ErrorCode::kCancelled, "the client went away");
  BANTAM_TRY(Understanding understanding, parts_.intents->Understand(text, request_.deadline));
  return bantam::JudgeMessage(file_, policy_, *parts_.intents, text, std::move(understanding), request_.deadline);
}

void Answering::TakeOver(const Judgement& judgement) {
  const Understanding& understanding = judgement.understanding;
  answer_.confidence = judgement.confidence;
  answer_.p_correct = judgement.confidence;
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
  BANTAM_TRY(Judgement judgement, JudgeMessage(text));
  TakeOver(judgement);
  notes_.read = std::move(judgement.understanding.read);
  notes_.decided = judgement.understanding.confidence;
  notes_.likeliest = judgement.understanding.route;
  notes_.asked = asked > 0;
  if (!judgement.parts.empty()) return TakeParts(judgement, text);
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
  BANTAM_TRY(ActionResult result, RunAction(route, text));
  if (result.escalate) {
    return Escalate(result.escalate_model, understanding, std::move(result.text), result.cacheable && cacheable);
  }
  answer_.text = std::move(result.text);
  if (result.cacheable && cacheable) StoreLocal();
  return Ok();
}

Result<ActionResult> Answering::RunAction(const Route& route, std::string_view text) {
  BANTAM_TRY(ActionResult result, route.action->Run({.file = file_,
                                                     .question = text,
                                                     .request_id = request_.request_id,
                                                     .send = parts_.send,
                                                     .route = route.name,
                                                     .messages = request_.messages,
                                                     .offline = parts_.offline,
                                                     .deadline = request_.deadline,
                                                     .stop = request_.stop}));
  if (notes_.outcome == "ok") {  // of several parts the first trouble is told
    notes_.outcome = result.outcome;
    notes_.problem = result.problem;
  }
  if (!result.problem.empty() && !parts_.offline)
    Log(LogLevel::kWarning, "route \"{}\": {}", route.name, result.problem);
  return result;
}

// Each part by its own route's action; a form comes last, since it goes on. What one part hands to somebody else takes
// the whole message with it: half of it would be a riddle.
Status Answering::TakeParts(const Judgement& judgement, std::string_view text) {
  const std::vector<JudgedPart>& parts = judgement.parts;
  answer_.prediction_set.clear();
  const JudgedPart* form = nullptr;
  for (const JudgedPart& part : parts) {
    answer_.parts.push_back({part.text, part.route->name, part.confidence});
    answer_.prediction_set.push_back(part.route->name);
    if (!part.route->action->FormToStart().empty()) form = &part;
  }
  const auto least = std::ranges::min_element(parts, {}, &JudgedPart::confidence);
  answer_.confidence = least->confidence;
  answer_.p_correct = least->confidence;
  for (const JudgedPart& part : parts) {
    if (part.route->action->kind() == DecisionKind::kEscalate)
      return TakeRoute(*part.route, text, judgement.understanding, /*cacheable=*/false);
  }
  std::string before;
  for (const JudgedPart& part : parts) {
    if (&part == form) continue;
    BANTAM_TRY(const ActionResult result, RunAction(*part.route, part.text));
    before += (before.empty() ? "" : "\n\n") + result.text;
  }
  answer_.route = parts[0].route->name;
  answer_.decision = DecisionKind::kAnswer;
  answer_.text = before;
  if (form == nullptr) return Ok();
  answer_.route = form->route->name;
  answer_.decision = DecisionKind::kForm;
  BANTAM_RETURN_IF_ERROR(BeginTheForm(file_.forms.at(form->route->action->FormToStart()), *form->route, form->text));
  answer_.text = before + "\n\n" + answer_.text;
  return Ok();
}

}  // namespace bantam
