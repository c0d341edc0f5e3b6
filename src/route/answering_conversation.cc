// What goes over several messages: forms, and the question which of a few routes was meant.
#include "base/log.h"
#include "base/sha256.h"
#include "route/answering.h"
#include "route/forms/submit.h"

namespace bantam {
namespace {

constexpr std::string_view kFormGone =
    "What I was asking you for is no longer needed; nothing of what you told me for it was sent.";

}  // namespace

Result<Pending> Answering::FindPending() {
  if (session_.empty()) {
    return RebuildConversation(file_, request_.messages, question_index_, request_.tenant, parts_.today(),
                               [&](std::string_view text) { return JudgeMessage(text); });
  }
  BANTAM_TRY(const std::optional<std::string> stored, parts_.conversations->Load(session_));
  Pending pending;
  if (!stored) return pending;
  Result<FormState> form = FormState::FromJson(*stored, file_);
  if (form) {
    pending.form = *std::move(form);
  } else if (form.error().code == ErrorCode::kNotFound) {
    pending.form_gone = true;
  } else {
    pending.asked = Clarification::FromJson(*stored, file_);
  }
  return pending;
}

Status Answering::ContinueTheForm(FormState state) {
  const Form& form = file_.forms.at(state.form);
  std::optional<Judgement> judgement;
  const Digress digress = [&]() -> Result<Digression> {
    BANTAM_TRY(judgement, JudgeMessage(question()));
    return JudgeDigression(file_, state.route, *judgement, question());
  };
  const std::string route = state.route;
  BANTAM_TRY(FormTurn turn, ContinueForm(form, state, question(), parts_.today(), digress));
  if (turn.digressed) {
    TakeOver(*judgement);
    answer_.decision = DecisionKind::kAnswer;
  } else {
    if (judgement) answer_.nearest = judgement->understanding.nearest;
    answer_.route = route;
    answer_.confidence = 1;
    answer_.source = AnswerSource::kRule;
    answer_.decision = DecisionKind::kForm;
  }
  return FinishFormTurn(form, std::move(turn));
}

Status Answering::BeginTheForm(const Form& form, const Route& route, std::string_view text) {
  FormTurn turn = BeginForm(form, route.name, text, parts_.today());
  turn.state.seed = session_.empty()
                        ? ReplaySeed(request_.messages, question_index_, request_.tenant)
                        : Sha256Hex(fmt::format("{} {} {}", session_.size(), session_, request_.request_id));
  return FinishFormTurn(form, std::move(turn));
}

Status Answering::FinishFormTurn(const Form& form, FormTurn turn) {
  if (turn.step == FormStep::kSubmit) {
    // Kept before it is handed in: when we are killed meanwhile, another "yes" hands in the same form with the same
    // key.
    BANTAM_RETURN_IF_ERROR(Keep(turn.state.ToJson()));
    SubmitResult submitted{.accepted = true};
    if (!parts_.offline) {
      submitted = SubmitForm(form, turn.state, parts_.send, request_.request_id, request_.deadline, request_.stop);
    }
    notes_.outcome = submitted.outcome;
    notes_.problem = submitted.problem;
    if (submitted.outcome == "cancelled")
      return Err(ErrorCode::kCancelled, "the client went away while the form was handed in");
    if (!submitted.accepted)
      Log(LogLevel::kWarning, "form \"{}\" could not be handed in: {}", form.name, submitted.problem);
    turn =
        submitted.accepted ? SubmitSucceeded(form, std::move(turn.state)) : SubmitFailed(form, std::move(turn.state));
  }
  answer_.text = turn.text;
  answer_.form = ProgressOf(turn.state, form, StateWord(turn));
  if (turn.open()) return Keep(turn.state.ToJson());
  // The answer stands when this fails; the worst that follows is a "yes" that hands in the same form once more with the
  // same key.
  Forget();
  return Ok();
}

Status Answering::AskBack(const Judgement& judgement, std::string_view text, int asked) {
  const Clarification clarification = Ask(judgement, text, asked);
  answer_.decision = DecisionKind::kClarify;
  answer_.text = ClarifyText(file_, clarification.options);
  return Keep(clarification.ToJson());
}

Status Answering::TakeReply(const Clarification& asked) {
  Forget();
  const ClarifyReply reply = ReadClarifyReply(file_, asked, question());
  if (reply.kind != ClarifyReply::Kind::kOtherWords) earlier_question_ = asked.question;
  switch (reply.kind) {
    case ClarifyReply::Kind::kOption:
      // Who asked has said it: nothing is estimated. Not cached: the reply alone ("2") means nothing.
      answer_.confidence = 1;
      answer_.source = AnswerSource::kRule;
      return TakeRoute(*reply.option, asked.question, {}, /*cacheable=*/false);
    case ClarifyReply::Kind::kNone: {
      BANTAM_TRY(const Judgement judgement, JudgeMessage(asked.question));
      TakeOver(judgement);
      answer_.route.clear();
      answer_.decision = DecisionKind::kUnsure;
      return Escalate(file_.fallback_upstream, judgement.understanding, {}, /*cacheable=*/false);
    }
    case ClarifyReply::Kind::kOtherWords:
      break;
  }
  return FindInCache(Where::kAnywhere) ? Ok() : DecideAnew(question(), asked.turns);
}

// The answer is to the message as it stands, which was perhaps a value of the form: whoever wrote it should know why it
// is not taken as one. Texts of a large model may be on their way already, and are left alone.
void Answering::TellThatTheFormIsGone() {
  if (answer_.source == AnswerSource::kUpstream) return;
  const auto own = file_.responses.find("utter_form_gone");
  answer_.text = fmt::format("{}\n\n{}", own == file_.responses.end() ? kFormGone : own->second, answer_.text);
}

Status Answering::Keep(const std::string& state) {
  return session_.empty() ? Ok() : parts_.conversations->Save(session_, state);
}

void Answering::Forget() {
  if (session_.empty()) return;
  if (const Status erased = parts_.conversations->Erase(session_); !erased)
    Log(LogLevel::kError, "cannot end a conversation: {}", erased.error().message);
}

}  // namespace bantam
