// Stored integers: what is written reads back as what was measured, for every architecture that has a checkpoint here,
// and every way to break such a folder is refused by a message that names the tensor or the key.
#include "learn/quant_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "base/testing.h"
#include "files/safetensors.h"

namespace bantam {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::TempFolder;

const Path kGolden = "src/models/golden";
const std::string kRefused = "model2vec";  // its table is called "embeddings", without ".weight"

std::vector<std::string> GoldenModels() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kGolden)) {
    const std::string name = entry.path().filename().string();
    if (name != kRefused && std::filesystem::exists(entry.path() / "model.safetensors")) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<float> Forward(const Encoder& encoder) {
  const std::vector<int32_t> ids = {2, 9, 33, 5, 1, 7, 3}, cu_seqlens = {0, 4, 7};
  std::vector<float> hidden(ids.size() * static_cast<size_t>(encoder.hidden_size()));
  ThreadPool pool(1);
  encoder.Forward({ids, cu_seqlens, {}}, *encoder.NewWorkspace(), pool, hidden);
  return hidden;
}

QuantReport ReportOf(WeightType type) {
  QuantReport report;
  report.type = type;
  return report;
}

class StoredModel : public ::testing::TestWithParam<std::string> {
 protected:
  void Open(const std::string& name) {
    auto model = QuantModel::Open((kGolden / name).string(), pool_);
    ASSERT_OK(model);
    model_ = std::move(*model);
    ASSERT_OK(model_->LoadOriginal());
  }
  std::vector<WeightType> All(WeightType type) const { return std::vector(model_->units().size(), type); }
  std::unique_ptr<Encoder> Load(const Path& folder, WeightType asked, std::string* error = nullptr) {
    auto opened = OpenModelFolder(folder);
    auto encoder = opened ? LoadEncoder(*opened, {.weight_type = asked, .use_packed_files = false})
                          : Result<std::unique_ptr<Encoder>>(opened.error());
    if (!encoder && error != nullptr) *error = encoder.error().message;
    if (!encoder && error == nullptr) ADD_FAILURE() << encoder.error().ToString();
    return encoder ? std::move(*encoder) : nullptr;
  }

  ThreadPool pool_{2};
  std::unique_ptr<QuantModel> model_;
  TempFolder temp_;
};

TEST_P(StoredModel, GivesTheSameBitsAsQuantisingAtLoad) {
  Open(GetParam());
  for (const WeightType type : {WeightType::kInt8, WeightType::kInt4}) {
    const Path out = temp_ / std::string(WeightTypeName(type));
    ASSERT_OK(WriteQuantized(*model_, All(type), ReportOf(type), out));
    const auto at_load = Load(kGolden / GetParam(), type);
    ASSERT_NE(at_load, nullptr);
    // What is stored decides, not what is asked for.
    for (const WeightType asked : {WeightType::kF32, type}) {
      const auto stored = Load(out, asked);
      ASSERT_NE(stored, nullptr);
      EXPECT_EQ(stored->weight_type(), type);
      // DeBERTa projects its relative positions once, in floats, by the weights that the file holds.
      const bool projected = GetParam().starts_with("deberta") && !GetParam().ends_with("absolute");
      if (!projected) {
        EXPECT_EQ(Forward(*stored), Forward(*at_load)) << WeightTypeName(type);
      }
      EXPECT_EQ(stored->num_parameters(), at_load->num_parameters());
      EXPECT_EQ(stored->weight_bytes(), at_load->weight_bytes());
    }
  }
}

TEST_P(StoredModel, MixedTypesAreWhatWasMeasured) {
  Open(GetParam());
  std::vector<WeightType> types = All(WeightType::kInt4);
  for (size_t i = 0; i < types.size(); i += 2) types[i] = i % 4 == 0 ? WeightType::kInt8 : WeightType::kF32;
  ASSERT_OK_AND_ASSIGN(const auto measured, model_->Load(WeightType::kInt4, types));
  ASSERT_OK(WriteQuantized(*model_, types, ReportOf(WeightType::kInt4), temp_ / "out"));
  const auto stored = Load(temp_ / "out", WeightType::kF32);
  ASSERT_NE(stored, nullptr);
  EXPECT_EQ(Forward(*stored), Forward(*measured));
}

TEST(QuantModel, RefusesATableOfAnotherName) {
  ThreadPool pool(1);
  ASSERT_OK_AND_ASSIGN(auto model, QuantModel::Open((kGolden / kRefused).string(), pool));
  const auto original = model->LoadOriginal();
  ASSERT_FALSE(original.has_value());
  EXPECT_EQ(original.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(original.error().message.find("\"embeddings\""), std::string::npos) << original.error().message;
}

INSTANTIATE_TEST_SUITE_P(Golden, StoredModel, ::testing::ValuesIn(GoldenModels()),
                         [](const auto& test) { return test.param; });

class BrokenStoredModel : public StoredModel {
 protected:
  void SetUp() override {
    Open("bert");
    std::vector<WeightType> types = All(WeightType::kInt8);
    types[1] = WeightType::kInt4;
    ASSERT_OK(WriteQuantized(*model_, types, ReportOf(WeightType::kInt8), temp_ / "out"));
    ASSERT_NE(Load(temp_ / "out", WeightType::kInt8), nullptr);
    int4_name_ = model_->units()[1].parts[0].name;
  }
  // The error after `change` was made to the tensors.
  std::string AfterTensors(const std::function<void(std::map<std::string, TensorView>&)>& change) {
    const Path path = temp_ / "out/model.safetensors";
    std::string bytes;
    {
      auto file = SafetensorsFile::Open(path);
      EXPECT_OK(file);
      std::map<std::string, TensorView> tensors((*file)->tensors().begin(), (*file)->tensors().end());
      change(tensors);
      bytes = SerializeSafetensors(tensors, {});
    }
    EXPECT_OK(WriteFileAtomic(path, bytes));
    std::string error;
    Load(temp_ / "out", WeightType::kInt8, &error);
    return error;
  }
  std::string AfterConfig(const std::string& quantization) {
    auto text = ReadFile(kGolden / "bert/config.json");
    EXPECT_OK(text);
    text->insert(text->find('{') + 1, "\"quantization_config\": " + quantization + ",");
    EXPECT_OK(WriteFileAtomic(temp_ / "out/config.json", *text));
    std::string error;
    Load(temp_ / "out", WeightType::kInt8, &error);
    return error;
  }

  const std::string int8_name_ = "encoder.layer.1.output.dense";
  std::string int4_name_;
  std::vector<std::byte> bytes_;
};

TEST_F(BrokenStoredModel, MissingScale) {
  EXPECT_THAT(AfterTensors([&](auto& t) { t.erase(int8_name_ + ".weight_scale"); }),
              AllOf(HasSubstr(int8_name_ + ".weight_scale"), HasSubstr("missing")));
}

TEST_F(BrokenStoredModel, MissingInt4Scale) {
  EXPECT_THAT(AfterTensors([&](auto& t) { t.erase(int4_name_ + ".weight_scale"); }),
              AllOf(HasSubstr(int4_name_ + ".weight_scale"), HasSubstr("missing")));
}

TEST_F(BrokenStoredModel, MisshapenScale) {
  EXPECT_THAT(AfterTensors([&](auto& t) {
                TensorView& scale = t[int8_name_ + ".weight_scale"];
                scale.shape = {scale.shape[0] / 2, 2};
              }),
              AllOf(HasSubstr(int8_name_ + ".weight_scale"), HasSubstr("2]")));
}

TEST_F(BrokenStoredModel, NibblesOfAnotherWidth) {
  EXPECT_THAT(AfterTensors([&](auto& t) {
                TensorView& weight = t[int4_name_ + ".weight"];
                weight.shape = {weight.shape[0] * 2, weight.shape[1] / 2};
              }),
              HasSubstr(int4_name_ + ".weight\""));
}

TEST_F(BrokenStoredModel, LeftOverTensor) {
  EXPECT_THAT(AfterTensors([&](auto& t) { t["encoder.layer.0.intermediate.dense.bias_scale"] = t.begin()->second; }),
              HasSubstr("\"encoder.layer.0.intermediate.dense.bias_scale\" is in the file but no part"));
}

TEST_F(BrokenStoredModel, FloatsWhereIntegersWereTold) {
  EXPECT_THAT(AfterTensors([&](auto& t) {
                TensorView& weight = t[int8_name_ + ".weight"];
                bytes_.resize(weight.bytes.size() * 4);
                weight.dtype = DType::kF32;
                weight.bytes = bytes_;
              }),
              AllOf(HasSubstr(int8_name_ + ".weight\" is F32"), HasSubstr("I8"), HasSubstr("quantization_config")));
}

TEST_F(BrokenStoredModel, ScaleThatIsNoNumber) {
  EXPECT_THAT(AfterTensors([&](auto& t) {
                TensorView& scale = t[int8_name_ + ".weight_scale"];
                bytes_.assign(scale.bytes.begin(), scale.bytes.end());
                std::fill_n(bytes_.begin(), 4, std::byte{0xff});
                scale.bytes = bytes_;
              }),
              AllOf(HasSubstr(int8_name_ + ".weight_scale"), HasSubstr("nan")));
}

TEST_F(BrokenStoredModel, TheOneByteThatIsNoWeight) {
  EXPECT_THAT(AfterTensors([&](auto& t) {
                TensorView& weight = t[int8_name_ + ".weight"];
                bytes_.assign(weight.bytes.begin(), weight.bytes.end());
                bytes_[5] = std::byte{0x80};
                weight.bytes = bytes_;
              }),
              AllOf(HasSubstr(int8_name_ + ".weight"), HasSubstr("-128")));
}

TEST_F(BrokenStoredModel, ConfigsThatDoNotFit) {
  EXPECT_THAT(AfterConfig(R"({"quant_method":"gptq","bits":4})"), HasSubstr("\"gptq\""));
  EXPECT_THAT(AfterConfig(R"({"quant_method":"bantam","format":2,"bits":8})"), HasSubstr("\"format\""));
  EXPECT_THAT(AfterConfig(R"({"quant_method":"bantam","format":1})"), HasSubstr("\"bits\""));
  EXPECT_THAT(AfterConfig(R"({"quant_method":"bantam","format":1,"bits":5})"),
              AllOf(HasSubstr("\"bits\""), HasSubstr("5")));
  EXPECT_THAT(AfterConfig(R"({"quant_method":"bantam","format":1,"bits":4,"group_size":128})"),
              AllOf(HasSubstr("\"group_size\""), HasSubstr("128")));
  EXPECT_THAT(AfterConfig(R"({"quant_method":"bantam","format":1,"bits":8,"kept":7})"), HasSubstr("\"kept\""));
  // The nibbles of a layer that the config no longer says is kept.
  EXPECT_THAT(AfterConfig(R"({"quant_method":"bantam","format":1,"bits":8})"),
              AllOf(HasSubstr(int4_name_ + ".weight"), HasSubstr("config.json says [48, 48]")));
  EXPECT_THAT(AfterConfig("[]"), HasSubstr("\"quantization_config\""));
  // All float: the integers have no reader.
  EXPECT_THAT(AfterConfig("null"), HasSubstr("is I8, expected F32"));
}

TEST_F(BrokenStoredModel, KeptNamesMustBeLayers) {
  const std::string kept = fmt::format(
      R"({{"quant_method":"bantam","format":1,"bits":8,"kept":{{"{}":4,"encoder.layer.9.output.dense":32}}}})",
      int4_name_);
  // The fused parts of unit 1, if there are several, are of one type.
  const std::string error = AfterConfig(kept);
  EXPECT_THAT(error, ::testing::AnyOf(HasSubstr("encoder.layer.9.output.dense"), HasSubstr("must agree")));
}

// Damage anywhere in the header or the lengths ends in an error or in a model; nothing else.
TEST_F(BrokenStoredModel, FlippedBytesAndCutFilesAreSurvived) {
  const Path path = temp_ / "out/model.safetensors";
  ASSERT_OK_AND_ASSIGN(const std::string whole, ReadFile(path));
  uint64_t header = 0;
  std::memcpy(&header, whole.data(), sizeof header);
  std::mt19937 random(7);
  int refused = 0;
  for (int trial = 0; trial < 300; ++trial) {
    std::string damaged = whole;
    if (trial % 10 == 0) {
      damaged.resize(random() % damaged.size());
    } else {
      for (int flips = 0; flips < 1 + trial % 3; ++flips) {
        const size_t at = random() % (8 + header);
        damaged[at] = static_cast<char>(damaged[at] ^ (1 << random() % 8));
      }
    }
    std::ofstream(path, std::ios::binary) << damaged;
    std::string error;
    const auto encoder = Load(temp_ / "out", WeightType::kInt8, &error);
    refused += encoder == nullptr;
    EXPECT_EQ(error.find_first_of("\n\r\x1B"), std::string::npos) << error;
  }
  EXPECT_GT(refused, 200);
}

TEST_F(BrokenStoredModel, OutputFoldersAreNotOverwritten) {
  const ModelFolder& original = model_->folder();
  EXPECT_THAT(OutputFolder((temp_ / "out").string(), original, false).error().message, HasSubstr("--force"));
  EXPECT_OK(OutputFolder((temp_ / "out").string(), original, true));
  EXPECT_OK(OutputFolder((temp_ / "fresh").string(), original, false));
  EXPECT_THAT(OutputFolder(original.path.string() + "/.", original, true).error().message,
              HasSubstr("the model itself"));
  std::filesystem::create_directories(temp_ / "photos");
  std::ofstream(temp_ / "photos/holiday.jpg") << "x";
  EXPECT_THAT(OutputFolder((temp_ / "photos").string(), original, true).error().message,
              HasSubstr("not a model's folder"));
  std::ofstream(temp_ / "note") << "x";
  EXPECT_FALSE(OutputFolder((temp_ / "note").string(), original, true).has_value());
}

TEST_F(BrokenStoredModel, ReplacingExchangesTheWholeFolder) {
  std::ofstream(temp_ / "out/stray.txt") << "x";
  ASSERT_OK(WriteQuantized(*model_, All(WeightType::kInt4), ReportOf(WeightType::kInt4), temp_ / "out"));
  const auto stored = Load(temp_ / "out", WeightType::kF32);
  ASSERT_NE(stored, nullptr);
  EXPECT_EQ(stored->weight_type(), WeightType::kInt4);
  EXPECT_FALSE(std::filesystem::exists(temp_ / "out/stray.txt"));
  // Nothing half-done stays beside it.
  for (const auto& entry : std::filesystem::directory_iterator(temp_.path())) {
    EXPECT_EQ(entry.path().filename(), "out");
  }
}

}  // namespace
}  // namespace bantam
