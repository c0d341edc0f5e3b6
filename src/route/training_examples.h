// What the head of a route file is trained on. One function, so that whoever trains it and whoever asks whether it is
// stale (HeadMetadata::examples_sha256) mean the same examples.
#pragma once

#include <vector>

#include "learn/examples.h"
#include "route/route_file.h"

namespace bantam {

inline std::vector<LabelledText> TrainingExamples(const RouteFile& file) {
  std::vector<LabelledText> examples;
  for (const Route& route : file.routes) {
    for (const std::string& utterance : route.utterances) examples.push_back({utterance, route.name});
    // Without examples of its own it is a parent that only its children's messages lead to.
    if (!route.utterances.empty() && !route.description.empty())
      examples.push_back({route.description, route.name, true});
  }
  examples.insert(examples.end(), file.learned.begin(), file.learned.end());
  for (const std::string& text : file.out_of_scope) examples.push_back({text, std::string(kOutOfScopeLabel)});
  for (LabelledText& hint : NameHints(examples)) examples.push_back(std::move(hint));
  return examples;
}

}  // namespace bantam
