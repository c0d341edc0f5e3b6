#include "files/model_store.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/sha256.h"
#include "base/testing.h"
#include "files/hostile_model.h"
#include "files/model_folder.h"

namespace bantam {
namespace {

// A store of its own in BANTAM_HOME, with one model "tiny" whose manifest is true.
class ModelStore : public ::testing::Test {
 protected:
  ModelStore() {
    if (const char* home = std::getenv("BANTAM_HOME")) old_home_ = home;
    ::setenv("BANTAM_HOME", temp_.path().c_str(), 1);
    testing::WriteValidFolder(model_);
    WriteManifest(testing::ValidSafetensors(), testing::ValidSafetensors().size());
  }
  ~ModelStore() override { old_home_ ? ::setenv("BANTAM_HOME", old_home_->c_str(), 1) : ::unsetenv("BANTAM_HOME"); }

  void WriteManifest(std::string_view weights, uint64_t size) {
    ASSERT_OK(WriteFileAtomic(
        model_ / "bantam.json",
        fmt::format(
            R"({{"name":"tiny","source":"a test","license":"MIT","parameters":7,"files":{{"model.safetensors":{{"size":{},"sha256":"{}"}}}}}})",
            size, Sha256Hex(weights))));
  }

  testing::TempFolder temp_;
  const Path model_ = temp_ / "models/tiny";
  std::optional<std::string> old_home_;
};

TEST_F(ModelStore, ListsWhatIsThere) {
  ASSERT_OK(MakeFolders(temp_ / "models/.download"));
  ASSERT_OK(MakeFolders(temp_ / "models/bare"));
  ASSERT_OK_AND_ASSIGN(const auto models, ListModels());
  ASSERT_EQ(models.size(), 2u);
  EXPECT_EQ(models[0].name, "bare");
  EXPECT_FALSE(models[0].manifest.has_value());
  EXPECT_NE(models[0].problem.find("bantam.json"), std::string::npos);
  EXPECT_EQ(models[1].manifest->license, "MIT");
  EXPECT_EQ(models[1].manifest->parameters, 7u);

  ::setenv("BANTAM_HOME", (temp_ / "none").c_str(), 1);
  ASSERT_OK_AND_ASSIGN(const auto none, ListModels());
  EXPECT_TRUE(none.empty());
}

TEST_F(ModelStore, FindsByNameAndTellsWhatElseThereIs) {
  EXPECT_EQ(*FindModel("tiny"), model_);
  EXPECT_EQ(*FindModel("tiny:latest"), model_);
  const Error error = FindModel("huge").error();
  EXPECT_EQ(error.code, ErrorCode::kNotFound);
  EXPECT_NE(error.message.find("which holds tiny; 'make setup'"), std::string::npos) << error.message;
  EXPECT_EQ(FindModel("../tiny").error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(FindModel("tiny:7b").error().code, ErrorCode::kNotFound);
}

TEST_F(ModelStore, BelievesAManifestWhoseSizesFitAndHashesOtherwise) {
  ASSERT_OK_AND_ASSIGN(const ModelFolder model, OpenModel("tiny"));
  EXPECT_TRUE(model.identity.known());
  EXPECT_EQ(*model.identity.Sha256(), Sha256Hex(testing::ValidSafetensors()));
  WriteManifest("something else", testing::ValidSafetensors().size());
  EXPECT_EQ(*OpenModel("tiny")->identity.Sha256(), Sha256Hex("something else"));
  WriteManifest("something else", 1);
  EXPECT_EQ(*OpenModel("tiny")->identity.Sha256(), Sha256Hex(testing::ValidSafetensors()));
  // Somebody's own folder may claim anything.
  WriteManifest("something else", testing::ValidSafetensors().size());
  EXPECT_EQ(*OpenModel(model_.string())->identity.Sha256(), Sha256Hex(testing::ValidSafetensors()));
}

TEST_F(ModelStore, VerifyReadsEveryByte) {
  ASSERT_OK_AND_ASSIGN(const auto models, ListModels());
  EXPECT_TRUE(VerifyModel(models[0])->empty());
  std::string weights = testing::ValidSafetensors();
  weights.back() ^= 1;
  ASSERT_OK(WriteFileAtomic(model_ / "model.safetensors", weights));
  ASSERT_OK_AND_ASSIGN(const auto changed, VerifyModel(models[0]));
  ASSERT_EQ(changed.size(), 1u);
  EXPECT_EQ(changed[0].rfind("model.safetensors has sha256 ", 0), 0u) << changed[0];
  std::filesystem::remove(model_ / "model.safetensors");
  EXPECT_EQ(VerifyModel(models[0])->at(0), "model.safetensors is missing");
}

TEST_F(ModelStore, RefusesBrokenManifests) {
  const auto message = [&](std::string_view text) {
    EXPECT_OK(WriteFileAtomic(model_ / "bantam.json", text));
    const auto manifest = ReadManifest(model_);
    return manifest ? std::string("accepted") : manifest.error().ToString();
  };
  const auto with_file = [&](std::string_view file) {
    return message(fmt::format(R"({{"files":{{"{}":{{"size":1,"sha256":"{}"}}}}}})", file, std::string(64, 'a')));
  };
  EXPECT_EQ(with_file("1_Pooling/config.json"), "accepted");
  for (const char* bad : {"../x", "/etc/passwd", "a/../../b", "", "a//../b", "x\\u0000"}) {
    EXPECT_NE(with_file(bad).find("not a path inside"), std::string::npos) << bad;
  }
  EXPECT_NE(message("{}").find("corrupt: "), std::string::npos);
  EXPECT_NE(message(R"({"files":{"a":{"size":-1,"sha256":""}}})").find("\"size\" is -1"), std::string::npos);
  EXPECT_NE(message(R"({"files":{"a":{"size":1,"sha256":"ABC"}}})").find("64 lower-case hex"), std::string::npos);
  // A broken manifest costs the hashing, not the model.
  EXPECT_OK(OpenModel("tiny"));
}

TEST_F(ModelStore, AFileIsNotAFolder) {
  const auto message = [&](std::string_view name, std::string_view bytes) {
    EXPECT_OK(WriteFileAtomic(temp_ / name, bytes));
    return OpenModel((temp_ / name).string()).error().ToString();
  };
  EXPECT_NE(message("model.bin", "PK\x03\x04").find("pickle files are never loaded"), std::string::npos);
  EXPECT_NE(message("model.pt", "").find("pickle files are never loaded"), std::string::npos);
  EXPECT_NE(message("model.safetensors", testing::ValidSafetensors()).find("name the folder"), std::string::npos);
  EXPECT_NE(OpenModel((temp_ / "nowhere").string()).error().ToString().find("not found: no folder"), std::string::npos);
}

TEST_F(ModelStore, AnotherStoreIsSearchedWhenItIsNamed) {
  testing::TempFolder here;
  std::filesystem::create_directories(here / "mine");
  ASSERT_OK_AND_ASSIGN(const Path found, FindModel("mine:latest", here.path()));
  EXPECT_EQ(found, here / "mine");
  const auto missing = FindModel("other", here.path());
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_NE(missing.error().message.find(here.path().string() + ", which holds mine"), std::string::npos)
      << missing.error().message;
  EXPECT_FALSE(FindModel("../mine", here.path()));
}

}  // namespace
}  // namespace bantam
