#include "files/pull_reference.h"

#include <gtest/gtest.h>

namespace bantam {
namespace {

std::string Parsed(std::string_view text, std::string_view from = {}) {
  const auto reference = ParsePullReference(text, from);
  return reference ? reference->Text() : "error: " + reference.error().message;
}

TEST(PullReference, OneSpellingForAll) {
  for (const std::string_view text : {"hf.co/O/R:Q4_K_M", "huggingface.co/O/R:Q4_K_M", "hf:O/R:Q4_K_M",
                                      "https://hf.co/O/R:Q4_K_M", "O/R:Q4_K_M", "https://huggingface.co/O/R:Q4_K_M"}) {
    EXPECT_EQ(Parsed(text), "hf.co/O/R:Q4_K_M") << text;
  }
  EXPECT_EQ(Parsed("O/R"), "hf.co/O/R");
  EXPECT_EQ(Parsed("O/R@refs/pr/1"), "hf.co/O/R@refs/pr/1");
  EXPECT_EQ(Parsed("O/R@v1:Q8_0"), "hf.co/O/R:Q8_0@v1");
  EXPECT_EQ(Parsed("hf:gpt2"), "hf.co/gpt2");
  EXPECT_EQ(Parsed("https://huggingface.co/O/R/tree/main"), "hf.co/O/R");
  EXPECT_EQ(Parsed("https://huggingface.co/O/R/blob/v2/sub/x.gguf?download=true"), "hf.co/O/R:sub/x.gguf@v2");
  EXPECT_EQ(Parsed("smollm2"), "ollama.com/library/smollm2:latest");
  EXPECT_EQ(Parsed("smollm2:135m"), "ollama.com/library/smollm2:135m");
  EXPECT_EQ(Parsed("ollama.com/library/smollm2:135m"), "ollama.com/library/smollm2:135m");
  EXPECT_EQ(Parsed("https://ollama.com/library/smollm2"), "ollama.com/library/smollm2:latest");
  EXPECT_EQ(Parsed("ollama:user/model:tag"), "ollama.com/user/model:tag");
  EXPECT_EQ(Parsed("user/model", "ollama"), "ollama.com/user/model:latest");
  EXPECT_EQ(Parsed("gpt2", "hub"), "hf.co/gpt2");
  EXPECT_EQ(Parsed(Parsed("O/R@v1:Q8_0")), "hf.co/O/R:Q8_0@v1");
}

TEST(PullReference, TellsHowItIsWritten) {
  for (const std::string_view text :
       {"", "/", "a/b/c", "O/..", "../x", "O/R:", "O/R@", "O/R:a:b", "O/R@a@b", "O/R:../x", "O/R@../x",
        "O/R:/etc/passwd", "https://evil.example/O/R", "registry.example/O", "smollm2@v1", "O/R:a\nb", "-o/R", "hf.co/",
        "hf.co/O/R/x"}) {
    const auto reference = ParsePullReference(text);
    ASSERT_FALSE(reference) << text << " -> " << reference->Text();
    EXPECT_EQ(reference.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(reference.error().message.find("hf.co/OWNER/REPO"), std::string::npos);
  }
  EXPECT_FALSE(ParsePullReference("hf.co/O/R", "ollama"));
  EXPECT_FALSE(ParsePullReference(std::string(5000, 'a')));
}

TEST(PullReference, IsKnownByItsFirstPart) {
  EXPECT_TRUE(LooksLikePullReference("hf.co/O/R"));
  EXPECT_TRUE(LooksLikePullReference("https://ollama.com/library/x"));
  EXPECT_FALSE(LooksLikePullReference("./hf.co/O/R"));
  EXPECT_FALSE(LooksLikePullReference("smollm2"));
}

}  // namespace
}  // namespace bantam
