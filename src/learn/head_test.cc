#include "learn/head.h"

#include <gmock/gmock.h>

#include <cmath>
#include <cstring>
#include <functional>

#include "base/testing.h"
#include "files/safetensors.h"
#include "learn/synthetic_set.h"

namespace bantam {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::SyntheticSet;
using testing::SyntheticWorld;
using testing::TempFolder;

class HeadTest : public ::testing::Test {
 protected:
  void SetUp() override {
    SyntheticWorld world(7, 20, 1);
    set_ = world.Sample(12, 10);
    auto trained = TrainHead(set_.examples, set_.embeddings, testing::kSyntheticEncoder, {});
    ASSERT_OK(trained);
    head_ = std::move(trained->head);
  }
  Path path() const { return folder_ / "head.safetensors"; }

  TempFolder folder_;
  SyntheticSet set_;
  Head head_;
};

TEST_F(HeadTest, ReadsBackWhatItWrote) {
  ASSERT_OK(head_.Save(path()));
  ASSERT_OK_AND_ASSIGN(const Head loaded, Head::Load(path()));
  EXPECT_EQ(loaded.Serialize(), head_.Serialize());
  EXPECT_EQ(loaded.labels(), head_.labels());
  EXPECT_EQ(loaded.dimensions(), 20);
  EXPECT_EQ(loaded.metadata().encoder, testing::kSyntheticEncoder);
  EXPECT_EQ(loaded.metadata().examples_sha256, ExamplesSha256(set_.examples));
  EXPECT_EQ(loaded.metadata().threshold, head_.metadata().threshold);
  EXPECT_EQ(loaded.metadata().set_probability, head_.metadata().set_probability);
  ASSERT_EQ(loaded.calibration().size(), 7u * 12 + 10);
  EXPECT_EQ(CalibrationId(loaded.calibration()), CalibrationId(head_.calibration()));
  for (size_t i = 0; i < set_.examples.size(); ++i) {
    const Prediction a = head_.Predict(set_.embeddings.row(i)), b = loaded.Predict(set_.embeddings.row(i));
    EXPECT_EQ(a.label, b.label);
    EXPECT_EQ(a.probability, b.probability);
    EXPECT_EQ(a.confidence, b.confidence);
    EXPECT_EQ(a.accepted, b.accepted);
  }
}

// Two vectors of a text side by side, of which the first is on a scale of its own.
TEST_F(HeadTest, OfTwoLayersReadsBackWhatItWroteAndScalesTheFirst) {
  SyntheticSet both = set_;
  both.embeddings.columns = 40;
  both.embeddings.values.clear();
  for (size_t i = 0; i < set_.examples.size(); ++i) {
    for (const float v : set_.embeddings.row(i)) both.embeddings.values.push_back(100 + 0.01f * v);
    for (const float v : set_.embeddings.row(i)) both.embeddings.values.push_back(v);
  }
  EncoderIdentity encoder = testing::kSyntheticEncoder;
  encoder.num_vectors = 2;
  ASSERT_OK_AND_ASSIGN(const TrainedHead trained, TrainHead(both.examples, both.embeddings, encoder, {}));
  EXPECT_GE(trained.report.accuracy, 0.9);
  ASSERT_OK(trained.head.Save(path()));
  ASSERT_OK_AND_ASSIGN(const Head loaded, Head::Load(path()));
  EXPECT_EQ(loaded.Serialize(), trained.head.Serialize());
  EXPECT_EQ(loaded.dimensions(), 40);
  EXPECT_OK(loaded.CheckEncoder(encoder));
  EXPECT_FALSE(loaded.CheckEncoder(testing::kSyntheticEncoder));
  for (size_t i = 0; i < both.examples.size(); ++i) {
    const std::span<const float> x = both.embeddings.row(i);
    EXPECT_EQ(loaded.Predict(x).confidence, trained.head.Predict(x).confidence);
    std::vector<float> longer(x.begin(), x.end());  // the length of the last layer's vector means nothing
    for (float& v : std::span(longer).last(20)) v *= 4;
    EXPECT_EQ(loaded.Predict(longer).confidence, loaded.Predict(x).confidence);
  }
  const auto odd = TrainHead(
      set_.examples, EmbeddingMatrix{set_.examples.size(), 1, std::vector<float>(set_.examples.size())}, encoder, {});
  ASSERT_FALSE(odd);
  EXPECT_THAT(odd.error().message, HasSubstr("2 vectors side by side in 1 dimensions"));
}

TEST_F(HeadTest, PredictionsHoldTogether) {
  for (size_t i = 0; i < set_.examples.size(); ++i) {
    const Prediction p = head_.Predict(set_.embeddings.row(i));
    ASSERT_EQ(p.ranking.size(), 5u);
    EXPECT_EQ(p.ranking[0].label, p.label);
    EXPECT_EQ(p.ranking[0].probability, p.probability);
    float sum = 0;
    for (size_t k = 0; k < 5; ++k) {
      if (k > 0) {
        EXPECT_LE(p.ranking[k].probability, p.ranking[k - 1].probability);
      }
      sum += p.ranking[k].probability;
    }
    EXPECT_LE(sum, 1.00001f);
    EXPECT_GE(p.out_of_scope, 0);
    EXPECT_LE(p.out_of_scope, 1);
    EXPECT_NEAR(p.confidence, p.probability * (1 - p.out_of_scope), 1e-5);
    EXPECT_EQ(p.accepted, p.confidence >= head_.metadata().threshold);
    ASSERT_FALSE(p.prediction_set.empty());
    EXPECT_EQ(p.prediction_set[0], p.label);
    for (size_t k = 0; k < std::min<size_t>(5, p.prediction_set.size()); ++k)
      EXPECT_EQ(p.prediction_set[k], p.ranking[k].label);
  }
}

TEST_F(HeadTest, WhatIsNoNumberIsOutOfScope) {
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    std::vector<float> x(20, 0.1f);
    x[7] = bad;
    const Prediction p = head_.Predict(x);
    EXPECT_FALSE(p.accepted);
    EXPECT_EQ(p.confidence, 0);
    EXPECT_EQ(p.out_of_scope, 1);
    EXPECT_TRUE(p.ranking.empty());
    EXPECT_TRUE(p.prediction_set.empty());
  }
  EXPECT_TRUE(std::isfinite(head_.Predict(std::vector<float>(20)).confidence));  // no direction, but a number
}

TEST_F(HeadTest, RefusesAnotherEncoder) {
  EXPECT_OK(head_.CheckEncoder(testing::kSyntheticEncoder));
  EncoderIdentity other = testing::kSyntheticEncoder;
  other.weight_type = "int8";
  const Status refused = head_.CheckEncoder(other);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
  EXPECT_THAT(refused.error().message,
              AllOf(HasSubstr("synthetic in f32"), HasSubstr("synthetic in int8"), HasSubstr("train again")));
}

// A head's file, taken apart, changed in one place, and put together again.
struct Parts {
  std::map<std::string, TensorView> tensors;
  std::map<std::string, std::string> metadata;
  std::map<std::string, std::vector<std::byte>> bytes;  // of the tensors
};

TEST_F(HeadTest, RefusesAChangedFileAndNamesTheField) {
  ASSERT_OK(head_.Save(path()));
  ASSERT_OK_AND_ASSIGN(const auto file, SafetensorsFile::Open(path()));
  struct Case {
    const char* field;
    std::function<void(Parts&)> change;
  };
  const auto set_float = [](const char* tensor, size_t at, float value) {
    return [=](Parts& p) { std::memcpy(p.bytes[tensor].data() + at * sizeof value, &value, sizeof value); };
  };
  const auto metadata = [](const char* key, const char* value) { return [=](Parts& p) { p.metadata[key] = value; }; };
  std::vector<Case> cases = {
      {"weight", set_float("weight", 3, NAN)},
      {"bias", set_float("bias", 0, INFINITY)},
      {"prototypes", set_float("prototypes", 9, -INFINITY)},
      {"weight", [](Parts& p) { p.tensors["weight"].shape = {20, 7}; }},
      {"weight", [](Parts& p) { p.tensors["weight"].shape = {140}; }},
      {"bias", [](Parts& p) { p.tensors["bias"].dtype = DType::kI32; }},
      {"prototypes", [](Parts& p) { p.tensors["prototypes"].shape = {20, 35}; }},
      {"prototype_count", [](Parts& p) { p.bytes["prototype_count"][0] = std::byte{9}; }},
      {"prototype_count", [](Parts& p) { p.bytes["prototype_count"][3] = std::byte{255}; }},
      {"prototypes", [](Parts& p) { p.bytes["prototype_count"][0] = std::byte{1}; }},
      {"out_of_scope", [](Parts& p) { std::memset(p.bytes["out_of_scope"].data() + 32, 0, 8); }},
      {"discriminant", set_float("discriminant", 21, NAN)},
      {"discriminant", [](Parts& p) { p.tensors["discriminant"].shape = {22, 7}; }},
      {"discriminant_spread", set_float("discriminant_spread", 8, INFINITY)},
      {"discriminant_spread", [](Parts& p) { p.tensors["discriminant_spread"].shape = {49}; }},
      {"out_of_scope_prototypes", [](Parts& p) { p.tensors["out_of_scope_prototypes"].shape.push_back(1); }},
      {"out_of_scope_prototypes", set_float("out_of_scope_prototypes", 0, NAN)},
      {"out_of_scope", [](Parts& p) { std::memset(p.bytes["out_of_scope"].data(), 0xff, 8); }},
      {"calibration_confidence", set_float("calibration_confidence", 2, NAN)},
      {"calibration", [](Parts& p) { p.bytes["calibration"][0] = std::byte{7}; }},
      {"calibration", [](Parts& p) { p.bytes["calibration"][4] = std::byte{2}; }},
      {"calibration", [](Parts& p) { p.tensors["calibration"].shape = {47, 4}; }},
      {"set_probability", metadata("set_probability", "2")},
      {"input_scale", [](Parts& p) { p.tensors["input_scale"].shape = {0, 2}; }},
      {"12 tensors", [](Parts& p) { p.tensors["more"] = p.tensors["bias"]; }},
      {"format", metadata("format", "bantam-intent-head-0")},
      {"temperature", metadata("temperature", "0")},
      {"temperature", metadata("temperature", "nan")},
      {"threshold", metadata("threshold", "1.5")},
      {"threshold", metadata("threshold", "0.5x")},
      {"num_examples", metadata("num_examples", "-1")},
      {"num_examples", metadata("num_examples", "1.5")},
      {"labels", metadata("labels", "[\"a\"")},
      {"labels", metadata("labels", "[\"a\"]")},
      {"labels", metadata("labels", "{}")},
      {"labels", metadata("labels", "[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"f\"]")},
      {"labels", metadata("labels", "[\"b\",\"a\",\"c\",\"d\",\"e\",\"f\",\"g\"]")},
      {"labels", metadata("labels", "[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"oos\"]")},
      {"labels", metadata("labels", "[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",3]")},
      {"weight", metadata("labels", "[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\"]")},
  };
  for (const auto& [name, view] : file->tensors()) {
    cases.push_back({name.c_str(), [name = name](Parts& p) { p.tensors.erase(name); }});
  }
  for (const auto& [key, value] : file->metadata()) {
    cases.push_back({key.c_str(), [key = key](Parts& p) { p.metadata.erase(key); }});
  }
  for (const Case& c : cases) {
    Parts parts;
    parts.metadata = file->metadata();
    for (const auto& [name, view] : file->tensors()) {
      parts.tensors[name] = view;
      parts.bytes[name].assign(view.bytes.begin(), view.bytes.end());
    }
    c.change(parts);
    for (auto& [name, view] : parts.tensors) view.bytes = parts.bytes[name == "more" ? "bias" : name];
    const Path changed = folder_ / "changed.safetensors";
    ASSERT_OK(WriteFileAtomic(changed, SerializeSafetensors(parts.tensors, parts.metadata)));
    const auto loaded = Head::Load(changed);
    ASSERT_FALSE(loaded) << c.field;
    EXPECT_THAT(loaded.error().message, AllOf(HasSubstr("changed.safetensors"), HasSubstr(c.field)));
  }
}

TEST_F(HeadTest, RefusesEveryTruncation) {
  const std::string bytes = head_.Serialize();
  for (size_t size = 0; size < bytes.size(); size += 1 + size / 8) {
    ASSERT_OK(WriteFileAtomic(path(), std::string_view(bytes).substr(0, size)));
    EXPECT_FALSE(Head::Load(path())) << size << " bytes";
  }
  EXPECT_FALSE(Head::Load(folder_ / "missing.safetensors"));
}

}  // namespace
}  // namespace bantam
