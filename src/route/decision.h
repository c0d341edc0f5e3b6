// From what a question means to what is done about it.
#pragma once

#include <functional>
#include <string>

#include "route/forms/conversation.h"
#include "route/intent_model.h"
#include "route/route_file.h"

namespace bantam {

struct Judgement {
  Understanding understanding;
  const Route* route = nullptr;  // null: below the threshold
  double threshold = 0;          // the one that applied: the likeliest route's own, the file's or the head's
};

Judgement Judge(const RouteFile& file, Understanding understanding, double head_threshold);
using JudgeText = std::function<Result<Judgement>(std::string_view text)>;

// What another route than `form_route` says to this message; only fixed texts interrupt a form.
Result<Digression> JudgeDigression(const RouteFile& file, std::string_view form_route, const Judgement& judgement,
                                   std::string_view text);

// utter_unsure, with the descriptions of the nearest routes as lines.
std::string UnsureText(const RouteFile& file, const Understanding& understanding);
// utter_upstream_failed, the same way.
std::string UpstreamFailedText(const RouteFile& file, const Understanding& understanding);

}  // namespace bantam
