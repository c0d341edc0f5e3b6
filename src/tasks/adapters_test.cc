// LoRA adapters of a real trained model: chosen by each call, several at once, and how they are named.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "base/testing.h"
#include "tasks/generate.h"
#include "tasks/stories_model.h"
#include "tasks/testing_adapter.h"

namespace bantam {
namespace {

using ::testing::HasSubstr;
using testing::TempFolder;

class Adapters : public ::testing::Test {
 protected:
  void SetUp() override {
    BANTAM_REQUIRE_DATA(folder, "weights-stories260k");
    auto bytes = testing::StoriesGguf(folder);
    ASSERT_OK(bytes);
    std::ofstream(temp_ / "stories.gguf", std::ios::binary) << *bytes;
    for (unsigned i = 0; i < 2; ++i) ASSERT_OK(testing::WriteStoriesAdapter(temp_ / Name(i), i + 1));
  }
  static std::string Name(unsigned i) { return std::string(1, static_cast<char>('a' + i)); }

  std::unique_ptr<Generator> Load(std::vector<AdapterOptions> adapters, const GenerationOptions& options = {}) {
    auto generator =
        Generator::Load((temp_ / "stories.gguf").string(),
                        {.weight_type = WeightType::kF32, .adapters = std::move(adapters), .engine = options});
    EXPECT_OK(generator);
    return generator ? *std::move(generator) : nullptr;
  }
  std::unique_ptr<Generator> LoadBoth(const GenerationOptions& options = {}) {
    return Load({{.name = "a", .path = temp_ / "a", .scale = 0}, {.name = "b", .path = temp_ / "b", .scale = 0}},
                options);
  }
  static std::string TextOf(Generator& generator, const std::optional<std::vector<LoraUse>>& adapters) {
    GenerateCall call{.prompt = "Once upon a time there was", .sampling = {.temperature = 0}, .max_tokens = 50};
    call.adapters = adapters;
    const auto texts = generator.Generate(call);
    EXPECT_OK(texts);
    return texts ? (*texts)[0].text : "";
  }
  static LoraUse Of(const Generator& generator, size_t i, float scale = 1) {
    return {generator.adapters()[i].adapter, scale};
  }

  TempFolder temp_;
};

TEST_F(Adapters, EachCallChoosesItsOwn) {
  const auto generator = LoadBoth();
  const std::string base = TextOf(*generator, std::nullopt);
  EXPECT_EQ(TextOf(*generator, std::vector<LoraUse>()), base);
  EXPECT_EQ(TextOf(*generator, {{Of(*generator, 0, 0)}}), base);
  const std::string a = TextOf(*generator, {{Of(*generator, 0)}}), b = TextOf(*generator, {{Of(*generator, 1)}});
  const std::string both = TextOf(*generator, {{Of(*generator, 0), Of(*generator, 1)}});
  EXPECT_THAT((std::vector{base, a, b}), ::testing::Each(::testing::Ne(both)));
  EXPECT_NE(a, base);
  EXPECT_NE(b, base);
  EXPECT_NE(a, b);
  // What was computed under the others is still in the cache: it is not found.
  EXPECT_EQ(TextOf(*generator, {{Of(*generator, 0)}}), a);
  EXPECT_EQ(TextOf(*generator, std::nullopt), base);
  // A generator that has one with a scale writes all its texts with it.
  EXPECT_EQ(TextOf(*Load({{.path = temp_ / "a"}}), std::nullopt), a);
  EXPECT_EQ(TextOf(*Load({{.path = temp_ / "b"}, {.path = temp_ / "a", .scale = 0}}), std::nullopt), b);
}

TEST_F(Adapters, TextsOfSeveralInOneStepAreThoseAlone) {
  const auto reference = LoadBoth();
  // Small steps, and a cache that is too small for all.
  for (const GenerationOptions& options :
       {GenerationOptions{.num_threads = 2},
        GenerationOptions{.num_threads = 2, .cache_tokens = 300, .max_batch_tokens = 9}}) {
    const auto generator = LoadBoth(options);
    const std::vector<std::vector<std::pair<size_t, float>>> kinds = {{}, {{0, 1}}, {{1, 1}}, {{0, 0.5f}, {1, -1}}};
    std::vector<std::string> alone;
    const auto uses = [](const Generator& of, const std::vector<std::pair<size_t, float>>& kind) {
      std::vector<LoraUse> list;
      for (const auto& [index, scale] : kind) list.push_back(Of(of, index, scale));
      return list;
    };
    for (const auto& kind : kinds) alone.push_back(TextOf(*reference, uses(*reference, kind)));
    std::vector<std::thread> threads;
    for (size_t i = 0; i < 12; ++i) {
      threads.emplace_back([&, i] {
        const size_t kind = i % kinds.size();
        EXPECT_EQ(TextOf(*generator, uses(*generator, kinds[kind])), alone[kind]) << i;
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
}

TEST_F(Adapters, WhatDoesNotFitIsRefused) {
  const auto generator = LoadBoth(), other = LoadBoth();
  GenerateCall call{.prompt = "One", .max_tokens = 2};
  call.adapters = {{Of(*other, 0)}};
  const auto foreign = generator->Generate(call);
  ASSERT_FALSE(foreign);
  EXPECT_THAT(foreign.error().message, HasSubstr("adapter of another model"));

  const Status missing = generator->AddAdapter({.path = temp_ / "nothing"});
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message, HasSubstr("no LoRA adapter"));
  const Status model = generator->AddAdapter({.path = temp_ / "stories.gguf"});
  ASSERT_FALSE(model);
  EXPECT_THAT(model.error().message, HasSubstr("'general.type'"));
  EXPECT_EQ(generator->adapters().size(), 2u);
}

TEST(ParseAdapter, NamePathAndScale) {
  struct Case {
    const char *text, *name, *path;
    float scale;
  };
  for (const Case& test :
       {Case{"dir", "", "dir", 1}, Case{"a=dir/b.gguf", "a", "dir/b.gguf", 1}, Case{"dir:0.5", "", "dir", 0.5f},
        Case{"a=dir:-2", "a", "dir", -2}, Case{"a=b=c:x", "a", "b=c:x", 1}, Case{"a=dir:0", "a", "dir", 0}}) {
    ASSERT_OK_AND_ASSIGN(const AdapterOptions adapter, ParseAdapter(test.text));
    EXPECT_EQ(adapter.name, test.name) << test.text;
    EXPECT_EQ(adapter.path, test.path) << test.text;
    EXPECT_EQ(adapter.scale, test.scale) << test.text;
  }
  TempFolder folder;
  for (const char* name : {"x=1", "run:3"}) {
    std::filesystem::create_directory(folder / name);
    ASSERT_OK_AND_ASSIGN(const AdapterOptions adapter, ParseAdapter((folder / name).string()));
    EXPECT_EQ(adapter.path, folder / name);
    EXPECT_EQ(adapter.name, "");
    EXPECT_EQ(adapter.scale, 1);
  }
  ASSERT_OK_AND_ASSIGN(const AdapterOptions scaled, ParseAdapter((folder / "x=1").string() + ":0.25"));
  EXPECT_EQ(scaled.path, folder / "x=1");
  EXPECT_EQ(scaled.scale, 0.25f);
  for (const char* text : {"", "=dir", "a=", "dir:1e9", "dir:nan", "a=:2"}) EXPECT_FALSE(ParseAdapter(text)) << text;
}

}  // namespace
}  // namespace bantam
