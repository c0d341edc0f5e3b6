#include "store/remote_file.h"

#include <gtest/gtest.h>

#include "base/testing.h"

namespace bantam {
namespace {

constexpr std::string_view kText = "hello\n";
// As `git hash-object` and `sha256sum` have them.
constexpr std::string_view kBlob = "ce013625030ba8dba906f756967f9e9ca394464a";
constexpr std::string_view kSha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";

TEST(RemoteFile, DigestsAreLowerCaseHexOfTheirLength) {
  EXPECT_TRUE(MakeDigest(FileDigest::Kind::kGitBlob, kBlob));
  EXPECT_TRUE(MakeDigest(FileDigest::Kind::kSha256, kSha256));
  EXPECT_FALSE(MakeDigest(FileDigest::Kind::kSha256, kBlob));
  EXPECT_FALSE(MakeDigest(FileDigest::Kind::kGitBlob, kSha256));
  EXPECT_FALSE(MakeDigest(FileDigest::Kind::kGitBlob, std::string(40, 'A')));
  EXPECT_FALSE(MakeDigest(FileDigest::Kind::kGitBlob, std::string(39, '0') + "/"));
  EXPECT_NE(MakeDigest(FileDigest::Kind::kGitBlob, kBlob)->FileName(),
            MakeDigest(FileDigest::Kind::kSha256, kSha256)->FileName());
}

TEST(RemoteFile, HashesBothWaysWhateverThePieces) {
  for (const size_t cut : {size_t{0}, size_t{1}, kText.size()}) {
    FileHasher git(*MakeDigest(FileDigest::Kind::kGitBlob, kBlob), kText.size());
    git.Update(kText.substr(0, cut));
    git.Update(kText.substr(cut));
    const FileHasher::Digests digests = git.Finish();
    EXPECT_EQ(digests.told, kBlob);
    EXPECT_EQ(digests.sha256, kSha256);
  }
  FileHasher plain(*MakeDigest(FileDigest::Kind::kSha256, kSha256), kText.size());
  plain.Update(kText);
  EXPECT_EQ(plain.Finish().told, kSha256);
}

TEST(RemoteFile, IsEqualBySizeAndDigestOnly) {
  const testing::TempFolder temp;
  const Path path = temp / "file";
  ASSERT_OK(WriteFileAtomic(path, kText));
  const FileDigest blob = *MakeDigest(FileDigest::Kind::kGitBlob, kBlob);
  EXPECT_EQ(HashIfEqual(path, kText.size(), blob), kSha256);
  EXPECT_FALSE(HashIfEqual(path, kText.size() + 1, blob));
  EXPECT_FALSE(HashIfEqual(path, kText.size(), *MakeDigest(FileDigest::Kind::kGitBlob, std::string(40, '0'))));
  EXPECT_FALSE(HashIfEqual(temp / "none", kText.size(), blob));
}

}  // namespace
}  // namespace bantam
