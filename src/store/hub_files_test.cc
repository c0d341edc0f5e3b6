#include "store/hub_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bantam {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;
using Paths = std::vector<std::string>;

Paths Chosen(const Paths& paths, std::string_view variant = {}) {
  const auto choice = ChooseFiles(paths, variant, "O/R");
  return choice ? choice->paths : Paths{"error: " + choice.error().message};
}

TEST(HubFiles, ReadsTheQuantizationOutOfNames) {
  EXPECT_EQ(QuantOfName("SmolLM2-135M-Instruct-Q4_K_M.gguf"), "Q4_K_M");
  EXPECT_EQ(QuantOfName("tinyllama-1.1b-chat-v1.0.q4_0.gguf"), "Q4_0");
  EXPECT_EQ(QuantOfName("model_q8_0.gguf"), "Q8_0");
  EXPECT_EQ(QuantOfName("Qwen2.5-0.5B-IQ4_XS.gguf"), "IQ4_XS");
  EXPECT_EQ(QuantOfName("x-UD-Q4_K_XL-00001-of-00002.gguf"), "UD-Q4_K_XL");
  EXPECT_EQ(QuantOfName("UD-Q2_K/x-00001-of-00002.gguf"), "UD-Q2_K");
  EXPECT_EQ(QuantOfName("x.fp16.gguf"), "FP16");
  EXPECT_EQ(QuantOfName("Qwen2.5-7B.gguf"), "");
  EXPECT_EQ(QuantOfName("Q4_K_M.txt"), "");
}

TEST(HubFiles, TakesTheSensibleOneOrTheWantedOne) {
  const Paths paths = {"README.md",     "m-F16.gguf",        "m-Q8_0.gguf", "m-Q4_K_M.gguf", "m-Q2_K.gguf",
                       "m-IQ4_XS.gguf", "mmproj-m-F16.gguf", "config.json", "imatrix.gguf",  "model.safetensors"};
  EXPECT_THAT(Chosen(paths), ElementsAre("m-Q4_K_M.gguf"));
  EXPECT_THAT(Chosen(paths, "q8_0"), ElementsAre("m-Q8_0.gguf"));
  EXPECT_THAT(Chosen(paths, "m-F16.gguf"), ElementsAre("m-F16.gguf"));
  EXPECT_THAT(Chosen(paths, "m-F16"), ElementsAre("m-F16.gguf"));
  EXPECT_THAT(Chosen(paths, "safetensors"), UnorderedElementsAre("README.md", "config.json", "model.safetensors"));
  EXPECT_THAT(Chosen(paths, "Q6_K")[0], HasSubstr("O/R has no \"Q6_K\"; there is F16, IQ4_XS, Q2_K, Q4_K_M, Q8_0"));
  EXPECT_THAT(Chosen({"m-F16.gguf", "m-Q8_0.gguf"}), ElementsAre("m-Q8_0.gguf"));
  EXPECT_THAT(Chosen({"strange.gguf"}), ElementsAre("strange.gguf"));
  EXPECT_THAT(Chosen({"a-Q4_K_M.gguf", "b-Q4_K_M.gguf"})[0],
              HasSubstr("several models: add a colon and one of a-Q4_K_M.gguf, b-Q4_K_M.gguf"));
  EXPECT_THAT(Chosen({"a-Q4_K_M.gguf", "b-Q4_K_M.gguf"}, "b-Q4_K_M.gguf"), ElementsAre("b-Q4_K_M.gguf"));
}

TEST(HubFiles, TakesAllPartsOfASplitFile) {
  const Paths paths = {"Q8_0/m-Q8_0-00002-of-00002.gguf", "Q8_0/m-Q8_0-00001-of-00002.gguf"};
  EXPECT_THAT(Chosen(paths), ElementsAre("Q8_0/m-Q8_0-00001-of-00002.gguf", "Q8_0/m-Q8_0-00002-of-00002.gguf"));
  EXPECT_THAT(Chosen({"m-00001-of-00003.gguf", "m-00003-of-00003.gguf"})[0],
              HasSubstr("part 2 of 3 of m is not there"));
}

TEST(HubFiles, TakesAFoldersFilesAndNothingElse) {
  const Paths paths = {".gitattributes",
                       "README.md",
                       "config.json",
                       "tokenizer.json",
                       "modules.json",
                       "model.safetensors",
                       "1_Pooling/config.json",
                       "2_Dense/model.safetensors",
                       "2_Dense/pytorch_model.bin",
                       "pytorch_model.bin",
                       "modeling_custom.py",
                       "onnx/model.onnx",
                       "train_script.py",
                       "openvino/openvino_model.xml",
                       "model-00001-of-00002.safetensors",
                       "1_Pooling/deep/config.json",
                       "flax_model.msgpack",
                       "optimizer.safetensors"};
  EXPECT_THAT(Chosen(paths),
              UnorderedElementsAre("README.md", "config.json", "tokenizer.json", "modules.json", "model.safetensors",
                                   "1_Pooling/config.json", "2_Dense/model.safetensors"));
  EXPECT_THAT(Chosen({"config.json", "model.safetensors.index.json", "model-00001-of-00002.safetensors",
                      "model-00002-of-00002.safetensors", "model-1-of-2.safetensors"}),
              UnorderedElementsAre("config.json", "model.safetensors.index.json", "model-00001-of-00002.safetensors",
                                   "model-00002-of-00002.safetensors"));
  EXPECT_THAT(Chosen(paths, "Q4_K_M")[0], HasSubstr("has no GGUF files"));
}

TEST(HubFiles, RefusesPicklesByName) {
  EXPECT_THAT(Chosen({"config.json", "pytorch_model.bin"})[0], HasSubstr("pickle only (pytorch_model.bin)"));
  EXPECT_THAT(Chosen({"README.md"})[0], HasSubstr("no weights in GGUF or safetensors; there is README.md"));
  EXPECT_THAT(Chosen({})[0], HasSubstr("there is nothing"));
}

}  // namespace
}  // namespace bantam
