// For tests only: an intent model that needs no encoder. A question's nearest example is the one that shares most of
// its words (Jaccard), and that share is its confidence. Deterministic; the real model is tested end to end.
#pragma once

#include <algorithm>
#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "route/forms/words.h"
#include "route/intent_model.h"
#include "route/route_file.h"
#include "route/route_tree.h"

namespace bantam::testing {

class BagIntentModel : public IntentModel {
 public:
  explicit BagIntentModel(const RouteFile& file) : labels_(Names(file)), tree_(file, labels_) {
    for (const Route& route : file.routes) {
      for (const std::string& text : route.utterances) examples_.push_back({text, route.name, Bag(text)});
    }
  }

  Result<Understanding> Understand(std::string_view text, MonotonicTime deadline) override {
    ++calls_;
    if (delay_.count() > 0) std::this_thread::sleep_for(delay_);
    if (MonotonicNow() > deadline) return Err(ErrorCode::kDeadline, "too late");
    const std::set<std::string> bag = Bag(text);
    std::vector<NearestExample> nearest;
    for (const Example& example : examples_) {
      std::vector<std::string> both;
      std::set_intersection(bag.begin(), bag.end(), example.bag.begin(), example.bag.end(), std::back_inserter(both));
      const auto all = static_cast<float>(bag.size() + example.bag.size() - both.size());
      nearest.push_back({example.text, example.route, all == 0 ? 0 : static_cast<float>(both.size()) / all});
    }
    std::stable_sort(nearest.begin(), nearest.end(),
                     [](const auto& a, const auto& b) { return a.similarity > b.similarity; });
    Understanding understanding;
    understanding.route = nearest[0].route;
    understanding.confidence = nearest[0].similarity;
    understanding.out_of_scope = 1 - nearest[0].similarity;
    understanding.num_tokens = bag.size() + 2;
    understanding.vector.assign(96, 0.1f);
    for (const std::string& word : bag) understanding.vector[std::hash<std::string>()(word) % 96] += 1;
    for (const NearestExample& example : nearest) {  // the routes that come within a tenth of the best
      auto& set = understanding.prediction_set;
      if (example.similarity > 0 && example.similarity >= nearest[0].similarity - 0.1f &&
          std::find(set.begin(), set.end(), example.route) == set.end())
        set.push_back(example.route);
    }
    for (const NearestExample& example : nearest) {
      auto& routes = understanding.nearest_routes;
      if (routes.size() < 3 && std::find(routes.begin(), routes.end(), example.route) == routes.end())
        routes.push_back(example.route);
    }
    std::vector<double> best(labels_.size());
    for (const NearestExample& example : nearest) {
      double& of_route = best[static_cast<size_t>(std::ranges::find(labels_, example.route) - labels_.begin())];
      of_route = std::max(of_route, static_cast<double>(example.similarity));
    }
    understanding.ancestors = tree_.Rank(understanding.route, best, 0);
    for (RankedRoute& ancestor : understanding.ancestors) ancestor.probability = std::min(1.0f, ancestor.probability);
    nearest.resize(std::min<size_t>(5, nearest.size()));
    understanding.nearest = std::move(nearest);
    return understanding;
  }

  const std::string& identity() const override { return identity_; }
  double threshold() const override { return 0.5; }
  const Calibration& calibration() const override { return calibration_; }
  const Head* head() const override { return nullptr; }
  Embedder* embedder() override { return nullptr; }

  int calls() const { return calls_; }
  // Before the router is made of it.
  void set_calibration(Calibration calibration) { calibration_ = std::move(calibration); }
  void set_identity(std::string identity) { identity_ = std::move(identity); }
  void set_delay(std::chrono::milliseconds delay) { delay_ = delay; }

 private:
  struct Example {
    std::string text, route;
    std::set<std::string> bag;
  };
  static std::vector<std::string> Names(const RouteFile& file) {
    std::vector<std::string> names;
    for (const Route& route : file.routes) names.push_back(route.name);
    return names;
  }
  static std::set<std::string> Bag(std::string_view text) {
    std::set<std::string> bag;
    for (const Word& word : SplitWords(text)) bag.insert(word.text);
    return bag;
  }
  const std::vector<std::string> labels_;
  const RouteTree tree_;
  std::vector<Example> examples_;
  std::atomic<int> calls_ = 0;
  std::string identity_ = "bag";
  Calibration calibration_;
  std::chrono::milliseconds delay_{0};
};

}  // namespace bantam::testing
