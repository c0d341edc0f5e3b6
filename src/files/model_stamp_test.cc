#include "files/model_stamp.h"

#include <gtest/gtest.h>

#include "base/testing.h"

namespace bantam {
namespace {

using testing::TempFolder;

TEST(ModelStamp, OfAFolderChangesWithEachOfItsFiles) {
  TempFolder folder;
  const Path model = folder / "model";
  ASSERT_OK(MakeFolders(model / "1_Pooling"));
  ASSERT_OK(WriteFileAtomic(model / "config.json", "{}"));
  ASSERT_OK(WriteFileAtomic(model / "1_Pooling/config.json", "{}"));
  const std::string first = ModelStamp(model);
  EXPECT_FALSE(first.empty());
  EXPECT_EQ(ModelStamp(model), first);
  ASSERT_OK(MakeFolders(model / "packed"));
  ASSERT_OK(WriteFileAtomic(model / "packed/copy.bin", "made of the others"));
  EXPECT_EQ(ModelStamp(model), first);
  ASSERT_OK(WriteFileAtomic(model / "1_Pooling/config.json", "{}"));  // the same bytes in another file
  const std::string second = ModelStamp(model);
  EXPECT_NE(second, first);
  std::filesystem::remove(model / "1_Pooling/config.json");
  EXPECT_NE(ModelStamp(model), second);
  std::filesystem::create_directory_symlink(model, folder / "link");
  EXPECT_EQ(ModelStamp(folder / "link"), ModelStamp(model));
}

TEST(ModelStamp, OfOneFile) {
  TempFolder folder;
  EXPECT_EQ(ModelStamp(folder / "one.gguf"), "");
  ASSERT_OK(WriteFileAtomic(folder / "one.gguf", "a"));
  const std::string first = ModelStamp(folder / "one.gguf");
  ASSERT_OK(WriteFileAtomic(folder / "one.gguf", "b"));
  EXPECT_NE(ModelStamp(folder / "one.gguf"), first);
}

}  // namespace
}  // namespace bantam
