// Every named way to break a GGUF file (the numbers are those of the list of hostile inputs), each refused with a
// message that says what and where, within the memory that the bytes on disk explain.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <functional>

#include "base/testing.h"
#include "base/text_util.h"
#include "files/allocation_meter.h"
#include "files/gguf_builder.h"
#include "files/gguf_model.h"
#include "files/gguf_vocab.h"

namespace bantam::testing {
namespace {

void Put(const Path& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary);
  file << bytes;
  BANTAM_CHECK(file.flush().good(), "cannot write {}", path.string());
}

// Opens the file and everything that a loader of an encoder reads of it.
Status OpenAll(const Path& path) {
  BANTAM_TRY(const auto file, GgufFile::Open(path));
  BANTAM_RETURN_IF_ERROR(ReadGgufVocab(file->metadata()));
  BANTAM_RETURN_IF_ERROR(OpenGgufModel(path, std::nullopt));
  return Ok();
}

void ExpectRefused(std::string_view name, const std::string& bytes, const std::vector<std::string>& message_parts,
                   const char* file_name = "model.gguf") {
  SCOPED_TRACE(name);
  TempFolder temp;
  const Path path = temp.path() / file_name;
  Put(path, bytes);
  size_t peak_bytes = 0;
  const Status status = [&] {
    AllocationMeter meter;
    auto opened = OpenAll(path);
    peak_bytes = AllocationMeter::PeakBytes();
    return opened;
  }();
  EXPECT_LE(peak_bytes, (size_t{1} << 20) + 8 * bytes.size());
  if (message_parts.empty()) {
    EXPECT_OK(status);
    return;
  }
  ASSERT_FALSE(status.has_value());
  const std::string& message = status.error().message;
  EXPECT_TRUE(status.error().code == ErrorCode::kCorrupt || status.error().code == ErrorCode::kUnsupported ||
              status.error().code == ErrorCode::kNotFound)
      << status.error().ToString();
  EXPECT_NE(message.find(path.string()), std::string::npos) << message;
  for (const std::string& part : message_parts) {
    EXPECT_NE(message.find(part), std::string::npos) << "no «" << part << "» in: " << message;
  }
  EXPECT_EQ(message.find_first_of("\n\r\x1B"), std::string::npos) << message;
  EXPECT_LE(message.size(), 1000u);
}

// The tiny BERT with one change.
std::string With(const std::function<void(GgufBuilder&)>& change) {
  GgufBuilder gguf;
  AddTinyBert(gguf);
  change(gguf);
  return gguf.Build();
}
// A file with nothing else in it.
std::string Only(const std::function<void(GgufBuilder&)>& change) {
  GgufBuilder gguf;
  change(gguf);
  return gguf.Build();
}

TEST(HostileGguf, Valid) {
  ExpectRefused("valid", TinyBertGguf(), {});
  ExpectRefused("valid/version 2", With([](GgufBuilder& g) { g.version = 2; }), {});
  ExpectRefused("valid/order of the data is free", With([](GgufBuilder& g) {
                  g.Described("rope_freqs.a", {1}, kGgmlF32, 1 << 14);
                  g.Tensor("rope_freqs.b", {2}, kGgmlF32, std::string(1 << 15, '\0'));
                }),
                {});
}

TEST(HostileGguf, F01_Truncated) {
  ExpectRefused("empty", "", {"header at byte 0", "got 0 bytes, needs 24"});
  for (size_t size = 1; size < 24; ++size) {
    ExpectRefused("short", TinyBertGguf().substr(0, size), {"header at byte 0", fmt::format("got {} bytes", size)});
  }
}

TEST(HostileGguf, F02_OtherFiles) {
  ExpectRefused("FUGG", "FUGG" + TinyBertGguf().substr(4), {"magic at byte 0", "not a GGUF file", "\"FUGG\""});
  ExpectRefused("LFS", "version https://git-lfs.github.com/spec/v1\n", {"Git LFS pointer"});
  ExpectRefused("HTML", "<!DOCTYPE html><html>", {"HTML page"});
  ExpectRefused("zip", "PK\x03\x04" + std::string(60, '\0'), {"zip archive"});
}

TEST(HostileGguf, F03_Version) {
  for (const uint32_t version : {0u, 1u, 4u, 0xFFFFFFFFu}) {
    ExpectRefused("version", With([&](GgufBuilder& g) { g.version = version; }),
                  {"version at byte 4", "known 2 and 3", fmt::format("got {}", version)});
  }
}

TEST(HostileGguf, F04_BigEndian) {
  ExpectRefused("big-endian", With([](GgufBuilder& g) { g.version = 0x03000000; }),
                {"version at byte 4", "big-endian"});
}

TEST(HostileGguf, F05_F06_TensorCount) {
  for (const uint64_t count : {UINT64_MAX, uint64_t{1} << 63, uint64_t{1} << 32, SIZE_MAX / sizeof(GgufTensorEntry) - 1,
                               SIZE_MAX / sizeof(GgufTensorEntry), SIZE_MAX / sizeof(GgufTensorEntry) + 1}) {
    ExpectRefused("count", Only([&](GgufBuilder& g) { g.extra_tensors = count; }),
                  {"tensor count at byte 8", fmt::format("got {}", count)});
  }
  ExpectRefused("more than fit", Only([](GgufBuilder& g) { g.extra_tensors = 5; }),
                {"tensor count at byte 8", "too short for so many"});
}

TEST(HostileGguf, F07_KeyCount) {
  for (const uint64_t count : {UINT64_MAX, uint64_t{1} << 40, uint64_t{100}}) {
    ExpectRefused("count", Only([&](GgufBuilder& g) { g.extra_keys = count; }),
                  {"metadata count at byte 16", fmt::format("got {}", count)});
  }
}

TEST(HostileGguf, F08_KeyLength) {
  const auto with_length = [](uint64_t length, std::string_view key) {
    std::string bytes = Only([&](GgufBuilder& g) { g.Raw(key, 4, std::string(64, '\0')); });
    std::memcpy(bytes.data() + 24, &length, sizeof length);
    return bytes;
  };
  ExpectRefused("2^64-1", with_length(UINT64_MAX, "k"), {"key 0 at byte 24", "beyond the end of the file"});
  const uint64_t rest = with_length(1, "k").size() - 32;
  ExpectRefused("one more than there is", with_length(rest + 1, "k"),
                {"key 0 at byte 24", fmt::format("got {}, limit {}", rest + 1, rest)});
  ExpectRefused("0", Only([](GgufBuilder& g) { g.U32("", 1); }), {"key 0 at byte 24", "empty"});
  ExpectRefused("70 000", Only([](GgufBuilder& g) { g.U32(std::string(70'000, 'k'), 1); }),
                {"key 0 at byte 24", "got 70000 bytes, limit 65535"});
}

TEST(HostileGguf, F09_KeyEncoding) {
  ExpectRefused("not UTF-8", Only([](GgufBuilder& g) { g.U32("k\xFF", 1); }), {"key 0 at byte 24", "UTF-8"});
  ExpectRefused("NUL", Only([](GgufBuilder& g) { g.U32(std::string_view("k\0", 2), 1); }),
                {"control characters", "\\x00"});
  ExpectRefused("ESC", Only([](GgufBuilder& g) { g.U32("k\n\x1B[31m", 1); }), {"control characters", "k\\n\\x1B[31m"});
}

TEST(HostileGguf, F10_ValueType) {
  for (const uint32_t type : {13u, 99u, 0xFFFFFFFFu}) {
    ExpectRefused("type", Only([&](GgufBuilder& g) { g.Raw("k", type, std::string(64, '\0')); }),
                  {"'k' at byte 33", fmt::format("got {}", type)});
  }
}

TEST(HostileGguf, F11_StringLength) {
  ExpectRefused("2^63", Only([](GgufBuilder& g) { g.Raw("k", 8, LittleEndian(uint64_t{1} << 63)); }),
                {"'k' at byte 37", "beyond the end"});
  ExpectRefused("one more",
                Only([](GgufBuilder& g) { g.Raw("k", 8, LittleEndian(uint64_t{1000}) + std::string(90, 'x')); }),
                {"'k' at byte 37", "got 1000"});
  // Longer than is read here, and all of it there.
  ExpectRefused("17 MiB", Only([](GgufBuilder& g) { g.String("k", std::string(17 << 20, 'x')); }),
                {"'k'", "limit 16777216"});
}

TEST(HostileGguf, F12_ArrayLength) {
  ExpectRefused("2^61 of u64", Only([](GgufBuilder& g) { g.Array("k", 10, uint64_t{1} << 61, "12345678"); }),
                {"'k' at byte 37", fmt::format("got {}", uint64_t{1} << 61)});
  ExpectRefused("2^30 of u8", Only([](GgufBuilder& g) { g.Array("k", 0, uint64_t{1} << 30, std::string(1000, 'x')); }),
                {"'k' at byte 37", "room for"});
  ExpectRefused("2^60 strings",
                Only([](GgufBuilder& g) { g.Array("k", 8, uint64_t{1} << 60, std::string(1000, '\0')); }),
                {"'k' at byte 37", "room for"});
  std::string nested = LittleEndian(uint32_t{0}) + LittleEndian(uint64_t{0});
  for (int depth = 0; depth < 4; ++depth) nested = LittleEndian(uint32_t{9}) + LittleEndian(uint64_t{1}) + nested;
  ExpectRefused("nested five deep", Only([&](GgufBuilder& g) { g.Raw("k", 9, nested); }),
                {"'k'", "too deep (limit 4)"});
  ExpectRefused("nested four deep", With([&](GgufBuilder& g) { g.Raw("k", 9, std::string_view(nested).substr(12)); }),
                {});
}

TEST(HostileGguf, F14_AlignmentType) {
  ExpectRefused("i32", With([](GgufBuilder& g) { g.Raw("general.alignment", 5, LittleEndian(int32_t{32})); }),
                {"'general.alignment' at byte", "expected the type u32 (got i32)"});
  ExpectRefused("string", With([](GgufBuilder& g) { g.String("general.alignment", "32"); }), {"got string"});
  ExpectRefused("array", With([](GgufBuilder& g) { g.Array("general.alignment", 4, 1, LittleEndian(uint32_t{32})); }),
                {"got array"});
}

TEST(HostileGguf, F15_AlignmentValue) {
  for (const uint32_t alignment : {0u, 3u, 4u, 13u, 0x80000000u}) {
    ExpectRefused("alignment", With([&](GgufBuilder& g) { g.U32("general.alignment", alignment); }),
                  {"'general.alignment' at byte", "power of two from 8 to 65536", fmt::format("got {}", alignment)});
  }
  ExpectRefused("64", Only([](GgufBuilder& g) {
                  g.alignment = 64;
                  g.U32("general.alignment", 64);
                  AddTinyBert(g);
                }),
                {});
}

TEST(HostileGguf, F16_DuplicateKey) {
  ExpectRefused("same", With([](GgufBuilder& g) { g.U32("bert.block_count", 1); }),
                {"'bert.block_count' at byte", "duplicate key"});
  ExpectRefused("another value", With([](GgufBuilder& g) { g.U32("bert.block_count", 2); }), {"duplicate key"});
}

TEST(HostileGguf, F17_ElementTypes) {
  ExpectRefused("scores of u8",
                With([](GgufBuilder& g) { g.Array("tokenizer.ggml.scores", 0, 16, std::string(16, '\1')); }),
                {"'tokenizer.ggml.scores' at byte", "expected an array of f32 or i32 (got an array of 16 u8)"});
  const auto tokenizer = [](const std::function<void(GgufBuilder&)>& change) {
    return Only([&](GgufBuilder& g) {
      g.String("tokenizer.ggml.model", "bert");
      change(g);
    });
  };
  ExpectRefused("types of f64", tokenizer([](GgufBuilder& g) {
                  g.Strings("tokenizer.ggml.tokens", {"a"});
                  g.Array("tokenizer.ggml.token_type", 12, 1, std::string(8, '\0'));
                }),
                {"'tokenizer.ggml.token_type'", "got an array of 1 f64"});
  ExpectRefused("tokens of i32",
                tokenizer([](GgufBuilder& g) { g.Array("tokenizer.ggml.tokens", 5, 1, std::string(4, '\0')); }),
                {"'tokenizer.ggml.tokens'", "expected an array of string (got an array of 1 i32)"});
  ExpectRefused("fewer types than tokens", tokenizer([](GgufBuilder& g) {
                  g.Strings("tokenizer.ggml.tokens", {"a", "b"});
                  g.Array("tokenizer.ggml.token_type", 5, 1, std::string(4, '\1'));
                }),
                {"'tokenizer.ggml.token_type'", "has 1 elements, there are 2 tokens"});
}

TEST(HostileGguf, F18_BoolsAndNumbers) {
  for (const uint8_t byte : {uint8_t{2}, uint8_t{255}}) {
    ExpectRefused("bool", With([&](GgufBuilder& g) { g.Bool("flag", byte); }),
                  {"'flag' at byte", fmt::format("got {}", byte)});
    ExpectRefused("in an array",
                  With([&](GgufBuilder& g) { g.Array("flags", 7, 2, std::string({'\1', static_cast<char>(byte)})); }),
                  {"'flags' at byte", "not a bool"});
  }
  for (const float value : {NAN, INFINITY, -1.0f}) {
    ExpectRefused("rope.freq_base", Only([&](GgufBuilder& g) {
                    g.F32("bert.attention.layer_norm_epsilon", value);
                    g.String("general.architecture", "bert");
                    g.String("tokenizer.ggml.model", "bert");
                    g.U32("bert.block_count", 1);
                    g.U32("bert.embedding_length", 8);
                    g.U32("bert.attention.head_count", 2);
                    g.U32("bert.feed_forward_length", 8);
                    g.Tensor("token_types.weight", {8, 1}, kGgmlF32, std::string(32, '\0'));
                  }),
                  {"'bert.attention.layer_norm_epsilon' at byte", "expected a number"});
  }
}

// Two parts of three keys and one tensor each.
std::string Part(uint16_t number, uint16_t count, int32_t num_tensors, std::string_view tensor) {
  return Only([&](GgufBuilder& g) {
    g.Raw("split.no", 2, LittleEndian(number));
    g.Raw("split.count", 2, LittleEndian(count));
    g.Raw("split.tensors.count", 5, LittleEndian(num_tensors));
    g.Tensor(tensor, {8}, kGgmlF32, std::string(32, '\0'));
  });
}

TEST(HostileGguf, F19_Split) {
  const auto open = [](const std::string& first, const std::string& second, const char* first_name) {
    TempFolder temp;
    Put(temp.path() / first_name, first);
    if (!second.empty()) Put(temp.path() / "m-00002-of-00002.gguf", second);
    const auto file = GgufFile::Open(temp.path() / first_name);
    return file ? std::string() : file.error().message;
  };
  constexpr const char* kFirst = "m-00001-of-00002.gguf";
  using ::testing::HasSubstr;
  EXPECT_EQ(open(Part(0, 2, 2, "a"), Part(1, 2, 2, "b"), kFirst), "");
  EXPECT_THAT(open(Part(0, 2, 2, "a"), "", kFirst), HasSubstr("part 2 of 2 is not beside it"));
  EXPECT_THAT(open(Part(0, 2, 2, "a"), "", kFirst), HasSubstr("m-00002-of-00002.gguf"));
  EXPECT_THAT(open(Part(0, 2, 2, "a"), Part(0, 2, 2, "b"), kFirst),
              HasSubstr("it is part 1 of 2, its name part 2 of 2"));
  EXPECT_THAT(open(Part(0, 2, 2, "a"), Part(1, 2, 2, "a"), kFirst), HasSubstr("'a' is in an earlier part too"));
  EXPECT_THAT(open(Part(0, 2, 3, "a"), Part(1, 2, 3, "b"), kFirst), HasSubstr("hold 2 tensors, expected 3"));
  EXPECT_THAT(open(Part(1, 2, 2, "a"), "", kFirst), HasSubstr("this is part 2 of 2: name the first part"));
  EXPECT_THAT(open(Part(2, 2, 2, "a"), "", kFirst), HasSubstr("'split.no' at byte"));
  EXPECT_THAT(open(Part(0, 2, 2, "a"), "", "m.gguf"), HasSubstr("NAME-00001-of-00002.gguf"));
}

TEST(HostileGguf, F20_F21_Overflow) {
  const uint64_t big = (uint64_t{1} << 42) + 1;
  ExpectRefused("product wraps", Only([&](GgufBuilder& g) { g.Described("t", {big, 262'144}, kGgmlF32, 0); }),
                {"tensor 't' offset at byte 24", "beyond the file"});
  ExpectRefused("product wraps to little",
                Only([&](GgufBuilder& g) { g.Described("t", {1 << 20, uint64_t{1} << 44}, kGgmlF32, 0); }),
                {"tensor 't' at byte 24", "overflows 64 bits"});
  const uint64_t huge = uint64_t{1} << 62;
  ExpectRefused("2^62 each", Only([&](GgufBuilder& g) { g.Described("t", {huge, huge, huge, huge}, kGgmlF32, 0); }),
                {"overflows 64 bits"});
  ExpectRefused("two that wrap together", Only([](GgufBuilder& g) {
                  g.Described("a", {(uint64_t{1} << 61) - 16}, kGgmlF32, 0);
                  g.Described("b", {(uint64_t{1} << 61) - 16}, kGgmlF32, (uint64_t{1} << 63) - 64);
                }),
                {"tensor 'a'", "beyond the file"});
  ExpectRefused("the end wraps", Only([](GgufBuilder& g) {
                  g.Described("b", {(uint64_t{1} << 61) - 16}, kGgmlF32, (uint64_t{1} << 63) + 64);
                }),
                {"tensor 'b'", "overflow 64 bits"});
}

TEST(HostileGguf, F23_F24_Dimensions) {
  for (const size_t count : {0u, 5u}) {
    ExpectRefused("n_dims",
                  Only([&](GgufBuilder& g) { g.Described("t", std::vector<uint64_t>(count, 1), kGgmlF32, 0); }),
                  {"tensor 't' n_dims at byte 33", fmt::format("got {}", count)});
  }
  std::string bytes = Only([](GgufBuilder& g) { g.Described("t", {1}, kGgmlF32, 0); });
  std::memset(bytes.data() + 33, 0xFF, 4);
  ExpectRefused("2^32-1", bytes, {"n_dims at byte 33", "got 4294967295"});
  ExpectRefused("0", Only([](GgufBuilder& g) { g.Described("t", {4, 0}, kGgmlF32, 0); }),
                {"tensor 't' dims[1]", "got 0"});
  ExpectRefused("-1", Only([](GgufBuilder& g) { g.Described("t", {UINT64_MAX}, kGgmlF32, 0); }),
                {"tensor 't' dims[0]"});
}

TEST(HostileGguf, F25_TensorType) {
  for (const uint32_t type : {4u, 5u, 255u, 0xFFFFFFFFu}) {
    ExpectRefused("type", Only([&](GgufBuilder& g) { g.Described("t", {32}, type, 0); }),
                  {"tensor 't' type at byte", "unknown type", fmt::format("got {}", type), "Q4_K"});
  }
  ExpectRefused("known, not read", Only([](GgufBuilder& g) { g.Described("t", {256}, 16, 0); }),
                {"tensor 't' type at byte", "IQ2_XXS is not read here"});
  ExpectRefused("half a block", Only([](GgufBuilder& g) { g.Described("t", {33}, kGgmlQ8_0, 0); }),
                {"tensor 't' at byte", "multiple of 32", "got 33"});
}

TEST(HostileGguf, F27_Offset) {
  ExpectRefused("unaligned", With([](GgufBuilder& g) { g.Described("t", {8}, kGgmlF32, 33); }),
                {"tensor 't' offset at byte", "got 33, alignment 32"});
  ExpectRefused("beyond", With([](GgufBuilder& g) { g.Described("t", {8}, kGgmlF32, 1 << 20); }),
                {"tensor 't' offset", "beyond the file", "got 1048608"});
  ExpectRefused("one byte", Only([](GgufBuilder& g) { g.Tensor("t", {8}, kGgmlF32, std::string(31, '\0')); }),
                {"tensor 't' offset", "got 32, limit 31"});
  ExpectRefused("2^64-32", With([](GgufBuilder& g) { g.Described("t", {8}, kGgmlF32, UINT64_MAX - 31); }),
                {"tensor 't'", "overflow 64 bits"});
}

TEST(HostileGguf, F28_Overlap) {
  ExpectRefused("overlap", With([](GgufBuilder& g) { g.Described("t", {8}, kGgmlF32, 32); }),
                {"offset", "overlaps tensor"});
  ExpectRefused("the same place", Only([](GgufBuilder& g) {
                  g.Tensor("a", {8}, kGgmlF32, std::string(32, '\0'));
                  g.Described("b", {8}, kGgmlF32, 0);
                }),
                {"tensor 'b' offset", "overlaps tensor 'a'"});
}

TEST(HostileGguf, F29_Names) {
  ExpectRefused("duplicate",
                With([](GgufBuilder& g) { g.Tensor("token_embd.weight", {8}, kGgmlF32, std::string(32, '\0')); }),
                {"tensor 'token_embd.weight' at byte", "duplicate name"});
  for (const std::string& name : {std::string(""), std::string("a/../../b"), std::string("a\0b", 3),
                                  std::string("a\x1B[0m"), std::string("a\xFF")}) {
    ExpectRefused("name", Only([&](GgufBuilder& g) { g.Described(name, {8}, kGgmlF32, 0); }),
                  {"tensor '", "a name must be"});
  }
  ExpectRefused("300 bytes", Only([](GgufBuilder& g) { g.Described(std::string(300, 'n'), {8}, kGgmlF32, 0); }),
                {"tensor 0 name at byte 24", "got 300 bytes, limit 255"});
}

TEST(HostileGguf, F30_F33_Configuration) {
  const auto with = [](std::string_view key, uint32_t value) { return WithU32(TinyBertGguf(), key, value); };
  ExpectRefused("block_count 0", with("bert.block_count", 0), {"'bert.block_count' at byte", "got 0 of type u32"});
  ExpectRefused("block_count 2^32-1", with("bert.block_count", UINT32_MAX), {"'bert.block_count'", "got 4294967295"});
  ExpectRefused("context_length 0", with("bert.context_length", 0), {"'bert.context_length'", "got 0"});
  ExpectRefused("context_length 2^31", with("bert.context_length", 1u << 31), {"'bert.context_length'"});
  ExpectRefused("pooling_type 9", with("bert.pooling_type", 9), {"'bert.pooling_type'", "0 to 4 (got 9"});
  const auto rotary = [](uint32_t count) {
    return Only([&](GgufBuilder& g) {
      g.String("general.architecture", "qwen3");
      g.String("tokenizer.ggml.model", "bert");
      g.U32("qwen3.embedding_length", 64);
      g.U32("qwen3.attention.head_count", 4);
      g.U32("qwen3.rope.dimension_count", count);
    });
  };
  for (const uint32_t count : {7u, 128u}) {
    ExpectRefused("rope.dimension_count", rotary(count), {"'qwen3.rope.dimension_count' at byte", "from 16 to 16"});
  }
  ExpectRefused("no architecture", Only([](GgufBuilder& g) { g.String("tokenizer.ggml.model", "bert"); }),
                {"'general.architecture' is missing"});
}

TEST(HostileGguf, F35_TruncatedAnywhere) {
  const std::string bytes = TinyBertGguf();
  TempFolder temp;
  const Path path = temp.path() / "model.gguf";
  for (size_t size = 0; size < bytes.size(); size += 1 + bytes.size() / 400) {
    Put(path, bytes.substr(0, size));
    const auto file = GgufFile::Open(path);
    ASSERT_FALSE(file.has_value()) << size;
    EXPECT_NE(file.error().message.find(path.string()), std::string::npos);
  }
}

TEST(HostileGguf, F36_Vocabulary) {
  const auto tokenizer = [](const std::function<void(GgufBuilder&)>& change) {
    return Only([&](GgufBuilder& g) {
      g.String("tokenizer.ggml.model", "llama");
      change(g);
    });
  };
  ExpectRefused("no tokens", tokenizer([](GgufBuilder& g) { g.Strings("tokenizer.ggml.tokens", {}); }),
                {"'tokenizer.ggml.tokens'", "expected 1 to 2097152 tokens (got 0)"});
  for (const uint32_t id : {2u, UINT32_MAX}) {
    ExpectRefused("eos", tokenizer([&](GgufBuilder& g) {
                    g.Strings("tokenizer.ggml.tokens", {"a", "b"});
                    g.U32("tokenizer.ggml.eos_token_id", id);
                  }),
                  {"'tokenizer.ggml.eos_token_id' at byte", "from 0 to 1"});
  }
  ExpectRefused("a score that is no number", tokenizer([](GgufBuilder& g) {
                  g.Strings("tokenizer.ggml.tokens", {"a"});
                  g.Array("tokenizer.ggml.scores", 6, 1, LittleEndian(NAN));
                }),
                {"'tokenizer.ggml.scores'", "element 0 is nan"});
}

}  // namespace
}  // namespace bantam::testing
