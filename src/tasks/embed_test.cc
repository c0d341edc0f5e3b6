// The real model on real texts, against sentence-transformers (golden/make_embeddings.py) and against itself.
#include "tasks/embed.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <future>
#include <map>
#include <numeric>

#include "base/json.h"
#include "base/testing.h"
#include "files/safetensors.h"

namespace bantam {
namespace {

constexpr const char* kModel = "all-MiniLM-L6-v2";

// On slow kernels (scalar, or under a sanitizer) the long runs are sampled or skipped, each by name.
bool SlowKernels([[maybe_unused]] const Embedder& embedder) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return true;
#else
  return embedder.encoder().isa() == "scalar";
#endif
}

std::unique_ptr<Embedder> LoadModel(WeightType type, int threads = 0) {
  auto embedder = Embedder::Load(kModel, {.weight_type = type, .num_threads = threads, .engine = {}});
  EXPECT_OK(embedder);
  return *std::move(embedder);
}

double Dot(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}
double Cosine(std::span<const float> a, std::span<const float> b) {
  return Dot(a, b) / std::sqrt(Dot(a, a) * Dot(b, b));
}

uint32_t Crc32(std::string_view text) {  // as zlib
  uint32_t crc = ~0u;
  for (const char c : text) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (0xEDB88320u & (0u - (crc & 1)));
  }
  return ~crc;
}

// Sign i of the reference's fixed random projections.
float Sign(uint64_t seed, uint64_t i) {
  uint64_t z = seed + (i + 1) * 0x9E3779B97F4A7C15ull;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ z >> 27) * 0x94D049BB133111EBull;
  return (z ^ z >> 31) >> 63 != 0 ? -1.0f : 1.0f;
}

// The committed answers and the texts they belong to. BANTAM_GOLDEN_EMBEDDINGS names a file with all vectors instead.
struct Golden {
  std::vector<std::string> texts;
  std::vector<int32_t> num_tokens;
  std::vector<uint8_t> truncated;
  std::vector<float> checks, vectors;  // [texts, 8], [texts / step, 384]
  size_t step = 1;
  uint64_t seed = 0;
};

template <typename T>
std::vector<T> Values(const SafetensorsFile& file, std::string_view name) {
  const TensorView* view = file.Find(name);
  std::vector<T> values(view == nullptr ? 0 : view->bytes.size() / sizeof(T));
  if (view != nullptr) std::memcpy(values.data(), view->bytes.data(), view->bytes.size());
  return values;
}

Result<std::vector<std::string>> ReadColumn(const Path& path, const std::string& field) {
  BANTAM_TRY(const std::string text, ReadFile(path));
  std::vector<std::string> column;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    BANTAM_TRY(const json::value line, ParseJson(std::string_view(text).substr(begin, end - begin), path.string()));
    BANTAM_TRY(const JsonObject object, JsonObject::From(line, path.string()));
    BANTAM_TRY(column.emplace_back(), object.StringOr(field, ""));
    begin = end + 1;
  }
  return column;
}

Result<Golden> ReadGolden() {
  const char* all = std::getenv("BANTAM_GOLDEN_EMBEDDINGS");
  BANTAM_TRY(const auto file, SafetensorsFile::Open(all != nullptr ? all : "src/tasks/golden/embeddings.safetensors"));
  Golden golden;
  golden.num_tokens = Values<int32_t>(*file, "num_tokens");
  golden.truncated = Values<uint8_t>(*file, "truncated");
  golden.checks = Values<float>(*file, "checks");
  golden.vectors = Values<float>(*file, "vectors");
  golden.step = std::stoul(file->metadata().at("step"));
  golden.seed = std::stoull(file->metadata().at("seed"));
  const auto source = Values<int32_t>(*file, "source"), line = Values<int32_t>(*file, "line");
  const auto crc32 = Values<uint32_t>(*file, "crc32");
  BANTAM_TRY(const json::value files, ParseJson(file->metadata().at("files"), "files"));
  std::vector<std::vector<std::string>> columns;
  for (const json::value& entry : files.as_array()) {
    const Path path = testing::TestDataFolder() / std::string_view(entry.as_array()[0].as_string());
    BANTAM_TRY(columns.emplace_back(), ReadColumn(path, std::string(entry.as_array()[1].as_string())));
  }
  for (size_t i = 0; i < source.size(); ++i) {
    golden.texts.push_back(columns.at(static_cast<size_t>(source[i])).at(static_cast<size_t>(line[i])));
    if (Crc32(golden.texts.back()) != crc32[i]) {
      return Err(ErrorCode::kCorrupt, "text {} is not the one the reference read: the data set changed", i);
    }
  }
  return golden;
}

TEST(EmbedGolden, SameAsTheReferenceInF32AndCloseInInt8) {
  BANTAM_REQUIRE_MODEL(model, kModel);
  BANTAM_REQUIRE_DATA(data, "intent-clinc150/clinc150_full.jsonl");
  ASSERT_OK_AND_ASSIGN(const Golden golden, ReadGolden());
  ASSERT_EQ(golden.texts.size(), 2000u);
  const auto f32 = LoadModel(WeightType::kF32);
  const auto int8 = LoadModel(WeightType::kInt8);
  // Multiples of the step, so that sampling keeps texts whose full vectors are known.
  const size_t stride = SlowKernels(*f32) ? 40 : 1;
  std::vector<std::string> texts;
  for (size_t i = 0; i < golden.texts.size(); i += stride) texts.push_back(golden.texts[i]);
  ASSERT_OK_AND_ASSIGN(const std::vector<Embedding> exact, f32->EmbedBatch(texts));
  ASSERT_OK_AND_ASSIGN(const EmbeddingMatrix quick, int8->EmbedAll(texts, {}));

  const auto columns = static_cast<size_t>(f32->dimensions());
  const size_t projections = golden.checks.size() / golden.texts.size();
  std::vector<float> signs(projections * columns);
  for (size_t i = 0; i < signs.size(); ++i) signs[i] = Sign(golden.seed, i);
  double worst_cosine = 1, worst_difference = 0, worst_check = 0, int8_cosine = 0, worst_int8 = 1;
  size_t full = 0;
  for (size_t k = 0; k < texts.size(); ++k) {
    const size_t i = k * stride;
    const std::vector<float>& ours = exact[k].vector;
    ASSERT_EQ(exact[k].num_tokens, static_cast<size_t>(golden.num_tokens[i])) << texts[k];
    ASSERT_EQ(exact[k].truncated, golden.truncated[i] != 0) << texts[k];
    double square = 0;
    for (size_t p = 0; p < projections; ++p) {
      square +=
          std::pow(Dot(std::span(signs).subspan(p * columns, columns), ours) - golden.checks[i * projections + p], 2);
    }
    worst_check = std::max(worst_check, std::sqrt(square / static_cast<double>(projections)));
    const double cosine8 = Cosine(ours, quick.row(k));
    int8_cosine += cosine8 / static_cast<double>(texts.size());
    worst_int8 = std::min(worst_int8, cosine8);
    if (i % golden.step != 0) continue;
    ++full;
    const auto reference = std::span(golden.vectors).subspan(i / golden.step * columns, columns);
    worst_cosine = std::min(worst_cosine, Cosine(ours, reference));
    for (size_t c = 0; c < columns; ++c)
      worst_difference = std::max(worst_difference, std::abs(double{ours[c]} - reference[c]));
  }
  std::printf(
      "%s, %zu texts (%zu full vectors): f32 worst cosine %.9f, max abs %.2e, worst projection %.2e; "
      "int8 mean cosine %.5f, worst %.5f\n",
      std::string(f32->encoder().isa()).c_str(), texts.size(), full, worst_cosine, worst_difference, worst_check,
      int8_cosine, worst_int8);
  EXPECT_GT(full, 0u);
  EXPECT_GE(worst_cosine, 0.99999);
  EXPECT_LE(worst_difference, 1e-5);
  EXPECT_LE(worst_check, 3e-6);  // make_embeddings.py says why this bounds every coordinate by 1e-5
  EXPECT_GE(int8_cosine, 0.997);
}

// Ranks with ties shared, then their correlation.
double Spearman(const std::vector<double>& a, const std::vector<double>& b) {
  const auto ranks = [](const std::vector<double>& values) {
    std::vector<size_t> order(values.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::sort(order.begin(), order.end(), [&](size_t x, size_t y) { return values[x] < values[y]; });
    std::vector<double> rank(values.size());
    for (size_t begin = 0, end = 0; begin < order.size(); begin = end) {
      while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
      for (size_t i = begin; i < end; ++i) rank[order[i]] = static_cast<double>(begin + end - 1) / 2;
    }
    return rank;
  };
  const auto ra = ranks(a), rb = ranks(b);
  const double mean = static_cast<double>(a.size() - 1) / 2;
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    ab += (ra[i] - mean) * (rb[i] - mean);
    aa += (ra[i] - mean) * (ra[i] - mean);
    bb += (rb[i] - mean) * (rb[i] - mean);
  }
  return ab / std::sqrt(aa * bb);
}

TEST(EmbedGolden, SentenceSimilarityInInt8IsThatOfF32) {
  BANTAM_REQUIRE_MODEL(model, kModel);
  BANTAM_REQUIRE_DATA(data, "sts-benchmark/stsb.jsonl");
  const auto f32 = LoadModel(WeightType::kF32);
  if (SlowKernels(*f32)) GTEST_SKIP() << "5,000 sentences take minutes on these kernels";
  ASSERT_OK_AND_ASSIGN(const std::string text, ReadFile(data));
  // The data set at hand has the splits train and dev; test is taken where it is there.
  std::map<std::string, std::pair<std::vector<std::string>, std::vector<double>>> splits;  // sentences a, b, a, b...
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    ASSERT_OK_AND_ASSIGN(const json::value line, ParseJson(std::string_view(text).substr(begin, end - begin), "stsb"));
    ASSERT_OK_AND_ASSIGN(const JsonObject row, JsonObject::From(line, "stsb"));
    auto& [sentences, scores] = splits[*row.String("split")];
    sentences.push_back(*row.String("a"));
    sentences.push_back(*row.String("b"));
    scores.push_back(*row.Number("score", 0, 5));
    begin = end + 1;
  }
  const char* split = splits.contains("test") ? "test" : "dev";
  const auto& [sentences, scores] = splits[split];
  ASSERT_GT(scores.size(), 1000u);
  std::map<WeightType, double> spearman;
  for (const WeightType type : {WeightType::kF32, WeightType::kInt8}) {
    ASSERT_OK_AND_ASSIGN(const EmbeddingMatrix matrix, LoadModel(type)->EmbedAll(sentences, {}));
    std::vector<double> similarity;
    for (size_t i = 0; i < scores.size(); ++i) similarity.push_back(Cosine(matrix.row(2 * i), matrix.row(2 * i + 1)));
    spearman[type] = 100 * Spearman(similarity, scores);
  }
  std::printf("STS-B %s, %zu pairs: Spearman f32 %.3f, int8 %.3f\n", split, scores.size(), spearman[WeightType::kF32],
              spearman[WeightType::kInt8]);
  EXPECT_GT(spearman[WeightType::kF32], 80);
  EXPECT_NEAR(spearman[WeightType::kInt8], spearman[WeightType::kF32], 0.3);
}

// Alone, in a list, among other neighbours, in another order, on another number of threads, beside other requests.
TEST(Embed, F32BitsDoNotDependOnTheCompany) {
  BANTAM_REQUIRE_MODEL(model, kModel);
  const auto one_thread = LoadModel(WeightType::kF32, 1);
  const auto two_threads = LoadModel(WeightType::kF32, 2);
  std::vector<std::string> texts = {"", "a", "Where is my refund?", "日本語 and ünïcödé 🙂"};
  const size_t longest = SlowKernels(*one_thread) ? 40 : 150;
  for (size_t words = 2; words < longest; words = words * 5 / 4 + 1) {
    std::string text;
    for (size_t w = 0; w < words; ++w) text += fmt::format("word{} ", w * words % 97);
    texts.push_back(text);
  }
  std::vector<std::vector<float>> alone;
  for (const std::string& text : texts) {
    ASSERT_OK_AND_ASSIGN(Embedding embedding, one_thread->Embed(text));
    alone.push_back(std::move(embedding.vector));
  }
  std::vector<std::string> reversed(texts.rbegin(), texts.rend());
  for (const Embedder* embedder : {one_thread.get(), two_threads.get()}) {
    auto& mutable_embedder = const_cast<Embedder&>(*embedder);
    ASSERT_OK_AND_ASSIGN(const auto batch, mutable_embedder.EmbedBatch(texts));
    ASSERT_OK_AND_ASSIGN(const EmbeddingMatrix all, mutable_embedder.EmbedAll(reversed, {}));
    for (size_t i = 0; i < texts.size(); ++i) {
      EXPECT_EQ(batch[i].vector, alone[i]) << i;
      const auto row = all.row(texts.size() - 1 - i);
      EXPECT_EQ(std::vector<float>(row.begin(), row.end()), alone[i]) << i;
    }
  }
  std::vector<std::promise<Result<EmbeddedTexts>>> promises(texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::vector<std::string> list = {texts[i], texts[(i + 1) % texts.size()], texts[i]};
    two_threads->EmbedBatchAsync(list, MonotonicTime::max(),
                                 [&, i](Result<EmbeddedTexts> result) { promises[i].set_value(std::move(result)); });
  }
  for (size_t i = 0; i < texts.size(); ++i) {
    const Result<EmbeddedTexts> result = promises[i].get_future().get();
    ASSERT_OK(result);
    for (size_t j = 0; j < 3; ++j) {
      const auto row = result->vectors.row(j);
      EXPECT_EQ(std::vector<float>(row.begin(), row.end()), alone[j == 1 ? (i + 1) % texts.size() : i]) << i;
    }
  }
}

TEST(Embed, TheCacheGivesTheSameBitsAndIsKeyedByTokensAndModel) {
  BANTAM_REQUIRE_MODEL(model, kModel);
  const auto cache = std::make_shared<EmbeddingCache>(1 << 20);
  const auto load = [&](WeightType type, std::shared_ptr<EmbeddingCache> with) {
    return *Embedder::Load(kModel, {.weight_type = type, .num_threads = 1, .engine = {}, .cache = std::move(with)});
  };
  const auto plain = load(WeightType::kF32, nullptr), f32 = load(WeightType::kF32, cache),
             int8 = load(WeightType::kInt8, cache);
  EXPECT_EQ(plain->cache(), nullptr);
  const std::vector<std::string> texts = {"Where is my refund?", "a", "where is  MY refund ?"};
  ASSERT_OK_AND_ASSIGN(const auto expected, plain->EmbedBatch(texts));
  EXPECT_EQ(expected[0].vector, expected[2].vector);  // the same tokens
  ASSERT_OK_AND_ASSIGN(const Embedding first, f32->Embed(texts[0]));
  EXPECT_EQ(first.vector, expected[0].vector);
  ASSERT_OK_AND_ASSIGN(const Embedding second, f32->Embed(texts[2]));
  EXPECT_EQ(second.vector, expected[0].vector);
  EXPECT_EQ(second.num_tokens, first.num_tokens);
  EXPECT_EQ(f32->Stats().requests, 1u);
  for (int round = 0; round < 2; ++round) {
    ASSERT_OK_AND_ASSIGN(const auto batch, f32->EmbedBatch(texts));
    for (size_t i = 0; i < texts.size(); ++i) EXPECT_EQ(batch[i].vector, expected[i].vector) << i;
  }
  EXPECT_EQ(f32->Stats().requests, 2u);
  std::optional<std::vector<float>> answer;  // all of it is there: answered before the call returns
  f32->EmbedBatchAsync(texts, MonotonicTime::max(),
                       [&](Result<EmbeddedTexts> result) { answer = std::move(result->vectors.values); });
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(std::vector<float>(answer->begin(), answer->begin() + 384), expected[0].vector);
  ASSERT_OK_AND_ASSIGN(const Embedding other, int8->Embed(texts[0]));
  EXPECT_NE(other.vector, expected[0].vector);
  EXPECT_EQ(int8->Stats().requests, 1u);
  EXPECT_EQ(cache->Stats().entries, 3u);
}

TEST(Embed, EarlyExitsNeverMeetTheCache) {
  BANTAM_REQUIRE_MODEL(model, kModel);
  class EndAfterOne final : public ExitJudge {
   public:
    bool Wants(int layer) const override { return layer == 1; }
    bool Finished(int, std::span<const float>) override { return true; }
  };
  const auto cache = std::make_shared<EmbeddingCache>(1 << 20);
  ASSERT_OK_AND_ASSIGN(const auto embedder, Embedder::Load(kModel, {.num_threads = 1, .engine = {}, .cache = cache}));
  const std::vector<std::string> texts = {"Where is my refund?"};
  const std::vector<int> layers = {1, embedder->encoder().num_layers()};
  ASSERT_OK_AND_ASSIGN(const auto matrices, embedder->EmbedLayers(texts, layers, {}));
  const auto row = [&](size_t layer) {
    return std::vector<float>(matrices[layer].row(0).begin(), matrices[layer].row(0).end());
  };
  EndAfterOne judge;
  ASSERT_OK_AND_ASSIGN(const Embedding early, embedder->EmbedUntil(texts[0], MonotonicTime::max(), judge));
  EXPECT_EQ(early.vector, row(0));
  EXPECT_EQ(cache->Stats().entries, 0u);
  ASSERT_OK_AND_ASSIGN(const Embedding whole, embedder->Embed(texts[0]));
  EXPECT_EQ(whole.vector, row(1));
  EXPECT_EQ(cache->Stats().entries, 1u);
  ASSERT_OK_AND_ASSIGN(const Embedding again, embedder->EmbedUntil(texts[0], MonotonicTime::max(), judge));
  EXPECT_EQ(again.vector, early.vector);
}

TEST(Embed, ReportsTokensAndTruncation) {
  BANTAM_REQUIRE_MODEL(model, kModel);
  const auto embedder = LoadModel(WeightType::kInt8);
  EXPECT_EQ(embedder->dimensions(), 384);
  EXPECT_EQ(embedder->max_tokens(), 256);
  EXPECT_EQ(embedder->model_name(), kModel);
  const auto words = [](size_t count) {
    std::string text;
    for (size_t i = 0; i < count; ++i) text += "dog ";
    return text;
  };
  ASSERT_OK_AND_ASSIGN(const auto embeddings,
                       embedder->EmbedBatch(std::vector<std::string>{words(3), words(254), words(255), words(5000)}));
  const size_t expected_tokens[] = {5, 256, 256, 256};
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(embeddings[i].num_tokens, expected_tokens[i]);
    EXPECT_EQ(embeddings[i].truncated, i >= 2);
    EXPECT_NEAR(Dot(embeddings[i].vector, embeddings[i].vector), 1, 1e-6);
  }
  EXPECT_EQ(embeddings[1].vector, embeddings[2].vector);
  ASSERT_OK_AND_ASSIGN(const auto none, embedder->EmbedBatch({}));
  EXPECT_TRUE(none.empty());
}

TEST(Embed, UserTextNeverBecomesASpecialToken) {
  BANTAM_REQUIRE_MODEL(model, kModel);
  const auto embedder = LoadModel(WeightType::kInt8);
  // [CLS] [ mask ] [SEP]: as special tokens it would be three.
  EXPECT_EQ(embedder->Embed("[MASK]")->num_tokens, 5u);
  EXPECT_EQ(embedder->Embed("[SEP] [CLS]")->num_tokens, 9u);  // [ sep ] [ cl ##s ]
}

TEST(Embed, DeadlinesAndFullQueuesReachTheCaller) {
  BANTAM_REQUIRE_MODEL(model, kModel);
  ASSERT_OK_AND_ASSIGN(const auto embedder,
                       Embedder::Load(kModel, {.num_threads = 1, .engine = {.max_queued_requests = 0}}));
  EXPECT_EQ(embedder->Embed("x", MonotonicNow() - std::chrono::seconds(1)).error().code, ErrorCode::kDeadline);
  std::optional<ErrorCode> code;
  embedder->EmbedBatchAsync(std::vector<std::string>{"x"}, MonotonicTime::max(),
                            [&](Result<EmbeddedTexts> result) { code = result.error().code; });
  EXPECT_EQ(code, ErrorCode::kOverloaded);
  EXPECT_OK(embedder->Embed("x"));  // an idle engine needs no place in the queue
  EXPECT_OK(embedder->EmbedBatch(std::vector<std::string>{"x", "y"}));
}

TEST(Embed, LoadErrorsName) {
  EXPECT_NE(Embedder::Load("no-such-model", {}).error().message.find("no model \"no-such-model\""), std::string::npos);
  EXPECT_EQ(Embedder::Load("/no/such/folder", {}).error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace bantam
