// A chat client that names no session sends the whole conversation with every message. The form that is half filled in,
// or the question that was asked back, is found by playing the earlier messages again. Nothing is handed in while
// playing: whether an earlier "yes" succeeded is read off the answer that was given then.
#pragma once

#include <optional>
#include <span>

#include "route/clarification.h"
#include "route/decision.h"
#include "route/forms/form_state.h"
#include "route/types.h"

namespace bantam {

struct ReplayLimits {
  size_t most_turns = 64;  // of the user, the latest ones
  int most_judged = 16;    // embeddings; most turns need none, see replay.cc
};

// What a conversation waits for: at most one of the three.
struct Pending {
  std::optional<FormState> form;
  std::optional<Clarification> asked;
  bool form_gone = false;  // for a form that the route file had when it began
};

// `question`: index of the message that is being answered; only what comes before it is played.
Result<Pending> RebuildConversation(const RouteFile& file, std::span<const ChatMessage> messages, size_t question,
                                    std::string_view tenant, Day today, const JudgeText& judge,
                                    const ReplayLimits& limits = {});

// What makes the idempotency key of a form that began with message `trigger` its own: everything said until then.
std::string ReplaySeed(std::span<const ChatMessage> messages, size_t trigger, std::string_view tenant);

}  // namespace bantam
