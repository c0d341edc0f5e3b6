// POST /api/embed and /api/embeddings, as Ollama's clients send and read them.
#include "api/endpoints/embed_request.h"
#include "api/endpoints/endpoint.h"
#include "api/endpoints/ollama_json.h"
#include "api/endpoints/ollama_request.h"
#include "api/endpoints/parse.h"
#include "api/error_map.h"

namespace bantam {
namespace {

struct OllamaEmbedding {
  std::string asked_model;
  EmbedRequest embed;  // without texts: only the model is asked for
};

bool IsEmpty(const json::value* value) {
  return value == nullptr || value->is_null() || (value->is_string() && value->get_string().empty()) ||
         (value->is_array() && value->get_array().empty());
}

// `key`: of the texts.
Result<OllamaEmbedding> Parse(const ApiContext& context, const HttpRequest& http, std::string_view key,
                              std::string& at) {
  json::value document;
  BANTAM_TRY(const JsonObject body, ParseBody(http, document));
  OllamaEmbedding parsed{.asked_model = {}, .embed = EmbedRequest(http)};
  BANTAM_TRY(parsed.asked_model, ReadOllamaName(body, at));
  EmbedRequest& embed = parsed.embed;
  if (!context.IsRouter(parsed.asked_model)) {
    BANTAM_TRY(embed.model, context.GetModel(parsed.asked_model));
  }
  if (embed.model == nullptr || embed.model->embedder == nullptr) return NoSuchEncoder(context, parsed.asked_model);
  const bool only_loads = IsEmpty(body.Find(key));
  BANTAM_RETURN_IF_ERROR(ReadKeepAlive(context, body, *embed.model, only_loads, at));
  if (embed.model->embedder->sentence().multi_vector.on) {
    at = "model";
    return Err(
        ErrorCode::kInvalidArgument,
        "{} has a vector for each token of a text, which Ollama's clients cannot read; /v1/embeddings gives them",
        embed.model->name);
  }
  BANTAM_RETURN_IF_ERROR(ReadDimensions(body, embed, at));
  BANTAM_RETURN_IF_ERROR(ReadTruncate(body, embed.truncate, at));
  BANTAM_TRY(embed.deadline, DeadlineOf(context, http, at));
  if (!only_loads) {
    BANTAM_TRY(embed.texts, ParseTexts(body, key, kMaxInputs, at));
  }
  return parsed;
}

}  // namespace

void HandleOllamaEmbed(ApiContext& context, const HttpRequest& http, Responder& responder) {
  std::string at;
  auto parsed = Parse(context, http, "input", at);
  if (!parsed) return responder.Send(ErrorReply(ApiFamily::kOllama, parsed.error(), at));
  EmbedRequest& embed = parsed->embed;
  embed.unit_length = true;
  const MonotonicTime started = MonotonicNow();
  Result<EmbeddedTexts> embedded = EmbeddedTexts();
  if (!embed.texts.empty()) embedded = embed.model->embedder->EmbedTexts(embed.texts, embed.call());
  if (!embedded) return responder.Send(ErrorReply(ApiFamily::kOllama, embedded.error()));
  HttpReply reply;
  reply.body = R"({"model":)" + QuoteJson(parsed->asked_model) + R"(,"embeddings":[)";
  size_t tokens = 0;
  for (size_t i = 0; i < embedded->texts.size(); ++i) {
    if (i > 0) reply.body += ',';
    AppendVectorJson(embedded->vectors.row(i), embed, {}, reply.body);
    tokens += embedded->texts[i].num_tokens;
  }
  reply.body += R"(],"total_duration":)" + std::to_string(Nanoseconds(MonotonicNow() - http.received)) +
                R"(,"load_duration":)" + std::to_string(Nanoseconds(started - http.received)) +
                R"(,"prompt_eval_count":)" + std::to_string(tokens) + "}";
  (void)TellOfTexts(embed, *embedded, reply);  // there is no place for it but the header
  responder.Send(std::move(reply));
}

// As the model gives it, at whatever length.
void HandleOllamaEmbeddings(ApiContext& context, const HttpRequest& http, Responder& responder) {
  std::string at;
  auto parsed = Parse(context, http, "prompt", at);
  if (!parsed) return responder.Send(ErrorReply(ApiFamily::kOllama, parsed.error(), at));
  EmbedRequest& embed = parsed->embed;
  HttpReply reply;
  reply.body = R"({"embedding":[]})";
  if (embed.texts.empty()) return responder.Send(std::move(reply));
  const auto embedded = embed.model->embedder->EmbedTexts(embed.texts, embed.call());
  if (!embedded) return responder.Send(ErrorReply(ApiFamily::kOllama, embedded.error()));
  reply.body = R"({"embedding":)";
  AppendVectorJson(embedded->vectors.row(0), embed, {}, reply.body);
  reply.body += '}';
  (void)TellOfTexts(embed, *embedded, reply);
  responder.Send(std::move(reply));
}

}  // namespace bantam
