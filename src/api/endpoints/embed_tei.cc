// POST /embed, /embed_all and /embed_sparse, as Text Embeddings Inference takes and answers them: bare arrays, errors
// of its own shape.
#include "api/endpoints/embed_request.h"
#include "api/endpoints/endpoint.h"
#include "api/endpoints/parse.h"
#include "api/endpoints/tei_request.h"
#include "api/error_map.h"
#include "api/task_json.h"
#include "base/json.h"

namespace bantam {
namespace {

Result<EmbedRequest> Parse(const ApiContext& context, const HttpRequest& request) {
  json::value document;
  std::string at;
  BANTAM_TRY(const JsonObject body, ParseBody(request, document));
  EmbedRequest parsed(request);
  BANTAM_RETURN_IF_ERROR(FindEmbedModel(context, body, parsed, at));
  BANTAM_TRY(parsed.texts, ParseTexts(body, "inputs", kMaxInputs, at));
  BANTAM_RETURN_IF_ERROR(ReadDimensions(body, parsed, at));
  BANTAM_RETURN_IF_ERROR(ReadPrompt(body, parsed, at));
  BANTAM_RETURN_IF_ERROR(ReadTruncate(body, parsed.truncate, at));
  BANTAM_TRY(parsed.unit_length, body.BoolOr("normalize", true));
  if (!parsed.unit_length && parsed.model->embedder->sentence().normalize) {
    return Err(ErrorCode::kInvalidArgument, "\"normalize\" is false, but {} itself ends in vectors of length 1",
               parsed.model->name);
  }
  BANTAM_TRY(parsed.deadline, DeadlineOf(context, request, at));
  return parsed;
}

struct SparseRequest {
  ServedModelPtr model;
  std::vector<std::string> texts;
  std::optional<TextPrompt> prompt;
  SparseOptions options;
};

Result<SparseRequest> ParseSparse(const ApiContext& context, const HttpRequest& request) {
  json::value document;
  std::string at;
  BANTAM_TRY(const JsonObject body, ParseBody(request, document));
  SparseRequest parsed;
  const auto can = [](const ServedModel& model) { return model.sparse != nullptr; };
  BANTAM_TRY(parsed.model, FindAble(context, body, "embed_sparse", can, at));
  BANTAM_TRY(parsed.texts, ParseTexts(body, "inputs", kMaxInputs, at));
  if (const json::value* name = body.Find("prompt_name"); name != nullptr && !name->is_null()) {
    PromptChoice choice;
    BANTAM_TRY(choice.name, body.String("prompt_name"));
    BANTAM_TRY(parsed.prompt, parsed.model->sparse->ResolvePrompt(choice, false));
  }
  BANTAM_RETURN_IF_ERROR(ReadTruncate(body, parsed.options.truncate, at));
  BANTAM_TRY(const int64_t top_k, body.IntOr("top_k", 0, 0, INT32_MAX));
  parsed.options.top_k = static_cast<size_t>(top_k);
  BANTAM_TRY(parsed.options.deadline, DeadlineOf(context, request, at));
  return parsed;
}

}  // namespace

void HandleTeiEmbed(ApiContext& context, const HttpRequest& request, Responder& responder) {
  const auto parsed = Parse(context, request);
  if (!parsed) return responder.Send(TeiRefusal(parsed.error(), request));
  const auto embedded = parsed->model->embedder->EmbedTexts(parsed->texts, parsed->call());
  if (!embedded) return responder.Send(ErrorReply(ApiFamily::kTei, embedded.error()));
  HttpReply reply;
  reply.body = "[";
  for (size_t i = 0; i < embedded->texts.size(); ++i) {
    if (i > 0) reply.body += ',';
    AppendVectorJson(embedded->vectors.row(i), *parsed, {}, reply.body);
  }
  reply.body += ']';
  (void)TellOfTexts(*parsed, *embedded, reply);  // there is no place for it but the header
  responder.Send(std::move(reply));
}

// The vectors of all tokens.
void HandleTeiEmbedAll(ApiContext& context, const HttpRequest& request, Responder& responder) {
  auto parsed = Parse(context, request);
  if (!parsed) return responder.Send(TeiRefusal(parsed.error(), request));
  parsed->unit_length = false;
  const auto vectors = parsed->model->embedder->EmbedTokens(parsed->texts, parsed->role, parsed->call());
  if (!vectors) return responder.Send(ErrorReply(ApiFamily::kTei, vectors.error()));
  parsed->dimensions = vectors->columns;
  HttpReply reply;
  reply.body = "[";
  for (size_t i = 0; i < vectors->texts.size(); ++i) {
    if (i > 0) reply.body += ',';
    AppendTokenVectors(*vectors, i, *parsed, {}, reply.body);
  }
  reply.body += ']';
  (void)TellOfTexts(*parsed, *vectors, reply);
  responder.Send(std::move(reply));
}

// A list of {"index": token id, "value": weight} for each text, heaviest first.
void HandleTeiEmbedSparse(ApiContext& context, const HttpRequest& request, Responder& responder) {
  auto parsed = ParseSparse(context, request);
  if (!parsed) return responder.Send(TeiRefusal(parsed.error(), request));
  if (parsed->prompt) parsed->options.prompt = &*parsed->prompt;
  WorkDone work(request);
  parsed->options.times = &work.engine;
  const auto vectors = parsed->model->sparse->Embed(parsed->texts, parsed->options);
  if (!vectors) return responder.Send(ErrorReply(ApiFamily::kTei, vectors.error()));
  json::array lists;
  size_t num_truncated = 0, tokens = 0;
  for (const SparseVector& vector : *vectors) {
    lists.push_back(WeightsJson(vector));
    num_truncated += vector.truncated;
    tokens += vector.num_tokens;
  }
  HttpReply reply;
  reply.body = ToJson(lists);
  work.Tell(*parsed->model, tokens);
  TellTruncated(num_truncated, reply);
  responder.Send(std::move(reply));
}

}  // namespace bantam
