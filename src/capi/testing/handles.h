// For tests only: owners of the C interface's handles, and the real model's folder.
//
//   BANTAM_REQUIRE_MODEL(folder, "all-MiniLM-L6-v2");
//   const ModelHandle model = LoadModel(folder);
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>

#include "bantam/bantam.h"
#include "base/testing.h"

namespace bantam::capi::testing {

using ::bantam::testing::TempFolder;

template <auto Free>
struct FreeWith {
  template <typename T>
  void operator()(T* handle) const {
    Free(handle);
  }
};
using ModelHandle = std::unique_ptr<bantam_model, FreeWith<bantam_model_free>>;
using AssistantHandle = std::unique_ptr<bantam_assistant, FreeWith<bantam_assistant_free>>;
using TokenizerHandle = std::unique_ptr<bantam_tokenizer, FreeWith<bantam_tokenizer_free>>;
using TokensHandle = std::unique_ptr<bantam_tokens, FreeWith<bantam_tokens_free>>;
using StringHandle = std::unique_ptr<bantam_string, FreeWith<bantam_string_free>>;
using AnswerHandle = std::unique_ptr<bantam_answer, FreeWith<bantam_answer_free>>;
using ExplanationHandle = std::unique_ptr<bantam_explanation, FreeWith<bantam_explanation_free>>;

// Into an owner: EXPECT_EQ(bantam_tokenizer_load(path, Out(tokenizer)), BANTAM_OK);
template <typename Handle>
class Out {
 public:
  explicit Out(Handle& owner) : owner_(owner) {}
  ~Out() { owner_.reset(raw_); }
  operator typename Handle::pointer *() { return &raw_; }

 private:
  Handle& owner_;
  typename Handle::pointer raw_ = nullptr;
};

inline ModelHandle LoadModel(const Path& folder, bantam_dtype dtype = BANTAM_DTYPE_INT8, int32_t num_threads = 1) {
  const bantam_model_options options{.struct_size = sizeof options, .dtype = dtype, .num_threads = num_threads};
  ModelHandle model;
  EXPECT_EQ(bantam_model_load(folder.c_str(), &options, Out(model)), BANTAM_OK) << bantam_last_error();
  return model;
}

inline int CountThreads() {
  int count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) ++count;
  return count;
}

}  // namespace bantam::capi::testing

// The last error of this thread says all of these words.
#define EXPECT_ERROR(expression, status, words)                    \
  do {                                                             \
    EXPECT_EQ((expression), status);                               \
    EXPECT_THAT(bantam_last_error(), ::testing::HasSubstr(words)); \
  } while (false)
