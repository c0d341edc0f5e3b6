// A form, one message at a time. Pure: the same state, message and day give the same answer; what costs something (is
// this a question for another route? does the service take the form?) is asked of the caller.
//
//   FormTurn turn = BeginForm(form, "refund_request", "I want my money back for AB123456", today);
//   BANTAM_TRY(turn, ContinueForm(form, std::move(turn.state), "x@y.example", today, digress));
//   if (turn.step == FormStep::kSubmit) ...           // hand it in, then SubmitSucceeded or SubmitFailed
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "route/forms/form_state.h"

namespace bantam {

enum class FormStep {
  kAsk,      // text asks for state.asked
  kConfirm,  // text asks whether all is right
  kSubmit,   // confirmed: the caller hands the form in; there is no text yet
  kDone,
  kCancelled,
  kFailed,  // the service did not take it; "yes" tries again
};

struct FormTurn {
  FormState state;  // meaningless after kDone and kCancelled
  FormStep step = FormStep::kAsk;
  std::string text;
  bool digressed = false;  // the text begins with another route's answer

  bool open() const { return step != FormStep::kDone && step != FormStep::kCancelled; }
};

// What another route says to a message in the midst of a form.
struct Digression {
  enum class Kind {
    kNone,
    kAnswer,
    kOtherTask
  } kind = Kind::kNone;  // kOtherTask: it would need the form to be left first
  std::string text;      // kAnswer
};
using Digress = std::function<Result<Digression>()>;

FormTurn BeginForm(const Form& form, std::string_view route, std::string_view text, Day today);
// Fails only as `digress` does.
Result<FormTurn> ContinueForm(const Form& form, FormState state, std::string_view text, Day today,
                              const Digress& digress);

FormTurn SubmitSucceeded(const Form& form, FormState state);
FormTurn SubmitFailed(const Form& form, FormState state);

// The word of FormProgress::state.
std::string_view StateWord(const FormTurn& turn);

}  // namespace bantam
