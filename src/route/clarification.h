// "Which of these do you mean?": the question, the memory of it, and what the reply to it says. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "route/route_file.h"

namespace bantam {

// Somebody was asked and has not replied yet.
struct Clarification {
  std::string question;              // the message that could mean several things
  std::vector<std::string> options;  // names of routes, in the order in which they were offered
  int turns = 1;                     // such questions in a row, this one included

  std::string ToJson() const;
  // Nothing when the text is not ours or the route file no longer has these routes.
  static std::optional<Clarification> FromJson(std::string_view text, const RouteFile& file);
};

struct Judgement;
// For a judgement with options, on `text`, after `turns` such questions in a row.
Clarification Ask(const Judgement& judgement, std::string_view text, int turns);

// utter_clarify, or a plain question of our own, with {options}.
std::string_view ClarifyTemplate(const RouteFile& file);
// The same with the routes' descriptions as numbered lines.
std::string ClarifyText(const RouteFile& file, const std::vector<std::string>& options);

struct ClarifyReply {
  enum class Kind {
    kOption,  // `option` was chosen: "2", "the first", "the refund one"
    kNone,    // "neither", "something else"
    kOtherWords
  } kind = Kind::kOtherWords;
  const Route* option = nullptr;
};
ClarifyReply ReadClarifyReply(const RouteFile& file, const Clarification& asked, std::string_view text);

}  // namespace bantam
