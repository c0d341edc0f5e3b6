// POST /v1/embeddings, as OpenAI's clients send and read it (openai-python asks for base64 unless told otherwise).
#include <bit>
#include <cmath>

#include "api/endpoints/endpoint.h"
#include "api/endpoints/parse.h"
#include "api/error_map.h"
#include "base/base64.h"
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
void Shorten(std::vector<float>& vector, size_t dimensions) {
  if (dimensions >= vector.size()) return;
  vector.resize(dimensions);
  double sum = 0;
  for (const float x : vector) sum += static_cast<double>(x) * x;
  if (sum == 0) return;
  const auto scale = static_cast<float>(1 / std::sqrt(sum));
  for (float& x : vector) x *= scale;
}

void AppendVector(const std::vector<float>& vector, bool base64, std::string& out) {
  if (base64) {  // little-endian float32 bytes
    static_assert(std::endian::native == std::endian::little);
    out += '"';
    AppendBase64(std::as_bytes(std::span(vector)), out);
    out += '"';
    return;
  }
  char separator = '[';
  for (const float x : vector) {
    out += separator;
    AppendJsonNumber(x, out);
    separator = ',';
  }
  out += ']';
}

}  // namespace

void HandleEmbeddings(ApiContext& context, const HttpRequest& request, Responder& responder) {
  std::string at;
  auto parsed = Parse(context, request, at);
  if (!parsed) return responder.Send(OpenAiError(parsed.error(), at));
  auto embeddings = parsed->model->embedder->EmbedBatch(parsed->texts, parsed->deadline);
  if (!embeddings) return responder.Send(OpenAiError(embeddings.error()));

  size_t tokens = 0;
  json::array truncated;
  HttpReply reply;
  reply.body = R"({"object":"list","data":[)";
  for (size_t i = 0; i < embeddings->size(); ++i) {
    Embedding& embedding = (*embeddings)[i];
    tokens += embedding.num_tokens;
    if (embedding.truncated) truncated.push_back(i);
    Shorten(embedding.vector, parsed->dimensions);
    if (i > 0) reply.body += ',';
    reply.body += R"({"object":"embedding","index":)" + std::to_string(i) + R"(,"embedding":)";
    AppendVector(embedding.vector, parsed->base64, reply.body);
    reply.body += '}';
  }
  reply.body += R"(],"model":)" + QuoteJson(parsed->model->name) + R"(,"usage":{"prompt_tokens":)" +
                std::to_string(tokens) + R"(,"total_tokens":)" + std::to_string(tokens) + "}";
  if (!truncated.empty()) {
    // Silent truncation is the classic complaint about embedding servers: say which inputs were cut, and where.
    reply.headers.emplace_back("X-Bantam-Truncated", std::to_string(truncated.size()));
    reply.body += R"(,"bantam":)" + ToJson(json::object{{"truncated", std::move(truncated)},
                                                        {"max_tokens", parsed->model->embedder->max_tokens()}});
  }
  reply.body += '}';
  responder.Send(std::move(reply));
}

}  // namespace bantam
