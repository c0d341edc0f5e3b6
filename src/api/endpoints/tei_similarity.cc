// POST /similarity, as Text Embeddings Inference takes and answers it: how near sentences are to one.
#include "api/endpoints/embed_request.h"
#include "api/endpoints/endpoint.h"
#include "api/endpoints/parse.h"
#include "api/endpoints/tei_request.h"
#include "api/endpoints/vector_score.h"
#include "base/json_floats.h"
#include "tasks/cosine.h"

namespace bantam {
namespace {

// The texts: the source sentence, then those it is compared with.
Result<EmbedRequest> Parse(const ApiContext& context, const HttpRequest& request) {
  json::value document;
  std::string at;
  BANTAM_TRY(const JsonObject body, ParseBody(request, document));
  EmbedRequest parsed(request);
  BANTAM_RETURN_IF_ERROR(FindEmbedModel(context, body, parsed, at));
  BANTAM_TRY(const JsonObject inputs, body.Object("inputs"));
  BANTAM_TRY(std::string source, inputs.String("source_sentence"));
  if (source.empty()) return Err(ErrorCode::kInvalidArgument, "\"source_sentence\" is an empty string");
  BANTAM_TRY(parsed.texts, ParseTexts(inputs, "sentences", kMaxInputs, at));
  parsed.texts.insert(parsed.texts.begin(), std::move(source));
  BANTAM_RETURN_IF_ERROR(RefuseTokenVectors(parsed));
  parsed.dimensions = static_cast<size_t>(parsed.model->embedder->dimensions());
  if (const json::value* sent = body.Find("parameters"); sent != nullptr && !sent->is_null()) {
    BANTAM_TRY(const JsonObject parameters, body.Object("parameters"));
    BANTAM_RETURN_IF_ERROR(ReadPrompt(parameters, parsed, at));
    BANTAM_RETURN_IF_ERROR(ReadTruncate(parameters, parsed.truncate, at));
  }
  BANTAM_TRY(parsed.deadline, DeadlineOf(context, request, at));
  return parsed;
}

}  // namespace

void HandleTeiSimilarity(ApiContext& context, const HttpRequest& request, Responder& responder) {
  const auto parsed = Parse(context, request);
  if (!parsed) return responder.Send(TeiRefusal(parsed.error(), request));
  const auto embedded = parsed->model->embedder->EmbedTexts(parsed->texts, parsed->call());
  if (!embedded) return responder.Send(ErrorReply(ApiFamily::kTei, embedded.error()));
  std::vector<float> scores;
  for (size_t i = 1; i < embedded->texts.size(); ++i) {
    scores.push_back(CosineSimilarity(embedded->vectors.row(0), embedded->vectors.row(i)));
  }
  HttpReply reply;
  AppendJsonFloats(scores, reply.body);
  (void)TellOfTexts(*parsed, *embedded, reply);
  responder.Send(std::move(reply));
}

}  // namespace bantam
