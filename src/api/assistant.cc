#include "api/assistant.h"

#include <ctime>

#include "base/paths.h"
#include "files/model_stamp.h"
#include "route/learning/generations.h"
#include "tasks/decide.h"

namespace bantam {
namespace {

// Loads the encoder that the file names, or shares the predecessor's where it is the same one, unchanged on disk.
Status SetEncoder(const RouteFile& file, const RouterOptions& options, const Assistant& predecessor,
                  const std::function<Status(const ModelFolder& model, WeightType type)>& fits, Assistant& assistant) {
  BANTAM_TRY(ModelFolder opened, OpenEncoder(file, options));
  assistant.encoder_stamp = ModelStamp(opened.path);
  if (predecessor.router != nullptr) {
    const RouteFile& before = predecessor.router->file();
    if (file.encoder_model == before.encoder_model && file.encoder_dtype == before.encoder_dtype &&
        assistant.encoder_stamp == predecessor.encoder_stamp) {
      assistant.encoder = predecessor.encoder;
      return Ok();
    }
    BANTAM_TRY(const WeightType type, ParseWeightType(file.encoder_dtype));
    if (fits) {
      if (const Status fitting = fits(opened, type); !fitting) return AtEncoder(file, fitting.error());
    }
  }
  BANTAM_TRY(assistant.encoder, LoadEncoder(file, std::move(opened), options));
  return Ok();
}

// The same text, and the same learned from traffic.
bool IsSameFile(const RouteFile& file, const RouteFile& before) {
  return file.sha256 == before.sha256 && file.generation == before.generation && file.challenger == before.challenger;
}

}  // namespace

Result<Assistant> LoadAssistant(const AssistantOptions& options, const Assistant& predecessor,
                                const std::function<Status(const ModelFolder& model, WeightType type)>& fits,
                                const std::function<void(std::string_view stage, double fraction)>& progress) {
  BANTAM_TRY(RouteFile file, LoadRouteFile(options.route_file));
  BANTAM_TRY(const Path state_folder, StateFolder(file.name));
  TakeLearned(state_folder, file);
  RouterOptions router{.embedding_cache = options.embedding_cache,
                       .num_threads = options.num_threads,
                       .max_disagreement = options.max_disagreement,
                       .progress = progress,
                       .rehearse = predecessor.router != nullptr,
                       .predecessor = predecessor.router.get()};
  Assistant assistant;
  BANTAM_RETURN_IF_ERROR(SetEncoder(file, router, predecessor, fits, assistant));
  const bool same_encoder = predecessor.router != nullptr && assistant.encoder == predecessor.encoder;
  if (same_encoder && IsSameFile(file, predecessor.router->file())) return predecessor;
  router.embedder = assistant.encoder;
  BANTAM_TRY(assistant.router, Router::Create(std::move(file), std::move(router)));
  assistant.created = std::time(nullptr);
  return assistant;
}

ServedModel EncoderOf(const Assistant& assistant) {
  return {.name = assistant.encoder->model_name(),
          .created = assistant.created,
          .embedder = assistant.encoder,
          .decider = MakeDecider(assistant.encoder),
          .architecture = assistant.encoder->architecture(),
          .identity = WeightsIdentity::Known(assistant.encoder->weights_sha256())};
}

}  // namespace bantam
