// bantam show: everything about one model that its files say.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <numeric>

#include "base/json.h"
#include "base/text_util.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/quant_summary.h"
#include "cli/sentence_summary.h"
#include "files/gguf.h"
#include "files/model_folder.h"
#include "files/model_format.h"
#include "files/model_store.h"
#include "models/classifier_head.h"
#include "models/decoder.h"
#include "models/encoder.h"
#include "models/masked_lm_head.h"
#include "models/weight_plan.h"
#include "text/tokenizer.h"

namespace bantam::cli {
namespace {

constexpr const char* kReportKey = "bantam.quantization";  // of a GGUF file

struct Options {
  std::string model;
  bool json = false;
};

// What config.json says under the first of `keys` that it has, if it is a number that makes sense there. Architectures
// call the same sizes differently.
std::optional<int64_t> ConfigInt(const ModelFolder& model, std::initializer_list<std::string_view> keys) {
  const auto object = JsonObject::From(model.config, "config.json");
  for (const std::string_view key : keys) {
    if (!object || !object->Has(key)) continue;
    const auto value = object->Int(key, 0, int64_t{1} << 40);
    return value ? std::optional(*value) : std::nullopt;
  }
  return std::nullopt;
}

// RoBERTa and its like number positions from after the padding token's row on.
int64_t FirstPosition(const ModelFolder& model) {
  if (model.architecture == "mpnet") return 2;
  const bool after_padding =
      model.architecture == "roberta" || model.architecture == "camembert" || model.architecture == "xlm-roberta";
  return after_padding ? ConfigInt(model, {"pad_token_id"}).value_or(1) + 1 : 0;
}

// The head on top, and what it answers with.
struct HeadText {
  std::string text;  // for people
  json::object json;
};

HeadText Unusable(const Error& error) { return {"unusable: " + error.message, {{"unusable", error.message}}}; }

HeadText DescribeMaskedLm(ModelFolder& model) {
  const auto head = MaskedLmHead::Load(model, WeightType::kF32);
  if (!head) return Unusable(head.error());
  const int vocab = (*head)->vocab_size();
  return {fmt::format("masked language model, a score for each of {} tokens (bantam fill-mask)", vocab),
          {{"kind", "masked_lm"}, {"vocab_size", vocab}}};
}

HeadText DescribeHead(ModelFolder& model) {
  if (!IsKnownArchitecture(model.architecture)) return {};
  if (MaskedLmHead::Names(model)) return DescribeMaskedLm(model);
  const auto head = ClassifierHead::Load(model);
  if (!head) return Unusable(head.error());
  if (*head == nullptr) return {};
  if ((*head)->kind() == ClassifierHead::Kind::kSpans) {
    return {"question answering, where in a text an answer begins and ends (bantam qa)", {{"kind", "spans"}}};
  }
  const bool tokens = (*head)->kind() == ClassifierHead::Kind::kTokens;
  json::array labels;
  std::string names;
  constexpr size_t kShown = 12;
  for (const std::string& label : (*head)->labels()) {
    labels.emplace_back(label);
    if (labels.size() <= kShown) names += (names.empty() ? "" : ", ") + EscapeForTerminal(label);
  }
  if (labels.size() > kShown) names += ", ...";
  const std::string_view command = tokens ? "tag" : labels.size() == 1 ? "rerank" : "classify";
  std::string text = fmt::format("{} labels for each {}{}: {} (bantam {})", labels.size(), tokens ? "token" : "text",
                                 (*head)->multi_label() ? ", any number of them at once" : "", names, command);
  return {std::move(text),
          {{"kind", tokens ? "tokens" : "sequence"},
           {"labels", std::move(labels)},
           {"multi_label", (*head)->multi_label()}}};
}

// A repository can ask the reference library to run its code; we say that it does, and never do.
bool RefersToCode(const ModelFolder& model) {
  const json::object& config = model.config.as_object();
  return config.contains("auto_map") || config.contains("custom_pipelines") || config.contains("trust_remote_code");
}

// "int4, word embeddings int8, 3 layers kept higher", or "" for a model of floats.
std::string Quantization(const WeightPlan& plan) {
  if (!plan.stored) return "";
  std::string text(WeightTypeName(plan.type));
  if (plan.table_type != plan.type) text += fmt::format(", word embeddings {}", WeightTypeName(plan.table_type));
  if (!plan.kept.empty()) text += fmt::format(", {} matrices kept higher", plan.kept.size());
  return text;
}

// What `bantam quantize` wrote beside the weights; empty when there is nothing, or nothing that makes sense.
json::object QuantizationReport(const ModelFolder& model) {
  if (model.gguf != nullptr) {
    const auto told = model.gguf->metadata().String(kReportKey);
    const auto parsed = told ? ParseJson(*told, kReportKey) : Result<json::value>(told.error());
    return parsed && parsed->is_object() ? parsed->get_object() : json::object();
  }
  const auto text = ReadFile(model.path / "quantization_report.json", 16 << 20);
  if (!text) return {};
  const auto report = ParseJson(*text, "quantization_report.json");
  return report && report->is_object() ? report->get_object() : json::object();
}

std::string DTypes(const WeightSource& weights) {
  std::map<std::string_view, int> counts;
  for (const std::string& name : weights.Names()) ++counts[DTypeName(weights.Describe(name)->dtype)];
  std::string text;
  for (const auto& [name, count] : counts) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, name);
  return text;
}

std::string Text(const std::optional<int64_t>& number) { return number ? fmt::format("{}", *number) : std::string(); }

// After the architecture's name; nothing more for an encoder.
std::string WhatItDoes(std::string_view architecture) {
  if (IsKnownDecoder(architecture)) {
    return IsKnownArchitecture(architecture) ? ", an encoder or for text: bantam run" : ", generates text: bantam run";
  }
  if (IsKnownArchitecture(architecture)) return "";
  return fmt::format(", not known here; known: {}; to generate text: {}", KnownArchitectures(), KnownDecoders());
}

Status RunShow(const Options& options) {
  EndQuietlyOnClosedPipe();
  BANTAM_TRY(ModelFolder model, OpenModel(options.model));
  ModelManifest manifest;
  // Of a GGUF model in the store `path` is its file, and the manifest lies beside it.
  const Path folder = model.packed_folder.empty() ? model.path : model.packed_folder.parent_path();
  if (auto read = ReadManifest(folder)) manifest = *std::move(read);
  BANTAM_TRY(const std::string sha256, model.identity.Sha256());
  uint64_t size_bytes = 0;
  for (const auto& [name, file] : manifest.files) size_bytes += file.size;
  if (model.gguf != nullptr) {
    size_bytes = model.gguf->size_bytes();
    if (manifest.license.empty())
      manifest.license = model.gguf->metadata().StringOr("general.license", "").value_or("");
  }
  std::unique_ptr<Tokenizer> tokenizer;
  if (!model.tokenizer_json.empty()) {
    BANTAM_TRY(tokenizer, Tokenizer::Load(model.tokenizer_json));
  }
  const auto read_plan = ReadWeightPlan(model.config, "config.json", WeightType::kF32);
  const WeightPlan plan = read_plan.value_or(PlanFor(WeightType::kF32));
  const bool decoder_report = model.gguf != nullptr && model.gguf->metadata().Has(kReportKey);
  const json::object report = plan.stored || decoder_report ? QuantizationReport(model) : json::object();
  const uint64_t parameters = CountParameters(model);
  const ModelFormat format = FormatOf(model);
  const auto dimensions = model.architecture == "model2vec" ? ConfigInt(model, {"hidden_dim"})
                                                            : ConfigInt(model, {"hidden_size", "dim", "n_embd"});
  const auto layers = ConfigInt(model, {"num_hidden_layers", "n_layers", "n_layer"}),
             heads = ConfigInt(model, {"num_attention_heads", "n_heads", "n_head"});
  const HeadText head = DescribeHead(model);
  // A limit beyond the position table is not one that the model can keep.
  auto positions = ConfigInt(model, {"max_position_embeddings", "n_positions"});
  positions = positions ? std::optional(*positions - FirstPosition(model)) : std::nullopt;
  const int64_t told = model.sentence.max_seq_length;
  const int64_t max_tokens = told > 0 && positions ? std::min<int64_t>(told, *positions)
                             : told > 0            ? told
                                                   : positions.value_or(0);
  SentenceSummary sentence = SummarizeSentence(model, dimensions);
  if (IsKnownDecoder(model.architecture) && !IsKnownArchitecture(model.architecture)) {
    // Its files say nothing of pooling, nor has it any.
    sentence.fields.clear();
    sentence.json.clear();
  }

  if (options.json) {
    json::object out = {{"name", model.name}, {"path", model.path.string()}, {"architecture", model.architecture}};
    out["known"] = IsKnownArchitecture(model.architecture) || IsKnownDecoder(model.architecture);
    out["generates"] = IsKnownDecoder(model.architecture);
    if (!head.json.empty()) out["head"] = head.json;
    if (!manifest.license.empty()) out["license"] = manifest.license;
    if (!manifest.source.empty()) out["source"] = manifest.source;
    if (size_bytes > 0) out["size_bytes"] = size_bytes;
    out["parameters"] = parameters;
    out["format"] = format.format;
    out["quantization_level"] = format.quantization;
    if (!manifest.revision.empty()) out["revision"] = manifest.revision;
    out["sha256"] = sha256;
    if (sentence.dimensions) out["dimensions"] = *sentence.dimensions;
    if (layers) out["layers"] = *layers;
    if (heads) out["attention_heads"] = *heads;
    out["max_tokens"] = max_tokens;
    for (const auto& field : sentence.json) out[field.key()] = field.value();
    if (tokenizer)
      out["tokenizer"] = json::object{{"kind", tokenizer->kind()}, {"vocab_size", tokenizer->vocab_size()}};
    if (plan.stored) out["quantization"] = QuantizationConfig(plan);
    if (!report.empty()) out["quantization_report"] = report;
    out["code_references"] = RefersToCode(model);
    json::object files;
    for (const auto& [name, file] : manifest.files)
      files[name] = json::object{{"size", file.size}, {"sha256", file.sha256}};
    out["files"] = std::move(files);
    return Print(ToJson(out) + "\n");
  }

  std::vector<std::pair<std::string, std::string>> fields = {
      {"name", EscapeForTerminal(model.name)},
      {"path", EscapeForTerminal(model.path.string(), 400)},
      {"licence", manifest.license.empty() ? "not told" : EscapeForTerminal(manifest.license)},
      {"source", EscapeForTerminal(manifest.source)},
      {"revision", EscapeForTerminal(manifest.revision)},
      {"size", size_bytes > 0 ? HumanBytes(size_bytes) : std::string()},
      {"parameters", fmt::format("{} ({})", HumanCount(parameters), parameters)},
      {"weights", fmt::format("{} tensors: {}", model.weights->Names().size(), DTypes(*model.weights))},
      {"format", format.format + (format.quantization.empty() ? "" : ", " + format.quantization)},
      {"quantised", read_plan ? Quantization(plan) : read_plan.error().message},
      {"sha256", sha256},
      {"architecture", EscapeForTerminal(model.architecture) + WhatItDoes(model.architecture)},
      {"head", head.text},
      {"dimensions", Text(sentence.dimensions)},
      {"layers", Text(layers)},
      {"heads", Text(heads)},
      {"max tokens", max_tokens <= 0 ? "not told"
                     : told > max_tokens
                         ? fmt::format("{} (its files say {}, its position table ends there)", max_tokens, told)
                         : fmt::format("{}", max_tokens)},
      {"tokenizer", tokenizer ? fmt::format("{}, {} tokens", tokenizer->kind(), tokenizer->vocab_size()) : "none"},
      {"code", RefersToCode(model) ? "config.json names code to run; it is never executed" : ""},
  };
  const auto before_tokenizer =
      std::ranges::find_if(fields, [](const auto& field) { return field.first == "tokenizer"; });
  fields.insert(before_tokenizer, sentence.fields.begin(), sentence.fields.end());
  std::string out = AlignFields(fields);
  if (!report.empty()) out += "\n" + (decoder_report ? DecoderQuantSummary(report) : QuantSummary(report));
  if (!manifest.files.empty()) {
    std::vector<std::vector<std::string>> rows = {{"FILE", "SIZE", "SHA256"}};
    for (const auto& [name, file] : manifest.files)
      rows.push_back({EscapeForTerminal(name), HumanBytes(file.size), file.sha256});
    out += "\n" + AlignColumns(rows, {1});
  }
  return Print(out);
}

}  // namespace

Run SetUpShow(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("MODEL", options->model,
                 "A name from 'bantam list', a folder (with a slash, as in ./my-model), or a GGUF file")
      ->type_name("MODEL|DIR|FILE")
      ->required();
  app.add_flag("--json", options->json, "One JSON object instead of text");
  app.footer(
      "Examples:\n"
      "  bantam show all-MiniLM-L6-v2\n"
      "  bantam show ./my-model --json\n"
      "  bantam show nomic-embed-text-v1.5.Q8_0.gguf");
  return [options] { return RunShow(*options); };
}

}  // namespace bantam::cli
