// GET /v2, /v2/models/NAME and /v2/models/NAME/ready of the Open Inference Protocol; the model repository's index, load
// and unload, as Triton extends it.
#include <algorithm>

#include "api/endpoints/endpoint.h"
#include "api/endpoints/parse.h"
#include "api/endpoints/tensor_task.h"
#include "base/text_util.h"

namespace bantam {
namespace {

constexpr ApiFamily kFamily = ApiFamily::kOpenInference;

void SendJson(const json::value& body, Responder& responder) {
  responder.Send({.status = 200, .content_type = "application/json", .body = ToJson(body), .headers = {}});
}

json::object Describe(std::string_view name, std::string_view datatype, std::span<const int64_t> shape) {
  return {{"name", name}, {"datatype", datatype}, {"shape", json::array(shape.begin(), shape.end())}};
}

json::object Metadata(const TensorModel& model) {
  json::array inputs, outputs;
  for (const TensorInput& input : model.task->inputs) {
    json::object described = Describe(input.name, "BYTES", std::span(&model.task->num_texts, 1));
    if (input.optional) described["parameters"] = json::object{{"optional", true}};
    inputs.push_back(std::move(described));
  }
  for (const TensorOutput& output : model.outputs()) {
    json::object described = Describe(output.name, output.datatype, output.shape);
    if (output.labels != nullptr) {
      described["parameters"] = json::object{{"labels", json::array(output.labels->begin(), output.labels->end())}};
    }
    outputs.push_back(std::move(described));
  }
  const std::string platform = model.model == nullptr ? "bantam_route" : "bantam_" + model.model->format.format;
  return {{"name", model.name},
          {"versions", json::array{kTensorVersion}},
          {"platform", platform},
          {"inputs", std::move(inputs)},
          {"outputs", std::move(outputs)}};
}

// Whether a request could be answered at once.
Status CheckReady(const ApiContext& context, const std::string& name) {
  if (context.IsRouter(name) || context.FindModel(name) != nullptr) return Ok();
  const auto stored = context.models->Loadable();
  if (std::ranges::find(stored, context.Resolve(name)) == stored.end()) return NoSuchModel(context, name);
  return Err(ErrorCode::kUnavailable, "{} is in the store and not loaded; the next request for it loads it",
             EscapeForTerminal(name));
}

// The body of the repository's calls, which may be left out.
Result<json::object> ReadOptionalBody(const HttpRequest& http) {
  if (http.body.empty()) return json::object();
  json::value document;
  BANTAM_TRY(const JsonObject body, ParseBody(http, document));
  return body.raw();
}

Result<json::array> Index(const ApiContext& context, const HttpRequest& http) {
  BANTAM_TRY(const json::value document, ReadOptionalBody(http));
  BANTAM_TRY(const JsonObject body, JsonObject::From(document, "body"));
  BANTAM_TRY(const bool only_ready, body.BoolOr("ready", false));
  json::array index;
  const auto add = [&](std::string_view name, const char* state, const char* reason) {
    index.push_back({{"name", name}, {"version", kTensorVersion}, {"state", state}, {"reason", reason}});
  };
  if (const std::shared_ptr<Router> router = context.router()) add(router->file().name, "READY", "");
  for (const ServedModelPtr& model : context.models->List()) add(model->name, "READY", "");
  if (only_ready) return index;
  for (const std::string& name : context.models->Loadable()) add(name, "UNAVAILABLE", "not loaded");
  return index;
}

// One that is here is looked at again: a new version of its files takes its place. One that comes stays until it is
// unloaded, or another one needs the memory.
Status Load(const ApiContext& context, const HttpRequest& http) {
  BANTAM_TRY(const std::string name, ReadTensorName(http));
  BANTAM_TRY(const json::value document, ReadOptionalBody(http));
  BANTAM_TRY(const JsonObject body, JsonObject::From(document, "body"));
  if (const json::value* parameters = body.Find("parameters"); parameters != nullptr && !parameters->is_null()) {
    BANTAM_TRY(const JsonObject object, body.Object("parameters"));
    if (!object.raw().empty()) {
      return Err(ErrorCode::kInvalidArgument,
                 "\"parameters\" holds {}, and a model is loaded as it lies in the store: "
                 "leave them out",
                 EscapeForTerminal(object.raw().begin()->key(), 80));
    }
  }
  if (context.IsRouter(name)) {
    return Err(ErrorCode::kInvalidArgument, "{} is the assistant; POST /v1/reload reads it again", name);
  }
  if (const ServedModelPtr served = context.FindModel(name)) {
    BANTAM_RETURN_IF_ERROR(context.models->Refresh(served->name));
  }
  BANTAM_TRY(const ServedModelPtr model, context.GetModel(name));
  if (model == nullptr) return NoSuchModel(context, name);
  context.models->KeepAlive(*model, std::chrono::seconds(-1));
  return Ok();
}

Status Unload(const ApiContext& context, const HttpRequest& http) {
  BANTAM_TRY(const std::string name, ReadTensorName(http));
  BANTAM_RETURN_IF_ERROR(ReadOptionalBody(http));
  const ServedModelPtr model = context.FindModel(name);
  if (model != nullptr) return context.models->Unload(model->name);
  const auto stored = context.models->Loadable();
  if (std::ranges::find(stored, context.Resolve(name)) != stored.end()) return Ok();  // it is not in memory
  return NoSuchModel(context, name);
}

void SendDone(const Status& done, Responder& responder) {
  if (!done) return responder.Send(ErrorReply(kFamily, done.error()));
  SendJson(json::object(), responder);
}

}  // namespace

Result<std::string> ReadTensorName(const HttpRequest& http) {
  const std::vector<std::string_view> values = PathValues(http);
  BANTAM_CHECK(!values.empty());
  if (values.size() > 1 && values[1] != kTensorVersion) {
    return Err(ErrorCode::kNotFound, "\"{}\" has no version \"{}\": models have one here, \"{}\"",
               EscapeForTerminal(values[0]), EscapeForTerminal(values[1], 80), kTensorVersion);
  }
  return std::string(values[0]);
}

Result<TensorModel> FindTensorModel(const ApiContext& context, const HttpRequest& http) {
  BANTAM_TRY(const std::string name, ReadTensorName(http));
  if (context.IsRouter(name)) {
    std::shared_ptr<Router> router = context.router();
    return TensorModel{.name = router->file().name, .task = &kAssistantTask, .router = std::move(router)};
  }
  BANTAM_TRY(ServedModelPtr model, context.GetModel(name));
  if (model == nullptr) return NoSuchModel(context, name);
  return TensorModel{.name = model->name, .task = &TensorTaskOf(*model), .model = std::move(model)};
}

void HandleTensorServer(ApiContext&, const HttpRequest&, Responder& responder) {
  SendJson(json::object{{"name", "bantam"},
                        {"version", BANTAM_VERSION},
                        {"extensions", json::array{"binary_tensor_data", "model_repository", "parameters"}}},
           responder);
}

void HandleTensorModel(ApiContext& context, const HttpRequest& http, Responder& responder) {
  const auto model = FindTensorModel(context, http);
  if (!model) return responder.Send(ErrorReply(kFamily, model.error()));
  SendJson(Metadata(*model), responder);
}

void HandleTensorReady(ApiContext& context, const HttpRequest& http, Responder& responder) {
  const auto name = ReadTensorName(http);
  const Status ready = name ? CheckReady(context, *name) : Status(name.error());
  if (!ready) return responder.Send(ErrorReply(kFamily, ready.error()));
  SendJson(json::object{{"name", *name}, {"ready", true}}, responder);
}

void HandleRepositoryIndex(ApiContext& context, const HttpRequest& http, Responder& responder) {
  const auto index = Index(context, http);
  if (!index) return responder.Send(ErrorReply(kFamily, index.error()));
  SendJson(*index, responder);
}

void HandleRepositoryLoad(ApiContext& context, const HttpRequest& http, Responder& responder) {
  SendDone(Load(context, http), responder);
}

void HandleRepositoryUnload(ApiContext& context, const HttpRequest& http, Responder& responder) {
  SendDone(Unload(context, http), responder);
}

}  // namespace bantam
