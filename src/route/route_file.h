// The route file: what an assistant knows and does, in YAML. The words are those of docs/howto/route-file.md.
// Every error names file, line, column and the mend: `bantam.yaml:14:5: unknown key "utterence"; did you mean "utterances"?`
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/file_io.h"
#include "route/result_cache.h"
#include "route/upstream.h"

namespace bantam {

struct RespondAction { std::string response; };
struct FormAction { std::string form; };
struct HttpAction {
  std::string url, method = "GET";
  std::string response;  // text with {{field}} taken from the JSON reply ({{a.b}} for nested)
  std::string on_error;  // name of a response
  std::chrono::milliseconds timeout{5'000};
};
struct EscalateAction { std::string model; };
using Action = std::variant<RespondAction, FormAction, HttpAction, EscalateAction>;

struct Route {
  std::string name, description;
  std::vector<std::string> utterances;  // examples_file merged in
  Action action;
  std::optional<double> confidence_threshold;
  int line = 0;  // of its name, for messages
};

struct Slot {
  enum class Type { kText, kRegex, kNumber, kDate, kChoice, kEmail };
  std::string name;
  Type type = Type::kText;
  std::string prompt, error;
  bool optional = false;
  std::string pattern;                                  // kRegex, RE2 syntax, checked at load
  std::optional<double> minimum, maximum;               // kNumber
  bool integer = false;                                 // kNumber
  std::string min_date, max_date;                       // kDate: "today", "tomorrow" or YYYY-MM-DD; empty = no limit
  std::vector<std::pair<std::string, std::vector<std::string>>> choices;  // kChoice: value, synonyms
  size_t max_length = 500;                              // kText
};

struct SubmitAction {
  enum class Type { kRespond, kHttp } type = Type::kRespond;
  std::string url, method = "POST";
  std::chrono::milliseconds timeout{10'000};
};

struct Form {
  std::string name, description;
  std::vector<Slot> slots;  // in the order in which they are asked
  std::string confirm, done, cancelled, failed;
  SubmitAction submit;
};

struct Expectation {
  std::optional<std::string> route, decision, slot, text;  // slot: the one asked for; text: contained in the answer
};
struct TestTurn {
  std::string say;
  Expectation expect;
  int line = 0;
};
struct RouteTest { std::vector<TestTurn> turns; };  // one turn: a plain test

struct RouteFile {
  Path path;
  std::string sha256;  // of the file and every examples file, part of each cache key
  std::string name;    // the served model
  std::string encoder_model = "all-MiniLM-L6-v2";
  std::string encoder_dtype = "int8";
  std::vector<UpstreamConfig> upstreams;
  std::vector<Route> routes;
  std::vector<std::string> out_of_scope;
  std::optional<double> confidence_threshold;  // empty: `auto`, the head's own
  std::string fallback_upstream;               // decision.nlu_fallback; empty: none
  std::map<std::string, Form> forms;
  std::map<std::string, std::string> responses;
  bool cache_enabled = true;
  CacheOptions cache;
  bool audit_texts = false;
  std::chrono::seconds session_ttl{1800};
  std::vector<RouteTest> tests;

  const Route* FindRoute(std::string_view route) const;
  const UpstreamConfig* FindUpstream(std::string_view model) const;
};

Result<RouteFile> LoadRouteFile(const Path& path);

}  // namespace bantam
