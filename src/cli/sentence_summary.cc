#include "cli/sentence_summary.h"

#include <fmt/format.h>

#include "base/text_util.h"

namespace bantam::cli {
namespace {

using Kind = SentenceModule::Kind;

std::string DescribeModule(const SentenceModule& module) {
  switch (module.kind) {
    case Kind::kDense:
      return fmt::format("Dense {} to {}{}{}{}", module.in_features, module.out_features,
                         module.activation == DenseActivation::kIdentity
                             ? ""
                             : fmt::format(", {}", DenseActivationName(module.activation)),
                         module.bias ? "" : ", no bias", module.residual ? ", plus its input" : "");
    case Kind::kLayerNorm:
      return fmt::format("LayerNorm {}", module.out_features);
    case Kind::kNormalize:
      return "Normalize";
    case Kind::kTruncate:
      return fmt::format("the first {} values", module.out_features);
  }
  return "";
}

json::object ModuleJson(const SentenceModule& module) {
  json::object out{{"name", module.name}, {"does", DescribeModule(module)}};
  if (module.on_tokens) out["on"] = "tokens";
  return out;
}

std::string PoolingText(const ModelFolder& model, bool has_modules) {
  const SentenceConfig& sentence = model.sentence;
  std::string text;
  for (const PoolingMode mode : sentence.pooling_modes) {
    text += fmt::format("{}{}", text.empty() ? "" : ", then ", PoolingModeName(mode));
  }
  if (sentence.pooling_modes.size() > 1) text += ", side by side";
  if (!sentence.include_prompt) text += ", without the prompt's tokens";
  if (sentence.normalize && sentence.modules.empty()) text += ", then length 1";
  return text + (has_modules ? "" : " (no modules.json: as the reference does)");
}

// "query \"Represent this: \", document \"\""
std::string PromptText(const SentencePrompts& prompts) {
  std::string text;
  for (const auto& [name, prompt] : prompts.texts) {
    text += fmt::format("{}{} \"{}\"", text.empty() ? "" : ", ", EscapeForTerminal(name, 80),
                        EscapeForTerminal(prompt, 200));
  }
  if (text.empty()) return text;
  return text + (prompts.default_name.empty()
                     ? "; none unless asked for by name"
                     : fmt::format("; {} unless told otherwise", EscapeForTerminal(prompts.default_name, 80)));
}

}  // namespace

SentenceSummary SummarizeSentence(const ModelFolder& model, std::optional<int64_t> hidden_size) {
  const SentenceConfig& sentence = model.sentence;
  std::error_code ignored;
  const bool has_modules = std::filesystem::exists(model.path / "modules.json", ignored);
  SentenceSummary summary;
  summary.dimensions = hidden_size;
  int64_t width = hidden_size.value_or(0);
  bool pooled = false;
  const auto pool = [&] {
    if (!pooled) width *= static_cast<int64_t>(sentence.pooling_modes.size());
    pooled = true;
  };
  std::string steps;
  json::array modules;
  for (const SentenceModule& module : sentence.modules) {
    if (!module.on_tokens) pool();
    if (module.kind == Kind::kDense) width = module.out_features;
    if (module.kind == Kind::kTruncate) width = std::min<int64_t>(width, module.out_features);
    steps += fmt::format("{}{}{} ({})", steps.empty() ? "" : ", ", DescribeModule(module),
                         module.on_tokens ? " on each token" : "", EscapeForTerminal(module.name, 80));
    modules.push_back(ModuleJson(module));
  }
  pool();
  if (hidden_size) summary.dimensions = width;
  summary.fields.emplace_back("pooling", PoolingText(model, has_modules));
  summary.fields.emplace_back("modules", steps);
  summary.fields.emplace_back("prompts", PromptText(sentence.prompts));

  json::array modes;
  for (const PoolingMode mode : sentence.pooling_modes) modes.emplace_back(PoolingModeName(mode));
  summary.json["pooling"] = PoolingModeName(sentence.pooling);
  if (modes.size() > 1) summary.json["pooling_modes"] = std::move(modes);
  if (!sentence.include_prompt) summary.json["include_prompt"] = false;
  summary.json["normalized"] = sentence.normalize;
  if (!modules.empty()) summary.json["modules"] = std::move(modules);
  if (!sentence.prompts.texts.empty()) {
    json::object prompts;
    for (const auto& [name, text] : sentence.prompts.texts) prompts[name] = text;
    summary.json["prompts"] = std::move(prompts);
    if (!sentence.prompts.default_name.empty()) summary.json["default_prompt"] = sentence.prompts.default_name;
  }
  return summary;
}

}  // namespace bantam::cli
