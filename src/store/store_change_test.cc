// Copies and removals in a store of its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/sha256.h"
#include "base/testing.h"
#include "files/hostile_model.h"
#include "files/model_folder.h"
#include "store/copy_model.h"
#include "store/remove_model.h"
#include "store/staging.h"

namespace bantam {
namespace {

using ::testing::HasSubstr;

class StoreChange : public ::testing::Test {
 protected:
  StoreChange() {
    testing::WriteValidFolder(store_ / "tiny");
    const std::string weights = testing::ValidSafetensors();
    EXPECT_TRUE(
        WriteManifest(store_ / "tiny", {.name = "tiny",
                                        .source = "hf.co/o/tiny",
                                        .license = "MIT",
                                        .reference = "hf.co/o/tiny",
                                        .revision = std::string(40, 'a'),
                                        .files = {{"model.safetensors", {weights.size(), Sha256Hex(weights)}}}}));
    EXPECT_TRUE(WriteFileAtomic(store_ / "tiny/packed/x.bin", "packed"));
  }

  static nlink_t Links(const Path& path) {
    struct stat info{};
    return ::stat(path.c_str(), &info) == 0 ? info.st_nlink : 0;
  }

  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(store_)) names.push_back(entry.path().filename());
    std::ranges::sort(names);
    return names;
  }

  testing::TempFolder temp_;
  const Path store_ = temp_ / "models";
};

TEST_F(StoreChange, ManifestsReadBack) {
  ASSERT_OK_AND_ASSIGN(const ModelManifest manifest, ReadManifest(store_ / "tiny"));
  EXPECT_EQ(manifest.reference, "hf.co/o/tiny");
  EXPECT_EQ(manifest.revision, std::string(40, 'a'));
  for (const std::string_view spelled : {"hf.co/o/tiny", "https://huggingface.co/O/Tiny", "hf:o/tiny"}) {
    EXPECT_EQ(*FindModel(spelled, store_), store_ / "tiny") << spelled;
  }
  for (const std::string_view other : {"hf.co/o/other", "hf.co/o/tiny@v1", "hf.co/o/tiny:Q8_0", "ollama.com/o/tiny"}) {
    EXPECT_EQ(FindModel(other, store_).error().code, ErrorCode::kNotFound) << other;
  }
  ASSERT_OK_AND_ASSIGN(const ModelFolder model, OpenModel("hf.co/o/tiny", store_));
  EXPECT_EQ(model.path, store_ / "tiny");
}

TEST_F(StoreChange, AReferenceWithoutItsVariantFindsTheOnlyOneThereIs) {
  const auto add = [&](const std::string& name, const std::string& reference) {
    testing::WriteValidFolder(store_ / name);
    ModelManifest manifest;
    manifest.name = name;
    manifest.reference = reference;
    return WriteManifest(store_ / name, manifest);
  };
  ASSERT_OK(add("m-Q8_0", "hf.co/o/m:Q8_0"));
  EXPECT_EQ(*FindModel("hf.co/o/m", store_), store_ / "m-Q8_0");
  EXPECT_EQ(*FindModel("hf.co/o/m:q8_0", store_), store_ / "m-Q8_0");
  ASSERT_OK(add("m-Q4_0", "hf.co/o/m:Q4_0"));
  EXPECT_EQ(*FindModel("hf.co/o/m:Q4_0", store_), store_ / "m-Q4_0");
  EXPECT_THAT(FindModel("hf.co/o/m", store_).error().message, HasSubstr("name one of m-Q4_0, m-Q8_0"));
}

TEST_F(StoreChange, ACopySharesItsBytes) {
  ASSERT_OK_AND_ASSIGN(const CopiedModel copy, CopyModel("tiny", "second:7b", store_));
  EXPECT_EQ(copy.name, "second-7b");
  EXPECT_EQ(Links(store_ / "second-7b/model.safetensors"), 2u);
  EXPECT_EQ(Links(store_ / "second-7b/packed/x.bin"), 2u);
  ASSERT_OK_AND_ASSIGN(const ModelManifest manifest, ReadManifest(store_ / "second-7b"));
  EXPECT_EQ(manifest.name, "second-7b");
  EXPECT_EQ(manifest.reference, "");
  EXPECT_EQ(ReadManifest(store_ / "tiny")->name, "tiny");
  EXPECT_EQ(*FindModel("second:7b", store_), store_ / "second-7b");
  ASSERT_OK_AND_ASSIGN(const ModelFolder model, OpenModel("second-7b", store_));
  EXPECT_TRUE(model.identity.known());

  EXPECT_EQ(CopyModel("tiny", "second-7b", store_).error().code, ErrorCode::kConflict);
  EXPECT_EQ(CopyModel("tiny", "tiny", store_).error().code, ErrorCode::kConflict);
  EXPECT_EQ(CopyModel("none", "x", store_).error().code, ErrorCode::kNotFound);
  for (const std::string_view name : {"../x", "", ".x", "a/b", "x y"}) {
    EXPECT_EQ(CopyModel("tiny", name, store_).error().code, ErrorCode::kInvalidArgument) << name;
  }
  EXPECT_EQ(Names(), (std::vector<std::string>{"second-7b", "tiny"}));
}

TEST_F(StoreChange, CopiesAFileByItselfAndFollowsLinks) {
  ASSERT_OK(WriteFileAtomic(store_ / "alone.gguf", "GGUF"));
  ASSERT_OK_AND_ASSIGN(const CopiedModel copy, CopyModel("alone", "again", store_));
  EXPECT_EQ(copy.path, store_ / "again.gguf");
  EXPECT_EQ(Links(copy.path), 2u);

  ASSERT_OK(WriteFileAtomic(temp_ / "elsewhere/weights", "w"));
  std::filesystem::create_symlink("../../elsewhere/weights", store_ / "tiny/linked.bin");
  ASSERT_OK(CopyModel("tiny", "deep", store_));
  EXPECT_EQ(*ReadFile(store_ / "deep/linked.bin"), "w");
  EXPECT_TRUE(std::filesystem::is_symlink(store_ / "deep/linked.bin"));
}

TEST_F(StoreChange, RemovingFreesWhatNobodyShares) {
  ASSERT_OK(CopyModel("tiny", "second", store_));
  ASSERT_OK_AND_ASSIGN(const Removal first, RemoveModel("tiny", false, store_));
  EXPECT_GT(first.size_bytes, first.freed_bytes);  // its manifest is its own
  EXPECT_GT(first.freed_bytes, 0u);
  ASSERT_OK_AND_ASSIGN(const ModelFolder model, OpenModel("second", store_));
  EXPECT_EQ(*model.identity.Sha256(), Sha256Hex(testing::ValidSafetensors()));
  EXPECT_EQ(Names(), (std::vector<std::string>{"second"}));
  EXPECT_EQ(RemoveModel("tiny", false, store_).error().code, ErrorCode::kNotFound);
}

TEST_F(StoreChange, WhatIsInUseStays) {
  std::optional<ModelFolder> model = *OpenModel("tiny", store_);
  ASSERT_NE(model->in_use, nullptr);
  const auto refused = RemoveModel("tiny", false, store_);
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
  EXPECT_THAT(refused.error().message, HasSubstr("--force"));
  const std::optional<ModelFolder> twice = *OpenModel("tiny", store_);
  model.reset();
  EXPECT_EQ(RemoveModel("tiny", false, store_).error().code, ErrorCode::kConflict);
  ASSERT_OK(RemoveModel("tiny", true, store_));
  EXPECT_EQ(twice->weights->Names().empty(), false);
  EXPECT_EQ(Names(), (std::vector<std::string>{}));
}

TEST_F(StoreChange, RemovesWhatAnUnfinishedPullLeft) {
  {
    ASSERT_OK_AND_ASSIGN(const Staging staging, Staging::Open(store_, "half", {}, {}));
    ASSERT_OK(WriteFileAtomic(staging.model().parent_path() / "parts/sha256-x", "part"));
    EXPECT_EQ(RemoveModel("half", false, store_).error().code, ErrorCode::kConflict);
  }
  ASSERT_OK_AND_ASSIGN(const Removal removal, RemoveModel("half", false, store_));
  EXPECT_TRUE(removal.partial);
  EXPECT_EQ(removal.freed_bytes, 4u);
  EXPECT_EQ(Names(), (std::vector<std::string>{"tiny"}));
  // And what a removal that was killed left.
  ASSERT_OK(WriteFileAtomic(store_ / ".removed-old-1/x", "x"));
  EXPECT_EQ(RemoveModel("none", false, store_).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(Names(), (std::vector<std::string>{"tiny"}));
}

TEST_F(StoreChange, APathOutOfTheStoreIsNoModel) {
  for (const std::string_view name : {"..", "../models/tiny", "/etc", ".", "", ".half.pulling"}) {
    const auto removed = RemoveModel(name, true, store_);
    ASSERT_FALSE(removed) << name;
  }
  EXPECT_EQ(Names(), (std::vector<std::string>{"tiny"}));
}

}  // namespace
}  // namespace bantam
