#include "files/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <random>

#include "base/testing.h"
#include "files/hostile_model.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace bantam {
namespace {

std::span<const std::byte> BytesOf(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
// A copy of its own, so that a sanitizer sees a read past the end.
int RunFuzzTarget(std::string_view text) {
  const std::vector<uint8_t> exact(text.begin(), text.end());
  return LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

TEST(Safetensors, ReadsWhatItWrites) {
  const std::vector<float> a = {1.5f, -2.0f, 3.25f};
  const std::vector<int64_t> b = {-7};
  std::map<std::string, TensorView> tensors;
  tensors["head.weight \"é\""] = {DType::kF32, {3, 1}, std::as_bytes(std::span(a))};
  tensors["ids"] = {DType::kI64, {}, std::as_bytes(std::span(b))};
  tensors["empty"] = {DType::kF16, {0, 4}, {}};
  const std::map<std::string, std::string> metadata = {{"labels", "[\"a\",\"b\"]"}, {"", "ü\n"}};
  testing::TempFolder folder;
  ASSERT_OK(WriteFileAtomic(folder / "x.safetensors", SerializeSafetensors(tensors, metadata)));
  ASSERT_OK_AND_ASSIGN(const auto file, SafetensorsFile::Open(folder / "x.safetensors"));
  EXPECT_EQ(file->metadata(), metadata);
  ASSERT_EQ(file->tensors().size(), 3u);
  const TensorView* view = file->Find("head.weight \"é\"");
  ASSERT_NE(view, nullptr);
  EXPECT_EQ(view->shape, (Shape{3, 1}));
  std::vector<float> read(3);
  CopyToF32(*view, read);
  EXPECT_EQ(read, a);
  ASSERT_NE(file->Find("ids"), nullptr);
  EXPECT_EQ(std::memcmp(file->Find("ids")->bytes.data(), b.data(), 8), 0);
  EXPECT_EQ(file->Find("none"), nullptr);
  ASSERT_OK_AND_ASSIGN(const auto empty, ParseSafetensors(BytesOf(SerializeSafetensors({}, {})), "x"));
  EXPECT_TRUE(empty.tensors.empty());
}

TEST(Safetensors, RefusesDevicesAndFifosWithoutHanging) {
  EXPECT_EQ(SafetensorsFile::Open("/dev/zero").error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(SafetensorsFile::Open("/no/such/file").error().code, ErrorCode::kNotFound);
}

// Every prefix of a valid file is cut short, and says so.
TEST(Safetensors, EveryTruncationIsRefused) {
  std::vector<float> values(1000, 1.0f);
  std::map<std::string, TensorView> tensors;
  for (const char* name : {"a", "b", "c"}) tensors[name] = {DType::kF32, {1000}, std::as_bytes(std::span(values))};
  const std::string whole = SerializeSafetensors(tensors, {{"format", "pt"}});
  ASSERT_OK(ParseSafetensors(BytesOf(whole), "t"));
  for (size_t i = 0; i < 200; ++i) {
    // Every byte of the header, then evenly through the data.
    const size_t length = i < 100 ? i * 3 : whole.size() - 1 - (i - 100) * (whole.size() / 120);
    const std::string_view prefix = std::string_view(whole).substr(0, length);
    const auto result = ParseSafetensors(BytesOf(prefix), "t");
    ASSERT_FALSE(result.has_value()) << length;
    EXPECT_EQ(result.error().code, ErrorCode::kCorrupt) << result.error().message;
    EXPECT_NE(result.error().message.find("cut short"), std::string::npos) << length << ": " << result.error().message;
    RunFuzzTarget(prefix);
  }
}

TEST(Safetensors, CorpusReplays) {
  size_t files = 0, accepted = 0;
  for (const auto& entry : std::filesystem::directory_iterator("src/files/fuzz/corpus")) {
    ASSERT_OK_AND_ASSIGN(const std::string bytes, ReadFile(entry.path()));
    ++files;
    accepted += RunFuzzTarget(bytes) == 0;
  }
  EXPECT_GE(files, 10u);
  EXPECT_GE(accepted, 4u);
}

// F-62. Bit flips, inserts, deletes and number edits, most of them in the header; whatever is accepted is then read in
// full.
TEST(Safetensors, FiveThousandMutations) {
  std::vector<std::string> seeds;
  for (const auto& entry : std::filesystem::directory_iterator("src/files/fuzz/corpus")) {
    ASSERT_OK_AND_ASSIGN(std::string bytes, ReadFile(entry.path()));
    seeds.push_back(std::move(bytes));
  }
  std::sort(seeds.begin(), seeds.end());  // the order of a folder is not the same everywhere
  static const std::vector<std::string> kWords = {"0",
                                                  "1",
                                                  "-1",
                                                  "18446744073709551615",
                                                  "9223372036854775807",
                                                  "4294967296",
                                                  "[",
                                                  "]",
                                                  "{",
                                                  "}",
                                                  "\"",
                                                  ",",
                                                  ":",
                                                  "\\u0000",
                                                  "F32",
                                                  "U8",
                                                  "\"shape\"",
                                                  "1e9",
                                                  "\xFF"};
  std::mt19937 random(20240613);
  const auto below = [&](size_t limit) { return limit == 0 ? size_t{0} : random() % limit; };
  size_t accepted = 0;
  for (int round = 0; round < 5000; ++round) {
    std::string bytes = seeds[below(seeds.size())];
    const size_t size_before = bytes.size();
    for (size_t edits = 1 + below(4); edits > 0 && !bytes.empty(); --edits) {
      const size_t at = below(std::min<size_t>(bytes.size(), below(8) == 0 ? bytes.size() : 400));
      switch (below(5)) {
        case 0:
          bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
          break;
        case 1:
          bytes.insert(at, 1, static_cast<char>(below(256)));
          break;
        case 2:
          bytes.erase(at, 1 + below(4));
          break;
        case 3:
          bytes.insert(at, kWords[below(kWords.size())]);
          break;
        case 4: {  // a number becomes another one
          const size_t digit = bytes.find_first_of("0123456789", std::max<size_t>(at, 8));
          if (digit == std::string::npos) break;
          bytes[digit] = static_cast<char>('0' + below(10));
          break;
        }
      }
    }
    if (below(4) != 0 && bytes.size() >= 8) {  // the header length follows, or most files would fail by it alone
      uint64_t header_bytes = 0;
      std::memcpy(&header_bytes, bytes.data(), 8);
      header_bytes += bytes.size() - size_before;
      std::memcpy(bytes.data(), &header_bytes, 8);
    }
    accepted += RunFuzzTarget(bytes) == 0;
  }
  RecordProperty("accepted", static_cast<int>(accepted));
  EXPECT_GT(accepted, 0u);  // or the mutations would prove nothing about use after acceptance
  EXPECT_LT(accepted, 5000u);
}

}  // namespace
}  // namespace bantam
