#include "api/endpoints/generate_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <random>

#include "api/endpoints/parse.h"
#include "base/text_util.h"

namespace bantam {
namespace {

constexpr size_t kMaxStops = 32;
constexpr size_t kMaxStopBytes = 4096;
constexpr size_t kMaxBiases = 4096;
constexpr int64_t kMostMilliseconds = 86'400'000;

// A field that says nothing: absent, null, or what `harmless` allows.
bool SaysNothing(const json::value& value) {
  return value.is_null() || (value.is_array() && value.get_array().empty()) ||
         (value.is_object() && value.get_object().empty()) || (value.is_string() && value.get_string().empty());
}

Status ReadFloat(const JsonObject& body, const char* key, double minimum, double maximum, float& into,
                 std::string& at) {
  at = key;
  BANTAM_TRY(const double value, body.NumberOr(key, static_cast<double>(into), minimum, maximum));
  into = static_cast<float>(value);
  return Ok();
}

Status ReadBias(const JsonObject& body, SamplingParams& sampling, std::string& at) {
  at = "logit_bias";
  const json::value* found = body.Find("logit_bias");
  if (found == nullptr || found->is_null()) return Ok();
  BANTAM_TRY(const JsonObject biases, body.Object("logit_bias"));
  if (biases.raw().size() > kMaxBiases) {
    return Err(ErrorCode::kInvalidArgument, "\"logit_bias\" has {} tokens, the limit is {}", biases.raw().size(),
               kMaxBiases);
  }
  for (const auto& [key, value] : biases.raw()) {
    int32_t id = 0;
    const std::string_view name = key;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id);
    if (error != std::errc() || end != name.data() + name.size()) {
      return Err(ErrorCode::kInvalidArgument, "\"logit_bias\": \"{}\" is no token id", EscapeForTerminal(name, 40));
    }
    BANTAM_TRY(const double bias, biases.Number(name, -100, 100));
    sampling.logit_bias.emplace_back(id, static_cast<float>(bias));
  }
  return Ok();
}

Status ReadStops(const JsonObject& body, GenerateCall& call, std::string& at) {
  BANTAM_TRY(call.stop, ReadStopTexts(body, "stop", "stop", at));
  at = "stop_token_ids";
  if (const json::value* ids = body.Find("stop_token_ids"); ids == nullptr || SaysNothing(*ids)) return Ok();
  BANTAM_TRY(const json::array* ids, body.Array("stop_token_ids"));
  for (const json::value& id : *ids) {
    if (!id.is_int64() || id.get_int64() < 0 || id.get_int64() > INT32_MAX || call.stop_ids.size() >= kMaxBiases) {
      return Err(ErrorCode::kInvalidArgument, "\"stop_token_ids\" holds {}, expected up to {} token ids",
                 EscapeForTerminal(ToJson(id), 80), kMaxBiases);
    }
    call.stop_ids.push_back(static_cast<int32_t>(id.get_int64()));
  }
  return Ok();
}

}  // namespace

Result<ServedModelPtr> FindGenerator(const ApiContext& context, const JsonObject& body, std::string& at) {
  return FindAble(
      context, body, "generate text", [](const ServedModel& model) { return model.generator != nullptr; }, at);
}

Result<std::vector<std::string>> ReadStopTexts(const JsonObject& object, std::string_view key, std::string_view place,
                                               std::string& at) {
  at = place;
  const json::value* stop = object.Find(key);
  if (stop == nullptr || SaysNothing(*stop)) return std::vector<std::string>();
  std::string item;  // "stop[1]"
  auto texts = ParseStrings(object, key, kMaxStops, item);
  if (!texts) {
    at += item.substr(std::min(item.find('['), item.size()));
    return texts;
  }
  for (const std::string& text : *texts) {
    if (text.size() <= kMaxStopBytes) continue;
    return Err(ErrorCode::kInvalidArgument, "\"{}\" holds a text of {} bytes, the limit is {}", place, text.size(),
               kMaxStopBytes);
  }
  return texts;
}

Status RefuseUnsupported(const JsonObject& body, bool chat, std::string& at) {
  struct Refused {
    const char* key;
    bool chat_only;
    const char* why;
  };
  static constexpr Refused kRefused[] = {
      {"functions", true, "it is the older form of \"tools\", which are"},
      {"audio", true, "models here write text only"},
  };
  for (const Refused& refused : kRefused) {
    if (refused.chat_only && !chat) continue;
    const json::value* value = body.Find(refused.key);
    if (value == nullptr || SaysNothing(*value)) continue;
    at = refused.key;
    return Err(ErrorCode::kInvalidArgument, "\"{}\" is not supported: {}; leave it out", refused.key, refused.why);
  }
  return Ok();
}

Status ReadSampling(const JsonObject& body, const ApiContext& context, const HttpRequest& request, GenerateCall& call,
                    std::string& at) {
  SamplingParams& sampling = call.sampling;
  BANTAM_RETURN_IF_ERROR(ReadFloat(body, "temperature", 0, 2, sampling.temperature, at));
  BANTAM_RETURN_IF_ERROR(ReadFloat(body, "top_p", 0, 1, sampling.top_p, at));
  BANTAM_RETURN_IF_ERROR(ReadFloat(body, "min_p", 0, 1, sampling.min_p, at));
  BANTAM_RETURN_IF_ERROR(ReadFloat(body, "typical_p", 0, 1, sampling.typical_p, at));
  BANTAM_RETURN_IF_ERROR(ReadFloat(body, "presence_penalty", -2, 2, sampling.presence_penalty, at));
  BANTAM_RETURN_IF_ERROR(ReadFloat(body, "frequency_penalty", -2, 2, sampling.frequency_penalty, at));
  BANTAM_RETURN_IF_ERROR(ReadFloat(body, "repetition_penalty", 0.01, 100, sampling.repetition_penalty, at));
  at = "top_k";
  BANTAM_TRY(const int64_t top_k, body.IntOr("top_k", 0, -1, INT32_MAX));
  sampling.top_k = static_cast<int>(std::max<int64_t>(top_k, 0));  // vLLM's clients say -1 for "all"
  BANTAM_RETURN_IF_ERROR(ReadBias(body, sampling, at));
  at = "seed";
  if (const json::value* seed = body.Find("seed"); seed != nullptr && !seed->is_null()) {
    BANTAM_TRY(const int64_t value, body.Int("seed", -kMaxSeed, kMaxSeed));
    sampling.seed = static_cast<uint64_t>(value);
  } else {
    std::random_device random;
    sampling.seed = (static_cast<uint64_t>(random()) << 32) | random();
  }
  BANTAM_RETURN_IF_ERROR(ReadStops(body, call, at));
  at = "ignore_eos";
  BANTAM_TRY(call.ignore_eos, body.BoolOr("ignore_eos", false));
  return ReadTurn(body, context, request, call, at);
}

std::string ShareKey(const HttpRequest& request) {
  const std::string_view key = CallerOf(request);
  return key.empty() ? request.peer : std::string(key);
}

Status ReadTurn(const JsonObject& body, const ApiContext& context, const HttpRequest& request, GenerateCall& call,
                std::string& at) {
  BANTAM_TRY(call.deadline, DeadlineOf(request, context.text_timeout, at));
  at = "timeout_ms";
  if (const json::value* timeout = body.Find("timeout_ms"); timeout != nullptr && !timeout->is_null()) {
    BANTAM_TRY(const int64_t ms, body.Int("timeout_ms", 1, kMostMilliseconds));
    call.deadline = std::min(call.deadline, request.received + std::chrono::milliseconds(ms));
  }
  at = "priority";
  if (const json::value* priority = body.Find("priority"); priority != nullptr && !priority->is_null()) {
    BANTAM_TRY(const int64_t value, body.Int("priority", INT32_MIN, INT32_MAX));
    call.priority = static_cast<int>(value);
  } else if (const std::string_view value = request.Header("x-bantam-priority"); !value.empty()) {
    at.clear();  // a header
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), call.priority);
    if (error != std::errc() || end != value.data() + value.size()) {
      return Err(ErrorCode::kInvalidArgument, "x-bantam-priority must be a whole number; lower goes first");
    }
  }
  call.key = ShareKey(request);
  return Ok();
}

Status ReadDelivery(const JsonObject& body, GenerateRequest& request, std::string& at) {
  at = "n";
  BANTAM_TRY(const int64_t n, body.IntOr("n", 1, 1, kMaxTextsOfARequest));
  request.n = request.best_of = static_cast<int>(n);
  at = "stream";
  BANTAM_TRY(request.stream, body.BoolOr("stream", false));
  if (const json::value* options = body.Find("stream_options"); options != nullptr && !options->is_null()) {
    at = "stream_options";
    BANTAM_TRY(const JsonObject object, body.Object("stream_options"));
    at = "stream_options.include_usage";
    BANTAM_TRY(request.include_usage, object.BoolOr("include_usage", false));
  }
  return Ok();
}

Status CheckLength(const Generator& generator, size_t prompt_tokens) {
  const auto limit = static_cast<size_t>(generator.engine().max_tokens());
  if (prompt_tokens == 0) {
    return Err(ErrorCode::kInvalidArgument, "the prompt has no tokens: a text needs one to begin with");
  }
  if (prompt_tokens < limit) return Ok();
  return Err(ErrorCode::kInvalidArgument,
             "the prompt has {} tokens, but prompt and text together may have {} here (the model's limit, or the "
             "server's --context): shorten the prompt to at most {}",
             prompt_tokens, limit, limit - 1);
}

}  // namespace bantam
