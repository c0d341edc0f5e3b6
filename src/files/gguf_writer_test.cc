#include "files/gguf_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "base/testing.h"
#include "files/gguf.h"
#include "files/gguf_builder.h"

namespace bantam::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Status Numbered(size_t tensor, std::span<std::byte> out) {
  for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::byte>(tensor * 50 + i);
  return Ok();
}

TEST(GgufWriter, WhatIsWrittenIsReadBack) {
  const TempFolder folder;
  GgufWriter gguf;
  gguf.U32("a.size", 7);
  gguf.U32("a.size", 8);
  gguf.F32("a.half", 0.5f);
  gguf.Bool("a.yes", true);
  gguf.String("general.architecture", "llama");
  const std::vector<std::string> words = {"", "two", "dr\u00fcben"};
  gguf.Strings("words", words);
  const std::vector<float> floats = {1.5f, -2};
  gguf.Floats("floats", floats);
  const std::vector<int32_t> ints = {-1, 3};
  gguf.Ints("ints", ints);
  gguf.Tensor("odd", DType::kF32, {3});
  gguf.Tensor("blocks", DType::kQ8_0, {2, 64});
  gguf.Tensor("last", DType::kF16, {2, 3});
  EXPECT_EQ(gguf.tensor_bytes(), 12u + 136 + 12);
  const Path path = folder.path() / "sub" / "m.gguf";
  ASSERT_OK(gguf.Write(path, Numbered));

  ASSERT_OK_AND_ASSIGN(const auto file, GgufFile::Open(path));
  const GgufMetadata& keys = file->metadata();
  EXPECT_EQ(*keys.Int("a.size", 0, 10), 8);
  EXPECT_EQ(*keys.Number("a.half", 0, 1), 0.5);
  EXPECT_TRUE(*keys.Bool("a.yes"));
  EXPECT_EQ(*keys.String("general.architecture"), "llama");
  EXPECT_THAT(*keys.Strings("words"), ElementsAre("", "two", "dr\u00fcben"));
  EXPECT_EQ(*keys.Floats("floats"), floats);
  EXPECT_EQ(*keys.Ints("ints"), ints);
  ASSERT_EQ(file->tensors().size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    const GgufTensor& tensor = file->tensors()[i];
    std::vector<std::byte> expected(tensor.view.bytes.size());
    ASSERT_OK(Numbered(i, expected));
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), tensor.view.bytes.begin()));
  }
  EXPECT_EQ(file->Find("blocks")->view.shape, (Shape{2, 64}));
  EXPECT_EQ(file->Find("blocks")->view.dtype, DType::kQ8_0);
}

TEST(GgufWriter, CopiesKeysOfEveryType) {
  const TempFolder folder;
  GgufBuilder original;
  AddTinyBert(original);
  original.Raw("i64", 11, LittleEndian(INT64_MIN));
  original.Array("nested", 9, 1, LittleEndian(uint32_t{8}) + LittleEndian(uint64_t{1}) + GgufString("deep"));
  original.U32("split.count", 1);
  const Path first = folder.path() / "first.gguf", second = folder.path() / "second.gguf";
  ASSERT_OK(WriteFileAtomic(first, original.Build()));
  ASSERT_OK_AND_ASSIGN(const auto from, GgufFile::Open(first));
  GgufWriter gguf;
  gguf.CopyKeys(from->metadata());
  ASSERT_OK(gguf.Write(second, Numbered));
  ASSERT_OK_AND_ASSIGN(const auto to, GgufFile::Open(second));
  EXPECT_FALSE(to->metadata().Has("split.count"));
  EXPECT_EQ(to->metadata().all().size() + 1, from->metadata().all().size());
  for (const auto& [key, value] : to->metadata().all()) {
    const GgufValue* before = from->metadata().Find(key);
    ASSERT_NE(before, nullptr) << key;
    EXPECT_EQ(value.type, before->type) << key;
    EXPECT_EQ(value.element, before->element) << key;
    EXPECT_EQ(value.count, before->count) << key;
    EXPECT_TRUE(std::equal(value.bytes.begin(), value.bytes.end(), before->bytes.begin(), before->bytes.end())) << key;
  }
}

TEST(GgufWriter, AFailureLeavesWhatWasThere) {
  const TempFolder folder;
  const Path path = folder.path() / "m.gguf";
  ASSERT_OK(WriteFileAtomic(path, "before"));
  GgufWriter gguf;
  gguf.Tensor("a", DType::kF32, {4});
  const Status failed =
      gguf.Write(path, [](size_t, std::span<std::byte>) -> Status { return Err(ErrorCode::kCorrupt, "no such luck"); });
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr("no such luck"));
  EXPECT_EQ(*ReadFile(path), "before");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

}  // namespace
}  // namespace bantam::testing
