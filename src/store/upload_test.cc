// A model that a client sends, into a store of its own.
#include "store/upload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing.h"
#include "files/hostile_model.h"
#include "files/model_store.h"
#include "store/copy_model.h"

namespace bantam {
namespace {

using ::testing::HasSubstr;

class UploadTest : public ::testing::Test {
 protected:
  static FileDigest DigestOf(std::string_view bytes) { return {FileDigest::Kind::kSha256, Sha256Hex(bytes)}; }

  FileDigest Send(const std::string& bytes) {
    BlobUpload upload(DigestOf(bytes), bytes.size(), store_);
    for (size_t at = 0; at < bytes.size(); at += 100) EXPECT_OK(upload.Write(std::string_view(bytes).substr(at, 100)));
    EXPECT_OK(upload.Finish());
    return DigestOf(bytes);
  }

  // The files of a folder that is a model, sent.
  std::map<std::string, FileDigest> SendFolder() {
    testing::WriteValidFolder(temp_ / "source");
    std::map<std::string, FileDigest> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(temp_ / "source")) {
      if (entry.is_regular_file())
        files[entry.path().lexically_relative(temp_ / "source")] = Send(ReadFile(entry.path()).value());
    }
    return files;
  }

  std::vector<std::string> Blobs() const {
    std::vector<std::string> names;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(store_ / ".blobs", ignored))
      names.push_back(entry.path().filename());
    return names;
  }

  testing::TempFolder temp_;
  const Path store_ = temp_ / "models";
  const CreateOptions options_{.store = store_};
};

TEST_F(UploadTest, AFolderBecomesAModel) {
  const auto files = SendFolder();
  for (const auto& [path, digest] : files) EXPECT_TRUE(HasBlob(digest, store_)) << path;
  ASSERT_OK_AND_ASSIGN(const std::string name, CreateModel("tiny:q8", files, options_));
  EXPECT_EQ(name, "tiny-q8");
  ASSERT_OK_AND_ASSIGN(const ModelManifest manifest, ReadManifest(store_ / name));
  EXPECT_GT(manifest.parameters, 0u);
  ASSERT_OK_AND_ASSIGN(const std::vector<StoredModel> models, ListModels(store_));
  ASSERT_EQ(models.size(), 1u) << "what waits is none";
  ASSERT_OK_AND_ASSIGN(const std::vector<std::string> problems, VerifyModel(models[0]));
  EXPECT_TRUE(problems.empty()) << problems[0];
  EXPECT_TRUE(Blobs().empty());
  EXPECT_FALSE(HasBlob(files.begin()->second, store_));
}

TEST_F(UploadTest, ALaterOneTakesItsPlaceAndNoOthers) {
  const auto files = SendFolder();
  ASSERT_OK(CreateModel("tiny", files, options_));
  EXPECT_EQ(CreateModel("tiny", files, options_).error().code, ErrorCode::kNotFound) << "its blobs are its own now";
  SendFolder();
  ASSERT_OK(CreateModel("tiny", files, options_));
  ASSERT_OK(CopyModel("tiny", "pulled", store_));
  ASSERT_OK_AND_ASSIGN(ModelManifest manifest, ReadManifest(store_ / "pulled"));
  manifest.source = "hf.co/o/pulled";
  ASSERT_OK(WriteManifest(store_ / "pulled", manifest));
  SendFolder();
  const auto refused = CreateModel("pulled", files, options_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
  EXPECT_EQ(Blobs().size(), files.size()) << "nothing is lost";
}

TEST_F(UploadTest, WhatIsNoModelIsNotStored) {
  const FileDigest junk = Send("no model at all");
  for (const auto& files : std::vector<std::map<std::string, FileDigest>>{
           {{"model.gguf", junk}},
           {{"model.safetensors", junk}, {"config.json", junk}},
           {{"pytorch_model.bin", junk}},
           {{"../model.gguf", junk}},
           {{"a.gguf", junk}, {"b.gguf", junk}},
       }) {
    const auto refused = CreateModel("tiny", files, options_);
    ASSERT_FALSE(refused) << files.begin()->first;
    EXPECT_NE(refused.error().code, ErrorCode::kInternal) << refused.error().message;
  }
  EXPECT_EQ(CreateModel("../up", {{"model.gguf", junk}}, options_).error().code, ErrorCode::kInvalidArgument);
  ASSERT_OK_AND_ASSIGN(const std::vector<StoredModel> models, ListModels(store_));
  EXPECT_TRUE(models.empty());
  EXPECT_EQ(Blobs().size(), 1u);
  std::vector<std::string> left;
  for (const auto& entry : std::filesystem::directory_iterator(store_)) left.push_back(entry.path().filename());
  EXPECT_THAT(left, ::testing::ElementsAre(".blobs"));
}

TEST_F(UploadTest, OtherBytesThanSaid) {
  {
    BlobUpload upload(DigestOf("what was said"), std::nullopt, store_);
    ASSERT_OK(upload.Write("what was "));
    ASSERT_OK(upload.Write("sent"));
    const Status finished = upload.Finish();
    ASSERT_FALSE(finished);
    EXPECT_EQ(finished.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(finished.error().message, HasSubstr(Sha256Hex("what was sent")));
  }
  {
    ASSERT_OK(BlobUpload(DigestOf("half"), 4, store_).Write("ha"));
  }
  EXPECT_TRUE(Blobs().empty());
  Send("");
  EXPECT_TRUE(HasBlob(DigestOf(""), store_));
}

TEST_F(UploadTest, MoreThanTheDiskHolds) {
  BlobUpload upload(DigestOf("x"), uint64_t{1} << 60, store_);
  const Status written = upload.Write("x");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::kOutOfDisk);
}

TEST_F(UploadTest, WhatNobodyCameBackForGoes) {
  const FileDigest old = Send("old"), young = Send("young");
  std::filesystem::last_write_time(store_ / ".blobs" / old.FileName(),
                                   std::filesystem::file_time_type::clock::now() - std::chrono::hours(25));
  Send("another");
  EXPECT_FALSE(HasBlob(old, store_));
  EXPECT_TRUE(HasBlob(young, store_));
}

TEST_F(UploadTest, NamesOfBlobs) {
  const std::string hex(64, 'a');
  EXPECT_OK(ParseBlobName("sha256:" + hex));
  for (const std::string& name :
       std::vector<std::string>{hex, "sha256-" + hex, "sha256:" + hex + "a", "sha256:../../../../etc/passwd",
                                "sha256:" + std::string(64, 'A'), "", "sha256:"}) {
    EXPECT_EQ(ParseBlobName(name).error().code, ErrorCode::kInvalidArgument) << name;
  }
}

}  // namespace
}  // namespace bantam
