// How long the decision layer's stores take: a cache hit from memory and from disk, a store, the search among similar
// questions and the judgement of one, an audit record, a turn of a conversation. Prints median and 99th percentile of
// single calls, in microseconds.
//
//   cmake --build --preset release --target bantam_store_bench && build/release/bantam_store_bench [FOLDER [REDIS_URL]]
//
// With the address of a Redis, hits and stores there, too. It is left as it was.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "base/clock.h"
#include "route/answer_codec.h"
#include "route/audit_log.h"
#include "route/conversation_store.h"
#include "route/pairs/pair_verifier.h"
#include "route/redis/redis_connection.h"
#include "route/result_cache.h"

namespace bantam {
namespace {

// A question and an answer of ordinary length.
constexpr std::string_view kQuestion = "I sent the jacket back two weeks ago, when will I see my money again?";
const std::string kAnswer(600, 'a');

Sha256Digest KeyOf(int n) {
  return CacheKey()
      .Add(Sha256Hex("route file"))
      .Add("tenant")
      .Add(NormalizeQuestion(kQuestion))
      .Add(std::to_string(n))
      .Finish();
}

template <typename Call>
void Measure(const char* what, int calls, const Call& call) {
  std::vector<double> micros(static_cast<size_t>(calls));
  for (int i = 0; i < calls; ++i) {
    const MonotonicTime start = MonotonicNow();
    call(i);
    micros[static_cast<size_t>(i)] = MillisecondsSince(start) * 1e3;
  }
  std::sort(micros.begin(), micros.end());
  std::printf("%-44s p50 %9.2f us   p99 %9.2f us   (%d calls)\n", what, micros[micros.size() / 2],
              micros[micros.size() * 99 / 100], calls);
}

template <typename T>
T OrExit(Result<T> result) {
  if (result) return *std::move(result);
  std::fprintf(stderr, "%s\n", result.error().message.c_str());
  std::exit(1);
}

// From a request to its answer, as the router goes about it.
void MeasureExactHit(const Path& folder) {
  auto cache = OrExit(ResultCache::Open(folder / "exact.db", {}));
  const std::string file = Sha256Hex("route file"), intents = Sha256Hex("head");
  const AnswerIdentity identity{file, intents, "tenant 1"};
  AssistantRequest request;
  request.messages = {{"system", "You are a helpful assistant."}, {"user", std::string(kQuestion)}};
  AssistantAnswer answer;
  answer.text = kAnswer;
  answer.route = "refund_status";
  answer.nearest.resize(5, {std::string(kQuestion), "refund_status", 0.91F});
  cache->Store(LocalAnswerKey(identity, request, kQuestion), EncodeAnswer(answer));
  Measure("cache: exact hit, from request to answer", 100'000, [&](int) {
    const auto stored = cache->Find(LocalAnswerKey(identity, request, kQuestion));
    if (!stored || !DecodeAnswer(*stored)) std::abort();
  });
}

// All questions in one partition, the most that is ever searched.
void MeasureSimilar(const Path& folder) {
  constexpr int kQuestions = 50'000, kDimensions = 384;
  CacheOptions options;
  options.own_thread = false;
  auto cache = OrExit(ResultCache::Open(folder / "similar.db", options));
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> vector(kDimensions);
  const Sha256Digest partition = Sha256Of("partition");
  for (int i = 0; i < kQuestions; ++i) {
    for (float& x : vector) x = normal(random);
    const SimilarKey key{partition, kQuestion, "refund_status", vector};
    cache->StoreSimilar(KeyOf(i), kAnswer, &key);
  }
  Measure("cache: nearest of 50,000 x 384", 1'000, [&](int) { cache->FindSimilar(partition, vector, 0.65F); });
  const auto verifier = OrExit(PairVerifier::Create({}, {}, {}));
  Measure("cache: one pair judged", 10'000, [&](int) {
    if (verifier->Verify(kQuestion, "when will I see my money again? I sent the jacket back two weeks ago", 0.99))
      return;
  });
}

// Of a Redis, as another process would find them: nothing is in our own memory.
void MeasureRedis(const std::string& url) {
  constexpr int kEntries = 2'000;
  const RedisAddress address = OrExit(ParseRedisUrl(url));
  CacheOptions options;
  options.memory_entries = 0;
  options.own_thread = false;
  const auto cache = ResultCache::OpenShared(address, "bantam-store-bench", options);
  Measure("cache: store in Redis", kEntries, [&](int i) { cache->Store(KeyOf(i), kAnswer); });
  Measure("cache: hit in Redis", 20'000, [&](int i) {
    if (!cache->Find(KeyOf(i % kEntries))) std::abort();
  });
  Measure("cache: miss in Redis", 20'000, [&](int i) { cache->Find(KeyOf(1'000'000 + i)); });
  if (!cache->Flush()) std::exit(1);
}

void Main(const Path& folder) {
  constexpr int kEntries = 20'000;
  CacheOptions options;
  {
    auto cache = OrExit(ResultCache::Open(folder / "cache.db", options));
    Measure("cache: key of a question", 100'000, [](int i) { KeyOf(i); });
    std::vector<Sha256Digest> keys;
    for (int i = 0; i < kEntries; ++i) keys.push_back(KeyOf(i));
    Measure("cache: store, back to back", kEntries,
            [&](int i) { cache->Store(keys[static_cast<size_t>(i)], kAnswer); });
    Measure("cache: hit in memory", 200'000, [&](int i) {
      if (!cache->Find(keys[static_cast<size_t>(kEntries - 1 - i % 4'000)])) std::abort();
    });
    const MonotonicTime start = MonotonicNow();
    for (int i = 0; i < 1'000'000; ++i) cache->Find(keys[static_cast<size_t>(kEntries - 1 - i % 4'000)]);
    std::printf("%-44s %.0f ns a call, measured over a million\n", "cache: hit in memory", MillisecondsSince(start));
    Measure("cache: miss", 50'000, [&](int i) { cache->Find(KeyOf(1'000'000 + i)); });
  }
  MeasureExactHit(folder);
  MeasureSimilar(folder);
  {
    options.memory_entries = 0;
    auto cache = OrExit(ResultCache::Open(folder / "cache.db", options));
    std::vector<Sha256Digest> keys;
    for (int i = 0; i < kEntries; ++i) keys.push_back(KeyOf(i));
    Measure("cache: hit on disk", 50'000,
            [&](int i) { cache->Find(keys[static_cast<size_t>(i * 7919LL % kEntries)]); });
    const CacheStats stats = cache->Stats();
    std::printf("%-44s %llu of 50000 look-ups were hits\n", "", static_cast<unsigned long long>(stats.hits));
  }
  {
    auto log = OrExit(AuditLog::Open(folder / "audit.jsonl"));
    AuditRecord record;
    record.request_id = "chatcmpl-0123456789abcdef0123";
    record.route = "refund_status";
    record.decision = "answer";
    record.source = "local model";
    record.outcome = "ok";
    record.question_sha256 = record.answer_sha256 = record.route_file_sha256 = record.head_sha256 = Sha256Hex("x");
    record.nearest.resize(3, {std::string(kQuestion), "refund_status", 0.91F});
    Measure("audit: append", 50'000, [&](int) {
      if (!log->Append(record)) std::abort();
    });
  }
  const MonotonicTime start = MonotonicNow();
  const AuditCheck check = OrExit(VerifyAuditLog(folder / "audit.jsonl"));
  std::printf("%-44s %.0f ms for %lld records\n", "audit: verify", MillisecondsSince(start),
              static_cast<long long>(check.records));
  auto store = OrExit(ConversationStore::Open(folder / "conversations.db", std::chrono::hours(1)));
  Measure("conversation: save", 20'000, [&](int i) {
    if (!store->Save(std::to_string(i % 500), kAnswer)) std::abort();
  });
  Measure("conversation: load", 20'000, [&](int i) { OrExit(store->Load(std::to_string(i % 500))); });
}

}  // namespace
}  // namespace bantam

int main(int argc, char** argv) {
  const bantam::Path parent = argc > 1 ? bantam::Path(argv[1]) : std::filesystem::temp_directory_path();
  const bantam::Path folder = parent / "bantam-store-bench";  // made and removed here
  std::filesystem::remove_all(folder);
  bantam::Main(folder);
  if (argc > 2) bantam::MeasureRedis(argv[2]);
  std::filesystem::remove_all(folder);
}
