// The challenger, deciding beside the head in force on what that head was given: to be counted, never to be answered
// by.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "route/head_intent_model.h"
#include "route/learning/candidate_store.h"

namespace bantam {

// Thread-safe.
class Shadow {
 public:
  // Null where there is no challenger, or one of another route file; trouble with its files is a warning in the log.
  static std::unique_ptr<Shadow> Load(const RouteFile& file, const Path& state_folder,
                                      const std::shared_ptr<Embedder>& embedder, const IntentOptions& options);

  // taken: the route of the head in force; empty: it was not sure. vector: Understanding::read.
  ShadowCounts Compare(std::string_view text, std::span<const float> vector, std::string_view taken) const;
  int64_t generation() const { return file_.generation; }

 private:
  Shadow(RouteFile file, std::unique_ptr<IntentModel> model);
  const RouteFile file_;
  const std::unique_ptr<IntentModel> model_;
  const DecisionPolicy policy_;
};

}  // namespace bantam
