#include <algorithm>
#include <optional>

#include "api/endpoints/endpoint.h"
#include "api/endpoints/parse.h"
#include "api/error_map.h"
#include "base/utc_time.h"
#include "route/budget_report.h"

namespace bantam {
namespace {

json::object ModelObject(std::string_view name, int64_t created) {
  return {{"id", name}, {"object", "model"}, {"created", created}, {"owned_by", "bantam"}};
}

// The adapters of a model that writes text, by their numbers, and how much of each a request gets that says nothing.
json::array AdapterList(const ServedModel& model) {
  json::array list;
  for (const NamedAdapter& own : model.generator->adapters()) {
    const auto used = std::ranges::find(model.adapters, own.adapter, &LoraUse::adapter);
    json::object row{{"id", list.size()}, {"scale", used == model.adapters.end() ? 0 : used->scale}};
    if (!own.name.empty()) row["name"] = own.name;
    list.push_back(std::move(row));
  }
  return list;
}

// llama.cpp's and OpenRouter's way to tell which models write text, embed and decide.
json::object Architecture(bool writes, bool embeds, bool decides) {
  json::array outputs;
  if (writes) outputs.emplace_back("text");
  if (embeds) outputs.emplace_back("embeddings");
  if (decides) outputs.emplace_back("decisions");
  return {{"input_modalities", json::array{"text"}}, {"output_modalities", std::move(outputs)}};
}

// OpenAI's fields, vLLM's "parent", and what the model can do.
json::object ServedObject(const ServedModel& model) {
  json::object object = ModelObject(model.name, model.created);
  json::object architecture =
      Architecture(model.generator != nullptr, model.embedder != nullptr, model.decider != nullptr);
  if (!architecture["output_modalities"].get_array().empty()) object["architecture"] = std::move(architecture);
  if (!model.parent.empty()) object["parent"] = model.parent;
  json::object more{{"tasks", model.Abilities()}};
  if (model.generator != nullptr && !model.generator->adapters().empty()) more["lora"] = AdapterList(model);
  object["bantam"] = std::move(more);
  return object;
}

// The assistant, with how it decides.
json::object AssistantObject(const Assistant& assistant) {
  json::object object = ModelObject(assistant.router->file().name, assistant.created);
  object["architecture"] = Architecture(true, false, true);
  object["bantam"] =
      json::object{{"tasks", "chat, classify, route"}, {"decision", PolicyJson(assistant.router->policy())}};
  return object;
}

// Of the store, and not in memory before somebody asks for it.
json::object LoadableObject(std::string_view name) {
  json::object object = ModelObject(name, 0);
  object["bantam"] = json::object{{"loaded", false}};
  return object;
}

// Of a name or an alias; an alias is the model's object under its own name. Nothing where there is no such model.
std::optional<json::object> ObjectOf(const ApiContext& context, std::string_view name) {
  std::optional<json::object> object;
  if (context.IsRouter(name)) {
    object = AssistantObject(context.assistant.Get());
  } else if (const ServedModelPtr served = context.FindModel(name)) {
    object = ServedObject(*served);
  } else {
    const auto names = context.models->Loadable();
    const std::string resolved = context.Resolve(name);
    if (std::ranges::find(names, resolved) != names.end()) object = LoadableObject(resolved);
  }
  if (object && !context.aliases.TargetOf(name).empty()) {
    (*object)["root"] = object->at("id");  // vLLM's word for it
    (*object)["id"] = WithoutLatest(name);
  }
  return object;
}

bool Decides(const json::object& model) {
  const json::value* architecture = model.if_contains("architecture");
  if (architecture == nullptr) return false;
  return std::ranges::find(architecture->at("output_modalities").get_array(), "decisions") !=
         architecture->at("output_modalities").get_array().end();
}

// Of the objects of a list those that can decide, as TypeSafe's clients read it.
json::array DeciderList(const json::array& models) {
  json::array deciders;
  for (const json::value& value : models) {
    const json::object& model = value.get_object();
    if (!Decides(model)) continue;
    const json::value* own = model.if_contains("bantam");
    deciders.push_back(
        json::object{{"name", model.at("id")},
                     {"description", own == nullptr ? json::value("assistant") : own->get_object().at("tasks")},
                     {"release_date", UtcTimeText(model.at("created").to_number<int64_t>()).substr(0, 10)}});
  }
  return deciders;
}

}  // namespace

void HandleModels(ApiContext& context, const HttpRequest&, Responder& responder) {
  json::array data;
  if (const Assistant assistant = context.assistant.Get(); assistant.router != nullptr) {
    data.push_back(AssistantObject(assistant));
  }
  for (const ServedModelPtr& model : context.models->List()) data.push_back(ServedObject(*model));
  for (const std::string& name : context.models->Loadable()) data.push_back(LoadableObject(name));
  for (const auto& [alias, target] : context.aliases.All()) {
    if (std::optional<json::object> named = ObjectOf(context, alias)) data.push_back(*std::move(named));
  }
  json::array deciders = DeciderList(data);
  HttpReply reply;
  reply.body = ToJson(json::object{{"object", "list"}, {"data", std::move(data)}, {"models", std::move(deciders)}});
  responder.Send(std::move(reply));
}

void HandleModel(ApiContext& context, const HttpRequest& request, Responder& responder) {
  const std::string_view name = PathValues(request).front();  // it may hold '/' and ':'
  const std::optional<json::object> model = ObjectOf(context, name);
  if (!model) return responder.Send(OpenAiError(NoSuchModel(context, name), "model"));
  responder.Send({.status = 200, .content_type = "application/json", .body = ToJson(*model), .headers = {}});
}

}  // namespace bantam
