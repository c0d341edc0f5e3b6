// A route file that is being made: by an import, or from answers to questions. Written in the order and the words of
// docs/howto/route-file.md.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bantam {

struct RouteFileDraft {
  struct Model {
    std::string name, model, api_base, api_key;  // api_key may be empty
    std::string timeout;                         // empty: not said
    std::optional<double> input_per_1m, output_per_1m;
    std::vector<std::pair<std::string, std::string>> params;  // more of them: order, weight, ...
  };
  struct Route {
    std::string name, description;
    std::vector<std::string> utterances;
    std::string response;  // to respond with; empty: nobody said what to answer, so it is handed on
    std::string comment;   // one line above it; empty: none
  };
  struct Test {
    std::string say, route;  // an empty route: must not be answered here
  };

  std::vector<std::string> header;              // lines of a comment
  std::map<std::string, std::string> comments;  // above a section: "routes", "tests", ...; lines
  std::string name = "assistant";
  std::string encoder, encoder_comment;
  std::vector<Model> models;
  std::vector<Route> routes;
  std::vector<std::string> out_of_scope;
  std::string policy;    // empty: not said
  std::string fallback;  // a model
  std::optional<double> confidence_threshold, ambiguity_threshold;
  std::vector<std::pair<std::string, std::string>> responses;
  std::optional<int> num_retries, allowed_fails;
  std::string timeout, cooldown_time, session_ttl;
  std::vector<Test> tests;

  Route* FindRoute(std::string_view route);
  bool HasResponse(std::string_view response) const;
};

std::string WriteRouteFile(const RouteFileDraft& draft);

// A name of ours that is as near to `name` as may be: "Ask Name?" -> "Ask_Name".
std::string PlainRouteName(std::string_view name);

}  // namespace bantam
