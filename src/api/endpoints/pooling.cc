// POST /pooling, as vLLM's clients send and read it: a vector for each text, one for each of its tokens, or a
// classifier's scores, as the model gives them.
#include <algorithm>
#include <ctime>

#include "api/endpoints/embed_request.h"
#include "api/endpoints/endpoint.h"
#include "api/endpoints/parse.h"
#include "api/error_map.h"
#include "base/base64.h"
#include "base/json_floats.h"
#include "base/text_util.h"

namespace bantam {
namespace {

constexpr std::string_view kEmbed = "embed", kTokenEmbed = "token_embed", kClassify = "classify";

struct PoolingRequest {
  EmbedRequest embed;  // the model, texts, dimensions, truncation
  std::string_view task;
  std::vector<TextOrPair> inputs;      // of kClassify
  std::optional<bool> use_activation;  // nothing: as the model does
  bool base64 = false;
};

struct Pooled {
  std::vector<std::vector<float>> texts;
  size_t columns = 0;  // of a token's vector; 0: a text has one vector
  size_t num_tokens = 0;
  json::value more = nullptr;  // the reply's "bantam", if there is something to say
};

Result<std::string_view> ReadTask(const JsonObject& body, const ServedModel& model, std::string& at) {
  at = "task";
  const bool only_tokens = model.embedder != nullptr && model.embedder->sentence().multi_vector.on;
  const std::string_view usual = model.embedder == nullptr ? kClassify : only_tokens ? kTokenEmbed : kEmbed;
  BANTAM_TRY(const std::string word, body.StringOr("task", usual));
  for (const std::string_view task : {kEmbed, kTokenEmbed, kClassify}) {
    if (word != task) continue;
    if (task == usual || (usual == kEmbed && task == kTokenEmbed)) return task;
    return Err(ErrorCode::kInvalidArgument, "\"task\" is \"{}\", which {} cannot do; it can: {}", task, model.name,
               usual == kEmbed ? "embed, token_embed" : usual);
  }
  return Err(ErrorCode::kInvalidArgument,
             "\"task\" is \"{}\", expected embed, token_embed or classify; labels of tokens are at /v1/tag",
             EscapeForTerminal(word, 80));
}

Status ReadEncoding(const JsonObject& body, PoolingRequest& parsed, std::string& at) {
  at = "encoding_format";
  BANTAM_TRY(const std::string format, body.StringOr(at, "float"));
  parsed.base64 = format == "base64";
  if (!parsed.base64 && format != "float") {
    return Err(ErrorCode::kInvalidArgument, "\"encoding_format\" is \"{}\", expected \"float\" or \"base64\"",
               EscapeForTerminal(format, 80));
  }
  at = "embed_dtype";
  BANTAM_TRY(const std::string type, body.StringOr(at, "float32"));
  if (type != "float32") {
    return Err(ErrorCode::kInvalidArgument,
               "\"embed_dtype\" is \"{}\", expected \"float32\"; other types are at "
               "/v1/embeddings",
               EscapeForTerminal(type, 80));
  }
  at = "endianness";
  BANTAM_TRY(const std::string order, body.StringOr(at, "native"));
  if (order == "native" || order == "little") return Ok();
  return Err(ErrorCode::kInvalidArgument, "\"endianness\" is \"{}\", expected \"little\" or \"native\", which is that",
             EscapeForTerminal(order, 80));
}

Status ReadActivation(const JsonObject& body, PoolingRequest& parsed, std::string& at) {
  at = "use_activation";
  const json::value* value = body.Find(at);
  if (value == nullptr || value->is_null()) return Ok();
  BANTAM_TRY(parsed.use_activation, body.Bool(at));
  if (parsed.task != kEmbed) return Ok();
  if (!*parsed.use_activation && parsed.embed.model->embedder->sentence().normalize) {
    return Err(ErrorCode::kInvalidArgument, "\"use_activation\" is false, but {} itself ends in vectors of length 1",
               parsed.embed.model->name);
  }
  parsed.embed.unit_length = *parsed.use_activation;
  return Ok();
}

Result<PoolingRequest> Parse(const ApiContext& context, const HttpRequest& request, std::string& at) {
  json::value document;
  BANTAM_TRY(const JsonObject body, ParseBody(request, document));
  PoolingRequest parsed{.embed = EmbedRequest(request), .task = {}, .inputs = {}, .use_activation = {}};
  const auto can = [](const ServedModel& model) { return model.embedder != nullptr || model.classifier != nullptr; };
  BANTAM_TRY(parsed.embed.model, FindAble(context, body, "pool", can, at));
  BANTAM_TRY(parsed.task, ReadTask(body, *parsed.embed.model, at));
  BANTAM_RETURN_IF_ERROR(ReadEncoding(body, parsed, at));
  BANTAM_RETURN_IF_ERROR(ReadActivation(body, parsed, at));
  if (const json::value* cut = body.Find("truncate_prompt_tokens"); cut != nullptr && !cut->is_null()) {
    at = "truncate_prompt_tokens";
    BANTAM_RETURN_IF_ERROR(body.Int(at, -1, -1));  // at what the model reads, which is where texts are cut anyway
  }
  BANTAM_RETURN_IF_ERROR(ReadTruncate(body, parsed.embed.truncate, at));
  if (parsed.task == kClassify) {
    BANTAM_TRY(parsed.inputs, ParseTextsOrPairs(body, kMaxInputs, at));
  } else {
    BANTAM_TRY(parsed.embed.texts, ParseInputs(body, kMaxInputs, at));
    BANTAM_RETURN_IF_ERROR(ReadDimensions(body, parsed.embed, at));
    at = "dimensions";
    if (const json::value* cut = body.Find(at); parsed.task == kTokenEmbed && cut != nullptr && !cut->is_null()) {
      return Err(ErrorCode::kInvalidArgument,
                 "\"dimensions\" is for \"task\": \"embed\"; vectors of tokens are not cut");
    }
  }
  BANTAM_TRY(parsed.embed.deadline, DeadlineOf(context, request, at));
  at = "input";
  return parsed;
}

Result<Pooled> Embed(const EmbedRequest& request, HttpReply& reply) {
  BANTAM_TRY(const EmbeddedTexts embedded, request.model->embedder->EmbedTexts(request.texts, request.call()));
  Pooled pooled;
  std::vector<float> changed;
  for (size_t i = 0; i < embedded.texts.size(); ++i) {
    const std::span<const float> vector = FittedVector(embedded.vectors.row(i), request, changed);
    pooled.texts.emplace_back(vector.begin(), vector.end());
    pooled.num_tokens += embedded.texts[i].num_tokens;
  }
  pooled.more = TellOfTexts(request, embedded, reply);
  return pooled;
}

// Of an encoder the vectors of tokens are as long as it leaves them; here they have the length that its texts' have.
Result<Pooled> EmbedTokens(const PoolingRequest& asked, HttpReply& reply) {
  const EmbedRequest& request = asked.embed;
  const Embedder& embedder = *request.model->embedder;
  BANTAM_TRY(const TokenVectors vectors,
             request.model->embedder->EmbedTokens(request.texts, request.role, request.call()));
  Pooled pooled{.texts = {}, .columns = vectors.columns, .num_tokens = 0, .more = {}};
  for (size_t i = 0; i < vectors.texts.size(); ++i) {
    const std::span<const float> rows = vectors.rows(i);
    std::vector<float>& text = pooled.texts.emplace_back(rows.begin(), rows.end());
    if (asked.use_activation.value_or(embedder.sentence().normalize)) {
      for (size_t at = 0; at < text.size(); at += vectors.columns) {
        NormalizeVector(std::span(text).subspan(at, vectors.columns));
      }
    }
    pooled.num_tokens += vectors.texts[i].num_tokens;
  }
  pooled.more = TellOfTexts(request, vectors, reply);
  return pooled;
}

Result<Pooled> Classify(const PoolingRequest& asked, HttpReply& reply) {
  const Classifier& classifier = *asked.embed.model->classifier;
  std::vector<TextInput> texts;
  for (const TextOrPair& input : asked.inputs) texts.push_back({input.text, input.pair});
  ClassifyOptions options{.deadline = asked.embed.deadline, .times = &asked.embed.work->engine};
  if (!asked.use_activation.value_or(true)) options.function = ScoreFunction::kNone;
  BANTAM_TRY(std::vector<Classification> answers, classifier.Classify(texts, options));
  Pooled pooled;
  size_t num_truncated = 0;
  for (Classification& answer : answers) {
    if (answer.truncated && !asked.embed.truncate) {
      return Err(ErrorCode::kInvalidArgument,
                 "\"input[{}]\" is longer than the {} tokens that {} reads, and \"truncate\" is false",
                 pooled.texts.size(), classifier.model().max_tokens, asked.embed.model->name);
    }
    num_truncated += answer.truncated;
    pooled.num_tokens += answer.num_tokens;
    pooled.texts.push_back(std::move(answer.scores));
  }
  asked.embed.work->Tell(*asked.embed.model, pooled.num_tokens);
  TellTruncated(num_truncated, reply);
  return pooled;
}

Result<Pooled> Pool(const PoolingRequest& request, HttpReply& reply) {
  if (request.task == kClassify) return Classify(request, reply);
  return request.task == kTokenEmbed ? EmbedTokens(request, reply) : Embed(request.embed, reply);
}

// Base64 is of all the rows of a text together, as vLLM has it.
void AppendData(std::span<const float> values, size_t columns, bool base64, std::string& out) {
  if (base64) {
    out += '"';
    AppendBase64(std::as_bytes(values), out);
    out += '"';
    return;
  }
  if (columns == 0) return AppendJsonFloats(values, out);
  char separator = '[';
  for (size_t at = 0; at < values.size(); at += columns) {
    out += separator;
    separator = ',';
    AppendJsonFloats(values.subspan(at, columns), out);
  }
  out += separator == '[' ? "[]" : "]";
}

void Format(const PoolingRequest& request, const Pooled& pooled, const std::string& id, std::string& body) {
  body = fmt::format(R"({{"id":{},"object":"list","created":{},"model":{},"data":[)", QuoteJson("pool-" + id),
                     std::time(nullptr), QuoteJson(request.embed.model->name));
  for (size_t i = 0; i < pooled.texts.size(); ++i) {
    body += fmt::format(R"({}{{"index":{},"object":"pooling","data":)", i > 0 ? "," : "", i);
    AppendData(pooled.texts[i], pooled.columns, request.base64, body);
    body += '}';
  }
  body += fmt::format(R"(],"usage":{{"prompt_tokens":{0},"total_tokens":{0}}})", pooled.num_tokens);
  if (!pooled.more.is_null()) body += R"(,"bantam":)" + ToJson(pooled.more);
  body += '}';
}

}  // namespace

void HandlePooling(ApiContext& context, const HttpRequest& request, Responder& responder) {
  std::string at;
  const auto parsed = Parse(context, request, at);
  if (!parsed) return responder.Send(OpenAiError(parsed.error(), at));
  HttpReply reply;
  const auto pooled = Pool(*parsed, reply);
  if (!pooled) {
    return responder.Send(
        OpenAiError(pooled.error(), pooled.error().code == ErrorCode::kInvalidArgument ? "input" : ""));
  }
  Format(*parsed, *pooled, request.request_id, reply.body);
  responder.Send(std::move(reply));
}

}  // namespace bantam
