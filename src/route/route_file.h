// The route file: what an assistant knows and does, in YAML. The words are those of docs/howto/route-file.md.
// Every error names file, line, column and the mend: `bantam.yaml:14:5: unknown key "utterence"; did you mean
// "utterances"?`
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/file_io.h"
#include "learn/error_budget.h"
#include "learn/examples.h"
#include "route/drift.h"
#include "route/learning/learning_rule.h"
#include "route/privacy/pii_mask.h"
#include "route/redis/redis_connection.h"
#include "route/result_cache.h"
#include "route/semantic_rule.h"
#include "route/signing.h"
#include "route/upstream.h"

namespace re2 {
class RE2;
}

namespace bantam {

class Action;        // route/actions/action.h
class EntityFinder;  // route/forms/entity_finder.h

struct Route {
  std::string name, description;
  std::string parent;                          // the route that stands in where this one is not sure; empty: none
  std::vector<std::string> utterances;         // examples_file merged in; a parent needs none of its own
  std::shared_ptr<const Action> action;        // never null; the kinds are in route/actions/
  std::string action_type;                     // "respond", as the file says it
  std::optional<double> confidence_threshold;  // with policy: threshold
  std::optional<double> max_error;             // with policy: risk; tighter than the file's
  int line = 0;                                // of its name, for messages
};

struct Slot {
  enum class Type { kText, kRegex, kNumber, kDate, kChoice, kEmail, kEntity };
  std::string name;
  Type type = Type::kText;
  std::string prompt, error;
  bool optional = false;
  std::string pattern;                     // kRegex, RE2 syntax
  std::shared_ptr<const re2::RE2> regex;   // kRegex: the pattern, compiled
  std::optional<double> minimum, maximum;  // kNumber
  bool integer = false;                    // kNumber
  std::string unit;                        // kNumber: "pounds", said after the number
  std::string min_date, max_date;          // kDate: "today", "tomorrow" or YYYY-MM-DD; empty = no limit
  std::vector<std::pair<std::string, std::vector<std::string>>> choices;  // kChoice: value, synonyms
  size_t max_length = 500;                                                // kText
  // kEntity: what a token classification model finds in the text.
  std::string entity_model;
  std::vector<std::string> entity_labels;  // "PER", as the model calls them without "B-" and "I-"
  double min_score = 0.5;
  int line = 0, column = 0;                      // of the slot, for messages about its model
  std::shared_ptr<const EntityFinder> entities;  // the model, loaded by LoadEntityModels; null: nothing is found
};

struct SubmitAction {
  enum class Type { kRespond, kHttp } type = Type::kRespond;
  std::string url, method = "POST";
  std::chrono::milliseconds timeout{10'000};
  SigningSecret secret;
};

struct Form {
  std::string name, description;
  std::vector<Slot> slots;  // in the order in which they are asked
  std::string confirm;      // empty: submitted as soon as it is complete
  std::string done, cancelled, failed;
  SubmitAction submit;

  const Slot* FindSlot(std::string_view slot) const;
};

struct Expectation {
  std::optional<std::string> route, decision;
  bool not_here = false;            // must_escalate: neither answered nor asked back by us
  std::optional<std::string> slot;  // the one that the answer asks for
  std::optional<std::string> text;  // contained in the answer
  // cache_pair: whether the answer to `cached` may be given to this question.
  std::optional<bool> cache_hit;
  std::string cached;
};
struct TestTurn {
  std::string say;
  Expectation expect;
  int line = 0, column = 0;
};
struct RouteTest {
  std::vector<TestTurn> turns;
};  // one turn: a plain test

// Whether and how often somebody is asked which of a few routes was meant.
struct ClarifyRule {
  int max_options = 3;
  int max_turns = 1;  // such questions in a row
};

// What an answer is when no large model could be asked.
enum class OfflineRule {
  kDegrade,  // the best that is said here, marked by upstream_error
  kRefuse,   // an error
  kQueue     // kept and asked later; the answer says so, with an id
};

struct RouteFile {
  Path path;
  std::string sha256;                  // of the file and every examples file, part of each cache key
  std::string name;                    // the served model
  int name_line = 1, name_column = 1;  // where the file gives it, for messages
  std::string encoder_model = "all-MiniLM-L6-v2";
  std::string encoder_dtype = "int8";
  int encoder_line = 1, encoder_column = 1;                   // where the file names its model, for messages
  std::vector<UpstreamConfig> upstreams;                      // several of one name: one of them is asked
  std::map<std::string, std::string> disabled_upstreams;      // label -> why it cannot be asked (an unset api_key)
  std::map<std::string, std::vector<std::string>> fallbacks;  // model_name -> who is asked when it cannot answer
  std::string on_budget_exceeded;  // a model_name that is asked when a budget is used up; empty: none is
  SpendingLimits spending_limits;
  OfflineRule offline = OfflineRule::kDegrade;
  std::optional<PiiRule> pii;  // empty: texts leave as they are
  std::vector<Route> routes;
  std::vector<std::string> out_of_scope;
  std::optional<ErrorBudget> budget;           // policy: risk; empty: policy: threshold
  std::optional<double> confidence_threshold;  // policy: threshold; empty: `auto`, the head's own
  std::optional<double> ambiguity_threshold;   // policy: threshold; empty: two likely routes may be as near as they are
  std::vector<LabelledText> calibration;       // of calibration_file; empty: the head's own, from folds of the examples
  std::optional<ClarifyRule> clarify;          // empty: nobody is asked
  int max_requests = 1;                        // that are looked for in one message: decision.multiple
  std::optional<DriftRule> drift;              // policy: risk; empty: not watched for
  double max_disagreement = 0.002;             // of early exits with all layers; 0: off
  std::string fallback_upstream;               // decision.nlu_fallback; empty: none
  std::map<std::string, Form> forms;
  std::map<std::string, std::string> responses;
  bool cache_enabled = true;
  CacheOptions cache;
  std::optional<RedisAddress> cache_server;  // cache.url; empty: a file in the state folder
  bool cache_in_memory = false;              // cache.url names a variable that is not set
  CacheScope cache_scope = CacheScope::kTenant;
  std::optional<SemanticCacheRule> semantic_cache;  // empty: a question is found only as it was asked
  bool audit_texts = false;
  std::optional<LearningRule> learning;  // empty: nothing is learned from traffic
  // Of the generation in force, taken from the state folder (learning/generations.h); not in the file.
  int64_t generation = 0;             // 0: the file's examples alone
  int64_t look = 0;                   // at audited messages, which it was proven by: see DeltaOfLook
  int64_t challenger = 0;             // that decides beside it, without effect; 0: there is none
  std::vector<LabelledText> learned;  // examples beside the file's
  std::vector<LabelledText> audited;  // messages for the calibration, beside those of calibration_file
  Path audit_key_file;                // encrypts them; empty: nothing does
  int audit_key_line = 1, audit_key_column = 1;
  std::chrono::milliseconds audit_retention{0};  // after which texts are taken out of the log; 0: they stay
  std::chrono::seconds session_ttl{1800};
  std::vector<RouteTest> tests;
  std::vector<std::string> warnings;  // FILE:LINE:COL: ...; worth a look, but the file works

  const Route* FindRoute(std::string_view route) const;
  const UpstreamConfig* FindUpstream(std::string_view model) const;        // the first of that name
  bool IsWithin(std::string_view route, std::string_view ancestor) const;  // or the same
};

// kBadConfig for anything that the author of the file can mend; the message then has one line for each mistake, at
// most 20.
Result<RouteFile> LoadRouteFile(const Path& path);
// The same for a text; `path` names it in messages, and other files are looked for beside it.
Result<RouteFile> ParseRouteFile(std::string_view text, const Path& path);

// An error about the file's encoder, with the place where the file names it. A model that is not on this machine is
// kBadConfig then.
Error AtEncoder(const RouteFile& file, Error problem);

}  // namespace bantam
