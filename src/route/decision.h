// From what a question means to what is done about it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "route/decision_policy.h"
#include "route/forms/conversation.h"
#include "route/intent_model.h"
#include "route/route_file.h"
#include "route/upstream.h"

namespace bantam {

struct JudgedPart {
  std::string text;
  const Route* route = nullptr;  // never null
  float confidence = 0;
};

struct Judgement {
  Understanding understanding;
  const Route* route = nullptr;       // taken; null: not sure enough of any
  float confidence = 0;               // of the route taken, or of the likeliest: a parent's is that of all below it
  const Bar* bar = nullptr;           // that it had to reach; never null
  std::vector<const Route*> options;  // of which somebody is to be asked; empty: nobody is
  std::vector<JudgedPart> parts;      // of a message with several requests, each sure enough; empty: it is one
};

// `policy` is the file's own; both outlive the judgement.
Judgement Judge(const RouteFile& file, const DecisionPolicy& policy, Understanding understanding);
using JudgeText = std::function<Result<Judgement>(std::string_view text)>;

// What another route than `form_route` says to this message; only fixed texts interrupt a form. Somebody who was just
// asked for something most likely answers it, however badly: what does not look like a question must be meant for the
// other route with half the doubt that the threshold allows.
Result<Digression> JudgeDigression(const RouteFile& file, std::string_view form_route, const Judgement& judgement,
                                   std::string_view text);

// What people read for a route: its description, or its name with spaces.
std::string RouteLabel(const Route& route);

// utter_unsure, with the descriptions of the nearest routes as lines.
std::string UnsureText(const RouteFile& file, const Understanding& understanding);
// utter_queued: what is said where the large model is asked later.
std::string QueuedText(const RouteFile& file);
// utter_upstream_failed, the same way. Without such a text in the file: a sentence that is true of how it ended.
std::string UpstreamFailedText(const RouteFile& file, const Understanding& understanding, UpstreamOutcome outcome);

}  // namespace bantam
