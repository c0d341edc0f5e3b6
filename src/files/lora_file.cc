#include "files/lora_file.h"

#include <map>

#include "base/json.h"
#include "base/text_util.h"
#include "files/gguf.h"
#include "files/gguf_model.h"
#include "files/gguf_names.h"
#include "files/lora_config.h"
#include "files/safetensors.h"
#include "files/sentence_config.h"

namespace bantam {
namespace {

constexpr double kMostAlpha = 1e6;
constexpr int64_t kMostRank = 16'384;

// The halves of one module, as they are found.
struct Halves {
  const TensorView* a = nullptr;
  const TensorView* b = nullptr;
  bool words = false;
  std::string a_name, b_name;
};
using HalvesByModule = std::map<std::string, Halves>;

Status CheckHalf(const LoraFile& file, const std::string& name, const TensorView* view) {
  const bool matrix = view->shape.size() == 2 && view->shape[0] > 0 && view->shape[1] > 0;
  if (matrix && IsReal(view->dtype)) return Ok();
  return Err(ErrorCode::kCorrupt, "{}: weight \"{}\" is {} {}, expected a matrix of floats", file.name,
             EscapeForTerminal(name), DTypeName(view->dtype), ShapeString(view->shape));
}

// Both halves, of one rank.
Result<LoraPair> Pair(const LoraFile& file, const std::string& module, const Halves& halves, bool a_by_input) {
  if (halves.a == nullptr || halves.b == nullptr) {
    return Err(ErrorCode::kCorrupt, "{}: \"{}\" has no other half: the file is not complete", file.name,
               EscapeForTerminal(halves.a != nullptr ? halves.a_name : halves.b_name));
  }
  BANTAM_RETURN_IF_ERROR(CheckHalf(file, halves.a_name, halves.a));
  BANTAM_RETURN_IF_ERROR(CheckHalf(file, halves.b_name, halves.b));
  LoraPair pair{.module = module, .words = halves.words, .a = *halves.a, .a_by_input = a_by_input, .b = *halves.b};
  const int64_t rank = pair.b.shape[1];
  if (pair.a.shape[a_by_input ? 1 : 0] != rank || rank > kMostRank) {
    return Err(ErrorCode::kCorrupt, "{}: \"{}\" is {} and \"{}\" {}: their ranks differ, or are above {}", file.name,
               EscapeForTerminal(halves.a_name), ShapeString(pair.a.shape), EscapeForTerminal(halves.b_name),
               ShapeString(pair.b.shape), kMostRank);
  }
  return pair;
}

// "base_model.model.model.layers.0.mlp.up_proj.lora_A.weight": the module, and which half.
Status SortTensor(const LoraFile& file, const std::string& name, const TensorView& view, HalvesByModule& modules) {
  std::string_view rest = name;
  if (constexpr std::string_view kBase = "base_model.model."; rest.starts_with(kBase)) rest.remove_prefix(kBase.size());
  const size_t mark = rest.rfind(".lora_");
  std::string_view kind = mark == std::string_view::npos ? "" : rest.substr(mark + 1);
  // Some versions keep the adapter's own name in between.
  if (kind == "lora_A.default.weight") kind = "lora_A.weight";
  if (kind == "lora_B.default.weight") kind = "lora_B.weight";
  const bool words = kind.starts_with("lora_embedding_");
  if (words && kind.ends_with(".default")) kind.remove_suffix(std::string_view(".default").size());
  const bool a = kind == "lora_A.weight" || kind == "lora_embedding_A";
  const bool b = kind == "lora_B.weight" || kind == "lora_embedding_B";
  if (!a && !b) {
    std::string_view why = "is no half of a low-rank product";
    if (kind.starts_with("lora_magnitude_vector")) why = "belongs to DoRA, which is not computed here";
    if (kind == "lora_B.bias") why = "is a bias of a low-rank product, which is not computed here";
    if (kind.empty()) {
      why =
          "is a whole weight: modules_to_save are not taken from an adapter (save with save_embedding_layers=False, "
          "or merge it into the model)";
    }
    return Err(ErrorCode::kUnsupported, "{}: weight \"{}\" {}", file.name, EscapeForTerminal(name), why);
  }
  Halves& halves = modules[std::string(rest.substr(0, mark))];
  (a ? halves.a : halves.b) = &view;
  (a ? halves.a_name : halves.b_name) = name;
  halves.words |= words;
  return Ok();
}

Result<LoraFile> OpenPeft(const Path& folder) {
  LoraFile file{.name = EscapeForTerminal(folder.string(), 400)};
  BANTAM_TRY(const json::value document, ReadJsonFile(folder / "adapter_config.json"));
  BANTAM_TRY(const LoraConfig config,
             ReadLoraConfig(document, EscapeForTerminal((folder / "adapter_config.json").string(), 400)));
  std::error_code ignored;
  if (!std::filesystem::exists(folder / "adapter_model.safetensors", ignored)) {
    const bool pickle = std::filesystem::exists(folder / "adapter_model.bin", ignored);
    return Err(
        pickle ? ErrorCode::kUnsupported : ErrorCode::kNotFound, "{} has no adapter_model.safetensors{}", file.name,
        pickle ? ", only adapter_model.bin: a pickle, which is a program; load it with peft and save it again" : "");
  }
  BANTAM_TRY(const std::shared_ptr<const SafetensorsFile> weights,
             SafetensorsFile::Open(folder / "adapter_model.safetensors"));
  HalvesByModule modules;
  for (const auto& [name, view] : weights->tensors()) BANTAM_RETURN_IF_ERROR(SortTensor(file, name, view, modules));
  for (const auto& [module, halves] : modules) {
    BANTAM_TRY(LoraPair pair, Pair(file, module, halves, false));
    if (pair.rank() != config.RankOf(module)) {
      return Err(ErrorCode::kCorrupt, "{}: weight \"{}\" is {}, adapter_config.json says a rank of {}", file.name,
                 EscapeForTerminal(halves.b_name), ShapeString(pair.b.shape), config.RankOf(module));
    }
    pair.scale = config.ScaleOf(module);
    file.pairs.push_back(std::move(pair));
  }
  file.memory = weights;
  return file;
}

Result<LoraFile> OpenGguf(const Path& path) {
  LoraFile file{.name = EscapeForTerminal(path.string(), 400), .gguf = true};
  BANTAM_TRY(const std::shared_ptr<const GgufFile> gguf, GgufFile::Open(path));
  const GgufMetadata& metadata = gguf->metadata();
  BANTAM_TRY(const std::string_view type, metadata.StringOr("general.type", "model"));
  BANTAM_TRY(const std::string_view kind, metadata.StringOr("adapter.type", "none"));
  if (type != "adapter" || kind != "lora") {
    return Err(ErrorCode::kUnsupported, "{}: 'general.type' is {} and 'adapter.type' {}, expected adapter and lora",
               file.name, EscapeForTerminal(type), EscapeForTerminal(kind));
  }
  if (metadata.Has("adapter.alora.invocation_tokens")) {
    return metadata.Wrong("adapter.alora.invocation_tokens", "adapters that begin within a text are not known");
  }
  BANTAM_TRY(const double alpha, metadata.NumberOr("adapter.lora.alpha", 0, -kMostAlpha, kMostAlpha));
  BANTAM_TRY(const std::string_view name, metadata.String("general.architecture"));
  const GgufArchitecture* architecture = FindGgufArchitecture(name, false);
  if (architecture == nullptr) {
    return Err(ErrorCode::kUnsupported, "{}: 'general.architecture' is {}, whose names of weights are not known",
               file.name, EscapeForTerminal(name));
  }
  struct Found : Halves {
    bool turned = false;
  };
  std::map<std::string, Found> modules;
  for (const GgufTensor& tensor : gguf->tensors()) {
    const bool a = tensor.name.ends_with(".lora_a"), b = tensor.name.ends_with(".lora_b");
    const std::string base = tensor.name.substr(0, tensor.name.size() - (a || b ? 7 : 0));
    std::optional<std::string> module;
    if (a || b) module = OriginalName(*architecture, base);
    if (!module || !module->ends_with(".weight")) {
      return Err(ErrorCode::kUnsupported, "{}: tensor '{}' is no half of a low-rank product of a {}", file.name,
                 EscapeForTerminal(tensor.name), EscapeForTerminal(name));
    }
    module->resize(module->size() - std::string_view(".weight").size());
    Found& halves = modules[*module];
    (a ? halves.a : halves.b) = &tensor.view;
    (a ? halves.a_name : halves.b_name) = tensor.name;
    halves.words = base == "token_embd.weight";
    const GgufNameRow::Rows rows = RowsOfTensor(*architecture, base);
    halves.turned = rows == GgufNameRow::Rows::kPairsOfQueries || rows == GgufNameRow::Rows::kPairsOfKeys;
  }
  for (const auto& [module, halves] : modules) {
    BANTAM_TRY(LoraPair pair, Pair(file, module, halves, halves.words));
    if (alpha != 0) pair.scale = alpha / pair.rank();  // the format's own library takes 0 for a scale of 1
    pair.turned = halves.turned;
    file.pairs.push_back(std::move(pair));
  }
  file.memory = gguf;
  return file;
}

Result<LoraFile> Open(const Path& path) {
  std::error_code ignored;
  const std::string name = EscapeForTerminal(path.string(), 400);
  if (!std::filesystem::exists(path, ignored)) return Err(ErrorCode::kNotFound, "no LoRA adapter {}", name);
  if (!std::filesystem::is_directory(path, ignored)) {
    if (LooksLikeGguf(path)) return OpenGguf(path);
    return Err(ErrorCode::kUnsupported, "{} is no GGUF file: name it, or the folder with adapter_config.json", name);
  }
  if (std::filesystem::exists(path / "adapter_config.json", ignored)) return OpenPeft(path);
  BANTAM_TRY(const std::optional<Path> gguf, FindGgufIn(path));
  if (gguf) return OpenGguf(*gguf);
  return Err(ErrorCode::kNotFound, "{} has neither adapter_config.json nor a GGUF file: it holds no LoRA adapter",
             name);
}

}  // namespace

Result<LoraFile> OpenLoraFile(const Path& path) {
  BANTAM_TRY(LoraFile file, Open(path));
  if (file.pairs.empty()) return Err(ErrorCode::kCorrupt, "{} holds no low-rank product", file.name);
  return file;
}

}  // namespace bantam
