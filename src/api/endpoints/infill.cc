// POST /infill: what stands between a beginning and an end, as llama.cpp's clients (editors) send and read it.
#include <fmt/format.h>

#include "api/endpoints/endpoint.h"
#include "api/endpoints/generate_reply.h"
#include "api/endpoints/held_output.h"
#include "api/endpoints/lora_request.h"
#include "api/endpoints/parse.h"
#include "api/error_map.h"
#include "base/text_util.h"

namespace bantam {
namespace {

constexpr size_t kMostFiles = 1024;
constexpr size_t kMostFields = 64;
constexpr int64_t kMostMilliseconds = 86'400'000;

// "input_extra": [{"filename": ..., "text": ...}], the most important last.
Result<std::vector<InfillFile>> ReadExtra(const JsonObject& body, std::string& at) {
  at = "input_extra";
  std::vector<InfillFile> files;
  const json::value* sent = body.Find("input_extra");
  if (sent == nullptr || sent->is_null()) return files;
  BANTAM_TRY(const json::array* const list, body.Array("input_extra"));
  if (list->size() > kMostFiles) {
    return Err(ErrorCode::kInvalidArgument, "\"input_extra\" has {} entries, the limit is {}", list->size(),
               kMostFiles);
  }
  for (size_t i = 0; i < list->size(); ++i) {
    at = fmt::format("input_extra[{}]", i);
    BANTAM_TRY(const JsonObject file, JsonObject::From((*list)[i], at));
    BANTAM_TRY(std::string text, file.String("text"));
    BANTAM_TRY(std::string name, file.StringOr("filename", fmt::format("snippet-{}", i + 1)));
    files.push_back({std::move(name), std::move(text)});
  }
  return files;
}

// "n_predict" of llama.cpp, or "max_tokens"; -1: as many as there is room for.
Status ReadLength(const JsonObject& body, GenerateRequest& request, GenerateCall& call, std::string& at) {
  for (const char* key : {"n_predict", "max_tokens"}) {
    at = key;
    const json::value* value = body.Find(key);
    if (value == nullptr || value->is_null()) continue;
    BANTAM_TRY(const int64_t tokens, body.Int(key, -1, kMostTokens));
    // Editors send 0 to have the prompt in the cache before it is needed.
    request.no_text = tokens == 0;
    call.max_tokens = tokens == 0 ? 1 : static_cast<int>(std::max<int64_t>(tokens, 0));
    return Ok();
  }
  return Ok();
}

// "t_max_predict_ms" and "response_fields".
Status ReadReply(const JsonObject& body, GenerateRequest& request, std::string& at) {
  at = "t_max_predict_ms";
  BANTAM_TRY(const int64_t most, body.IntOr("t_max_predict_ms", 0, 0, kMostMilliseconds));
  request.line_timeout = std::chrono::milliseconds(most);
  at = "response_fields";
  const json::value* sent = body.Find("response_fields");
  if (sent == nullptr || sent->is_null()) return Ok();
  BANTAM_TRY(const json::array* const fields, body.Array("response_fields"));
  for (const json::value& field : *fields) {
    if (!field.is_string() || fields->size() > kMostFields) {
      return Err(ErrorCode::kInvalidArgument,
                 "\"response_fields\" must be at most {} names, \"content\" or \"timings/prompt_n\"", kMostFields);
    }
    request.fields.emplace_back(std::string_view(field.get_string()));
  }
  return Ok();
}

Result<GenerateRequest> Parse(const ApiContext& context, const HttpRequest& http, std::string& at) {
  json::value document;
  BANTAM_TRY(const JsonObject body, ParseBody(http, document));
  GenerateRequest request;
  request.infill = true;
  BANTAM_TRY(request.model, FindGenerator(context, body, at));
  const Generator& generator = *request.model->generator;
  const Result<FimTokens>& tokens = generator.fim_tokens();
  if (!tokens) return Err(ErrorCode::kInvalidArgument, "\"{}\": {}", request.model->name, tokens.error().message);
  GenerateCall call;
  // llama.cpp's defaults, where they are not OpenAI's.
  call.sampling = {.temperature = 0.8f, .top_p = 0.95f, .min_p = 0.05f};
  BANTAM_RETURN_IF_ERROR(ReadSampling(body, context, http, call, at));
  BANTAM_RETURN_IF_ERROR(ReadAdapters(body, *request.model, call, at));
  if (!body.Has("top_k")) call.sampling.top_k = 40;
  BANTAM_TRY(call.constraint, ReadHeldOutput(body, generator, at));
  BANTAM_RETURN_IF_ERROR(ReadDelivery(body, request, at));
  if (request.n != 1) {
    at = "n";
    return Err(ErrorCode::kInvalidArgument, "\"n\" is {}, expected 1", request.n);
  }
  BANTAM_RETURN_IF_ERROR(ReadLength(body, request, call, at));
  BANTAM_RETURN_IF_ERROR(ReadReply(body, request, at));
  InfillText text;
  at = "input_prefix";
  BANTAM_TRY(text.prefix, body.StringOr("input_prefix", ""));
  at = "prompt";  // what was typed on the line so far
  BANTAM_TRY(const std::string prompt, body.StringOr("prompt", ""));
  text.prefix += prompt;
  at = "input_suffix";
  BANTAM_TRY(text.suffix, body.StringOr("input_suffix", ""));
  if (!body.Has("input_prefix") && !body.Has("input_suffix")) {
    at = "input_prefix";
    return Err(ErrorCode::kInvalidArgument,
               "\"input_prefix\" and \"input_suffix\" are missing: texts, one may be empty");
  }
  BANTAM_TRY(text.extra, ReadExtra(body, at));
  at = "input_prefix";
  const auto room = static_cast<size_t>(generator.engine().max_tokens());
  const size_t wanted = static_cast<size_t>(call.max_tokens == 0 ? 128 : call.max_tokens);
  InfillPrompt made = MakeInfillPrompt(generator.tokenizer(), *tokens, text, room - std::min(room, wanted));
  BANTAM_RETURN_IF_ERROR(CheckLength(generator, made.ids.size()));
  request.dropped_files = made.dropped_files;
  call.prompt_ids = std::move(made.ids);
  call.stop_ids.insert(call.stop_ids.end(), tokens->ends.begin(), tokens->ends.end());
  request.calls.push_back(std::move(call));
  return request;
}

}  // namespace

void HandleInfill(ApiContext& context, const HttpRequest& http, Responder& responder) {
  std::string at;
  auto request = Parse(context, http, at);
  if (!request) return responder.Send(OpenAiError(request.error(), at));
  StartGeneration(context, http, responder, *std::move(request));
}

}  // namespace bantam
