// Several requests in one message: "cancel my order and tell me when you are open".
//
// A message is cut where a sentence ends or a word such as "and" joins two clauses, and both halves are decided on by
// themselves, with the bar that any message has to reach. It counts as two requests only where each half is sure enough
// of a route, they are not the same, and the whole message points to one of them without being far surer of it:
// "macaroni and cheese" stays one.
// What that finds and what it takes for two by mistake is measured in requests_clinc_test.cc.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "route/decision.h"

namespace bantam {

struct Halves {
  std::string first, second;
};

// The places where the text may fall apart, in its order, at most 4. Each half has two words or more.
std::vector<Halves> WaysToCut(std::string_view text);

using JudgeTexts = std::function<Result<std::vector<Judgement>>(std::span<const std::string> texts)>;

// The requests of the message in its order, at most `most`; empty: it is one. `whole`: its judgement.
Result<std::vector<JudgedPart>> FindRequests(const RouteFile& file, std::string_view text, const Judgement& whole,
                                             const JudgeTexts& judge, int most);

// Judge, and the requests of the message where the file looks for several.
Result<Judgement> JudgeMessage(const RouteFile& file, const DecisionPolicy& policy, IntentModel& intents,
                               std::string_view text, Understanding understanding, MonotonicTime deadline);

}  // namespace bantam
