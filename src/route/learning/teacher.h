// Asks a large model which route a message is about: one short question that lists the routes, and an answer that is
// one of their names or is not taken at all.
//
//   const TeacherQuestion question(file);
//   const UpstreamReply reply = upstream.Ask(question.About("where is my money"), {});
//   const std::optional<std::string> route = question.Read(reply.text);   // "refund_status"; "oos": none of them
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "route/route_file.h"
#include "route/types.h"

namespace bantam {

class TeacherQuestion {
 public:
  explicit TeacherQuestion(const RouteFile& file);

  AssistantRequest About(std::string_view message) const;
  // Nothing for anything but a listed name, by itself.
  std::optional<std::string> Read(std::string_view answer) const;

 private:
  std::vector<std::string> routes_;
  std::string none_;  // the word for none of them, which is no route's name
  std::string list_;  // one line for each
};

}  // namespace bantam
