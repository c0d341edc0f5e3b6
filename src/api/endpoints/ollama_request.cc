#include "api/endpoints/ollama_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <random>

#include "api/endpoints/generate_request.h"
#include "api/endpoints/held_output.h"
#include "api/endpoints/parse.h"
#include "base/text_util.h"

namespace bantam {
namespace {

constexpr int64_t kMostTopLogprobs = 20;

// A duration as Go writes it, in seconds: "1h30m", "-1.5s"; without a unit it is seconds. Nothing for another text.
std::optional<double> ParseGoDuration(std::string_view text) {
  struct Unit {
    std::string_view name;
    double seconds;
  };
  static constexpr Unit kUnits[] = {{"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3}, {"s", 1}, {"m", 60}, {"h", 3600}};
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  double sum = 0;
  bool first = true;
  while (!text.empty()) {
    double number = 0;
    if (text[0] != '.' && (text[0] < '0' || text[0] > '9')) return std::nullopt;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    if (error != std::errc()) return std::nullopt;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    if (text.empty()) return first ? std::optional(negative ? -number : number) : std::nullopt;
    const std::string_view name = text.substr(0, std::min(text.find_first_of(".0123456789"), text.size()));
    const auto* unit = std::ranges::find(kUnits, name, &Unit::name);
    if (unit == std::end(kUnits)) return std::nullopt;
    sum += number * unit->seconds;
    text.remove_prefix(name.size());
    first = false;
  }
  return std::isfinite(sum) ? std::optional(negative ? -sum : sum) : std::nullopt;
}

// One of "options"; messages and `at` name it with those in front.
class Options {
 public:
  Options(const JsonObject& object, std::string& at) : object_(object), at_(at) {}

  Status Float(const char* key, double minimum, double maximum, float& into) const {
    at_ = std::string("options.") + key;
    BANTAM_TRY(const double value, object_.NumberOr(key, static_cast<double>(into), minimum, maximum));
    into = static_cast<float>(value);
    return Ok();
  }
  Status Int(const char* key, int64_t minimum, int64_t maximum, int64_t& into) const {
    at_ = std::string("options.") + key;
    BANTAM_TRY(into, object_.IntOr(key, into, minimum, maximum));
    return Ok();
  }

 private:
  const JsonObject& object_;
  std::string& at_;
};

// Ollama's names and defaults for our sampling. What it has about the machine and the cache (num_thread, num_gpu,
// use_mmap, num_batch, num_keep, ...) is the server's business here, and what it no longer has is ignored by it, too.
Status ReadSamplingOptions(const JsonObject& object, OllamaText& text, std::string& at) {
  const Options options(object, at);
  SamplingParams& sampling = text.call.sampling;
  BANTAM_RETURN_IF_ERROR(options.Float("temperature", 0, 2, sampling.temperature));
  BANTAM_RETURN_IF_ERROR(options.Float("top_p", 0, 1, sampling.top_p));
  BANTAM_RETURN_IF_ERROR(options.Float("min_p", 0, 1, sampling.min_p));
  BANTAM_RETURN_IF_ERROR(options.Float("typical_p", 0, 1, sampling.typical_p));
  BANTAM_RETURN_IF_ERROR(options.Float("presence_penalty", -2, 2, sampling.presence_penalty));
  BANTAM_RETURN_IF_ERROR(options.Float("frequency_penalty", -2, 2, sampling.frequency_penalty));
  BANTAM_RETURN_IF_ERROR(options.Float("repeat_penalty", 0.01, 100, sampling.repetition_penalty));
  // Penalties look at prompt and text as a whole; of the window only "none of it" can be done.
  int64_t last_n = 64, top_k = 40, seed = -1, predict = -1, context = 0, mirostat = 0;
  BANTAM_RETURN_IF_ERROR(options.Int("repeat_last_n", -1, kMostTokens, last_n));
  if (last_n == 0) sampling.repetition_penalty = 1;
  BANTAM_RETURN_IF_ERROR(options.Int("top_k", -1, INT32_MAX, top_k));
  sampling.top_k = static_cast<int>(std::max<int64_t>(top_k, 0));
  BANTAM_RETURN_IF_ERROR(options.Int("mirostat", 0, 2, mirostat));
  if (mirostat != 0) {
    return Err(ErrorCode::kInvalidArgument,
               "\"options.mirostat\" is {}, which is not supported: leave it out, or draw by top_p, min_p, typical_p",
               mirostat);
  }
  BANTAM_RETURN_IF_ERROR(options.Int("seed", -kMaxSeed, kMaxSeed, seed));
  if (seed >= 0 && IsThere(object, "seed")) {
    sampling.seed = static_cast<uint64_t>(seed);
  } else {
    std::random_device random;
    sampling.seed = (static_cast<uint64_t>(random()) << 32) | random();
  }
  // -1: as long as it likes, -2: as long as there is room, which is the same here.
  BANTAM_RETURN_IF_ERROR(options.Int("num_predict", -2, kMostTokens, predict));
  text.call.max_tokens = static_cast<int>(std::max<int64_t>(predict, 0));
  BANTAM_RETURN_IF_ERROR(options.Int("num_ctx", 0, kMostTokens, context));
  text.context_tokens = static_cast<int>(context);
  BANTAM_TRY(text.call.stop, ReadStopTexts(object, "stop", "options.stop", at));
  return Ok();
}

}  // namespace

Result<std::string> ReadOllamaName(const JsonObject& body, std::string& at) {
  at = "model";
  BANTAM_TRY(std::string name, body.StringOr("model", ""));
  if (name.empty()) {
    at = "name";
    BANTAM_TRY(name, body.StringOr("name", ""));
  }
  at = "model";
  if (name.empty()) return Err(ErrorCode::kInvalidArgument, "\"model\" is missing: the name of a model");
  return name;
}

Status ReadOllamaText(const ApiContext& context, const JsonObject& body, const HttpRequest& http, OllamaText& text,
                      std::string& at) {
  BANTAM_TRY(text.asked_model, ReadOllamaName(body, at));
  if (!context.IsRouter(text.asked_model)) {
    BANTAM_TRY(text.model, context.GetModel(text.asked_model));
  }
  if (text.model == nullptr && !context.IsRouter(text.asked_model)) return NoSuchModel(context, text.asked_model);
  if (text.model == nullptr || text.model->generator == nullptr) {
    return Err(ErrorCode::kInvalidArgument, "\"{}\" does not write text: it {}; models here that do: {}",
               EscapeForTerminal(text.asked_model),
               text.model == nullptr ? "is the assistant of a route file, which answers at /v1/chat/completions"
                                     : "is served for " + text.model->Abilities(),
               context.NamesOf([](const ServedModel& model) { return model.generator != nullptr; }));
  }
  text.call.adapters = text.model->adapters;
  at = "stream";
  BANTAM_TRY(text.stream, body.BoolOr("stream", true));
  text.call.sampling = {.temperature = 0.8f, .top_k = 40, .top_p = 0.9f};
  const json::value empty = json::object{};
  const json::value* sent = body.Find("options");
  at = "options";
  BANTAM_TRY(const JsonObject options,
             JsonObject::From(sent == nullptr || sent->is_null() ? empty : *sent, "\"options\""));
  BANTAM_RETURN_IF_ERROR(ReadSamplingOptions(options, text, at));
  at = "logprobs";
  BANTAM_TRY(text.logprobs, body.BoolOr("logprobs", false));
  at = "top_logprobs";
  BANTAM_TRY(const int64_t top, body.IntOr("top_logprobs", 0, 0, kMostTopLogprobs));
  text.call.sampling.top_logprobs = text.logprobs ? static_cast<int>(top) : -1;
  return ReadTurn(body, context, http, text.call, at);
}

Status ReadOllamaFormat(const JsonObject& body, OllamaText& text, std::string& at) {
  at = "format";
  const json::value* format = body.Find("format");
  if (format == nullptr || format->is_null()) return Ok();
  if (format->is_string() && format->get_string().empty()) return Ok();
  if (format->is_string() && format->get_string() == "json") {
    BANTAM_TRY(text.call.constraint, HoldToSchema(json::object{{"type", "object"}}, *text.model->generator, "format"));
    return Ok();
  }
  if (!format->is_object()) {
    return Err(ErrorCode::kInvalidArgument, "\"format\" is {}, expected \"json\" or a JSON Schema",
               EscapeForTerminal(ToJson(*format), 80));
  }
  BANTAM_TRY(text.call.constraint, HoldToSchema(*format, *text.model->generator, "format"));
  return Ok();
}

Status ReadThink(const JsonObject& body, OllamaText& text, json::object& variables, std::string& at) {
  at = "think";
  const json::value* think = body.Find("think");
  std::optional<bool> wanted;
  if (think != nullptr && think->is_bool()) {
    wanted = think->get_bool();
  } else if (think != nullptr && !think->is_null()) {
    wanted = true;
    BANTAM_TRY(const std::string much, body.String("think"));
    static constexpr std::string_view kLevels[] = {"low", "medium", "high", "max"};
    if (std::ranges::find(kLevels, much) == std::end(kLevels)) {
      return Err(ErrorCode::kInvalidArgument,
                 "\"think\" is \"{}\", expected true, false, \"low\", \"medium\", \"high\" or \"max\"",
                 EscapeForTerminal(much, 40));
    }
    variables["reasoning_effort"] = much;
  }
  if (TellThoughtsApart(text, wanted, variables) || !wanted.value_or(false)) return Ok();
  return Err(ErrorCode::kInvalidArgument, "\"{}\" does not support thinking: its chat template knows no thoughts",
             text.model->name);
}

Result<bool> ReadKeepAlive(const ApiContext& context, const JsonObject& body, const ServedModel& model, bool only_loads,
                           std::string& at) {
  at = "keep_alive";
  const json::value* value = body.Find("keep_alive");
  if (value == nullptr || value->is_null()) return false;
  std::optional<double> seconds;
  if (value->is_string()) {
    seconds = ParseGoDuration(value->get_string());
  } else if (value->is_number()) {
    seconds = value->to_number<double>();
  }
  if (!seconds) {
    return Err(ErrorCode::kInvalidArgument, "\"keep_alive\" is {}, expected seconds, or a duration such as \"5m\"",
               EscapeForTerminal(ToJson(*value), 80));
  }
  constexpr double kLongest = 1e9;  // the pool takes it for ever
  const double whole = std::ceil(std::clamp(*seconds, -1.0, kLongest));
  const std::chrono::seconds time(*seconds < 0 ? -1 : static_cast<int64_t>(whole));
  context.models->KeepAlive(model, time);
  if (!only_loads || *seconds != 0) return false;
  const auto residents = context.models->Residents();
  const auto found = std::ranges::find_if(
      residents, [&](const ModelPool::Resident& resident) { return resident.model.get() == &model; });
  if (found == residents.end() || found->expires) return true;
  return Err(ErrorCode::kInvalidArgument,
             "\"keep_alive\" is 0, which asks to unload \"{}\"; the server was started with it and keeps it: start it "
             "without, and models come and go on demand",
             model.name);
}

Status RefuseImages(const JsonObject& object, const std::string& place, std::string& at) {
  const json::value* images = object.Find("images");
  if (images == nullptr || images->is_null() || (images->is_array() && images->get_array().empty())) return Ok();
  at = place;
  return Err(ErrorCode::kInvalidArgument, "\"{}\" is not supported: models here read text only; leave it out", place);
}

size_t RoomOf(const OllamaText& text) {
  const auto room = static_cast<size_t>(text.model->generator->engine().max_tokens());
  return text.context_tokens > 0 ? std::min(room, static_cast<size_t>(text.context_tokens)) : room;
}

Status LimitOllamaText(OllamaText& text, size_t prompt_tokens) {
  const size_t room = RoomOf(text);
  if (prompt_tokens == 0) {
    return Err(ErrorCode::kInvalidArgument, "the prompt has no tokens: a text needs one to begin with");
  }
  if (prompt_tokens >= room) {
    return Err(ErrorCode::kInvalidArgument,
               "the prompt has {} tokens, but prompt and text together may have {} here (the model's limit, the "
               "server's --context, or \"options.num_ctx\"): shorten the prompt to at most {}",
               prompt_tokens, room, room - 1);
  }
  const auto left = static_cast<int>(room - prompt_tokens);
  text.call.max_tokens = text.call.max_tokens == 0 ? left : std::min(text.call.max_tokens, left);
  return Ok();
}

}  // namespace bantam
