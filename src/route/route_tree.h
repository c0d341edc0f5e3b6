// Routes below routes: how sure a parent is of a message whose own route is not sure enough.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "route/intent_model.h"
#include "route/route_file.h"

namespace bantam {

// Immutable. Empty for a file without parents.
class RouteTree {
 public:
  // labels: of the head.
  RouteTree(const RouteFile& file, std::span<const std::string> labels);

  // Of a route, its parent first.
  std::span<const std::string> AncestorsOf(std::string_view route) const;
  // With their confidences: the probabilities of all labels below each, if in scope, times that of being so.
  // probabilities: [labels]
  std::vector<RankedRoute> Rank(std::string_view route, std::span<const double> probabilities,
                                float out_of_scope) const;

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> ancestors_;  // by route
  std::map<std::string, std::vector<size_t>, std::less<>> labels_below_;    // by parent, itself included
};

}  // namespace bantam
