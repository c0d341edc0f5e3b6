// Scheduling, with an encoder whose numbers say which tokens it saw: properties that hold in any order of events.
#include "engine/encoder_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <random>

#include "base/testing.h"
#include "engine/turn_lock.h"

namespace bantam {
namespace {

using namespace std::chrono_literals;

// What the fake saw, and a gate that holds Forward back. Outlives the engine.
struct Stage {
  std::mutex mutex;
  std::condition_variable changed;
  bool open = true;
  int entered = 0;
  std::chrono::microseconds work{0};
  std::vector<std::vector<std::vector<int32_t>>> batches;  // [batch][sequence][token]
  std::vector<std::thread::id> threads;

  void Close() {
    std::lock_guard lock(mutex);
    open = false;
  }
  void Open() {
    std::lock_guard lock(mutex);
    open = true;
    changed.notify_all();
  }
  void WaitUntilEntered(int count) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return entered >= count; });
  }
};

constexpr int kVocab = 1000, kMaxPositions = 64, kHidden = 3, kLayers = 4;

// Token t at position p -> [t, p, 1]; token 999 -> NaN.
class FakeEncoder final : public Encoder {
 public:
  explicit FakeEncoder(Stage& stage) : stage_(stage) {}
  int hidden_size() const override { return kHidden; }
  int max_positions() const override { return kMaxPositions; }
  int vocab_size() const override { return kVocab; }
  WeightType weight_type() const override { return WeightType::kF32; }
  std::string_view isa() const override { return "fake"; }
  uint64_t num_parameters() const override { return 0; }
  uint64_t weight_bytes() const override { return 0; }
  std::unique_ptr<EncoderWorkspace> NewWorkspace() const override { return std::make_unique<EncoderWorkspace>(); }
  int num_layers() const override { return kLayers; }
  void Forward(const EncoderBatch& batch, EncoderWorkspace&, ThreadPool&, std::span<float> hidden) const override {
    std::vector<std::vector<int32_t>> sequences;
    for (int s = 0; s < batch.num_sequences(); ++s) {
      const auto begin = static_cast<size_t>(batch.cu_seqlens[static_cast<size_t>(s)]);
      const auto end = static_cast<size_t>(batch.cu_seqlens[static_cast<size_t>(s) + 1]);
      sequences.emplace_back(batch.token_ids.begin() + static_cast<ptrdiff_t>(begin),
                             batch.token_ids.begin() + static_cast<ptrdiff_t>(end));
      for (size_t i = begin; i < end; ++i) {
        const auto token = static_cast<float>(batch.token_ids[i]);
        hidden[i * kHidden] = batch.token_ids[i] == 999 ? NAN : token;
        hidden[i * kHidden + 1] = static_cast<float>(i - begin);
        hidden[i * kHidden + 2] = 1;
      }
    }
    if (batch.observer != nullptr) ShowLayers(batch, hidden);
    std::unique_lock lock(stage_.mutex);
    ++stage_.entered;
    stage_.batches.push_back(std::move(sequences));
    stage_.threads.push_back(std::this_thread::get_id());
    stage_.changed.notify_all();
    stage_.changed.wait(lock, [&] { return stage_.open; });
    lock.unlock();
    if (stage_.work > 0us) std::this_thread::sleep_for(stage_.work);
  }

 private:
  // After layer l everything is l / kLayers of what it is in the end; sequences that end are left out of the next.
  static void ShowLayers(const EncoderBatch& batch, std::span<const float> hidden) {
    std::vector<int32_t> running;
    for (int s = 0; s < batch.num_sequences(); ++s) running.push_back(s);
    for (int layer = 1; layer <= kLayers && !running.empty(); ++layer) {
      if (layer < kLayers && !batch.observer->Wants(layer)) continue;
      std::vector<int32_t> borders = {0};
      std::vector<float> rows;
      for (const int32_t s : running) {
        const auto begin = static_cast<size_t>(batch.cu_seqlens[static_cast<size_t>(s)]) * kHidden;
        const auto end = static_cast<size_t>(batch.cu_seqlens[static_cast<size_t>(s) + 1]) * kHidden;
        for (size_t i = begin; i < end; ++i) rows.push_back(hidden[i] * static_cast<float>(layer) / kLayers);
        borders.push_back(static_cast<int32_t>(rows.size() / kHidden));
      }
      std::vector<uint8_t> finished(running.size());
      batch.observer->AfterLayer({layer, running, borders, rows}, finished);
      std::vector<int32_t> rest;
      for (size_t i = 0; i < running.size(); ++i) {
        if (finished[i] == 0) rest.push_back(running[i]);
      }
      running = rest;
    }
  }

  Stage& stage_;
};

std::vector<float> Expected(const std::vector<int32_t>& ids) {
  float sum = 0, positions = 0;
  for (size_t i = 0; i < ids.size(); ++i) sum += static_cast<float>(ids[i]), positions += static_cast<float>(i);
  const auto count = static_cast<float>(ids.size());
  return {sum / count, positions / count, 1};
}

EncodeRequest Request(std::vector<int32_t> ids, std::function<void(Result<std::vector<float>>)> done = nullptr) {
  return {.token_ids = std::move(ids),
          .pooling = PoolingMode::kMean,
          .normalize = false,
          .deadline = MonotonicTime::max(),
          .done = std::move(done)};
}

// Counts outcomes by kind.
struct Outcomes {
  std::mutex mutex;
  std::condition_variable changed;
  int values = 0, wrong = 0, total = 0;
  std::map<ErrorCode, int> errors;
  std::function<void(Result<std::vector<float>>)> Expecting(std::vector<float> expected) {
    return [this, expected = std::move(expected)](Result<std::vector<float>> result) {
      std::lock_guard lock(mutex);
      ++total;
      if (!result) {
        ++errors[result.error().code];
      } else {
        ++values;
        wrong += *result != expected;
      }
      changed.notify_all();
    };
  }
  void WaitFor(int count) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return total >= count; });
  }
};

// A list of sequences that keeps its own memory, as a job or to Run.
struct List final : EncodeJob {
  explicit List(const std::vector<std::vector<int32_t>>& sequences) {
    for (const auto& sequence : sequences) {
      ids.insert(ids.end(), sequence.begin(), sequence.end());
      borders.push_back(static_cast<int32_t>(ids.size()));
    }
    values.resize(sequences.size() * kHidden);
    token_ids = ids;
    cu_seqlens = borders;
    out = values;
    normalize = false;
  }
  void Done(Status s) override {
    std::lock_guard lock(mutex);
    status = std::move(s);
    ++times_done;
    changed.notify_all();
  }
  Status Wait() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return times_done > 0; });
    return status;
  }
  std::vector<float> Row(size_t i) const {
    return {values.begin() + static_cast<ptrdiff_t>(i * kHidden),
            values.begin() + static_cast<ptrdiff_t>((i + 1) * kHidden)};
  }
  std::vector<int32_t> ids, borders = {0};
  std::vector<float> values;
  std::mutex mutex;
  std::condition_variable changed;
  Status status;
  int times_done = 0;
};

std::unique_ptr<EncoderEngine> MakeEngine(Stage& stage, EngineOptions options = {}) {
  if (options.num_threads == 0) options.num_threads = 1;
  return EncoderEngine::Create(std::make_unique<FakeEncoder>(stage), options);
}

// The engine is inside Forward with one request, the gate is closed: what is submitted now waits.
void Occupy(EncoderEngine& engine, Stage& stage, Outcomes& outcomes) {
  stage.Close();
  ASSERT_OK(engine.Submit(Request({7}, outcomes.Expecting(Expected({7})))));
  stage.WaitUntilEntered(1);
}

TEST(EncoderEngine, IdleEncodeRunsOnTheCallersThread) {
  Stage stage;
  const auto engine = MakeEngine(stage);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(*engine->Encode(Request({5, 6, 7})), Expected({5, 6, 7}));
  for (const std::thread::id id : stage.threads) EXPECT_EQ(id, std::this_thread::get_id());
  EXPECT_EQ(engine->Stats().requests, 20u);
  EXPECT_EQ(engine->Stats().tokens, 60u);
}

TEST(EncoderEngine, WaitingRequestsShareBatchesWithinTheBudgetInOrder) {
  Stage stage;
  Outcomes outcomes;
  const auto engine = MakeEngine(stage, {.max_queued_requests = 1000, .max_batch_tokens = 20});
  Occupy(*engine, stage, outcomes);
  std::mt19937 random(1);
  std::vector<std::vector<int32_t>> submitted;
  for (int i = 0; i < 200; ++i) {
    submitted.emplace_back(1 + random() % 30, i);  // some are longer than the whole budget
    ASSERT_OK(engine->Submit(Request(submitted.back(), outcomes.Expecting(Expected(submitted.back())))));
  }
  stage.Open();
  outcomes.WaitFor(201);
  EXPECT_EQ(outcomes.values, 201);
  EXPECT_EQ(outcomes.wrong, 0);
  std::vector<std::vector<int32_t>> seen;
  for (size_t b = 1; b < stage.batches.size(); ++b) {
    size_t tokens = 0;
    for (const auto& sequence : stage.batches[b]) tokens += sequence.size(), seen.push_back(sequence);
    EXPECT_TRUE(tokens <= 20 || stage.batches[b].size() == 1) << tokens;
    // No batch was cut short while the next request would have fitted.
    if (b + 1 < stage.batches.size()) {
      EXPECT_GT(tokens + stage.batches[b + 1][0].size(), 20u);
    }
  }
  EXPECT_EQ(seen, submitted);
}

TEST(EncoderEngine, AFullQueueRefusesAtOnceAndNeverCallsBack) {
  Stage stage;
  Outcomes outcomes;
  const auto engine = MakeEngine(stage, {.max_queued_requests = 3});
  Occupy(*engine, stage, outcomes);
  for (int i = 0; i < 3; ++i) ASSERT_OK(engine->Submit(Request({1}, outcomes.Expecting(Expected({1})))));
  for (int i = 0; i < 5; ++i) {
    const Status refused = engine->Submit(Request({1}, [](auto) { ADD_FAILURE() << "called for a refused request"; }));
    EXPECT_EQ(refused.error().code, ErrorCode::kOverloaded);
  }
  EXPECT_EQ(engine->Encode(Request({1})).error().code, ErrorCode::kOverloaded);
  EXPECT_EQ(engine->Stats().refused, 6u);
  EXPECT_EQ(engine->Stats().queued, 3u);
  stage.Open();
  outcomes.WaitFor(4);
  EXPECT_EQ(outcomes.values, 4);
}

TEST(EncoderEngine, ExpiredRequestsAreAnsweredWithoutBeingComputed) {
  Stage stage;
  Outcomes outcomes;
  const auto engine = MakeEngine(stage);
  Occupy(*engine, stage, outcomes);
  for (int i = 0; i < 6; ++i) {
    EncodeRequest request = Request({i}, outcomes.Expecting(Expected({i})));
    if (i % 2 == 0) request.deadline = MonotonicNow() + 1ms;
    ASSERT_OK(engine->Submit(std::move(request)));
  }
  std::this_thread::sleep_for(2ms);
  stage.Open();
  outcomes.WaitFor(7);
  EXPECT_EQ(outcomes.errors[ErrorCode::kDeadline], 3);
  EXPECT_EQ(engine->Stats().expired, 3u);
  ASSERT_EQ(stage.batches.size(), 2u);
  EXPECT_EQ(stage.batches[1], (std::vector<std::vector<int32_t>>{{1}, {3}, {5}}));

  EncodeRequest late = Request({1});
  late.deadline = MonotonicNow() - 1ms;
  EXPECT_EQ(engine->Encode(std::move(late)).error().code, ErrorCode::kDeadline);
  EXPECT_EQ(stage.batches.size(), 2u);
}

TEST(EncoderEngine, ShutdownAnswersWhatWaitsAndFinishesWhatRuns) {
  Stage stage;
  Outcomes outcomes;
  auto engine = MakeEngine(stage);
  Occupy(*engine, stage, outcomes);
  for (int i = 0; i < 10; ++i) ASSERT_OK(engine->Submit(Request({1}, outcomes.Expecting(Expected({1})))));
  std::future<void> destroyed = std::async(std::launch::async, [&] { engine.reset(); });
  EXPECT_EQ(destroyed.wait_for(20ms), std::future_status::timeout);  // a batch under way is never torn
  stage.Open();
  destroyed.get();
  EXPECT_EQ(outcomes.total, 11);
  EXPECT_EQ(outcomes.values + outcomes.errors[ErrorCode::kCancelled], 11);
  EXPECT_GE(outcomes.values, 1);
}

TEST(EncoderEngine, RefusesIdsThatTheModelCannotTake) {
  Stage stage;
  const auto engine = MakeEngine(stage);
  for (const std::vector<int32_t>& bad :
       {std::vector<int32_t>{}, {-1}, {kVocab}, std::vector<int32_t>(kMaxPositions + 1, 1)}) {
    EXPECT_EQ(engine->Encode(Request(bad)).error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(engine->Submit(Request(bad)).error().code, ErrorCode::kInvalidArgument);
  }
  std::vector<float> out(2 * kHidden);
  const std::vector<std::vector<int32_t>> texts = {{1}, {kVocab}};
  EXPECT_EQ(engine->EncodeAll(texts, {.normalize = false}, out).error().message,
            "text 2: token id 1000, the model knows 0 to 999");
  EXPECT_TRUE(stage.batches.empty());
}

TEST(EncoderEngine, NumbersThatAreNotFiniteFailOnlyTheirOwnRequest) {
  Stage stage;
  Outcomes outcomes;
  const auto engine = MakeEngine(stage);
  Occupy(*engine, stage, outcomes);
  ASSERT_OK(engine->Submit(Request({1, 999}, outcomes.Expecting({}))));
  ASSERT_OK(engine->Submit(Request({1, 2}, outcomes.Expecting(Expected({1, 2})))));
  stage.Open();
  outcomes.WaitFor(3);
  EXPECT_EQ(outcomes.errors[ErrorCode::kCorrupt], 1);
  EXPECT_EQ(outcomes.values, 2);
  EXPECT_EQ(outcomes.wrong, 0);
}

TEST(EncoderEngine, EncodeAllKeepsTheOrderOfItsInputAndComputesEqualTextsOnce) {
  Stage stage;
  const auto engine = MakeEngine(stage, {.max_batch_tokens = 50});
  std::mt19937 random(2);
  std::vector<std::vector<int32_t>> texts;
  for (int i = 0; i < 300; ++i) texts.emplace_back(1 + random() % kMaxPositions, static_cast<int32_t>(random() % 5));
  std::vector<float> out(texts.size() * kHidden);
  size_t last = 0;
  const auto progress = [&](size_t done) {
    EXPECT_GT(done, last);
    last = done;
  };
  ASSERT_OK(engine->EncodeAll(texts, {.normalize = false, .progress = progress}, out));
  EXPECT_EQ(last, texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(std::vector<float>(out.begin() + static_cast<ptrdiff_t>(i * kHidden),
                                 out.begin() + static_cast<ptrdiff_t>((i + 1) * kHidden)),
              Expected(texts[i]));
  }
  std::vector<std::vector<int32_t>> computed;
  for (const auto& batch : stage.batches) {
    size_t tokens = 0;
    for (const auto& sequence : batch) tokens += sequence.size();
    EXPECT_TRUE(tokens <= 50 || batch.size() == 1);
    computed.insert(computed.end(), batch.begin(), batch.end());
  }
  std::sort(computed.begin(), computed.end());
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  EXPECT_LT(texts.size(), 300u);
  EXPECT_EQ(computed, texts);
  ASSERT_OK(engine->EncodeAll({}, {}, {}));
}

TEST(EncoderEngine, ListsCountAgainstTheQueueOfflineOnesDoNot) {
  Stage stage;
  Outcomes outcomes;
  const auto engine = MakeEngine(stage, {.max_queued_requests = 2, .max_batch_tokens = 2});
  const std::vector<std::vector<int32_t>> texts(3, {1, 2});
  std::vector<float> out(texts.size() * kHidden);
  EncodeListOptions late{.normalize = false, .deadline = MonotonicNow()};
  EXPECT_EQ(engine->EncodeAll(texts, late, out).error().message, "the deadline passed after 0 of 3 texts");
  Occupy(*engine, stage, outcomes);
  for (int i = 0; i < 2; ++i) ASSERT_OK(engine->Submit(Request({1}, outcomes.Expecting(Expected({1})))));
  List list(texts);
  EXPECT_EQ(engine->Run(list).error().code, ErrorCode::kOverloaded);
  EXPECT_EQ(engine->Submit(list).error().code, ErrorCode::kOverloaded);
  EXPECT_EQ(list.times_done, 0);
  std::future<Status> offline =
      std::async(std::launch::async, [&] { return engine->EncodeAll(texts, {.normalize = false}, out); });
  stage.Open();
  outcomes.WaitFor(3);
  ASSERT_OK(offline.get());
  EXPECT_EQ(std::vector<float>(out.begin(), out.begin() + kHidden), Expected({1, 2}));
  ASSERT_OK(engine->Run(list));
  EXPECT_EQ(list.Row(2), Expected({1, 2}));
  EXPECT_EQ(engine->Stats().queued, 0u);
}

TEST(EncoderEngine, AListIsToldWhereItsTimeWent) {
  Stage stage;
  Outcomes outcomes;
  const auto engine = MakeEngine(stage);
  Occupy(*engine, stage, outcomes);
  List list({{1, 2}, {3}});
  EngineTimes times;
  list.times = &times;
  ASSERT_OK(engine->Submit(list));
  const MonotonicTime queued = MonotonicNow();
  EXPECT_LE(times.submitted, queued);
  std::this_thread::sleep_for(2ms);
  const double waited_ms = MillisecondsSince(queued);
  stage.work = 1ms;
  stage.Open();
  ASSERT_OK(list.Wait());
  EXPECT_GE(times.queue_ms, waited_ms);
  EXPECT_GE(times.compute_ms, 1);

  EngineTimes at_once;
  List idle(std::vector<std::vector<int32_t>>{{1}});
  idle.times = &at_once;
  ASSERT_OK(engine->Run(idle));
  EXPECT_GE(at_once.compute_ms, 1);

  // What is never computed has waited all the time.
  EngineTimes expired;
  List late(std::vector<std::vector<int32_t>>{{1}});
  late.times = &expired;
  late.deadline = MonotonicNow();
  ASSERT_FALSE(engine->Run(late));
  EXPECT_EQ(expired.compute_ms, 0);
}

TEST(EncoderEngine, ALongListDoesNotShutTheQueueOut) {
  Stage stage;
  stage.work = 2ms;
  const auto engine = MakeEngine(stage, {.max_batch_tokens = 1});
  std::vector<std::vector<int32_t>> texts;
  for (int32_t i = 0; i < 100; ++i) texts.push_back({i});
  std::vector<float> out(texts.size() * kHidden);
  Outcomes outcomes;
  bool before_the_end = false;
  const auto progress = [&](size_t done) {
    if (done == 1) {
      EXPECT_OK(engine->Submit(Request({2}, outcomes.Expecting(Expected({2})))));
    }
    std::lock_guard lock(outcomes.mutex);
    if (done < texts.size() && outcomes.total == 1) before_the_end = true;
  };
  ASSERT_OK(engine->EncodeAll(texts, {.normalize = false, .progress = progress}, out));
  EXPECT_TRUE(before_the_end);
}

TEST(EncoderEngine, ListsShareBatchesWithOthersAndEqualSequencesAreComputedOnce) {
  Stage stage;
  Outcomes outcomes;
  const auto engine = MakeEngine(stage);
  Occupy(*engine, stage, outcomes);
  List one({{1, 2}, {3}, {1, 2}}), other({{4}, {3}});
  ASSERT_OK(engine->Submit(one));
  ASSERT_OK(engine->Submit(Request({4}, outcomes.Expecting(Expected({4})))));
  ASSERT_OK(engine->Submit(other));
  EXPECT_EQ(engine->Stats().queued, 3u);
  stage.Open();
  ASSERT_OK(one.Wait());
  ASSERT_OK(other.Wait());
  outcomes.WaitFor(2);
  EXPECT_EQ(outcomes.values, 2);
  EXPECT_EQ(outcomes.wrong, 0);
  ASSERT_EQ(stage.batches.size(), 2u);
  EXPECT_EQ(stage.batches[1], (std::vector<std::vector<int32_t>>{{1, 2}, {3}, {4}}));
  EXPECT_EQ(one.Row(0), Expected({1, 2}));
  EXPECT_EQ(one.Row(1), Expected({3}));
  EXPECT_EQ(one.Row(2), Expected({1, 2}));
  EXPECT_EQ(other.Row(0), Expected({4}));
  EXPECT_EQ(other.Row(1), Expected({3}));
  EXPECT_EQ(engine->Stats().requests, 7u);
  EXPECT_EQ(engine->Stats().repeated, 3u);
}

TEST(EncoderEngine, AListOfManyBatchesGivesWayAfterEach) {
  Stage stage;
  Outcomes outcomes;
  const auto engine = MakeEngine(stage, {.max_batch_tokens = 2});
  Occupy(*engine, stage, outcomes);
  List list({{1}, {2}, {3}, {4}, {5}});
  ASSERT_OK(engine->Submit(list));
  ASSERT_OK(engine->Submit(Request({9}, outcomes.Expecting(Expected({9})))));
  stage.Open();
  ASSERT_OK(list.Wait());
  outcomes.WaitFor(2);
  EXPECT_EQ(outcomes.wrong, 0);
  for (size_t i = 0; i < 5; ++i) EXPECT_EQ(list.Row(i), Expected({static_cast<int32_t>(i + 1)}));
  EXPECT_EQ(stage.batches, (std::vector<std::vector<std::vector<int32_t>>>{{{7}}, {{1}, {2}}, {{9}, {3}}, {{4}, {5}}}));
}

TEST(EncoderEngine, RunOnAnIdleEngineFinishesListsOfManyBatches) {
  Stage stage;
  const auto engine = MakeEngine(stage, {.max_batch_tokens = 3});
  for (int round = 0; round < 50; ++round) {
    List list({{1, 2}, {3, 4}, {5}, {6, 7, 8, 9}});
    ASSERT_OK(engine->Run(list));
    EXPECT_EQ(list.Row(0), Expected({1, 2}));
    EXPECT_EQ(list.Row(3), Expected({6, 7, 8, 9}));
  }
  List empty(std::vector<std::vector<int32_t>>{});
  EXPECT_EQ(engine->Run(empty).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(engine->Stats().queued, 0u);
}

TEST(EncoderEngine, AListFailsWithItsSequence) {
  Stage stage;
  const auto engine = MakeEngine(stage, {.max_batch_tokens = 1});
  List list({{1}, {999}, {2}});
  EXPECT_EQ(engine->Run(list).error().code, ErrorCode::kCorrupt);
  const std::vector<std::vector<int32_t>> one_text = {{1}};
  List late(one_text);
  late.deadline = MonotonicNow();
  ASSERT_OK(engine->Submit(late));
  EXPECT_EQ(late.Wait().error().code, ErrorCode::kDeadline);
}

TEST(TurnLock, ServesInOrderOfArrival) {
  TurnLock lock;
  ASSERT_TRUE(lock.try_lock());
  EXPECT_FALSE(lock.try_lock());
  std::vector<int> order;
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < 5; ++i) {
    threads.emplace_back([&, i] {
      std::lock_guard turn(lock);
      order.push_back(static_cast<int>(i));
    });
    while (lock.num_turns() < i + 2) std::this_thread::yield();  // so that they arrive in order
  }
  lock.unlock();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
}

// Everything at once, from many threads, ended by a shutdown while some still wait: each accepted request has one
// outcome.
TEST(EncoderEngine, EveryRequestHasExactlyOneOutcome) {
  for (uint32_t seed = 0; seed < 4; ++seed) {
    Stage stage;
    stage.work = 50us;
    Outcomes outcomes;
    std::atomic<int> accepted = 0, direct = 0;
    auto engine = MakeEngine(stage, {.num_threads = 2, .max_queued_requests = 8, .max_batch_tokens = 40});
    std::vector<std::thread> clients;
    for (uint32_t client = 0; client < 4; ++client) {
      clients.emplace_back([&, client] {
        std::mt19937 random(seed * 10 + client);
        for (int i = 0; i < 150; ++i) {
          std::vector<int32_t> ids(1 + random() % 30, static_cast<int32_t>(random() % 900));
          EncodeRequest request = Request(ids, outcomes.Expecting(Expected(ids)));
          if (random() % 4 == 0) request.deadline = MonotonicNow() + std::chrono::microseconds(random() % 300);
          if (random() % 2 == 0) {
            if (engine->Submit(std::move(request))) ++accepted;
          } else {
            const auto result = engine->Encode(std::move(request));
            if (result) {
              EXPECT_EQ(*result, Expected(ids));
            } else {
              EXPECT_TRUE(result.error().code == ErrorCode::kOverloaded || result.error().code == ErrorCode::kDeadline);
            }
            ++direct;
          }
          if (i == 75 && client == 0) {
            std::vector<std::vector<int32_t>> texts(40, ids);
            std::vector<float> out(texts.size() * kHidden);
            ASSERT_OK(engine->EncodeAll(texts, {.normalize = false}, out));
          }
        }
      });
    }
    for (std::thread& client : clients) client.join();
    const EngineStats stats = engine->Stats();
    EXPECT_LE(stats.queued, 8u);
    engine.reset();
    EXPECT_EQ(outcomes.total, accepted);
    EXPECT_EQ(outcomes.wrong, 0);
    EXPECT_GT(accepted + direct, 0);
  }
}

// Ends a text after one layer, and says which layers it was shown.
class EndAfter final : public ExitJudge {
 public:
  explicit EndAfter(int layer) : layer_(layer) {}
  bool Wants(int layer) const override { return layer == layer_; }
  bool Finished(int layer, std::span<const float> pooled) override {
    seen = layer;
    first_value = pooled[0];
    return true;
  }
  int seen = 0;
  float first_value = 0;

 private:
  const int layer_;
};

TEST(EncoderEngine, TextsOfOneBatchEndAfterTheirOwnLayers) {
  Stage stage;
  const auto engine = EncoderEngine::Create(std::make_unique<FakeEncoder>(stage), {.num_threads = 1});
  Outcomes outcomes;
  Occupy(*engine, stage, outcomes);
  constexpr int kTexts = 8;
  std::vector<EndAfter> judges;
  for (int i = 0; i < kTexts; ++i) judges.emplace_back(i % 4 + 1);  // 4, the last, is nothing to ask after
  std::vector<std::promise<Result<std::vector<float>>>> answers(kTexts);
  for (size_t i = 0; i < kTexts; ++i) {
    ASSERT_OK(engine->Submit({.token_ids = {static_cast<int32_t>(100 * (i + 1))},
                              .normalize = false,
                              .judge = i == 0 ? nullptr : &judges[i],
                              .done = [&answers, i](auto result) { answers[i].set_value(std::move(result)); }}));
  }
  stage.Open();
  outcomes.WaitFor(1);
  for (size_t i = 0; i < kTexts; ++i) {
    const int layer = i == 0 ? kLayers : static_cast<int>(i % 4) + 1;
    ASSERT_OK_AND_ASSIGN(const std::vector<float> vector, answers[i].get_future().get());
    EXPECT_FLOAT_EQ(vector[0], 100.0f * static_cast<float>(i + 1) * static_cast<float>(layer) / kLayers) << i;
    EXPECT_EQ(judges[i].seen, layer == kLayers ? 0 : layer);
    if (judges[i].seen > 0) {
      EXPECT_EQ(judges[i].first_value, vector[0]);
    }
  }
  EXPECT_EQ(stage.batches.back().size(), static_cast<size_t>(kTexts)) << "they were one batch";
}

TEST(EncoderEngine, AJudgedTextEndsAloneAndItsEqualsAreReadToTheEnd) {
  Stage stage;
  const auto engine = EncoderEngine::Create(std::make_unique<FakeEncoder>(stage), {.num_threads = 1});
  Outcomes outcomes;
  Occupy(*engine, stage, outcomes);
  EndAfter judge(2), other(1);
  const std::vector<ExitJudge*> judges = {nullptr, &judge, nullptr, &other, nullptr};
  std::vector<std::promise<Result<std::vector<float>>>> answers(judges.size());
  for (size_t i = 0; i < judges.size(); ++i) {
    ASSERT_OK(engine->Submit({.token_ids = {40, 40},
                              .pooling = i == 2 ? PoolingMode::kCls : PoolingMode::kMean,
                              .normalize = false,
                              .judge = judges[i],
                              .done = [&answers, i](auto result) { answers[i].set_value(std::move(result)); }}));
  }
  stage.Open();
  outcomes.WaitFor(1);
  const std::vector<std::vector<float>> expected = {
      {40, 0.5, 1}, {20, 0.25, 0.5}, {40, 0, 1}, {10, 0.125, 0.25}, {40, 0.5, 1}};
  for (size_t i = 0; i < judges.size(); ++i) {
    ASSERT_OK_AND_ASSIGN(const std::vector<float> vector, answers[i].get_future().get());
    EXPECT_EQ(vector, expected[i]) << i;
  }
  EXPECT_EQ(stage.batches.back().size(), 3u) << "the two judged ones, and the others once";
  EXPECT_EQ(engine->Stats().repeated, 2u);
}

TEST(EncoderEngine, GivesTheVectorsOfSeveralLayers) {
  Stage stage;
  const auto engine = EncoderEngine::Create(std::make_unique<FakeEncoder>(stage), {.num_threads = 1});
  const std::vector<std::vector<int32_t>> texts = {{4}, {8, 8}, {4}};
  const std::vector<int> layers = {1, 3, 4};
  std::vector<float> out(texts.size() * layers.size() * kHidden);
  ASSERT_OK(engine->EncodeAll(texts, {.normalize = false, .layers = layers}, out));
  for (size_t text = 0; text < texts.size(); ++text) {
    for (size_t i = 0; i < layers.size(); ++i) {
      EXPECT_FLOAT_EQ(out[(text * layers.size() + i) * kHidden],
                      static_cast<float>(texts[text][0] * layers[i]) / kLayers);
    }
  }
  for (const std::vector<int>& wrong : {std::vector<int>{0, 1}, {2, 2}, {3, 1}, {5}}) {
    out.resize(texts.size() * wrong.size() * kHidden);
    EXPECT_THAT(engine->EncodeAll(texts, {.layers = wrong}, out).error().message,
                ::testing::HasSubstr("of an encoder that shows 1 to 4"));
  }
}

// Some want vectors of several layers, one of them ends early, and one wants the last alone; they share a batch.
TEST(EncoderEngine, AListGetsTheVectorsOfItsLayersBesideOthers) {
  Stage stage;
  const auto engine = EncoderEngine::Create(std::make_unique<FakeEncoder>(stage), {.num_threads = 1});
  Outcomes outcomes;
  Occupy(*engine, stage, outcomes);
  const std::vector<int> layers = {2, 4};
  const std::vector<int32_t> ids = {40, 80}, borders = {0, 1, 2}, one = {0, 1};
  std::vector<float> both(2 * 2 * kHidden), early(2 * kHidden), seen_only(2 * kHidden);
  EndAfter at_two(2), at_three(3);
  std::promise<Result<std::vector<float>>> alone;
  std::vector<std::thread> threads;
  const auto run = [&](const EncodeList& list) {
    threads.emplace_back([&engine, list] { EXPECT_OK(engine->Run(list)); });
  };
  run({.token_ids = ids, .cu_seqlens = borders, .normalize = false, .layers = layers, .out = both});
  const std::span<const int32_t> first = std::span(ids).first(1);
  run({.token_ids = first, .cu_seqlens = one, .normalize = false, .judge = &at_two, .layers = layers, .out = early});
  run({.token_ids = first,
       .cu_seqlens = one,
       .normalize = false,
       .judge = &at_three,
       .layers = layers,
       .out = seen_only});
  ASSERT_OK(
      engine->Submit({.token_ids = {40}, .normalize = false, .done = [&](auto v) { alone.set_value(std::move(v)); }}));
  while (engine->Stats().queued < 4) std::this_thread::yield();
  stage.Open();
  for (std::thread& thread : threads) thread.join();
  outcomes.WaitFor(1);
  EXPECT_EQ(both[0], 20);
  EXPECT_EQ(both[kHidden], 40);
  EXPECT_EQ(both[2 * kHidden], 40);
  EXPECT_EQ(both[3 * kHidden], 80);
  EXPECT_EQ(early[0], 20) << "it ended there";
  EXPECT_EQ(early[kHidden], 20);
  EXPECT_EQ(seen_only[0], 20);
  EXPECT_EQ(seen_only[kHidden], 30) << "it ended after a layer that is not listed";
  ASSERT_OK_AND_ASSIGN(const std::vector<float> vector, alone.get_future().get());
  EXPECT_EQ(vector[0], 40);
  EXPECT_EQ(stage.batches.back().size(), 4u) << "one batch, and the plain one shares a row";
}

// -- without a thread of its own

TEST(EngineWithoutThread, TheCallerComputesAlsoWhatItSubmits) {
  Stage stage;
  const auto engine =
      EncoderEngine::Create(std::make_unique<FakeEncoder>(stage), {.num_threads = 1, .own_thread = false});
  ASSERT_OK_AND_ASSIGN(const std::vector<float> vector, engine->Encode(Request({1, 2, 3})));
  EXPECT_EQ(vector, Expected({1, 2, 3}));
  std::vector<float> submitted;
  ASSERT_OK(engine->Submit(
      Request({4, 5}, [&](Result<std::vector<float>> result) { submitted = std::move(result).value(); })));
  EXPECT_EQ(submitted, Expected({4, 5}));
  EXPECT_THAT(stage.threads, ::testing::Each(std::this_thread::get_id()));
}

TEST(EngineWithoutThread, AListOfManyBatchesIsFinished) {
  Stage stage;
  const auto engine = EncoderEngine::Create(std::make_unique<FakeEncoder>(stage),
                                            {.num_threads = 1, .max_batch_tokens = 4, .own_thread = false});
  std::vector<int32_t> ids, borders = {0};
  for (int i = 0; i < 20; ++i) {
    ids.insert(ids.end(), {i, i + 1, i + 2});
    borders.push_back(static_cast<int32_t>(ids.size()));
  }
  std::vector<float> out(20 * kHidden);
  ASSERT_OK(engine->Run({.token_ids = ids, .cu_seqlens = borders, .normalize = false, .out = out}));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(out[static_cast<size_t>(i) * kHidden], static_cast<float>(i + 1));
  EXPECT_EQ(engine->Stats().batches, 20u);
}

// While one caller computes, others queue; whoever has the next turn takes them all, and each gets its own answer.
TEST(EngineWithoutThread, CallersThatWaitShareABatch) {
  Stage stage;
  stage.Close();
  const auto engine = EncoderEngine::Create(std::make_unique<FakeEncoder>(stage),
                                            {.num_threads = 1, .max_queued_requests = SIZE_MAX, .own_thread = false});
  std::atomic<int> wrong = 0;
  const auto encode = [&](int32_t token) {
    const Result<std::vector<float>> vector = engine->Encode(Request({token, token}));
    wrong += !vector || *vector != Expected({token, token});
  };
  std::vector<std::thread> callers;
  callers.emplace_back(encode, 1);
  stage.WaitUntilEntered(1);
  for (int32_t token = 2; token <= 6; ++token) callers.emplace_back(encode, token);
  while (engine->Stats().queued < 5) std::this_thread::yield();
  stage.Open();
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(stage.batches.size(), 2u);
}

TEST(EngineWithoutThread, ManyCallersWithLongListsAllGetTheirs) {
  Stage stage;
  const auto engine = EncoderEngine::Create(
      std::make_unique<FakeEncoder>(stage),
      {.num_threads = 1, .max_queued_requests = SIZE_MAX, .max_batch_tokens = 8, .own_thread = false});
  std::atomic<int> wrong = 0;
  std::vector<std::thread> callers;
  for (int32_t caller = 0; caller < 8; ++caller) {
    callers.emplace_back([&, caller] {
      for (int round = 0; round < 20; ++round) {
        std::vector<int32_t> ids, borders = {0};
        for (int32_t i = 0; i < 5; ++i) {
          ids.insert(ids.end(), 2, caller * 100 + i);
          borders.push_back(static_cast<int32_t>(ids.size()));
        }
        std::vector<float> out(5 * kHidden);
        wrong += !engine->Run({.token_ids = ids, .cu_seqlens = borders, .normalize = false, .out = out});
        for (int32_t i = 0; i < 5; ++i)
          wrong += out[static_cast<size_t>(i) * kHidden] != static_cast<float>(caller * 100 + i);
        if (round % 4 == 0) {
          bool done = false;
          wrong += !engine->Submit(Request({caller}, [&](Result<std::vector<float>> v) { done = v.has_value(); }));
          wrong += !done;
        }
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace bantam
