// Why this is cheap: a message is embedded only where it can matter. Outside a form that is where the answer given to
// it holds the question with which some form begins, or by which we ask what was meant; inside a form, where the
// message fits no slot. An ordinary chat of answers and follow-up questions is replayed without a single embedding.
#include "route/replay.h"

#include "base/sha256.h"
#include "route/actions/action.h"
#include "route/placeholders.h"
#include "route/result_cache.h"

namespace bantam {
namespace {

// What people's clients do to white space must not matter.
std::string Squeeze(std::string_view text) {
  std::string out;
  bool space = false;
  for (const char c : text) {
    if (c == ' ' || c == '\n' || c == '\r' || c == '\t') {
      space = !out.empty();
      continue;
    }
    if (std::exchange(space, false)) out += ' ';
    out += c;
  }
  return out;
}

// Whether `answer` may be `text_template` with its {slots} filled in: all that stands between them is there, in order.
// Values are not compared: "tomorrow" was another day then.
bool HoldsTemplate(const std::string& answer, std::string_view text_template) {
  std::string cut = FillSlots(text_template, [](std::string_view) {
    static const std::string kBorder(1, '\x01');
    return &kBorder;
  });
  size_t at = 0;
  bool any = false;
  for (size_t begin = 0; begin <= cut.size();) {
    const size_t end = std::min(cut.find('\x01', begin), cut.size());
    const std::string piece = Squeeze(std::string_view(cut).substr(begin, end - begin));
    begin = end + 1;
    if (piece.empty()) continue;
    const size_t found = answer.find(piece, at);
    if (found == std::string::npos) return false;
    at = found + piece.size();
    any = true;
  }
  return any;
}

bool MayBeginAForm(const RouteFile& file, const std::string& answer) {
  for (const auto& [name, form] : file.forms) {
    for (const Slot& slot : form.slots) {
      if (HoldsTemplate(answer, slot.prompt)) return true;
    }
    if (!form.confirm.empty() && HoldsTemplate(answer, form.confirm)) return true;
    if (HoldsTemplate(answer, form.failed)) return true;
  }
  return false;
}

struct Played {
  size_t message = 0;  // index of the user's
  std::string answer;  // the assistant's, squeezed; empty when there was none
};

std::vector<Played> TurnsBefore(std::span<const ChatMessage> messages, size_t question) {
  std::vector<Played> turns;
  for (size_t i = 0; i < question; ++i) {
    if (messages[i].role == "user") {
      turns.push_back({i, {}});
    } else if (messages[i].role == "assistant" && !turns.empty() && turns.back().answer.empty()) {
      turns.back().answer = Squeeze(messages[i].content);
    }
  }
  return turns;
}

class Replay {
 public:
  Replay(const RouteFile& file, std::span<const ChatMessage> messages, std::string_view tenant, Day today,
         const JudgeText& judge, int most_judged)
      : file_(file),
        messages_(messages),
        tenant_(tenant),
        today_(today),
        judge_(judge),
        judgements_left_(most_judged) {}

  Status Play(const Played& turn) {
    if (pending_.form) return InForm(turn);
    const std::optional<Clarification> asked = std::exchange(pending_.asked, std::nullopt);
    return asked ? Asked(*asked, turn) : Outside(turn, 0);
  }
  Pending Take() { return std::move(pending_); }

 private:
  // `turns`: how often we have asked already.
  Status Outside(const Played& turn, int turns) {
    const bool may_ask =
        file_.clarify && turns < file_.clarify->max_turns && HoldsTemplate(turn.answer, ClarifyTemplate(file_));
    if (turn.answer.empty() || judgements_left_ <= 0 || !(may_ask || MayBeginAForm(file_, turn.answer))) return Ok();
    --judgements_left_;
    const std::string& text = messages_[turn.message].content;
    BANTAM_TRY(const Judgement judgement, judge_(text));
    if (!judgement.parts.empty()) {
      for (const JudgedPart& part : judgement.parts) Begin(*part.route, part.text, turn);
    } else if (judgement.route != nullptr) {
      Begin(*judgement.route, text, turn);
    } else if (may_ask && !judgement.options.empty()) {
      Clarification asked = Ask(judgement, text, turns);
      if (HoldsTemplate(turn.answer, ClarifyText(file_, asked.options))) pending_.asked = std::move(asked);
    }
    return Ok();
  }

  // The reply to the question which of a few was meant.
  Status Asked(const Clarification& asked, const Played& turn) {
    const ClarifyReply reply = ReadClarifyReply(file_, asked, messages_[turn.message].content);
    if (reply.kind == ClarifyReply::Kind::kOtherWords) return Outside(turn, asked.turns);
    if (reply.option != nullptr && MayBeginAForm(file_, turn.answer)) Begin(*reply.option, asked.question, turn);
    return Ok();
  }

  // `text`: what the form reads its slots from.
  void Begin(const Route& route, const std::string& text, const Played& turn) {
    const std::string name = route.action->FormToStart();
    if (name.empty()) return;
    const Form& form = file_.forms.at(name);
    FormTurn began = BeginForm(form, route.name, text, today_);
    began.state.seed = ReplaySeed(messages_, turn.message, tenant_);
    // Somebody else may have answered this, or we ourselves with another route file.
    if (began.step != FormStep::kSubmit && !HoldsTemplate(turn.answer, FirstText(form, began))) return;
    Settle(form, std::move(began), turn.answer);
  }

  Status InForm(const Played& turn) {
    const Form& form = file_.forms.at(pending_.form->form);
    const std::string& text = messages_[turn.message].content;
    const Digress digress = [&]() -> Result<Digression> {
      if (judgements_left_ <= 0) return Digression();
      --judgements_left_;
      BANTAM_TRY(const Judgement judgement, judge_(text));
      return JudgeDigression(file_, pending_.form->route, judgement, text);
    };
    BANTAM_TRY(FormTurn next, ContinueForm(form, *pending_.form, text, today_, digress));
    Settle(form, std::move(next), turn.answer);
    return Ok();
  }

  static std::string_view FirstText(const Form& form, const FormTurn& turn) {
    if (turn.step == FormStep::kAsk) return form.FindSlot(turn.state.asked)->prompt;
    return form.confirm.empty() ? form.failed : form.confirm;
  }

  void Settle(const Form& form, FormTurn turn, const std::string& answer) {
    if (turn.step == FormStep::kSubmit) {
      const bool failed = HoldsTemplate(answer, form.failed) && !HoldsTemplate(answer, form.done);
      turn = failed ? SubmitFailed(form, std::move(turn.state)) : SubmitSucceeded(form, std::move(turn.state));
    }
    pending_.form.reset();
    if (turn.open()) pending_.form = std::move(turn.state);
  }

  const RouteFile& file_;
  const std::span<const ChatMessage> messages_;
  const std::string_view tenant_;
  const Day today_;
  const JudgeText& judge_;
  int judgements_left_;
  Pending pending_;
};

}  // namespace

std::string ReplaySeed(std::span<const ChatMessage> messages, size_t trigger, std::string_view tenant) {
  CacheKey key;
  key.Add("bantam conversation").Add(tenant);
  for (size_t i = 0; i <= trigger; ++i) {
    if (messages[i].role == "user") key.Add(messages[i].content);
  }
  return HexOf(key.Finish());
}

Result<Pending> RebuildConversation(const RouteFile& file, std::span<const ChatMessage> messages, size_t question,
                                    std::string_view tenant, Day today, const JudgeText& judge,
                                    const ReplayLimits& limits) {
  if (file.forms.empty() && !file.clarify) return Pending();
  std::vector<Played> turns = TurnsBefore(messages, question);
  const size_t first = turns.size() > limits.most_turns ? turns.size() - limits.most_turns : 0;
  Replay replay(file, messages, tenant, today, judge, limits.most_judged);
  for (size_t i = first; i < turns.size(); ++i) {
    BANTAM_RETURN_IF_ERROR(replay.Play(turns[i]));
  }
  return replay.Take();
}

}  // namespace bantam
