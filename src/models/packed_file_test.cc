#include "models/packed_file.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/testing.h"
#include "files/gguf_export.h"
#include "models/decoder.h"
#include "models/encoder.h"
#include "tensor/block_quantizer.h"

namespace bantam {
namespace {

class PackedFileTest : public ::testing::Test {
 protected:
  PackedFileTest() {
    for (size_t i = 0; i < weights_.size(); ++i) weights_[i] = static_cast<std::byte>(i * 7);
    file_ = {.folder = folder_.path() / "packed",
             .weights_sha256 = std::string(64, 'a'),
             .contents = "bert 1",
             .size_bytes = 9000};
  }
  testing::TempFolder folder_;
  std::vector<std::byte> weights_ = std::vector<std::byte>(9000);
  PackedFile file_;
};

TEST_F(PackedFileTest, RoundTrip) {
  EXPECT_FALSE(OpenPackedFile(file_).has_value());
  ASSERT_OK(WritePackedFile(file_, weights_, 1234));
  auto opened = OpenPackedFile(file_);
  ASSERT_TRUE(opened.has_value());
  EXPECT_EQ(opened->num_parameters, 1234u);
  const auto bytes = opened->memory.bytes();
  EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), weights_.begin(), weights_.end()));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(bytes.data()) % 64, 0u);
}

TEST_F(PackedFileTest, OtherWeightsOrConfigAreNotTaken) {
  ASSERT_OK(WritePackedFile(file_, weights_, 1));
  PackedFile other = file_;
  other.contents = "bert 2";
  EXPECT_FALSE(OpenPackedFile(other).has_value());
  other = file_;
  other.weights_sha256[40] = 'b';  // the same file name, other weights
  EXPECT_EQ(other.path(), file_.path());
  EXPECT_FALSE(OpenPackedFile(other).has_value());
  other = file_;
  other.size_bytes = 8999;
  EXPECT_FALSE(OpenPackedFile(other).has_value());
  EXPECT_TRUE(OpenPackedFile(file_).has_value());
}

TEST_F(PackedFileTest, AnyDamageToHeaderOrLengthIsNoticed) {
  ASSERT_OK(WritePackedFile(file_, weights_, 1));
  ASSERT_OK_AND_ASSIGN(const std::string whole, ReadFile(file_.path()));
  for (size_t length : {size_t{0}, size_t{7}, size_t{4095}, size_t{4096}, whole.size() - 1}) {
    ASSERT_OK(WriteFileAtomic(file_.path(), whole.substr(0, length)));
    EXPECT_FALSE(OpenPackedFile(file_).has_value()) << length;
  }
  ASSERT_OK(WriteFileAtomic(file_.path(), whole + "x"));
  EXPECT_FALSE(OpenPackedFile(file_).has_value());
  for (size_t at = 0; at < 4096; at += at < 96 ? 1 : 500) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    ASSERT_OK(WriteFileAtomic(file_.path(), damaged));
    EXPECT_FALSE(OpenPackedFile(file_).has_value()) << at;
  }
}

TEST_F(PackedFileTest, AModelMapsItsOwnAndRemakesABrokenOne) {
  const auto load = [&]() -> std::unique_ptr<Encoder> {
    auto model = OpenModelFolder("src/models/golden/bert");
    EXPECT_OK(model);
    model->packed_folder = folder_ / "model-packed";
    auto encoder = LoadEncoder(*model, {.weight_type = WeightType::kInt8});
    EXPECT_OK(encoder);
    return std::move(*encoder);
  };
  const std::vector<int32_t> ids = {5, 9, 33, 2}, cu_seqlens = {0, 4};
  ThreadPool pool(1);
  const auto run = [&](const Encoder& encoder) {
    std::vector<float> hidden(ids.size() * encoder.hidden_size());
    encoder.Forward({ids, cu_seqlens, {}}, *encoder.NewWorkspace(), pool, hidden);
    return hidden;
  };
  const auto first = load();
  const auto folder = std::filesystem::directory_iterator(folder_ / "model-packed");
  const Path written = folder->path();
  const auto second = load();
  EXPECT_EQ(run(*second), run(*first));
  EXPECT_EQ(second->num_parameters(), first->num_parameters());
  EXPECT_EQ(second->weight_bytes(), first->weight_bytes());
  ASSERT_OK_AND_ASSIGN(const std::string whole, ReadFile(written));
  ASSERT_OK(WriteFileAtomic(written, "nonsense"));
  EXPECT_EQ(run(*load()), run(*first));
  ASSERT_OK_AND_ASSIGN(const std::string remade, ReadFile(written));
  EXPECT_TRUE(remade == whole);
}

// A model of floats as a GGUF file of blocks.
Status WriteBlocks(const ModelFolder& model, const Path& path) {
  GgufWriter gguf;
  BANTAM_TRY(const std::vector<ExportedTensor> tensors, ExportToGguf(model, gguf));
  const auto in_blocks = [](const TensorView& view) { return view.shape.size() == 2 && view.shape[1] % 32 == 0; };
  for (const ExportedTensor& tensor : tensors) {
    const TensorView& view = tensor.view;
    gguf.Tensor(tensor.name, in_blocks(view) ? DType::kQ8_0 : view.dtype, view.shape);
  }
  return gguf.Write(path, [&](size_t i, std::span<std::byte> out) -> Status {
    const TensorView& view = tensors[i].view;
    if (!in_blocks(view)) {
      std::memcpy(out.data(), view.bytes.data(), out.size());
      return Ok();
    }
    std::vector<float> values(static_cast<size_t>(NumElements(view.shape)));
    CopyToF32(view, values);
    QuantizeToBlocks(DType::kQ8_0, values, {}, out);
    return Ok();
  });
}

// Floats that become blocks are kept; what was in blocks before is the file's own in another order.
TEST_F(PackedFileTest, KeepsWhatWasConvertedOnly) {
  const Path floats = "src/models/golden/decoders/llama_wide", blocks = folder_ / "blocks.gguf";
  ASSERT_OK_AND_ASSIGN(const ModelFolder original, OpenModelFolder(floats));
  ASSERT_OK(WriteBlocks(original, blocks));
  const auto keeps = [&](const Path& path) {
    auto model = OpenModelFolder(path);
    EXPECT_OK(model);
    model->packed_folder = folder_ / "blocks-packed";
    EXPECT_OK(LoadDecoder(*model, {.weight_type = WeightType::kBlocks}));
    std::error_code ignored;
    return std::filesystem::exists(folder_ / "blocks-packed", ignored);
  };
  EXPECT_FALSE(keeps(blocks));
  EXPECT_TRUE(keeps(floats));
}

TEST_F(PackedFileTest, TheTypesOfOneModelLieSideBySide) {
  const auto load = [&](WeightType type) {
    auto model = OpenModelFolder("src/models/golden/bert");
    EXPECT_OK(model);
    model->packed_folder = folder_ / "model-packed";
    auto encoder = LoadEncoder(*model, {.weight_type = type});
    EXPECT_OK(encoder);
    return (*encoder)->weight_bytes();
  };
  const uint64_t int8 = load(WeightType::kInt8), int4 = load(WeightType::kInt4);
  EXPECT_LT(int4, int8);
  const auto count = std::distance(std::filesystem::directory_iterator(folder_ / "model-packed"), {});
  EXPECT_EQ(count, 2);
  EXPECT_EQ(load(WeightType::kInt8), int8);
  EXPECT_EQ(load(WeightType::kInt4), int4);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_ / "model-packed"), {}), count);
}

}  // namespace
}  // namespace bantam
