// GET /api/ps as Ollama answers it: what is loaded, and until when.
#include "api/endpoints/endpoint.h"
#include "base/json.h"
#include "base/text_util.h"
#include "base/utc_time.h"

namespace bantam {
namespace {

// Of models that stay as long as the server does: Ollama's clients know it by a time far off, and show "Forever".
constexpr std::string_view kForever = "2300-01-01T00:00:00Z";

json::object DescribeLoaded(const ModelPool::Resident& resident) {
  const ServedModel& model = *resident.model;
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
          {"size", resident.memory_bytes > 0 ? resident.memory_bytes : model.weight_bytes()},
          {"digest", sha256 ? *sha256 : std::string()},
          {"details", std::move(details)},
          {"expires_at", resident.expires ? UtcTimeText(std::chrono::system_clock::to_time_t(*resident.expires))
                                          : std::string(kForever)},
          {"size_vram", 0},
          {"context_length", model.max_tokens()}};
}

}  // namespace

void HandleOllamaPs(ApiContext& context, const HttpRequest&, Responder& responder) {
  json::array models;
  for (const ModelPool::Resident& resident : context.models->Residents()) models.push_back(DescribeLoaded(resident));
  responder.Send({.status = 200,
                  .content_type = "application/json",
                  .body = ToJson(json::object{{"models", std::move(models)}}),
                  .headers = {}});
}

}  // namespace bantam
