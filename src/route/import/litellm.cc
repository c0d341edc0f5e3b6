// LiteLLM's proxy: models and how patiently they are asked. It has no routes, so the file gets two to begin with.
#include <algorithm>
#include <array>

#include "base/text_util.h"
#include "route/import/import.h"

namespace bantam {
namespace {

// Providers by the prefix of a model's name: Anthropic, and those that speak OpenAI's chat completions.
struct Provider {
  std::string_view prefix, api_base, key;
};
constexpr std::array kProviders = {
    Provider{"openai", "https://api.openai.com/v1", "os.environ/OPENAI_API_KEY"},
    Provider{"anthropic", "https://api.anthropic.com", "os.environ/ANTHROPIC_API_KEY"},
    Provider{"groq", "https://api.groq.com/openai/v1", "os.environ/GROQ_API_KEY"},
    Provider{"together_ai", "https://api.together.xyz/v1", "os.environ/TOGETHERAI_API_KEY"},
    Provider{"mistral", "https://api.mistral.ai/v1", "os.environ/MISTRAL_API_KEY"},
    Provider{"deepseek", "https://api.deepseek.com/v1", "os.environ/DEEPSEEK_API_KEY"},
    Provider{"openrouter", "https://openrouter.ai/api/v1", "os.environ/OPENROUTER_API_KEY"},
    Provider{"hosted_vllm", "", ""},
    Provider{"lm_studio", "", ""},
};

// "30" or "30.5" seconds; empty for anything else.
std::string Seconds(const std::string& text) {
  const auto seconds = ParseStrictNumber(text);
  if (!seconds || *seconds <= 0 || *seconds > 3'600) return {};
  return DurationText(std::chrono::milliseconds(static_cast<int64_t>(*seconds * 1'000)));
}

std::optional<double> PerMillion(const YamlNode& params, std::string_view key) {
  const auto price = ParseStrictNumber(TextAt(params, key));
  if (!price) return std::nullopt;
  return *price * 1e6;
}

// The endpoint of a model; false after a complaint.
bool ReadEndpoint(const YamlNode& params, RouteFileDraft::Model& model, ImportReader& reader) {
  const std::string name = TextAt(params, "model");
  model.api_base = TextAt(params, "api_base");
  model.api_key = TextAt(params, "api_key");
  const size_t slash = name.find('/');
  const std::string_view prefix =
      slash == std::string::npos ? std::string_view("openai") : std::string_view(name).substr(0, slash);
  const std::string rest = slash == std::string::npos ? name : name.substr(slash + 1);
  const auto provider = std::ranges::find(kProviders, prefix, &Provider::prefix);
  if (prefix == "ollama" || prefix == "ollama_chat") {
    if (model.api_base.empty()) model.api_base = "http://127.0.0.1:11434";
    // With /v1 it is asked in OpenAI's words, else in its own.
    model.model = model.api_base.ends_with("/v1") ? rest : "ollama/" + rest;
    return true;
  } else if (provider == kProviders.end()) {
    reader.Lose(params.place, "the model \"{}\": \"{}\" speaks a protocol that is not spoken here",
                EscapeForTerminal(name, 80), EscapeForTerminal(prefix, 40));
    return false;
  } else {
    if (model.api_base.empty()) {
      model.api_base = provider->api_base;
      if (model.api_key.empty()) model.api_key = provider->key;
    }
    if (model.api_base.empty()) {
      reader.Lose(params.place, "the model \"{}\" has no \"api_base\"", EscapeForTerminal(name, 80));
      return false;
    }
  }
  if (prefix == "anthropic") {
    while (model.api_base.ends_with('/')) model.api_base.pop_back();
    if (model.api_base.ends_with("/v1")) model.api_base.resize(model.api_base.size() - 3);
    model.model = name;
    return true;
  }
  // One prefix openai/ is cut off when it is asked.
  model.model = rest.starts_with("openai/") ? "openai/" + rest : rest;
  return true;
}

// Numbers that mean the same here.
void ReadParams(const YamlNode& params, RouteFileDraft::Model& model, ImportReader& reader) {
  struct Key {
    const char* name;
    double least, most;
  };
  for (const Key& key : {Key{"order", 1, 1'000}, Key{"weight", 1e-6, 1e6}, Key{"num_retries", 0, 5},
                         Key{"max_parallel_requests", 1, 10'000}, Key{"max_tokens", 1, 10'000'000}}) {
    const std::string text = TextAt(params, key.name);
    if (text.empty()) continue;
    const auto value = ParseStrictNumber(text);
    if (value && *value >= key.least && *value <= key.most) {
      model.params.emplace_back(key.name, text);
    } else {
      reader.Lose(params.Find(key.name)->key_place, "\"{}\" is {}; {} to {} can be had", key.name,
                  EscapeForTerminal(text, 20), key.least, key.most);
    }
  }
}

void ReadModel(const YamlNode& node, ImportReader& reader) {
  static constexpr std::string_view kKnown[] = {"model_name", "litellm_params", "model_info"};
  static constexpr std::string_view kKnownParams[] = {"model",
                                                      "api_base",
                                                      "api_key",
                                                      "timeout",
                                                      "input_cost_per_token",
                                                      "output_cost_per_token",
                                                      "order",
                                                      "weight",
                                                      "num_retries",
                                                      "max_parallel_requests",
                                                      "max_tokens"};
  const std::string name = TextAt(node, "model_name");
  const YamlNode::Entry* params = node.Find("litellm_params");
  if (name.empty() || params == nullptr)
    return reader.Lose(node.place, "a model without \"model_name\" or \"litellm_params\"");
  RouteFileDraft::Model model{.name = PlainRouteName(name),
                              .model = {},
                              .api_base = {},
                              .api_key = {},
                              .timeout = {},
                              .input_per_1m = {},
                              .output_per_1m = {},
                              .params = {}};
  if (!ReadEndpoint(params->value, model, reader)) return;
  if (const std::string timeout = TextAt(params->value, "timeout"); !timeout.empty()) {
    model.timeout = Seconds(timeout);
    if (model.timeout.empty())
      reader.Lose(params->value.Find("timeout")->key_place, "\"timeout\" is no number of seconds up to 3600");
  }
  ReadParams(params->value, model, reader);
  model.input_per_1m = PerMillion(params->value, "input_cost_per_token");
  model.output_per_1m = PerMillion(params->value, "output_cost_per_token");
  if (const YamlNode::Entry* info = node.Find("model_info"); info != nullptr && !model.input_per_1m) {
    model.input_per_1m = PerMillion(info->value, "input_cost_per_token");
    model.output_per_1m = PerMillion(info->value, "output_cost_per_token");
  }
  const std::string of = fmt::format(" of model \"{}\"", EscapeForTerminal(name, 60));
  reader.LoseOthers(params->value, kKnownParams, of);
  reader.LoseOthers(node, kKnown, of);
  reader.draft().models.push_back(std::move(model));
}

void ReadSettings(const YamlNode& settings, ImportReader& reader) {
  static constexpr std::string_view kKnown[] = {"num_retries", "timeout", "request_timeout", "allowed_fails",
                                                "cooldown_time"};
  RouteFileDraft& draft = reader.draft();
  const auto number = [&](std::string_view key, int64_t least, int64_t most, std::optional<int>& into) {
    const std::string text = TextAt(settings, key);
    if (text.empty()) return;
    const auto value = ParseStrictInteger(text);
    if (value && *value >= least && *value <= most) {
      into = static_cast<int>(*value);
    } else {
      reader.Lose(settings.Find(key)->key_place, "\"{}\" is {}; {} to {} can be had", key, EscapeForTerminal(text, 20),
                  least, most);
    }
  };
  const auto seconds = [&](std::string_view key, std::string& into) {
    const std::string text = TextAt(settings, key);
    if (text.empty()) return;
    into = Seconds(text);
    if (into.empty()) reader.Lose(settings.Find(key)->key_place, "\"{}\" is no number of seconds up to 3600", key);
  };
  number("num_retries", 0, 5, draft.num_retries);
  number("allowed_fails", 1, 1'000, draft.allowed_fails);
  seconds("timeout", draft.timeout);
  seconds("request_timeout", draft.timeout);
  seconds("cooldown_time", draft.cooldown_time);
  reader.LoseOthers(settings, kKnown, "");
}

}  // namespace

void ReadLiteLlm(std::span<ImportReader> files) {
  static constexpr std::string_view kKnown[] = {"model_list", "router_settings", "litellm_settings"};
  for (ImportReader& reader : files) {
    if (const YamlNode::Entry* list = reader.root().Find("model_list")) {
      for (const YamlNode& model : list->value.items) ReadModel(model, reader);
    }
    for (const char* section : {"litellm_settings", "router_settings"}) {  // the router's own come last and count
      if (const YamlNode::Entry* settings = reader.root().Find(section)) ReadSettings(settings->value, reader);
    }
    reader.LoseOthers(reader.root(), kKnown, "");
  }
  RouteFileDraft& draft = files.front().draft();
  if (draft.models.empty()) return;
  draft.fallback = draft.models.front().name;
  draft.routes.push_back({"hello",
                          "Say hello",
                          {"hello", "hi there", "good morning", "hey", "good evening"},
                          "utter_hello",
                          "Two routes to begin with: replace them by what people ask you."});
  draft.routes.push_back(
      {"thanks", "Say thanks", {"thanks", "thank you", "many thanks", "thanks a lot", "cheers"}, "utter_thanks", ""});
  draft.responses = {{"utter_hello", "Hello! What can I do for you?"}, {"utter_thanks", "You're welcome."}};
  draft.out_of_scope = {"what is the capital of France", "write me a poem", "summarize this text for me",
                        "how do I sort a list in Python", "is it going to rain"};
}

}  // namespace bantam
