// What holds for every function: versions, statuses, errors by thread, option structs of other versions.
#include "capi/call.h"

#include <gmock/gmock.h>

#include <future>
#include <thread>

#include "capi/testing/handles.h"
#include "capi/testing/header_as_c.h"

namespace bantam::capi {
namespace {

using ::testing::HasSubstr;
using testing::LoadModel;
using testing::ModelHandle;
using testing::Out;

// A path that is no model: for calls that get as far as opening it.
constexpr const char* kNowhere = "./no-such-folder";

TEST(Call, TheHeaderSaysTheLibrarysVersion) {
  EXPECT_EQ(bantam_version(), std::string(BANTAM_VERSION));
  EXPECT_EQ(bantam_version(),
            fmt::format("{}.{}.{}", BANTAM_VERSION_MAJOR, BANTAM_VERSION_MINOR, BANTAM_VERSION_PATCH));
}

TEST(Call, StatusesHaveNames) {
  EXPECT_STREQ(bantam_status_name(BANTAM_OK), "ok");
  EXPECT_STREQ(bantam_status_name(BANTAM_NOT_FOUND), "not found");
  EXPECT_STREQ(bantam_status_name(BANTAM_BAD_CONFIG), "configuration");
  EXPECT_STREQ(bantam_status_name(static_cast<bantam_status>(99)), "unknown");
}

TEST(Call, CAndCppSeeTheSameStructs) {
  EXPECT_EQ(header_as_c_sizeof_model_options(), sizeof(bantam_model_options));
  EXPECT_EQ(header_as_c_sizeof_assistant_options(), sizeof(bantam_assistant_options));
  EXPECT_EQ(header_as_c_sizeof_answer(), sizeof(bantam_answer));
  EXPECT_EQ(header_as_c_sizeof_explanation(), sizeof(bantam_explanation));
}

TEST(Call, ErrorsBelongToTheirThread) {
  std::thread([] { EXPECT_STREQ(bantam_last_error(), ""); }).join();
  bantam_model* model = nullptr;
  EXPECT_EQ(bantam_model_load(nullptr, nullptr, &model), BANTAM_INVALID_ARGUMENT);
  const std::string ours = bantam_last_error();
  EXPECT_THAT(ours, HasSubstr("\"reference\" is NULL"));
  std::thread([] {
    bantam_model* other = nullptr;
    EXPECT_EQ(bantam_model_load(kNowhere, nullptr, &other), BANTAM_NOT_FOUND);
    EXPECT_THAT(bantam_last_error(), HasSubstr("no-such-folder"));
  }).join();
  EXPECT_EQ(bantam_last_error(), ours);
  EXPECT_EQ(model, nullptr);
}

TEST(Call, NothingThrownEscapes) {
  EXPECT_EQ(Call([]() -> Status { throw std::bad_alloc(); }), BANTAM_OUT_OF_MEMORY);
  EXPECT_THAT(bantam_last_error(), HasSubstr("memory"));
  EXPECT_EQ(Call([]() -> Status { throw std::length_error("vector"); }), BANTAM_OUT_OF_MEMORY);
  EXPECT_EQ(Call([]() -> Status { throw std::system_error(EAGAIN, std::generic_category(), "thread"); }),
            BANTAM_UNAVAILABLE);
  EXPECT_EQ(Call([]() -> Status { throw std::runtime_error("our bug"); }), BANTAM_INTERNAL);
  EXPECT_STREQ(bantam_last_error(), "our bug");
  EXPECT_EQ(Call([]() -> Status { throw 7; }), BANTAM_INTERNAL);
  EXPECT_EQ(Call([] { return Status(Err(ErrorCode::kDeadline, "late")); }), BANTAM_DEADLINE);
  EXPECT_STREQ(bantam_last_error(), "late");
  EXPECT_EQ(Call([] { return Ok(); }), BANTAM_OK);
  EXPECT_STREQ(bantam_last_error(), "late");  // a success leaves it
}

TEST(Call, FreeingNothingIsFine) {
  bantam_model_free(nullptr);
  bantam_tokenizer_free(nullptr);
  bantam_tokens_free(nullptr);
  bantam_string_free(nullptr);
  bantam_assistant_free(nullptr);
  bantam_answer_free(nullptr);
  bantam_explanation_free(nullptr);
  EXPECT_EQ(bantam_model_describe(nullptr), nullptr);
  EXPECT_EQ(bantam_assistant_describe(nullptr), nullptr);
  EXPECT_EQ(bantam_model_tokenizer(nullptr), nullptr);
  EXPECT_EQ(bantam_tokenizer_vocab_size(nullptr), 0);
}

TEST(Options, AForgottenStructSizeIsFoundOut) {
  bantam_model_options options{};
  bantam_model* model = nullptr;
  EXPECT_ERROR(bantam_model_load(kNowhere, &options, &model), BANTAM_INVALID_ARGUMENT,
               "struct_size of bantam_model_options is 0: set it to sizeof(bantam_model_options)");
  options.struct_size = sizeof(size_t);
  EXPECT_EQ(bantam_model_load(kNowhere, &options, &model), BANTAM_INVALID_ARGUMENT);
  options.struct_size = SIZE_MAX;
  EXPECT_EQ(bantam_model_load(kNowhere, &options, &model), BANTAM_INVALID_ARGUMENT);
  options.struct_size = sizeof options;
  EXPECT_EQ(bantam_model_load(kNowhere, &options, &model), BANTAM_NOT_FOUND);
}

// A program of a later version, whose struct has grown.
struct GrownOptions {
  bantam_model_options known;
  uint64_t added;
};

TEST(Options, ALaterProgramIsUnderstoodUnlessItAsksForWhatIsNotThere) {
  GrownOptions options{.known = {.struct_size = sizeof(GrownOptions)}, .added = 0};
  bantam_model* model = nullptr;
  EXPECT_EQ(bantam_model_load(kNowhere, &options.known, &model), BANTAM_NOT_FOUND);
  options.added = 1;
  EXPECT_ERROR(bantam_model_load(kNowhere, &options.known, &model), BANTAM_UNSUPPORTED, "update the library");
}

TEST(Options, AnEarlierProgramGetsTheDefaultsOfWhatItDoesNotKnow) {
  struct Later {
    size_t struct_size;
    int first, second;
  };
  const Later given{.struct_size = offsetof(Later, second), .first = 3, .second = 4};
  const auto read = ReadOptions(&given, BANTAM_SIZE_THROUGH(Later, first), "Later");
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(read->first, 3);
  EXPECT_EQ(read->second, 0);
}

TEST(Options, EveryValueIsChecked) {
  bantam_model* model = nullptr;
  bantam_model_options options{.struct_size = sizeof options, .dtype = static_cast<bantam_dtype>(7)};
  EXPECT_ERROR(bantam_model_load(kNowhere, &options, &model), BANTAM_INVALID_ARGUMENT, "dtype is 7");
  options.dtype = BANTAM_DTYPE_F32;
  for (const int32_t threads : {-2, 1025, INT32_MAX}) {
    options.num_threads = threads;
    EXPECT_ERROR(bantam_model_load(kNowhere, &options, &model), BANTAM_INVALID_ARGUMENT,
                 fmt::format("num_threads is {}", threads));
  }
  EXPECT_EQ(bantam_model_load(kNowhere, nullptr, nullptr), BANTAM_INVALID_ARGUMENT);
}

TEST(Text, IsCheckedBeforeAnythingReadsIt) {
  EXPECT_EQ(*ReadText("ab\0cd", 5, "text"), std::string_view("ab\0cd", 5));
  EXPECT_EQ(*ReadText("abc", BANTAM_C_STRING, "text"), "abc");
  EXPECT_EQ(*ReadText(nullptr, 0, "text"), "");
  EXPECT_FALSE(ReadText(nullptr, 3, "text"));
  EXPECT_FALSE(ReadText(nullptr, BANTAM_C_STRING, "text"));
  EXPECT_EQ(ReadText("abcd", 4, "text", 3).error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(ReadText("abcd", BANTAM_C_STRING, "text", 3).error().code, ErrorCode::kTooLarge);
  EXPECT_TRUE(ReadText("abc", BANTAM_C_STRING, "text", 3).has_value());
  for (const auto& [text, byte] : {std::pair("ab\xff", 2), {"\xc3", 0}, {"a\xed\xa0\x80", 1}, {"a\xc0\x80", 1}}) {
    const auto read = ReadText(text, BANTAM_C_STRING, "texts[3]");
    ASSERT_FALSE(read.has_value());
    EXPECT_EQ(read.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(read.error().message, HasSubstr(fmt::format("\"texts[3]\" is not UTF-8: byte {} is", byte)));
  }
}

TEST(Header, WorksFromC) {
  BANTAM_REQUIRE_MODEL(folder, "all-MiniLM-L6-v2");
  const ModelHandle model = LoadModel(folder);
  std::vector<float> vector(384);
  EXPECT_EQ(header_as_c_embed(model.get(), "Where is my refund?", vector.data(), vector.size()), BANTAM_OK);
  EXPECT_EQ(header_as_c_embed(model.get(), "Where is my refund?", vector.data(), 383), BANTAM_INVALID_ARGUMENT);
}

}  // namespace
}  // namespace bantam::capi
