// GET /openapi.json: the table of endpoints as an OpenAPI 3.1 document. Schemas of bodies are in openapi/schemas.json.
#include <fmt/format.h>

#include "api/endpoints/endpoint.h"
#include "api/openapi_schemas.h"
#include "base/json.h"

namespace bantam {
namespace {

json::object Reference(std::string_view schema) { return {{"$ref", fmt::format("#/components/schemas/{}", schema)}}; }

json::object Content(std::string_view media_type, json::object schema) {
  return {{media_type, json::object{{"schema", std::move(schema)}}}};
}

std::string_view TagOf(ApiFamily family) {
  switch (family) {
    case ApiFamily::kOllama:
      return "Ollama";
    case ApiFamily::kTei:
      return "Text Embeddings Inference";
    case ApiFamily::kCohere:
      return "Cohere";
    case ApiFamily::kTypeSafe:
      return "TypeSafe";
    case ApiFamily::kOpenInference:
      return "Open Inference Protocol";
    case ApiFamily::kAnthropic:
      return "Anthropic";
    case ApiFamily::kOpenAi:
      break;
  }
  return "OpenAI";
}

std::string_view ErrorSchemaOf(const Endpoint& endpoint) {
  if (endpoint.handler == HandleAnyRerank) return "AnyRerankError";  // by the dialect of the request
  switch (endpoint.family) {
    case ApiFamily::kOllama:
      return "OllamaError";
    case ApiFamily::kTei:
      return "TeiError";
    case ApiFamily::kCohere:
      return "CohereError";
    case ApiFamily::kTypeSafe:
      return "TypeSafeError";
    case ApiFamily::kOpenInference:
      return "OpenInferenceError";
    case ApiFamily::kAnthropic:
      return "AnthropicError";
    case ApiFamily::kOpenAi:
      break;
  }
  return "OpenAiError";
}

json::object ReplyContent(const Endpoint& endpoint) {
  const std::string_view reply = endpoint.reply;
  if (reply.find('/') != std::string_view::npos) return Content(reply, {{"type", "string"}});
  json::object content = Content("application/json", Reference(reply));
  if (endpoint.Has(kStreams) && endpoint.family == ApiFamily::kOllama) {
    content["application/x-ndjson"] = json::object{{"schema", Reference(reply)}};
  } else if (endpoint.Has(kStreams)) {
    // Of no schema: some readers hold it against the text, some against each event.
    content["text/event-stream"] = json::object{{"schema", json::object()}};
  }
  if (endpoint.Has(kTensors)) content["application/octet-stream"] = json::object{{"schema", json::object()}};
  return content;
}

// One name for the method and the path: "post_v1_chat_completions".
std::string OperationId(const Endpoint& endpoint) {
  std::string id;
  for (const char c : fmt::format("{}{}", endpoint.method, endpoint.path)) {
    if (c >= 'A' && c <= 'Z') {
      id += static_cast<char>(c - 'A' + 'a');
    } else {
      id += (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : '_';
    }
  }
  return id;
}

// What stands in braces.
json::array PathParameters(std::string_view path) {
  json::array parameters;
  for (size_t open = path.find('{'); open != std::string_view::npos; open = path.find('{', open + 1)) {
    const std::string_view name = path.substr(open + 1, path.find('}', open) - open - 1);
    parameters.push_back(
        json::object{{"name", name}, {"in", "path"}, {"required", true}, {"schema", json::object{{"type", "string"}}}});
  }
  return parameters;
}

json::object Operation(const Endpoint& endpoint) {
  json::object operation{{"operationId", OperationId(endpoint)},
                         {"summary", endpoint.summary},
                         {"tags", json::array{TagOf(endpoint.family)}}};
  if (endpoint.Has(kManagement))
    operation["description"] = "For an admin's key; where the server has no keys, for callers on its own machine.";
  if (json::array parameters = PathParameters(endpoint.path); !parameters.empty()) {
    operation["parameters"] = std::move(parameters);
  }
  if (endpoint.request[0] != '\0') {
    operation["requestBody"] =
        json::object{{"required", true}, {"content", Content("application/json", Reference(endpoint.request))}};
  }
  json::object done{{"description", "What was asked for."}};
  if (endpoint.reply[0] != '\0') done["content"] = ReplyContent(endpoint);
  operation["responses"] = json::object{
      {"200", std::move(done)},
      {"default", json::object{{"description", "What is wrong."},
                               {"content", Content("application/json", Reference(ErrorSchemaOf(endpoint)))}}}};
  return operation;
}

std::string MakeDocument() {
  json::object paths;
  for (const Endpoint& endpoint : Endpoints()) {
    const std::string_view path = endpoint.path;
    json::object& item = paths[path].is_null() ? paths[path].emplace_object() : paths[path].as_object();
    std::string method;
    for (const char c : std::string_view(endpoint.method)) method += static_cast<char>(c - 'A' + 'a');
    item[method] = Operation(endpoint);
  }
  auto schemas = ParseJson(OpenApiSchemas(), "openapi/schemas.json");
  BANTAM_CHECK(schemas.has_value(), "{}", schemas.error().message);
  const json::object document{
      {"openapi", "3.1.0"},
      {"info", json::object{{"title", "Bantam"},
                            {"version", BANTAM_VERSION},
                            {"summary",
                             "Small language models on CPUs, for the clients of OpenAI, Anthropic, Ollama, Text "
                             "Embeddings Inference, Cohere, vLLM, Infinity, TypeSafe and KServe."},
                            {"license", json::object{{"name", "Apache-2.0"}, {"identifier", "Apache-2.0"}}}}},
      {"servers", json::array{json::object{{"url", "/"}}}},
      {"paths", std::move(paths)},
      // With or without: whether it asks for keys is the server's configuration.
      {"security", json::array{json::object{}, json::object{{"key", json::array{}}}}},
      {"components",
       json::object{{"schemas", *std::move(schemas)},
                    {"securitySchemes", json::object{{"key", json::object{{"type", "http"}, {"scheme", "bearer"}}}}}}}};
  return ToJson(document);
}

}  // namespace

void HandleOpenApi(ApiContext&, const HttpRequest&, Responder& responder) {
  static const std::string document = MakeDocument();
  responder.Send({.status = 200, .content_type = "application/json", .body = document, .headers = {}});
}

}  // namespace bantam
