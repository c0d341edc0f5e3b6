#include "route/route_tree.h"

namespace bantam {

RouteTree::RouteTree(const RouteFile& file, std::span<const std::string> labels) {
  for (const Route& route : file.routes) {
    if (route.parent.empty()) continue;
    std::vector<std::string>& ancestors = ancestors_[route.name];
    for (const Route* at = file.FindRoute(route.parent); at != nullptr; at = file.FindRoute(at->parent))
      ancestors.push_back(at->name);
    labels_below_[route.parent];
  }
  for (auto& [parent, below] : labels_below_) {
    for (size_t i = 0; i < labels.size(); ++i) {
      if (file.IsWithin(labels[i], parent)) below.push_back(i);
    }
  }
}

std::span<const std::string> RouteTree::AncestorsOf(std::string_view route) const {
  const auto found = ancestors_.find(route);
  return found == ancestors_.end() ? std::span<const std::string>() : found->second;
}

std::vector<RankedRoute> RouteTree::Rank(std::string_view route, std::span<const double> probabilities,
                                         float out_of_scope) const {
  std::vector<RankedRoute> ranked;
  for (const std::string& ancestor : AncestorsOf(route)) {
    double sum = 0;
    for (const size_t label : labels_below_.at(ancestor)) sum += probabilities[label];
    ranked.push_back({ancestor, static_cast<float>(sum * (1 - static_cast<double>(out_of_scope)))});
  }
  return ranked;
}

}  // namespace bantam
