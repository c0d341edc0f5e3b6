// Models that come when they are asked for and go when nobody does, within a limit of memory.
#include "api/model_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "base/testing.h"
#include "tasks/stories_model.h"

namespace bantam {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::TempFolder;

class Pool : public ::testing::Test {
 protected:
  void SetUp() override {
    BANTAM_REQUIRE_DATA(folder, "weights-stories260k");
    auto bytes = testing::StoriesGguf(folder);
    ASSERT_OK(bytes);
    for (const char* name : {"one.gguf", "two.gguf", "three.gguf"}) {
      std::ofstream(store_.path() / name, std::ios::binary) << *bytes;
    }
    std::ofstream(store_.path() / "broken.gguf", std::ios::binary) << bytes->substr(0, bytes->size() / 2);
  }

  PoolOptions Options() const {
    PoolOptions options{.on_demand = true};
    options.encoder.store = store_.path();
    options.encoder.num_threads = options.generator.engine.num_threads = 1;
    options.generator.engine.cache_tokens = 64;
    return options;
  }

  // As much as one of them takes.
  uint64_t Size() const {
    ModelPool pool(Options());
    const auto model = pool.Get("one");
    EXPECT_OK(model);
    return model ? (*model)->memory().total() : 0;
  }

  TempFolder store_;
};

std::vector<std::string> Names(const ModelPool& pool) {
  std::vector<std::string> names;
  for (const ServedModelPtr& model : pool.List()) names.push_back(model->name);
  return names;
}

// Waits for the sweeper; false when it takes far too long.
bool Eventually(const std::function<bool()>& holds) {
  for (const MonotonicTime start = MonotonicNow(); MillisecondsSince(start) < 20'000;
       std::this_thread::sleep_for(5ms)) {
    if (holds()) return true;
  }
  return false;
}

TEST_F(Pool, ModelsComeWhenTheyAreAskedFor) {
  ModelPool pool(Options());
  EXPECT_THAT(pool.List(), IsEmpty());
  EXPECT_THAT(pool.Loadable(), ElementsAre("broken", "one", "three", "two"));
  EXPECT_EQ(pool.Find("one"), nullptr);
  ASSERT_OK_AND_ASSIGN(const ServedModelPtr one, pool.Get("one"));
  ASSERT_NE(one, nullptr);
  ASSERT_OK_AND_ASSIGN(const auto texts, one->generator->Generate({.prompt = "Once", .max_tokens = 3}));
  EXPECT_FALSE(texts[0].text.empty());
  // The same one by every name that it has.
  for (const char* name : {"one", "one:latest"}) {
    EXPECT_EQ(pool.Find(name), one);
    ASSERT_OK_AND_ASSIGN(const ServedModelPtr again, pool.Get(name));
    EXPECT_EQ(again, one);
  }
  EXPECT_THAT(pool.Loadable(), ElementsAre("broken", "three", "two"));
}

TEST_F(Pool, NamesOfNothingAndPathsAreNull) {
  ModelPool pool(Options());
  for (const std::string& name : {std::string("none"), std::string(), std::string("../one"), std::string("."),
                                  std::string(".."), (store_.path() / "one.gguf").string(), std::string("one/../one"),
                                  std::string(5000, 'x'), std::string("a\0b", 3)}) {
    ASSERT_OK_AND_ASSIGN(const ServedModelPtr model, pool.Get(name));
    EXPECT_EQ(model, nullptr) << name;
  }
}

TEST_F(Pool, WhatCameOnDemandCanBeUnloaded) {
  ModelPool pool(Options());
  ServedModelPtr one;
  {
    ASSERT_OK_AND_ASSIGN(one, pool.Get("one"));
  }
  const std::weak_ptr<const ServedModel> watched = one;
  ASSERT_OK(pool.Unload("one"));
  EXPECT_EQ(pool.Find("one"), nullptr);
  EXPECT_THAT(pool.Loadable(), ElementsAre("broken", "one", "three", "two"));
  ASSERT_OK(one->generator->Generate({.prompt = "Once", .max_tokens = 3}));  // whoever has it, has it
  one = nullptr;
  EXPECT_TRUE(Eventually([&] { return watched.expired(); }));
  ASSERT_OK(pool.Unload("one"));  // it is not in memory
  ASSERT_OK_AND_ASSIGN(const ServedModelPtr two, pool.Get("two"));
  ServedModel stays = *two;
  stays.name = "stays";
  ASSERT_OK(pool.Add(std::move(stays)));
  EXPECT_EQ(pool.Unload("stays").error().code, ErrorCode::kConflict);
  EXPECT_NE(pool.Find("stays"), nullptr);
}

TEST_F(Pool, WithoutOnDemandNothingComes) {
  PoolOptions options = Options();
  options.on_demand = false;
  ModelPool pool(options);
  ASSERT_OK_AND_ASSIGN(const ServedModelPtr model, pool.Get("one"));
  EXPECT_EQ(model, nullptr);
  EXPECT_THAT(pool.Loadable(), IsEmpty());
}

TEST_F(Pool, ABrokenModelIsAnErrorAndStopsNothing) {
  ModelPool pool(Options());
  const auto broken = pool.Get("broken");
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().code, ErrorCode::kCorrupt) << broken.error().message;
  ASSERT_OK(pool.Get("one"));
  EXPECT_THAT(Names(pool), ElementsAre("one"));
}

TEST_F(Pool, TheLongestUnusedMakesRoom) {
  PoolOptions options = Options();
  options.memory_bytes = 2 * Size() + Size() / 2;
  ModelPool pool(options);
  ASSERT_OK(pool.Get("one"));
  ASSERT_OK(pool.Get("two"));
  EXPECT_NE(pool.Find("one"), nullptr);  // used after "two"
  ASSERT_OK(pool.Get("three"));
  EXPECT_THAT(Names(pool), ElementsAre("one", "three"));
}

TEST_F(Pool, ModelsInUseStayAndWhoNeedsTheirRoomIsToldWhy) {
  PoolOptions options = Options();
  options.memory_bytes = 2 * Size() + Size() / 2;
  ModelPool pool(options);
  ASSERT_OK_AND_ASSIGN(const ServedModelPtr one, pool.Get("one"));
  ASSERT_OK_AND_ASSIGN(ServedModelPtr two, pool.Get("two"));
  const auto three = pool.Get("three");
  ASSERT_FALSE(three);
  EXPECT_EQ(three.error().code, ErrorCode::kOverloaded);
  EXPECT_THAT(three.error().message, HasSubstr("two"));
  EXPECT_THAT(three.error().message, HasSubstr("in use"));
  two = nullptr;
  ASSERT_OK(pool.Get("three"));
  EXPECT_THAT(Names(pool), ElementsAre("one", "three"));
}

TEST_F(Pool, WhatCanNeverFitIsRefusedBeforeItLoads) {
  PoolOptions options = Options();
  options.memory_bytes = Size() / 2;
  ModelPool pool(options);
  const auto model = pool.Get("one");
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, ErrorCode::kOutOfMemory);
  EXPECT_THAT(model.error().message, HasSubstr("--memory"));
  EXPECT_THAT(pool.List(), IsEmpty());
}

TEST_F(Pool, GoneWhenNobodyAskedForAWhile) {
  PoolOptions options = Options();
  options.keep_alive = 0s;
  ModelPool pool(options);
  ASSERT_OK_AND_ASSIGN(ServedModelPtr one, pool.Get("one"));
  std::this_thread::sleep_for(30ms);
  EXPECT_EQ(pool.Find("one"), one) << "it is in use";
  one = nullptr;
  EXPECT_TRUE(Eventually([&] { return pool.List().empty(); }));
  // And back when it is asked for again.
  ASSERT_OK_AND_ASSIGN(one, pool.Get("one"));
  EXPECT_NE(one, nullptr);
}

TEST_F(Pool, KeepAliveOfOneModel) {
  PoolOptions options = Options();
  options.keep_alive = -1s;
  ModelPool pool(options);
  ASSERT_OK_AND_ASSIGN(ServedModelPtr one, pool.Get("one"));
  ASSERT_OK(pool.Get("two"));
  for (const ModelPool::Resident& resident : pool.Residents()) EXPECT_FALSE(resident.expires);
  pool.KeepAlive(*one, std::chrono::seconds::max());
  EXPECT_FALSE(pool.Residents()[0].expires);
  pool.KeepAlive(*one, 3600s);
  ASSERT_TRUE(pool.Residents()[0].expires);
  EXPECT_GT(*pool.Residents()[0].expires, std::chrono::system_clock::now() + 3500s);
  pool.KeepAlive(*one, 0s);
  one = nullptr;
  EXPECT_TRUE(Eventually([&] { return Names(pool) == std::vector<std::string>{"two"}; }));
}

TEST_F(Pool, ModelsOfTheStartStay) {
  PoolOptions options = Options();
  options.keep_alive = 0s;
  options.memory_bytes = Size() + Size() / 2;
  ModelPool pool(options);
  ASSERT_OK_AND_ASSIGN(ModelFolder opened, OpenModel("one", options.encoder.store));
  ASSERT_OK_AND_ASSIGN(ServedModel served,
                       LoadServedModel(std::move(opened), options.encoder, options.generator, nullptr));
  ASSERT_OK(pool.Add(std::move(served)));
  pool.KeepAlive(*pool.Find("one"), 0s);
  const auto two = pool.Get("two");
  ASSERT_FALSE(two);
  EXPECT_EQ(two.error().code, ErrorCode::kOutOfMemory);
  EXPECT_THAT(two.error().message, HasSubstr("stays"));
  EXPECT_THAT(Names(pool), ElementsAre("one"));
}

TEST_F(Pool, ANewVersionTakesThePlaceOfTheOldOneOnceItWorks) {
  ModelPool pool(Options());
  ASSERT_OK_AND_ASSIGN(ServedModelPtr old, pool.Get("one"));
  ASSERT_OK_AND_ASSIGN(bool changed, pool.Refresh("one"));
  EXPECT_FALSE(changed) << "its files are the same";
  std::filesystem::rename(store_ / "broken.gguf", store_ / "one.gguf");
  const auto refused = pool.Refresh("one");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kCorrupt) << refused.error().message;
  EXPECT_EQ(pool.Find("one"), old);
  std::filesystem::copy_file(store_ / "two.gguf", store_ / "new");
  std::filesystem::rename(store_ / "new", store_ / "one.gguf");
  ASSERT_OK_AND_ASSIGN(changed, pool.Refresh("one"));
  EXPECT_TRUE(changed);
  const ServedModelPtr now = pool.Find("one");
  ASSERT_NE(now, nullptr);
  EXPECT_NE(now, old);
  ASSERT_OK(old->generator->Generate({.prompt = "Once", .max_tokens = 2}));  // for whoever uses it
  ASSERT_OK(now->generator->Generate({.prompt = "Once", .max_tokens = 2}));
  const std::weak_ptr<const ServedModel> gone = old;
  old = nullptr;
  EXPECT_TRUE(Eventually([&] { return gone.expired(); }));
  std::filesystem::remove(store_ / "one.gguf");
  ASSERT_OK_AND_ASSIGN(changed, pool.Refresh("one"));
  EXPECT_FALSE(changed) << "what is gone from the store is served on";
}

TEST_F(Pool, ANewVersionNeedsRoomBesideTheOldOne) {
  PoolOptions options = Options();
  options.memory_bytes = Size() + Size() / 2;
  ModelPool pool(options);
  ASSERT_OK(pool.Get("one"));
  std::filesystem::rename(store_ / "two.gguf", store_ / "one.gguf");
  const auto refused = pool.Refresh("one");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kOverloaded) << refused.error().message;
  EXPECT_THAT(Names(pool), ElementsAre("one"));
}

TEST_F(Pool, WhatIsToTakeAPlaceCanBeTriedBefore) {
  ModelPool pool(Options());
  ASSERT_OK(pool.Rehearse("one", store_ / "broken.gguf"));  // there is no place to take
  ASSERT_OK(pool.Get("one"));
  EXPECT_FALSE(pool.Rehearse("one", store_ / "broken.gguf"));
  EXPECT_OK(pool.Rehearse("one", store_ / "two.gguf"));
}

TEST_F(Pool, ManyWhoAskAtOnceGetTheSameModel) {
  PoolOptions options = Options();
  options.keep_alive = 0s;  // it comes and goes while they ask
  ModelPool pool(options);
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 10; ++round) {
        const auto model = pool.Get(std::array{"one", "two"}[static_cast<size_t>((i + round) % 2)]);
        ASSERT_OK(model);
        ASSERT_OK((*model)->generator->Generate({.prompt = "Once", .max_tokens = 2}));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(pool.List().size(), 2u);
}

}  // namespace
}  // namespace bantam
