// GET /api/ps as Ollama answers it: what is loaded, and until when.
#include "api/endpoints/endpoint.h"
#include "base/json.h"
#include "base/text_util.h"

namespace bantam {
namespace {

// Models stay as long as the server does, which Ollama's clients know by a time far off and show as "Forever".
constexpr std::string_view kForever = "2300-01-01T00:00:00Z";

json::object DescribeLoaded(const ServedModel& model) {
  const std::string name = model.name + ":latest";
  json::object details{{"parent_model", model.parent},
                       {"format", model.format.format},
                       {"family", model.architecture},
                       {"families", json::array{model.architecture}},
                       {"parameter_size", HumanCount(model.num_parameters())},
                       {"quantization_level", model.format.quantization}};
  // The first to ask about a model from outside the store waits for its hash.
  const auto sha256 = model.identity.Sha256();
  return {{"name", name},
          {"model", name},
          {"size", model.weight_bytes()},
          {"digest", sha256 ? *sha256 : std::string()},
          {"details", std::move(details)},
          {"expires_at", kForever},
          {"size_vram", 0},
          {"context_length", model.max_tokens()}};
}

}  // namespace

void HandleOllamaPs(ApiContext& context, const HttpRequest&, Responder& responder) {
  json::array models;
  for (const ServedModel& model : context.models) models.push_back(DescribeLoaded(model));
  responder.Send({.status = 200,
                  .content_type = "application/json",
                  .body = ToJson(json::object{{"models", std::move(models)}}),
                  .headers = {}});
}

}  // namespace bantam
