// POST /v1/embeddings, as OpenAI's clients send and read it (openai-python asks for base64 unless told otherwise).
#include <algorithm>
#include <bit>
#include <cmath>
#include <memory>
#include <span>

#include "api/endpoints/endpoint.h"
#include "api/endpoints/parse.h"
#include "api/error_map.h"
#include "base/base64.h"
#include "base/json_floats.h"
#include "base/text_util.h"

namespace bantam {
namespace {

constexpr size_t kMaxInputs = 2048;  // OpenAI's own limit

struct EmbeddingsRequest {
  const ServedModel* model = nullptr;
  std::vector<std::string> texts;
  bool base64 = false;
  size_t dimensions = 0;
  MonotonicTime deadline;
};

Result<EmbeddingsRequest> Parse(const ApiContext& context, const HttpRequest& request, std::string& at) {
  json::value document;
  BANTAM_TRY(const JsonObject body, ParseBody(request, document));
  EmbeddingsRequest parsed;
  at = "model";
  BANTAM_TRY(const std::string name, body.String("model"));
  parsed.model = context.FindModel(name);
  if (parsed.model == nullptr) return NoSuchEncoder(context, name);
  BANTAM_TRY(parsed.texts, ParseInputs(body, kMaxInputs, at));
  at = "encoding_format";
  BANTAM_TRY(const std::string format, body.StringOr("encoding_format", "float"));
  if (format != "float" && format != "base64") {
    return Err(ErrorCode::kInvalidArgument, "\"encoding_format\" is \"{}\", expected \"float\" or \"base64\"",
               EscapeForTerminal(format, 80));
  }
  parsed.base64 = format == "base64";
  at = "dimensions";
  const int64_t own = parsed.model->embedder->dimensions();
  BANTAM_TRY(const int64_t dimensions, body.IntOr("dimensions", own, 1, own));
  parsed.dimensions = static_cast<size_t>(dimensions);
  BANTAM_TRY(parsed.deadline, DeadlineOf(context, request, at));
  return parsed;
}

// Cuts to the first `dimensions` values and restores unit length, as OpenAI and Ollama do.
std::vector<float> Shorten(std::span<const float> vector, size_t dimensions) {
  std::vector<float> shorter(vector.begin(), vector.begin() + static_cast<ptrdiff_t>(dimensions));
  double sum = 0;
  for (const float x : shorter) sum += static_cast<double>(x) * x;
  if (sum == 0) return shorter;
  const auto scale = static_cast<float>(1 / std::sqrt(sum));
  for (float& x : shorter) x *= scale;
  return shorter;
}

void AppendVector(std::span<const float> vector, bool base64, std::string& out) {
  if (base64) {  // little-endian float32 bytes
    static_assert(std::endian::native == std::endian::little);
    out += '"';
    AppendBase64(std::as_bytes(vector), out);
    out += '"';
  } else {
    AppendJsonFloats(vector, out);
  }
}

HttpReply Format(const EmbeddingsRequest& request, const EmbeddedTexts& embedded) {
  size_t tokens = 0;
  json::array truncated;
  HttpReply reply;
  std::string& body = reply.body;
  // A float has 12 characters mostly, four bytes in base64 six.
  body.reserve(256 + embedded.texts.size() * (64 + request.dimensions * (request.base64 ? 6 : 13)));
  body = R"({"object":"list","data":[)";
  for (size_t i = 0; i < embedded.texts.size(); ++i) {
    tokens += embedded.texts[i].num_tokens;
    if (embedded.texts[i].truncated) truncated.push_back(i);
    if (i > 0) body += ',';
    body += R"({"object":"embedding","index":)" + std::to_string(i) + R"(,"embedding":)";
    const std::span<const float> vector = embedded.vectors.row(i);
    if (request.dimensions < vector.size()) {
      AppendVector(Shorten(vector, request.dimensions), request.base64, body);
    } else {
      AppendVector(vector, request.base64, body);
    }
    body += '}';
  }
  body += R"(],"model":)" + QuoteJson(request.model->name) + R"(,"usage":{"prompt_tokens":)" + std::to_string(tokens) +
          R"(,"total_tokens":)" + std::to_string(tokens) + "}";
  if (!truncated.empty()) {
    // Silent truncation is the classic complaint about embedding servers: say which inputs were cut, and where.
    reply.headers.emplace_back("X-Bantam-Truncated", std::to_string(truncated.size()));
    body += R"(,"bantam":)" + ToJson(json::object{{"truncated", std::move(truncated)},
                                                  {"max_tokens", request.model->embedder->max_tokens()}});
  }
  body += '}';
  return reply;
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
  std::string at;
  auto parsed = Parse(context, request, at);
  if (!parsed) return responder.Send(OpenAiError(parsed.error(), at));
  Embedder& embedder = *parsed->model->embedder;
  if (IsQuickEmbeddings(request)) {
    const auto shared = std::make_shared<EmbeddingsRequest>(*std::move(parsed));
    embedder.EmbedBatchAsync(
        shared->texts, shared->deadline, [shared, later = responder.Detach()](Result<EmbeddedTexts> embedded) {
          const auto result = std::make_shared<Result<EmbeddedTexts>>(std::move(embedded));
          later([shared, result] { return *result ? Format(*shared, **result) : OpenAiError(result->error()); });
        });
    return;
  }
  // A large reply is written by a worker, too.
  const Result<EmbeddedTexts> embedded = embedder.EmbedTexts(parsed->texts, parsed->deadline);
  responder.Send(embedded ? Format(*parsed, *embedded) : OpenAiError(embedded.error()));
}

}  // namespace bantam
