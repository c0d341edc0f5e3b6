#include "base/file_io.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/mapped_file.h"
#include "base/sha256.h"
#include "base/testing.h"

namespace bantam {
namespace {

TEST(FileIo, WritesAtomicallyAndReadsBack) {
  testing::TempFolder folder;
  const Path path = folder / "a/b/file.txt";
  ASSERT_OK(WriteFileAtomic(path, "one"));
  ASSERT_OK(WriteFileAtomic(path, "two"));
  EXPECT_EQ(*ReadFile(path), "two");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(path.parent_path()), {}), 1);  // no .partial left
  EXPECT_EQ(ReadFile(path, 2).error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(ReadFile(folder / "none").error().code, ErrorCode::kNotFound);
}

TEST(FileIo, RefusesFifoWithoutHanging) {
  testing::TempFolder folder;
  const Path fifo = folder / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(ReadFile(fifo).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(MappedFile::Open(fifo).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(ReadFile("/dev/zero").error().code, ErrorCode::kInvalidArgument);
}

TEST(Sha256, KnownAnswers) {  // FIPS 180-4 examples
  EXPECT_EQ(Sha256Hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Paths, PlainNames) {
  EXPECT_OK(CheckPlainName("model", "all-MiniLM-L6-v2"));
  for (const char* bad : {"", ".hidden", "../x", "a/b", "a b", "ü"}) EXPECT_FALSE(CheckPlainName("model", bad)) << bad;
}

}  // namespace
}  // namespace bantam
