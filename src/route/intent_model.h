// What a question means: the head's judgement of its embedding, and the examples that lie nearest to it.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "learn/head.h"
#include "route/decision_policy.h"
#include "route/types.h"

namespace bantam {

struct RankedRoute {
  std::string route;
  float probability = 0;  // if the question is in scope at all
};

struct Understanding {
  std::string route;                        // the likeliest one
  float confidence = 0;                     // P(in scope and that route), calibrated: what thresholds are compared with
  float out_of_scope = 0;                   // P(out of scope)
  std::string foreign_script;               // "Cyrillic": letters that nothing here knows, so out of scope; empty: none
  std::vector<RankedRoute> ranking;         // best first, at most 5
  std::vector<RankedRoute> ancestors;       // of the likeliest route, its parent first: P(in scope, and it or a route
                                            // below it); empty where it was decided early
  std::vector<std::string> prediction_set;  // routes, likeliest first: the right one is among them at the coverage that
                                            // the head was trained for
  std::vector<NearestExample> nearest;      // best first, at most 5
  std::vector<std::string> nearest_routes;  // the routes of the nearest examples, each once, at most 3
  float nearest_out_of_scope = -1;          // cosine of the nearest out-of-scope example; -1: there are none
  size_t num_tokens = 0;                    // that the encoder read
  int exit_layer = 0;                       // after which it was decided early; 0: after all. Then `nearest` are
                                            // examples of the route alone, by the vectors of that layer
  int num_layers = 0;                       // of the encoder
  std::vector<float> vector;                // the encoder's; empty when it was decided early
  std::vector<float> read;                  // what the head was given, where that is kept for another head
};

// Thread-safe.
class IntentModel {
 public:
  virtual ~IntentModel() = default;
  virtual Result<Understanding> Understand(std::string_view text, MonotonicTime deadline) = 0;
  // The same of many at once, each read to the end: early exits save nothing in a batch.
  virtual Result<std::vector<Understanding>> UnderstandAll(std::span<const std::string> texts, EmbedCall call) {
    std::vector<Understanding> all;
    for (const std::string& text : texts) {
      BANTAM_TRY(Understanding understanding, Understand(text, call.deadline));
      all.push_back(std::move(understanding));
    }
    return all;
  }
  // From what another head of the same encoder was given: without examples, and nothing is computed by the encoder.
  virtual Understanding UnderstandVector(std::string_view, std::span<const float>) { return {}; }
  virtual const std::string& identity() const = 0;     // hash of the head and its encoder: part of every cache key
  virtual double threshold() const = 0;                // the head's own
  virtual const Calibration& calibration() const = 0;  // what error budgets are certified on
  virtual const Head* head() const = 0;                // null in tests of the flow
  virtual Embedder* embedder() = 0;
};

}  // namespace bantam
