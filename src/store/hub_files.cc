#include "store/hub_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "base/text_util.h"

namespace bantam {
namespace {

// What a careful person would take: four bits with the sensitive tensors higher, then eight, then what is near. Formats
// that cannot be read here are not in it.
constexpr std::array<std::string_view, 19> kPreferred = {
    "Q4_K_M", "Q8_0", "Q4_0", "Q4_K_S", "Q4_K",   "Q5_K_M", "Q5_K_S", "Q6_K", "IQ4_NL", "IQ4_XS",
    "Q4_1",   "Q5_0", "Q5_1", "Q3_K_M", "Q3_K_L", "Q2_K",   "F16",    "BF16", "F32"};

constexpr std::array<std::string_view, 22> kFolderFiles = {"config.json",
                                                           "generation_config.json",
                                                           "tokenizer.json",
                                                           "tokenizer_config.json",
                                                           "special_tokens_map.json",
                                                           "added_tokens.json",
                                                           "vocab.txt",
                                                           "vocab.json",
                                                           "merges.txt",
                                                           "tokenizer.model",
                                                           "spiece.model",
                                                           "sentencepiece.bpe.model",
                                                           "chat_template.jinja",
                                                           "chat_template.json",
                                                           "modules.json",
                                                           "sentence_bert_config.json",
                                                           "config_sentence_transformers.json",
                                                           "artifact.metadata",
                                                           "adapter_config.json",
                                                           "README.md",
                                                           "LICENSE",
                                                           "LICENSE.txt"};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

std::string UpperCase(std::string_view text) {
  std::string upper(text);
  for (char& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return upper;
}

std::string_view BaseName(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool IsGguf(std::string_view path) { return UpperCase(path).ends_with(".GGUF"); }

struct Split {
  int part = 1, parts = 1;
  std::string_view stem;  // without "-00001-of-00003.gguf"
};

// "NAME-00001-of-00003.gguf" in its parts; of another name its stem.
Split SplitOf(std::string_view path) {
  constexpr size_t kEnding = std::string_view("-00001-of-00003").size();
  const std::string_view stem = path.substr(0, path.size() - std::string_view(".gguf").size());
  if (stem.size() <= kEnding) return {1, 1, stem};
  const std::string_view ending = stem.substr(stem.size() - kEnding);
  const std::string_view part = ending.substr(1, 5), of = ending.substr(10, 5);
  if (ending[0] != '-' || ending.substr(6, 4) != "-of-" || !std::all_of(part.begin(), part.end(), IsDigit) ||
      !std::all_of(of.begin(), of.end(), IsDigit)) {
    return {1, 1, stem};
  }
  const auto number = [](std::string_view digits) {
    int value = 0;
    for (const char c : digits) value = value * 10 + (c - '0');
    return value;
  };
  return {number(part), number(of), stem.substr(0, stem.size() - kEnding)};
}

// Whether a token of a name is a format: Q4_K_M, IQ4_XS, TQ1_0, F16, BF16, MXFP4.
bool IsFormat(std::string_view token) {
  if (token == "F16" || token == "F32" || token == "BF16" || token == "FP16" || token == "FP32" || token == "MXFP4" ||
      token.starts_with("MXFP4_")) {
    return true;
  }
  if (token.starts_with("IQ") || token.starts_with("TQ")) token.remove_prefix(1);
  if (token.size() < 2 || token[0] != 'Q' || !IsDigit(token[1])) return false;
  return token.size() == 2 || token[2] == '_';
}

// The last format among the parts between '-' and '.', with "UD-" before it if it is one of those.
std::string FormatIn(std::string_view stem) {
  std::string found, before;
  while (!stem.empty()) {
    const size_t end = std::min(stem.find_first_of("-./ "), stem.size());
    const std::string token = UpperCase(stem.substr(0, end));
    // Some write "model_q4_0".
    for (size_t at = 0; at < token.size(); at = std::min(token.find('_', at), token.size() - 1) + 1) {
      if (!IsFormat(token.substr(at))) continue;
      found = (before == "UD" ? "UD-" : "") + token.substr(at);
      break;
    }
    before = token;
    stem.remove_prefix(std::min(end + 1, stem.size()));
  }
  return found;
}

// One GGUF model: its file, or all parts of it in order.
struct GgufModel {
  std::string stem, quant;
  std::map<int, std::string> parts;
  int count = 1;
};

// Not models by themselves: eyes and ears of one, or the statistics that it was quantised by.
bool IsCompanion(std::string_view path) {
  const std::string name = UpperCase(BaseName(path));
  return name.find("MMPROJ") != std::string::npos || name.find("IMATRIX") != std::string::npos;
}

std::vector<GgufModel> GgufModels(const std::vector<std::string>& paths) {
  std::map<std::pair<std::string, int>, GgufModel> models;
  for (const std::string& path : paths) {
    if (!IsGguf(path) || IsCompanion(path)) continue;
    const Split split = SplitOf(path);
    GgufModel& model = models[{std::string(split.stem), split.parts}];
    model.stem = split.stem;
    model.quant = QuantOfName(path);
    model.count = split.parts;
    model.parts[split.part] = path;
  }
  std::vector<GgufModel> list;
  for (auto& [key, model] : models) list.push_back(std::move(model));
  return list;
}

std::string ListOf(const std::vector<GgufModel>& models) {
  constexpr size_t kShown = 24;
  std::string text;
  for (size_t i = 0; i < std::min(models.size(), kShown); ++i) {
    const GgufModel& model = models[i];
    const bool unique = !model.quant.empty() && std::ranges::count(models, model.quant, &GgufModel::quant) == 1;
    text += (i > 0 ? ", " : "") + EscapeForTerminal(unique ? model.quant : model.parts.begin()->second);
  }
  return text + (models.size() > kShown ? ", ..." : "");
}

Result<FileChoice> Take(const GgufModel& model, std::string_view repository) {
  FileChoice choice{.paths = {}, .gguf = true, .label = model.quant};
  for (int part = 1; part <= model.count; ++part) {
    const auto found = model.parts.find(part);
    if (found == model.parts.end()) {
      return Err(ErrorCode::kCorrupt, "{}: part {} of {} of {} is not there", repository, part, model.count,
                 EscapeForTerminal(model.stem));
    }
    choice.paths.push_back(found->second);
  }
  if (choice.label.empty()) choice.label = BaseName(model.stem);
  return choice;
}

// A path or a base name in full, with or without the ending.
bool IsNamed(const GgufModel& model, std::string_view wanted) {
  return std::ranges::any_of(model.parts, [&](const auto& part) {
    const std::string& path = part.second;
    return path == wanted || BaseName(path) == wanted || model.stem == wanted || BaseName(model.stem) == wanted;
  });
}

Result<FileChoice> ChooseGguf(const std::vector<GgufModel>& models, std::string_view variant,
                              std::string_view repository) {
  const auto with_quant = [&](std::string_view quant) {
    std::vector<const GgufModel*> found;
    for (const GgufModel& model : models) {
      if (model.quant == quant) found.push_back(&model);
    }
    return found;
  };
  std::vector<const GgufModel*> found;
  if (!variant.empty()) {
    for (const GgufModel& model : models) {
      if (IsNamed(model, variant)) found.push_back(&model);
    }
    if (found.empty()) found = with_quant(UpperCase(variant));
    if (found.empty()) {
      return Err(ErrorCode::kNotFound, "{} has no \"{}\"; there is {}", repository, EscapeForTerminal(variant),
                 ListOf(models));
    }
  } else if (models.size() == 1) {
    found = {&models.front()};
  } else {
    for (const std::string_view quant : kPreferred) {
      found = with_quant(quant);
      if (!found.empty()) break;
    }
  }
  if (found.size() == 1) return Take(*found.front(), repository);
  return Err(ErrorCode::kInvalidArgument, "{} holds several models: add a colon and one of {}", repository,
             ListOf(models));
}

// "1_Pooling/config.json" -> "config.json", for the folders that modules.json of sentence-transformers names; the path
// itself for files at the top; empty for all others.
std::string_view InModule(std::string_view path) {
  const size_t slash = path.find('/');
  if (slash == std::string_view::npos) return path;
  const std::string_view folder = path.substr(0, slash);
  const size_t digits = std::min(folder.find_first_not_of("0123456789"), folder.size());
  const std::string_view file = path.substr(slash + 1);
  const bool module = digits > 0 && digits <= 2 && digits < folder.size() && folder[digits] == '_';
  return module && file.find('/') == std::string_view::npos ? file : std::string_view();
}

bool IsShard(std::string_view name) {
  constexpr std::string_view kPattern = "model-ddddd-of-ddddd.safetensors";
  return name.size() == kPattern.size() && std::equal(name.begin(), name.end(), kPattern.begin(), [](char c, char p) {
           return p == 'd' ? IsDigit(c) || c == 'd' : c == p;
         });
}

Result<FileChoice> ChooseFolder(const std::vector<std::string>& paths, std::string_view repository) {
  FileChoice choice;
  bool weights = false;
  const auto has = [&](std::string_view name) { return std::ranges::find(paths, name) != paths.end(); };
  for (const std::string& path : paths) {
    const std::string_view name = InModule(path);
    if (name.empty()) continue;
    const std::string folder = path.substr(0, path.size() - name.size());
    const bool single = name == "model.safetensors", index = name == "model.safetensors.index.json";
    // Beside a whole file its shards are a second copy.
    const bool shard =
        IsShard(name) && !has(folder + "model.safetensors") && has(folder + "model.safetensors.index.json");
    const bool adapter = name == "adapter_model.safetensors" && !has("model.safetensors");
    weights = weights || single || shard || adapter;
    const bool listed = std::ranges::find(kFolderFiles, name) != kFolderFiles.end();
    if (single || shard || adapter || listed || (index && !has(folder + "model.safetensors"))) {
      choice.paths.push_back(path);
    }
  }
  if (weights) return choice;
  std::string there;
  for (const std::string& path : paths) {
    if (path.ends_with(".bin") || path.ends_with(".pt") || path.ends_with(".pth") || path.ends_with(".ckpt")) {
      return Err(ErrorCode::kUnsupported,
                 "{} has its weights as a pickle only ({}), which can run code and is never loaded: look for a copy in "
                 "safetensors or GGUF, perhaps under a revision such as @refs/pr/1",
                 repository, EscapeForTerminal(path));
    }
    if (there.size() < 200) there += (there.empty() ? "" : ", ") + EscapeForTerminal(path);
  }
  return Err(ErrorCode::kUnsupported, "{} has no weights in GGUF or safetensors; there is {}", repository,
             there.empty() ? "nothing" : there);
}

}  // namespace

std::string QuantOfName(std::string_view path) {
  if (!IsGguf(path)) return "";
  const std::string_view stem = SplitOf(path).stem;
  const std::string of_name = FormatIn(BaseName(stem));
  return !of_name.empty() ? of_name : FormatIn(stem.substr(0, stem.size() - BaseName(stem).size()));
}

Result<FileChoice> ChooseFiles(const std::vector<std::string>& paths, std::string_view variant,
                               std::string_view repository) {
  const std::vector<GgufModel> models = GgufModels(paths);
  if (variant == "safetensors") return ChooseFolder(paths, repository);
  if (!models.empty()) return ChooseGguf(models, variant, repository);
  BANTAM_TRY(FileChoice folder, ChooseFolder(paths, repository));
  if (variant.empty()) return folder;
  return Err(ErrorCode::kNotFound,
             "{} has no GGUF files, so that there is no \"{}\" to choose: leave it out, and use "
             "'bantam quantize' on what comes",
             repository, EscapeForTerminal(variant));
}

}  // namespace bantam
