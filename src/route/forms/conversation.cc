#include "route/forms/conversation.h"

#include <algorithm>
#include <array>
#include <utility>

#include "route/forms/mention.h"
#include "route/forms/phrases.h"
#include "route/forms/words.h"
#include "route/placeholders.h"

namespace bantam {
namespace {

using phrases::Reply;
using Outcome = SlotReading::Outcome;

std::string Fill(std::string_view text, const FormState& state) {
  static const std::string kEmpty;  // an optional slot that was left out
  return FillSlots(text, [&](std::string_view word) {
    const SlotValue* value = state.Find(word);
    return value == nullptr ? &kEmpty : &value->shown;
  });
}

std::string FillOne(std::string_view text, std::string_view word, const std::string& value) {
  return FillSlots(text, [&](std::string_view name) { return name == word ? &value : nullptr; });
}

// One message to one form.
class Turn {
 public:
  Turn(const Form& form, FormState state, std::string_view text, Day today)
      : form_(form), state_(std::move(state)), text_(text), today_(today) {
    const bool has_email =
        std::any_of(form.slots.begin(), form.slots.end(), [](const Slot& s) { return s.type == Slot::Type::kEmail; });
    // "jo.marsh" is a user name, the "company.example" of an address is not.
    if (has_email) emails_ = FindEmails(text.substr(0, 4'096));
  }

  FormTurn Begin() {
    FillInPassing();
    return Next({});
  }

  Result<FormTurn> Asking(const Slot& slot, const Digress& digress) {
    const Reply reply = phrases::ReadReply(text_);
    // The offer to cancel holds for the message right after it: a later "yes" answers something else.
    if (std::exchange(state_.offered_cancel, false)) {
      if (phrases::WantsToGoOn(text_) || reply == Reply::kNo) {
        Forgive();
        return Ask(slot, {});
      }
      if (reply == Reply::kYes) return Cancelled();
    }
    const SlotReading reading = ReadAnswer(slot, text_, today_, Reserved(slot));
    const bool typed = slot.type != Slot::Type::kText;
    // "I changed my mind" may be one of the choices.
    if (reply == Reply::kCancel && !(slot.type == Slot::Type::kChoice && reading.outcome == Outcome::kValue))
      return Cancelled();
    if (phrases::IsSkip(text_) && !(typed && reading.outcome == Outcome::kValue)) {
      if (slot.optional) {
        state_.skipped.push_back(slot.name);
        Forgive();
        return Next({});
      }
      if (reply != Reply::kNo) return Ask(slot, std::string(phrases::kNeeded));
    }
    const bool code =
        reading.outcome == Outcome::kValue && (slot.type == Slot::Type::kRegex || slot.type == Slot::Type::kEmail);
    Digression other;
    bool asked_others = false;
    if (phrases::LooksLikeQuestion(text_) && !code) {
      BANTAM_TRY(other, digress());
      asked_others = true;
      if (other.kind == Digression::Kind::kAnswer) return Digressed(slot, other);
    }
    if (auto turn = FromMention(&slot)) return *std::move(turn);
    if (!typed) {
      if (const auto changed = CorrectInPassing(/*only_when_marked=*/true); !changed.empty()) {
        Forgive();
        return Ask(slot, Changes(changed));
      }
    }
    if (reading.outcome == Outcome::kValue) {
      state_.Fill(slot.name, reading.value);
      taken_ = emails_;
      Take(slot, reading.range);
      if (typed) FillInPassing();
      Forgive();
      return Next({});
    }
    if (reading.outcome == Outcome::kNothing && typed) {
      const size_t before = state_.filled.size();
      FillInPassing();
      if (state_.filled.size() > before) {
        Forgive();
        return Ask(slot, {});
      }
      if (const auto changed = CorrectInPassing(false); !changed.empty()) {
        Forgive();
        return Ask(slot, Changes(changed));
      }
      if (!asked_others) {
        BANTAM_TRY(other, digress());
      }
      if (other.kind == Digression::Kind::kAnswer) return Digressed(slot, other);
      if (other.kind == Digression::Kind::kOtherTask) return Ask(slot, std::string(phrases::kCancelFirst));
    }
    return Failure(slot);
  }

  Result<FormTurn> Confirming(const Digress& digress) {
    const Reply reply = phrases::ReadReply(text_);
    if (reply == Reply::kYes) return Submit();
    if (reply == Reply::kCancel || reply == Reply::kNo) return Cancelled();
    if (reply == Reply::kWrong) return AskWhatToChange();
    if (auto turn = FromMention(nullptr)) return *std::move(turn);
    if (!CorrectInPassing(false).empty()) return Confirm({});
    if (CorrectLastText()) return Confirm({});
    const Reply opening = phrases::ReadOpening(text_);
    if (opening == Reply::kYes && MeansYes()) return Submit();
    if (opening == Reply::kNo) return AskWhatToChange();
    BANTAM_TRY(const Digression other, digress());
    FormTurn turn = Confirm({});
    turn.digressed = other.kind == Digression::Kind::kAnswer;
    const std::string_view before = turn.digressed                               ? std::string_view(other.text)
                                    : other.kind == Digression::Kind::kOtherTask ? phrases::kCancelFirst
                                                                                 : phrases::kConfirmHint;
    turn.text = fmt::format("{}\n\n{}", before, turn.text);
    return turn;
  }

 private:
  FormTurn Make(FormStep step, std::string text) { return {std::move(state_), step, std::move(text), false}; }

  static std::string After(std::string_view before, std::string text) {
    if (before.empty()) return text;
    return std::string(before) + (before.find('\n') != std::string_view::npos || before.size() > 120 ? "\n\n" : " ") +
           text;
  }

  FormTurn Ask(const Slot& slot, std::string_view before) {
    state_.asked = slot.name;
    return Make(FormStep::kAsk, After(before, Fill(slot.prompt, state_)));
  }

  FormTurn Confirm(std::string_view before) {
    state_.asked.clear();
    const std::string question = form_.confirm.empty() ? Fill(form_.failed, state_) : Fill(form_.confirm, state_);
    return Make(FormStep::kConfirm, After(before, question));
  }

  FormTurn Submit() {
    state_.asked.clear();
    return Make(FormStep::kSubmit, {});
  }

  FormTurn Cancelled() { return Make(FormStep::kCancelled, Fill(form_.cancelled, state_)); }

  // Whatever comes after the last answer.
  FormTurn Next(std::string_view before) {
    if (const Slot* slot = state_.NextMissing(form_)) return Ask(*slot, before);
    // A form without a question at its end is handed in at once, but not a second time unasked.
    if (form_.confirm.empty() && !state_.submit_failed) return Submit();
    return Confirm(before);
  }

  FormTurn AskWhatToChange() {
    FormTurn turn = Confirm({});
    turn.text = FillOne(phrases::kWhatToChange, "label", phrases::Label(form_.slots.front().name));
    return turn;
  }

  FormTurn Digressed(const Slot& slot, const Digression& other) {
    Forgive();
    FormTurn turn = Ask(slot, {});
    turn.text = other.text + "\n\n" + turn.text;
    turn.digressed = true;
    return turn;
  }

  FormTurn Failure(const Slot& slot) {
    const int failures = ++state_.failures;
    std::string text = Fill(slot.error, state_);
    if (failures >= 3) {
      state_.offered_cancel = true;
      text += " ";
      text += phrases::kOfferCancel;
    }
    state_.asked = slot.name;
    return Make(FormStep::kAsk, std::move(text));
  }

  void Forgive() {
    state_.failures = 0;
    state_.offered_cancel = false;
  }

  // Email addresses belong to email slots.
  std::span<const TextRange> Reserved(const Slot& slot) const {
    return slot.type == Slot::Type::kEmail ? std::span<const TextRange>() : std::span<const TextRange>(emails_);
  }

  // Parts of the message that are spoken for: an email slot may have any address that no other one took.
  std::span<const TextRange> TakenFor(const Slot& slot) const {
    return slot.type == Slot::Type::kEmail ? used_emails_ : taken_;
  }

  // Slots in the order in which they may take a part of the text: the least mistakable kinds first.
  std::vector<const Slot*> ByCertainty() const {
    static constexpr std::array kOrder = {Slot::Type::kEmail,  Slot::Type::kRegex,  Slot::Type::kDate,
                                          Slot::Type::kNumber, Slot::Type::kChoice, Slot::Type::kEntity};
    std::vector<const Slot*> slots;
    for (const Slot::Type type : kOrder) {
      for (const Slot& slot : form_.slots) {
        if (slot.type == type) slots.push_back(&slot);
      }
    }
    return slots;
  }

  // Empty slots take what the message holds for them.
  void FillInPassing() {
    if (taken_.empty()) taken_ = emails_;
    for (const Slot* slot : ByCertainty()) {
      if (state_.Find(slot->name) != nullptr) continue;
      const SlotReading reading = ReadInPassing(*slot, text_, today_, TakenFor(*slot));
      if (reading.outcome != Outcome::kValue) continue;
      state_.Fill(slot->name, reading.value);
      Take(*slot, reading.range);
    }
  }

  void Take(const Slot& slot, TextRange range) {
    taken_.push_back(range);
    if (slot.type == Slot::Type::kEmail) used_emails_.push_back(range);
  }

  // Filled slots take a new value that the message holds: "no, tomorrow". The names of those that changed.
  std::vector<std::string> CorrectInPassing(bool only_when_marked) {
    const bool confirming = state_.asked.empty();
    const phrases::Correction marked = phrases::ReadCorrection(text_);
    if (only_when_marked && !marked) return {};
    const std::string_view whole = text_;
    const std::vector<TextRange> all_emails = emails_;
    if (marked) {  // only the new value, not the old one that is named before it
      text_ = whole.substr(marked.begin, marked.end - marked.begin);
      emails_ = FindEmails(text_);
    }
    taken_ = emails_;
    std::vector<std::string> changed;
    for (const Slot* slot : ByCertainty()) {
      const SlotValue* before = state_.Find(slot->name);
      if (before == nullptr && !state_.Skipped(slot->name)) continue;
      // Without "no" or the like, only what cannot be anything else changes a value in the midst of the questions.
      if (!confirming && !marked && slot->type != Slot::Type::kEmail && slot->type != Slot::Type::kRegex) continue;
      const SlotReading reading = ReadInPassing(*slot, text_, today_, TakenFor(*slot));
      if (reading.outcome != Outcome::kValue) continue;
      Take(*slot, reading.range);
      if (before != nullptr && *before == reading.value) continue;
      state_.Fill(slot->name, reading.value);
      changed.push_back(slot->name);
    }
    if (changed.empty() && marked && !state_.filled.empty()) {
      // "no, 50": the number that was given last, though no unit says so.
      const Slot* last = form_.FindSlot(state_.filled.back().first);
      if (last != nullptr && last->type != Slot::Type::kText) {
        const SlotReading reading = ReadAnswer(*last, text_, today_, Reserved(*last));
        if (reading.outcome == Outcome::kValue && !(reading.value == state_.filled.back().second)) {
          state_.Fill(last->name, reading.value);
          changed.push_back(last->name);
        }
      }
    }
    text_ = whole;
    emails_ = all_emails;
    taken_.clear();
    used_emails_.clear();
    return changed;
  }

  // "no, 12 Harbour Street", when a free text was the last thing given.
  bool CorrectLastText() {
    const phrases::Correction marked = phrases::ReadCorrection(text_);
    if (!marked || state_.filled.empty()) return false;
    const Slot* last = form_.FindSlot(state_.filled.back().first);
    if (last == nullptr || last->type != Slot::Type::kText) return false;
    const SlotReading reading = ReadAnswer(*last, text_.substr(marked.begin, marked.end - marked.begin), today_);
    if (reading.outcome != Outcome::kValue) return false;
    state_.Fill(last->name, reading.value);
    return true;
  }

  std::string Changes(const std::vector<std::string>& names) const {
    std::string text;
    for (const std::string& name : names) {
      if (!text.empty()) text += ' ';
      text += FillSlots(phrases::kChanged,
                        [&, label = phrases::Label(name)](std::string_view word) mutable -> const std::string* {
                          return word == "label" ? &label : &state_.Find(name)->shown;
                        });
    }
    return text;
  }

  // "change the email to ...", "the order id is ...". `pending`: the slot of the open question, null when confirming.
  std::optional<FormTurn> FromMention(const Slot* pending) {
    const std::optional<SlotMention> mention = FindMention(form_, text_);
    if (!mention) return std::nullopt;
    const Slot& slot = *mention->slot;
    const bool known = state_.Find(slot.name) != nullptr || state_.Skipped(slot.name);
    // Somebody who is asked for a text may well write "the street is flooded".
    if (!mention->asks_for_change && slot.type == Slot::Type::kText && pending != nullptr && pending != &slot)
      return std::nullopt;
    if (mention->asks_for_change && !known && pending != &slot) return std::nullopt;
    const std::string value(text_.substr(mention->value_begin, mention->value_end - mention->value_begin));
    if (value.empty()) {
      if (!mention->asks_for_change) return std::nullopt;
      Forgive();
      return Ask(slot, {});
    }
    const SlotReading reading = ReadAnswer(slot, value, today_);
    if (reading.outcome != Outcome::kValue) {
      if (!mention->asks_for_change) return std::nullopt;
      state_.failures = 0;
      return Failure(slot);
    }
    state_.Fill(slot.name, reading.value);
    Forgive();
    const bool answers_pending = pending == &slot;
    return Next(pending != nullptr && !answers_pending ? Changes({slot.name}) : std::string());
  }

  // "yes, that works for me", but not "yes, but ..." or "ok, wait".
  bool MeansYes() const {
    static constexpr std::array<std::string_view, 14> kDoubt = {"but",    "not",     "dont", "no",  "wait",
                                                                "except", "cancel",  "stop", "if",  "unless",
                                                                "change", "however", "only", "isnt"};
    const std::vector<Word> words = SplitWords(text_);
    if (words.size() > 8 || text_.find('?') != std::string_view::npos) return false;
    return std::none_of(words.begin(), words.end(), [&](const Word& word) {
      return std::find(kDoubt.begin(), kDoubt.end(), word.text) != kDoubt.end();
    });
  }

  const Form& form_;
  FormState state_;
  std::string_view text_;
  const Day today_;
  std::vector<TextRange> emails_, used_emails_, taken_;
};

}  // namespace

FormTurn BeginForm(const Form& form, std::string_view route, std::string_view text, Day today) {
  FormState state;
  state.form = form.name;
  state.route = route;
  return Turn(form, std::move(state), text, today).Begin();
}

Result<FormTurn> ContinueForm(const Form& form, FormState state, std::string_view text, Day today,
                              const Digress& digress) {
  const Slot* asked = state.asked.empty() ? nullptr : form.FindSlot(state.asked);
  Turn turn(form, std::move(state), text, today);
  return asked == nullptr ? turn.Confirming(digress) : turn.Asking(*asked, digress);
}

FormTurn SubmitSucceeded(const Form& form, FormState state) {
  std::string text = Fill(form.done, state);
  return {std::move(state), FormStep::kDone, std::move(text), false};
}

FormTurn SubmitFailed(const Form& form, FormState state) {
  std::string text = Fill(form.failed, state);
  state.submit_failed = true;
  state.asked.clear();
  return {std::move(state), FormStep::kFailed, std::move(text), false};
}

std::string_view StateWord(const FormTurn& turn) {
  switch (turn.step) {
    case FormStep::kAsk:
      return "asking";
    case FormStep::kConfirm:
    case FormStep::kSubmit:
      return "confirming";
    case FormStep::kDone:
      return "done";
    case FormStep::kCancelled:
      return "cancelled";
    case FormStep::kFailed:
      return "failed";
  }
  return "asking";
}

}  // namespace bantam
