// POST /v1/embeddings, as OpenAI's clients send and read it (openai-python asks for base64 unless told otherwise).
#include <algorithm>
#include <memory>
#include <span>

#include "api/endpoints/embed_request.h"
#include "api/endpoints/endpoint.h"
#include "api/endpoints/parse.h"
#include "api/endpoints/text_thread.h"
#include "api/error_map.h"

namespace bantam {
namespace {

// may_load: a model of the store that is not in memory is waited for.
Result<EmbedRequest> Parse(const ApiContext& context, const HttpRequest& request, bool may_load, std::string& at) {
  json::value document;
  BANTAM_TRY(const JsonObject body, ParseBody(request, document));
  EmbedRequest parsed(request);
  at = "model";
  BANTAM_TRY(const std::string name, body.String("model"));
  parsed.model = context.FindModel(name);
  if (parsed.model == nullptr && may_load) {
    BANTAM_TRY(parsed.model, context.GetModel(name));
  }
  if (parsed.model == nullptr || parsed.model->embedder == nullptr) return NoSuchEncoder(context, name);
  BANTAM_TRY(parsed.texts, ParseInputs(body, kMaxInputs, at));
  BANTAM_RETURN_IF_ERROR(ReadDimensions(body, parsed, at));
  BANTAM_RETURN_IF_ERROR(ReadTypes(body, parsed, at));
  BANTAM_RETURN_IF_ERROR(ReadPrompt(body, parsed, at));
  BANTAM_RETURN_IF_ERROR(ReadTruncate(body, parsed.truncate, at));
  BANTAM_TRY(parsed.deadline, DeadlineOf(context, request, at));
  return parsed;
}

// One form stands there as it is; several under their names. append(form): one of them.
template <typename Append>
void AppendForms(const EmbedRequest& request, std::string& out, const Append& append) {
  if (request.forms.size() == 1) return append(request.forms[0]);
  char separator = '{';
  for (const VectorForm& form : request.forms) {
    out += separator;
    separator = ',';
    out += QuoteJson(form.name()) + ':';
    append(form);
  }
  out += '}';
}

// Texts: EmbeddedTexts with a vector for each text under "embedding", or TokenVectors with one for each token under
// "embeddings", as Jina's clients read them.
void AppendText(const EmbeddedTexts& embedded, size_t i, const EmbedRequest& request, std::string& body) {
  body += R"(,"embedding":)";
  AppendForms(request, body,
              [&](const VectorForm& form) { AppendVectorJson(embedded.vectors.row(i), request, form, body); });
}
void AppendText(const TokenVectors& vectors, size_t i, const EmbedRequest& request, std::string& body) {
  body += R"(,"embeddings":)";
  AppendForms(request, body, [&](const VectorForm& form) { AppendTokenVectors(vectors, i, request, form, body); });
}

template <typename Texts>
HttpReply Format(const EmbedRequest& request, const Texts& embedded) {
  size_t tokens = 0;
  HttpReply reply;
  std::string& body = reply.body;
  // A float has 12 characters mostly, four bytes in base64 six.
  body.reserve(256 + embedded.texts.size() * (64 + request.dimensions * (request.forms[0].base64 ? 6 : 13)));
  body = R"({"object":"list","data":[)";
  for (size_t i = 0; i < embedded.texts.size(); ++i) {
    tokens += embedded.texts[i].num_tokens;
    if (i > 0) body += ',';
    body += R"({"object":"embedding","index":)" + std::to_string(i);
    AppendText(embedded, i, request, body);
    body += '}';
  }
  body += R"(],"model":)" + QuoteJson(request.model->name) + R"(,"usage":{"prompt_tokens":)" + std::to_string(tokens) +
          R"(,"total_tokens":)" + std::to_string(tokens) + "}";
  if (const json::value cut = TellOfTexts(request, embedded, reply); !cut.is_null()) {
    body += R"(,"bantam":)" + ToJson(cut);
  }
  body += '}';
  return reply;
}

// What is wrong with a request after it was parsed is in its texts.
HttpReply Refuse(const Error& error) {
  return OpenAiError(error, error.code == ErrorCode::kInvalidArgument ? "input" : "");
}

// What takes the answer of the engine and hands it to the I/O thread.
template <typename Texts>
std::function<void(Result<Texts>)> Deliver(std::shared_ptr<const EmbedRequest> request, Responder::Later later) {
  return [request = std::move(request), later = std::move(later)](Result<Texts> embedded) {
    const auto result = std::make_shared<Result<Texts>>(std::move(embedded));
    later([request, result] { return *result ? Format(*request, **result) : Refuse(result->error()); });
  };
}

// quick: on the I/O thread, which nothing may hold up.
void Answer(ApiContext& context, const HttpRequest& request, bool quick, Responder& responder) {
  std::string at;
  auto parsed = Parse(context, request, !quick, at);
  if (!parsed && quick && context.models->on_demand() && parsed.error().code == ErrorCode::kNotFound) {
    // By a thread that may wait while the model loads.
    return RunOnTextThread(context, request, responder, ApiFamily::kOpenAi, 1,
                           [&context, &request](Responder& own) { Answer(context, request, false, own); });
  }
  if (!parsed) return responder.Send(OpenAiError(parsed.error(), at));
  Embedder& embedder = *parsed->model->embedder;
  const bool tokens = embedder.sentence().multi_vector.on;
  if (quick) {
    const auto shared = std::make_shared<EmbedRequest>(*std::move(parsed));
    if (tokens) {
      embedder.EmbedTokensAsync(shared->texts, shared->role, shared->call(),
                                Deliver<TokenVectors>(shared, responder.Detach()));
    } else {
      embedder.EmbedBatchAsync(shared->texts, shared->call(), Deliver<EmbeddedTexts>(shared, responder.Detach()));
    }
    return;
  }
  // A large reply is written by a worker, too.
  if (tokens) {
    const Result<TokenVectors> vectors = embedder.EmbedTokens(parsed->texts, parsed->role, parsed->call());
    return responder.Send(vectors ? Format(*parsed, *vectors) : Refuse(vectors.error()));
  }
  const Result<EmbeddedTexts> embedded = embedder.EmbedTexts(parsed->texts, parsed->call());
  responder.Send(embedded ? Format(*parsed, *embedded) : Refuse(embedded.error()));
}

}  // namespace

// Most requests are one short text. Reading it takes about as long as waking a worker for it; the count of quotes
// bounds the number of texts, and so the time that the reply takes to write.
bool IsQuickEmbeddings(const HttpRequest& request) {
  constexpr size_t kMostBytes = 2048;
  constexpr ptrdiff_t kMostQuotes = 48;
  return request.body.size() <= kMostBytes && std::ranges::count(request.body, '"') <= kMostQuotes;
}

void HandleEmbeddings(ApiContext& context, const HttpRequest& request, Responder& responder) {
  Answer(context, request, IsQuickEmbeddings(request), responder);
}

}  // namespace bantam
