// GET /api/tags, /api/ps and /api/version, POST /api/show, as Ollama answers them: what is served, and what it can.
#include <fmt/format.h>

#include "api/endpoints/endpoint.h"
#include "api/endpoints/ollama_json.h"
#include "api/endpoints/ollama_request.h"
#include "api/endpoints/parse.h"
#include "api/error_map.h"
#include "base/text_util.h"
#include "base/utc_time.h"
#include "files/model_store.h"

namespace bantam {
namespace {

// Of models that stay as long as the server does: Ollama's clients know it by a time far off, and show "Forever".
constexpr std::string_view kForever = "2300-01-01T00:00:00Z";

HttpReply Json(const json::value& body) {
  return {.status = 200, .content_type = "application/json", .body = ToJson(body), .headers = {}};
}

int64_t SecondsOf(std::filesystem::file_time_type time) {
  const auto system = std::chrono::file_clock::to_sys(time);
  return std::chrono::duration_cast<std::chrono::seconds>(system.time_since_epoch()).count();
}

// What both lists say of a model.
json::object DescribeModel(const ServedModel& model, std::string_view name, uint64_t memory_bytes = 0) {
  const std::string tagged = WithTag(name);
  // The first to ask about a model from outside the store waits for its hash.
  const auto sha256 = model.identity.Sha256();
  return {{"name", tagged},
          {"model", tagged},
          {"size", memory_bytes > 0 ? memory_bytes : model.weight_bytes()},
          {"digest", sha256 ? *sha256 : std::string()},
          {"details", OllamaDetails(model)}};
}

// Of one of the store that is loaded when it is asked for: what its record says. One that somebody put there by hand
// has none.
json::object DescribeStored(const std::string& name) {
  const std::string tagged = WithTag(name);
  uint64_t size = 0, largest = 0, parameters = 0;
  std::string digest;
  int64_t modified = 0;
  bool gguf = false;
  if (const auto path = FindModel(name)) {
    std::error_code ignored;
    gguf = path->extension() == ".gguf";
    if (gguf) size = std::filesystem::file_size(*path, ignored);
    modified = SecondsOf(std::filesystem::last_write_time(*path, ignored));
    if (const auto manifest = ReadManifest(*path)) {
      parameters = manifest->parameters;
      for (const auto& [file, told] : manifest->files) {
        size += told.size;
        if (told.size <= largest) continue;
        largest = told.size;  // its weights
        digest = told.sha256;
        gguf = file.ends_with(".gguf");
      }
    }
  }
  json::object details{{"parent_model", ""},
                       {"format", gguf ? "gguf" : "safetensors"},
                       {"family", ""},
                       {"families", json::array()},
                       {"parameter_size", parameters > 0 ? HumanCount(parameters) : std::string()},
                       {"quantization_level", ""}};
  return {{"name", tagged},
          {"model", tagged},
          {"size", size},
          {"digest", digest},
          {"details", std::move(details)},
          {"modified_at", UtcTimeText(modified)}};
}

json::array Capabilities(const ServedModel& model) {
  json::array list;
  if (model.embedder != nullptr) list.emplace_back("embedding");
  if (model.generator == nullptr) return list;
  list.emplace_back("completion");
  if (const ToolUse* use = model.generator->tool_use()) {
    list.emplace_back("tools");
    if (!use->thought_opening().empty()) list.emplace_back("thinking");
  }
  if (model.generator->fim_tokens()) list.emplace_back("insert");
  return list;
}

json::object ModelInfo(const ServedModel& model) {
  const std::string prefix = model.architecture + ".";
  json::object info{{"general.architecture", model.architecture},
                    {"general.parameter_count", model.num_parameters()},
                    {"general.basename", model.name},
                    {prefix + "context_length", model.max_tokens()}};
  for (const auto& [key, value] : model.sizes) info[prefix + key] = value;
  return info;
}

// A line for each, as in a Modelfile.
std::string Parameters(const Generator& generator) {
  std::string text;
  for (const int32_t id : generator.stop_tokens()) {
    text += fmt::format("{}{:<30} {}", text.empty() ? "" : "\n", "stop",
                        QuoteJson(ReplaceInvalidUtf8(generator.tokenizer().TokenText(id))));
  }
  return text;
}

json::object Show(const ServedModel& model) {
  json::object shown{{"license", model.license}, {"details", OllamaDetails(model)}};
  std::string modelfile = fmt::format("# Modelfile of {}\nFROM {}\n", WithTag(model.name), WithTag(model.name));
  if (model.generator != nullptr) {
    if (const Result<ChatTemplate>& chat = model.generator->chat_template()) {
      shown["template"] = ReplaceInvalidUtf8(chat->Source());  // Jinja, which ours are
    }
    shown["parameters"] = Parameters(*model.generator);
    for (const int32_t id : model.generator->stop_tokens()) {
      modelfile +=
          fmt::format("PARAMETER stop {}\n", QuoteJson(ReplaceInvalidUtf8(model.generator->tokenizer().TokenText(id))));
    }
  }
  shown["modelfile"] = std::move(modelfile);
  shown["model_info"] = ModelInfo(model);
  shown["capabilities"] = Capabilities(model);
  shown["modified_at"] = UtcTimeText(model.created);
  return shown;
}

}  // namespace

void HandleOllamaTags(ApiContext& context, const HttpRequest&, Responder& responder) {
  json::array models;
  const auto add = [&](const ServedModel& model, std::string_view name) {
    json::object entry = DescribeModel(model, name);
    entry["modified_at"] = UtcTimeText(model.created);
    models.push_back(std::move(entry));
  };
  const auto aliases = context.aliases.All();
  // Not by FindModel: to be listed is no use of a model.
  for (const ServedModelPtr& model : context.models->List()) {
    add(*model, model->name);
    for (const auto& [alias, target] : aliases) {
      if (target == model->name) add(*model, alias);
    }
  }
  for (const std::string& name : context.models->Loadable()) models.push_back(DescribeStored(name));
  responder.Send(Json(json::object{{"models", std::move(models)}}));
}

void HandleOllamaPs(ApiContext& context, const HttpRequest&, Responder& responder) {
  json::array models;
  for (const ModelPool::Resident& resident : context.models->Residents()) {
    const ServedModel& model = *resident.model;
    json::object entry = DescribeModel(model, model.name, resident.memory_bytes);
    entry["expires_at"] =
        resident.expires ? UtcTimeText(std::chrono::system_clock::to_time_t(*resident.expires)) : std::string(kForever);
    entry["size_vram"] = 0;
    entry["context_length"] = model.max_tokens();
    models.push_back(std::move(entry));
  }
  responder.Send(Json(json::object{{"models", std::move(models)}}));
}

void HandleOllamaShow(ApiContext& context, const HttpRequest& http, Responder& responder) {
  const auto shown = [&]() -> Result<json::object> {
    json::value document;
    std::string at;
    BANTAM_TRY(const JsonObject body, ParseBody(http, document));
    BANTAM_TRY(const std::string name, ReadOllamaName(body, at));
    BANTAM_TRY(const ServedModelPtr model, context.GetModel(name));
    if (model == nullptr) return NoSuchModel(context, name);
    return Show(*model);
  }();
  responder.Send(shown ? Json(*shown) : ErrorReply(ApiFamily::kOllama, shown.error()));
}

void HandleOllamaVersion(ApiContext&, const HttpRequest&, Responder& responder) {
  responder.Send(Json(json::object{{"version", BANTAM_VERSION}}));
}

}  // namespace bantam
