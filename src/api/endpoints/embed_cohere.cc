// POST /v2/embed and /v1/embed, as Cohere's clients send and read them: vectors by type.
#include "api/endpoints/embed_request.h"
#include "api/endpoints/endpoint.h"
#include "api/endpoints/parse.h"
#include "api/error_map.h"
#include "base/json.h"

namespace bantam {
namespace {

constexpr size_t kMaxTexts = 2048;

struct CohereRequest {
  EmbedRequest embed;
  bool by_type = true;  // false: version 1 without embedding_types has one bare list
};

Result<CohereRequest> Parse(const ApiContext& context, const HttpRequest& request) {
  json::value document;
  std::string at;
  BANTAM_TRY(const JsonObject body, ParseBody(request, document));
  CohereRequest parsed{.embed = EmbedRequest(request)};
  EmbedRequest& embed = parsed.embed;
  BANTAM_RETURN_IF_ERROR(FindEmbedModel(context, body, embed, at));
  BANTAM_TRY(embed.texts, ParseTexts(body, "texts", kMaxTexts, at));
  BANTAM_RETURN_IF_ERROR(ReadDimensions(body, embed, at));
  BANTAM_RETURN_IF_ERROR(ReadTypes(body, embed, at));
  BANTAM_RETURN_IF_ERROR(ReadPrompt(body, embed, at));
  BANTAM_RETURN_IF_ERROR(ReadTruncate(body, embed.truncate, at));
  BANTAM_TRY(embed.deadline, DeadlineOf(context, request, at));
  parsed.by_type = request.path.starts_with("/v2") || body.Has("embedding_types");
  return parsed;
}

void AppendVectors(const EmbedRequest& request, const EmbeddedTexts& embedded, const VectorForm& form,
                   std::string& out) {
  char separator = '[';
  for (size_t i = 0; i < embedded.texts.size(); ++i) {
    out += separator;
    separator = ',';
    AppendVectorJson(embedded.vectors.row(i), request, form, out);
  }
  out += ']';
}

HttpReply Format(const CohereRequest& parsed, const EmbeddedTexts& embedded, const std::string& id) {
  const EmbedRequest& request = parsed.embed;
  HttpReply reply;
  std::string& body = reply.body;
  body = R"({"id":)" + QuoteJson(id) + R"(,"embeddings":)";
  if (parsed.by_type) {
    char separator = '{';
    for (const VectorForm& form : request.forms) {
      body += separator;
      separator = ',';
      body += QuoteJson(form.name()) + ':';
      AppendVectors(request, embedded, form, body);
    }
    body += '}';
  } else {
    AppendVectors(request, embedded, {}, body);
  }
  body += R"(,"texts":[)";
  size_t tokens = 0;
  for (size_t i = 0; i < request.texts.size(); ++i) {
    body += (i > 0 ? "," : "") + QuoteJson(request.texts[i]);
    tokens += embedded.texts[i].num_tokens;
  }
  body += R"(],"response_type":)";
  body += parsed.by_type ? R"("embeddings_by_type")" : R"("embeddings_floats")";
  body += R"(,"meta":{"api_version":{"version":)" + std::string(parsed.by_type ? R"("2")" : R"("1")") +
          R"(},"billed_units":{"input_tokens":)" + std::to_string(tokens) + "}";
  if (const json::value cut = TellOfTexts(request, embedded, reply); !cut.is_null()) {
    body +=
        R"(,"warnings":[)" +
        QuoteJson("texts " + ToJson(cut.at("truncated")) + " were cut at " + ToJson(cut.at("max_tokens")) + " tokens") +
        "]";
  }
  body += "}}";
  return reply;
}

}  // namespace

void HandleCohereEmbed(ApiContext& context, const HttpRequest& request, Responder& responder) {
  const auto parsed = Parse(context, request);
  if (!parsed) return responder.Send(ErrorReply(ApiFamily::kCohere, parsed.error()));
  const auto embedded = parsed->embed.model->embedder->EmbedTexts(parsed->embed.texts, parsed->embed.call());
  if (!embedded) return responder.Send(ErrorReply(ApiFamily::kCohere, embedded.error()));
  responder.Send(Format(*parsed, *embedded, request.request_id));
}

}  // namespace bantam
