// For tests: labelled points around random centres on a sphere, and points that belong to none.
#pragma once

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "learn/head.h"

namespace bantam::testing {

struct SyntheticSet {
  std::vector<LabelledText> examples;
  EmbeddingMatrix embeddings;

  void Add(const std::string& label, std::vector<float> vector) {
    examples.push_back({"text " + std::to_string(examples.size()), label});
    embeddings.columns = vector.size();
    embeddings.values.insert(embeddings.values.end(), vector.begin(), vector.end());
    ++embeddings.rows;
  }
};

class SyntheticWorld {
 public:
  SyntheticWorld(int num_labels, size_t dimensions, uint32_t seed) : random_(seed) {
    for (int i = 0; i < num_labels; ++i) centres_.push_back(Direction(dimensions));
  }

  std::vector<float> Direction(size_t dimensions) {
    std::vector<float> x(dimensions);
    for (float& v : x) v = normal_(random_);
    return Unit(std::move(x));
  }
  std::vector<float> Near(size_t label, float noise) {
    std::vector<float> x = centres_[label];
    const float scale = noise / std::sqrt(static_cast<float>(x.size()));
    for (float& v : x) v += scale * normal_(random_);
    return Unit(std::move(x));
  }
  // per_label points of each label "a", "b", ... and out_of_scope random directions.
  SyntheticSet Sample(int per_label, int out_of_scope, float noise = 0.8f) {
    SyntheticSet set;
    for (size_t label = 0; label < centres_.size(); ++label) {
      for (int i = 0; i < per_label; ++i) set.Add(std::string(1, static_cast<char>('a' + label)), Near(label, noise));
    }
    for (int i = 0; i < out_of_scope; ++i) set.Add("oos", Direction(centres_[0].size()));
    return set;
  }

 private:
  static std::vector<float> Unit(std::vector<float> x) {
    float squares = 0;
    for (float v : x) squares += v * v;
    for (float& v : x) v /= std::sqrt(squares);
    return x;
  }
  std::mt19937 random_;
  std::normal_distribution<float> normal_;
  std::vector<std::vector<float>> centres_;
};

inline const EncoderIdentity kSyntheticEncoder{"synthetic", std::string(64, '0'), "f32"};

}  // namespace bantam::testing
