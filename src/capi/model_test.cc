// Models and embeddings through the C interface, against the C++ they stand on.
#include <gmock/gmock.h>

#include <cstddef>
#include <fstream>

#include "capi/testing/handles.h"
#include "files/model_store.h"
#include "tasks/embed.h"

namespace bantam::capi {
namespace {

using namespace testing;
using ::testing::HasSubstr;

class CModel : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (const auto found = FindModel("all-MiniLM-L6-v2")) {
      folder_ = *found;
      model_ = LoadModel(folder_);
    }
  }
  static void TearDownTestSuite() { model_.reset(); }
  void SetUp() override {
    BANTAM_REQUIRE_MODEL(folder, "all-MiniLM-L6-v2");
    ASSERT_NE(model_, nullptr);
  }
  static std::vector<float> Embed(bantam_model* model, const char* text) {
    std::vector<float> vector(384);
    EXPECT_EQ(bantam_model_embed(model, text, BANTAM_C_STRING, nullptr, vector.data(), vector.size(), nullptr),
              BANTAM_OK)
        << bantam_last_error();
    return vector;
  }

  static Path folder_;
  static ModelHandle model_;
};
Path CModel::folder_;
ModelHandle CModel::model_;

TEST_F(CModel, DescribesItself) {
  const bantam_model_info* info = bantam_model_describe(model_.get());
  ASSERT_NE(info, nullptr);
  EXPECT_EQ(info->struct_size, sizeof(bantam_model_info));
  EXPECT_STREQ(info->name, "all-MiniLM-L6-v2");
  EXPECT_STREQ(info->architecture, "bert");
  EXPECT_STREQ(info->dtype, "int8");
  EXPECT_EQ(std::string(info->weights_sha256).size(), 64u);
  EXPECT_NE(std::string(info->isa), "");
  EXPECT_EQ(info->dimensions, 384);
  EXPECT_EQ(info->max_tokens, 256);
  EXPECT_EQ(info->num_layers, 6);
  EXPECT_EQ(info->vocab_size, 30522);
  EXPECT_EQ(info->num_threads, 1);
  EXPECT_GT(info->num_parameters, 22'000'000u);
  EXPECT_GT(info->weight_bytes, 20'000'000u);
}

TEST_F(CModel, EmbedsAsTheEmbedderDoes) {
  ASSERT_OK_AND_ASSIGN(const auto embedder,
                       Embedder::Load(folder_.string(), {.weight_type = WeightType::kInt8, .num_threads = 1}));
  for (const char* text : {"Where is my refund?", "", "Grüße aus Köln", "\xf0\x9f\x92\xa1 [SEP] light"}) {
    ASSERT_OK_AND_ASSIGN(const Embedding expected, embedder->Embed(text));
    std::vector<float> vector(400, -7);
    bantam_text_info info{};
    ASSERT_EQ(bantam_model_embed(model_.get(), text, BANTAM_C_STRING, nullptr, vector.data(), vector.size(), &info),
              BANTAM_OK);
    EXPECT_EQ(std::vector(vector.begin(), vector.begin() + 384), expected.vector) << text;
    EXPECT_EQ(vector[384], -7);  // nothing behind it is touched
    EXPECT_EQ(info.num_tokens, expected.num_tokens);
    EXPECT_EQ(info.truncated, 0u);
  }
}

TEST_F(CModel, ABatchIsItsTextsOneByOne) {
  // f32: the same bits alone and in any batch. More than are taken at one time, many of them equal.
  const ModelHandle model = LoadModel(folder_, BANTAM_DTYPE_F32);
  std::vector<std::string> strings;
  for (int i = 0; i < 1100; ++i) strings.push_back(i % 5 == 0 ? fmt::format("order {}", i % 50) : "refund");
  std::vector<bantam_text> texts;
  for (const std::string& text : strings) texts.push_back({text.data(), text.size()});
  std::vector<float> vectors(texts.size() * 384);
  std::vector<bantam_text_info> infos(texts.size());
  ASSERT_EQ(bantam_model_embed_batch(model.get(), texts.data(), texts.size(), nullptr, vectors.data(), vectors.size(),
                                     infos.data()),
            BANTAM_OK)
      << bantam_last_error();
  for (const size_t i : {0, 1, 5, 1023, 1024, 1095, 1099}) {
    const auto begin = vectors.begin() + static_cast<ptrdiff_t>(i * 384);
    EXPECT_EQ(std::vector(begin, begin + 384), Embed(model.get(), strings[i].c_str())) << i;
    EXPECT_EQ(infos[i].num_tokens, 4u) << i;
  }
}

TEST_F(CModel, SaysWhenATextWasCut) {
  std::string text;
  for (int i = 0; i < 400; ++i) text += "word ";
  std::vector<float> vector(384);
  bantam_text_info info{};
  ASSERT_EQ(bantam_model_embed(model_.get(), text.data(), text.size(), nullptr, vector.data(), 384, &info), BANTAM_OK);
  EXPECT_EQ(info.num_tokens, 256u);
  EXPECT_EQ(info.truncated, 1u);
}

TEST_F(CModel, RefusesWhatIsWrong) {
  std::vector<float> vector(768, -7);
  bantam_model* m = model_.get();
  const auto embed = [&](const char* text, size_t size, size_t capacity) {
    return bantam_model_embed(m, text, size, nullptr, vector.data(), capacity, nullptr);
  };
  EXPECT_ERROR(bantam_model_embed(nullptr, "a", 1, nullptr, vector.data(), 384, nullptr), BANTAM_INVALID_ARGUMENT,
               "\"model\" is NULL");
  EXPECT_ERROR(bantam_model_embed(m, "a", 1, nullptr, nullptr, 384, nullptr), BANTAM_INVALID_ARGUMENT, "\"vector\"");
  EXPECT_ERROR(embed("a", 1, 383), BANTAM_INVALID_ARGUMENT, "room for 383 floats, an embedding has 384");
  EXPECT_ERROR(embed(nullptr, 1, 384), BANTAM_INVALID_ARGUMENT, "\"text\" is NULL");
  EXPECT_ERROR(embed("caf\xe9", 4, 384), BANTAM_INVALID_ARGUMENT, "\"text\" is not UTF-8: byte 3 is 0xe9");
  const std::string long_text(BANTAM_MAX_TEXT_BYTES + 1, ' ');
  EXPECT_ERROR(embed(long_text.data(), long_text.size(), 384), BANTAM_TOO_LARGE, "64.0 MiB");
  const bantam_text texts[] = {{"a", 1}, {"b\xff", 2}};
  const auto batch = [&](const bantam_text* list, size_t count, size_t capacity) {
    return bantam_model_embed_batch(m, list, count, nullptr, vector.data(), capacity, nullptr);
  };
  EXPECT_ERROR(batch(texts, 2, 768), BANTAM_INVALID_ARGUMENT, "\"texts[1]\" is not UTF-8");
  EXPECT_ERROR(batch(texts, 2, 767), BANTAM_INVALID_ARGUMENT, "room for 767 floats");
  EXPECT_ERROR(batch(texts, SIZE_MAX / 100, 768), BANTAM_INVALID_ARGUMENT, "room for 768");  // their product overflows
  EXPECT_ERROR(batch(nullptr, 1, 768), BANTAM_INVALID_ARGUMENT, "\"texts\" is NULL");
  EXPECT_EQ(bantam_model_embed_batch(m, texts, 1, nullptr, nullptr, 0, nullptr), BANTAM_INVALID_ARGUMENT);
  EXPECT_EQ(bantam_model_embed_batch(m, nullptr, 0, nullptr, nullptr, 0, nullptr), BANTAM_OK);
  EXPECT_THAT(vector, ::testing::Each(-7));
}

TEST_F(CModel, NamesAreLookedUpInTheStoreThatIsNamed) {
  const std::string store = folder_.parent_path().string();
  TempFolder empty;
  bantam_model_options options{.struct_size = sizeof options, .dtype = BANTAM_DTYPE_INT8};
  ModelHandle model;
  options.store_folder = empty.path().c_str();
  EXPECT_ERROR(bantam_model_load("all-MiniLM-L6-v2", &options, Out(model)), BANTAM_NOT_FOUND,
               "which holds nothing yet");
  EXPECT_EQ(model, nullptr);
  options.store_folder = store.c_str();
  EXPECT_EQ(bantam_model_load("all-MiniLM-L6-v2:latest", &options, Out(model)), BANTAM_OK) << bantam_last_error();
  EXPECT_ERROR(bantam_model_load("no-such-model", &options, Out(model)), BANTAM_NOT_FOUND, "all-MiniLM-L6-v2");
  EXPECT_EQ(bantam_model_load("", &options, Out(model)), BANTAM_INVALID_ARGUMENT);
  EXPECT_EQ(bantam_model_load("../../etc", &options, Out(model)), BANTAM_NOT_FOUND);
}

TEST_F(CModel, TwoModelsKeepTheirOwnOptionsAndLogs) {
  struct Lines {
    std::vector<std::string> lines;
    static void Add(void* self, bantam_log_level, const char* line) {
      static_cast<Lines*>(self)->lines.emplace_back(line);
    }
  };
  TempFolder store;
  std::filesystem::create_directories(store / "warned");
  for (const auto& file : std::filesystem::directory_iterator(folder_)) {
    if (file.path().filename() == "bantam.json" || file.path().filename() == "packed") continue;
    std::filesystem::create_symlink(file.path(), store / "warned" / file.path().filename());
  }
  std::ofstream(store / "warned/bantam.json") << "{}";  // a manifest that says nothing: worth a warning
  Lines quiet, loud;
  const std::string store_folder = store.path().string();
  bantam_model_options options{.struct_size = sizeof options,
                               .dtype = BANTAM_DTYPE_INT8,
                               .store_folder = store_folder.c_str(),
                               .no_packed_files = 1,
                               .log = Lines::Add,
                               .log_user_data = &loud};
  ModelHandle int8, f32;
  ASSERT_EQ(bantam_model_load("warned", &options, Out(int8)), BANTAM_OK) << bantam_last_error();
  EXPECT_FALSE(std::filesystem::exists(store / "warned/packed"));
  options.dtype = BANTAM_DTYPE_F32;
  options.num_threads = 2;
  options.log_user_data = &quiet;
  ASSERT_EQ(bantam_model_load(folder_.c_str(), &options, Out(f32)), BANTAM_OK) << bantam_last_error();
  EXPECT_THAT(loud.lines, ::testing::Contains(HasSubstr("bantam.json")));
  EXPECT_THAT(quiet.lines, ::testing::IsEmpty());

  EXPECT_STREQ(bantam_model_describe(int8.get())->dtype, "int8");
  EXPECT_STREQ(bantam_model_describe(f32.get())->dtype, "f32");
  EXPECT_EQ(bantam_model_describe(f32.get())->num_threads, 2);
  const std::vector<float> a = Embed(int8.get(), "refund"), b = Embed(f32.get(), "refund");
  EXPECT_NE(a, b);
  int8.reset();
  EXPECT_EQ(Embed(f32.get(), "refund"), b);
  double dot = 0;
  for (size_t i = 0; i < a.size(); ++i) dot += static_cast<double>(a[i]) * b[i];
  EXPECT_GT(dot, 0.99);
}

// A tiny model with the prompts document, passage and query, of 32 dimensions.
class CPrompts : public ::testing::Test {
 protected:
  void SetUp() override {
    constexpr auto kOptions =
        std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing;
    for (const char* part : {"base", "cases/prompts"}) {
      std::filesystem::copy(Path("src/tasks/golden/sentence") / part, folder_.path(), kOptions);
    }
    model_ = LoadModel(folder_.path(), BANTAM_DTYPE_F32);
    ASSERT_NE(model_, nullptr);
    ASSERT_OK_AND_ASSIGN(embedder_,
                         Embedder::Load(folder_.path().string(), {.weight_type = WeightType::kF32, .num_threads = 1}));
  }
  std::vector<float> Embed(const bantam_embed_options& options, size_t dimensions = 32) {
    std::vector<float> vector(dimensions);
    EXPECT_EQ(bantam_model_embed(model_.get(), kText, BANTAM_C_STRING, &options, vector.data(), dimensions, nullptr),
              BANTAM_OK)
        << bantam_last_error();
    return vector;
  }
  std::vector<float> Expected(const PromptChoice& choice) {
    const auto prompt = embedder_->ResolvePrompt(choice, false);
    EXPECT_OK(prompt);
    EmbedCall call;
    call.prompt = &*prompt;
    const auto embedding = embedder_->Embed(kText, call);
    EXPECT_OK(embedding);
    return embedding->vector;
  }
  static constexpr const char* kText = "how do i get my money back";
  static constexpr size_t kSize = sizeof(bantam_embed_options);
  TempFolder folder_;
  ModelHandle model_;
  std::unique_ptr<Embedder> embedder_;
};

TEST_F(CPrompts, GoBeforeTheText) {
  const std::vector<float> plain = Embed({.struct_size = kSize});
  const std::vector<float> by_name = Embed({.struct_size = kSize, .prompt_name = "passage"});
  EXPECT_EQ(plain, Expected({}));
  EXPECT_EQ(by_name, Expected({.name = "passage"}));
  EXPECT_NE(by_name, plain);
  EXPECT_EQ(Embed({.struct_size = kSize, .prompt = "passage: "}), by_name);
  EXPECT_EQ(Embed({.struct_size = kSize, .prompt = "how do i "}), Expected({.text = "how do i "}));
  EXPECT_EQ(Embed({.struct_size = kSize, .prompt = ""}), plain);  // it has no default prompt
  // A program that was built before there were prompts.
  EXPECT_EQ(Embed({.struct_size = offsetof(bantam_embed_options, prompt), .prompt_name = "passage"}), plain);
}

TEST_F(CPrompts, AndDimensionsHoldForBatchesToo) {
  const bantam_text texts[] = {{kText, BANTAM_C_STRING}, {"refund", 6}, {kText, BANTAM_C_STRING}};
  const bantam_embed_options options{.struct_size = kSize, .prompt_name = "query", .dimensions = 8};
  std::vector<float> vectors(3 * 8 + 1, -7);
  bantam_text_info infos[3];
  ASSERT_EQ(bantam_model_embed_batch(model_.get(), texts, 3, &options, vectors.data(), 3 * 8, infos), BANTAM_OK)
      << bantam_last_error();
  std::vector<float> expected = Expected({.name = "query"});
  CutVector(expected, 8);
  EXPECT_EQ(std::vector(vectors.begin(), vectors.begin() + 8), expected);
  EXPECT_EQ(std::vector(vectors.begin() + 16, vectors.begin() + 24), expected);
  EXPECT_EQ(Embed(options, 8), expected);
  EXPECT_EQ(vectors[24], -7);
  EXPECT_EQ(infos[0].num_tokens, infos[2].num_tokens);
  EXPECT_EQ(Embed({.struct_size = kSize, .dimensions = 32}), Embed({.struct_size = kSize}));
  EXPECT_ERROR(bantam_model_embed_batch(model_.get(), texts, 3, &options, vectors.data(), 3 * 8 - 1, nullptr),
               BANTAM_INVALID_ARGUMENT, "3 texts need 8 each");
}

TEST_F(CPrompts, WhatTheModelDoesNotHaveIsNamed) {
  std::vector<float> vector(32);
  const auto embed = [&](const bantam_embed_options& options) {
    return bantam_model_embed(model_.get(), kText, BANTAM_C_STRING, &options, vector.data(), 32, nullptr);
  };
  EXPECT_ERROR(embed({.struct_size = kSize, .prompt_name = "nobody"}), BANTAM_INVALID_ARGUMENT,
               "the model has no prompt \"nobody\"; it has: document, passage, query");
  EXPECT_ERROR(embed({.struct_size = kSize, .prompt = "a", .prompt_name = "query"}), BANTAM_INVALID_ARGUMENT,
               "\"prompt\" and \"prompt_name\" are both set");
  EXPECT_ERROR(embed({.struct_size = kSize, .prompt = "caf\xe9"}), BANTAM_INVALID_ARGUMENT, "\"prompt\" is not UTF-8");
  EXPECT_ERROR(embed({.struct_size = kSize, .prompt_name = "\xff"}), BANTAM_INVALID_ARGUMENT,
               "\"prompt_name\" is not UTF-8");
  for (const int32_t dimensions : {-1, 33, INT32_MIN, INT32_MAX}) {
    EXPECT_ERROR(embed({.struct_size = kSize, .dimensions = dimensions}), BANTAM_INVALID_ARGUMENT,
                 fmt::format("\"dimensions\" is {}: ", dimensions));
    EXPECT_THAT(bantam_last_error(), HasSubstr("gives at most 32"));
  }
  const bantam_text texts[] = {{kText, BANTAM_C_STRING}};
  const bantam_embed_options named{.struct_size = kSize, .prompt_name = "nobody"};
  EXPECT_ERROR(bantam_model_embed_batch(model_.get(), texts, 1, &named, vector.data(), 32, nullptr),
               BANTAM_INVALID_ARGUMENT, "it has: document, passage, query");
}

TEST(CModelFolder, WithoutATokenizerOrWithoutAnythingIsRefused) {
  ModelHandle model;
  EXPECT_ERROR(bantam_model_load("src/models/golden/bert", nullptr, Out(model)), BANTAM_NOT_FOUND, "tokenizer.json");
  TempFolder empty;
  EXPECT_NE(bantam_model_load(empty.path().c_str(), nullptr, Out(model)), BANTAM_OK);
  EXPECT_EQ(model, nullptr);
}

}  // namespace
}  // namespace bantam::capi
