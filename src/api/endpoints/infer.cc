// POST /v2/models/NAME[/versions/1]/infer of the Open Inference Protocol, with tensors in JSON or in bytes behind it.
#include <fmt/format.h>

#include <algorithm>

#include "api/endpoints/endpoint.h"
#include "api/endpoints/parse.h"
#include "api/endpoints/tensor_task.h"
#include "api/endpoints/text_thread.h"
#include "base/json_writer.h"
#include "base/text_util.h"

namespace bantam {
namespace {

constexpr ApiFamily kFamily = ApiFamily::kOpenInference;

template <typename Named>
std::string NamesOf(const Named& list) {
  std::string names;
  for (const auto& one : list) names += (names.empty() ? "" : ", ") + std::string(one.name);
  return names;
}

bool IsOf(std::span<const TensorInput> inputs, std::string_view name) {
  return std::ranges::any_of(inputs, [&](const TensorInput& input) { return input.name == name; });
}

// Gives a text that came without JSON the name of the only input there is.
Status CheckInputs(const TensorModel& model, InferRequest& request) {
  const std::span<const TensorInput> inputs = model.task->inputs;
  const auto num_required = std::ranges::count_if(inputs, [](const TensorInput& input) { return !input.optional; });
  if (request.raw && num_required > 1) {
    return Err(
        ErrorCode::kInvalidArgument,
        "Inference-Header-Content-Length is 0, which makes the body one text, but {} has the inputs {}: send JSON",
        model.name, NamesOf(inputs));
  }
  if (request.raw) request.inputs[0].name = inputs[0].name;
  for (const TextTensor& input : request.inputs) {
    if (IsOf(inputs, input.name)) continue;
    return Err(ErrorCode::kInvalidArgument, "{} has no input \"{}\"; it has: {}", model.name,
               EscapeForTerminal(input.name, 80), NamesOf(inputs));
  }
  for (const TensorInput& input : inputs) {
    const TextTensor* sent = request.Find(input.name);
    if (sent == nullptr && !input.optional) {
      return Err(ErrorCode::kInvalidArgument, "the input \"{}\" is missing; {} takes: {}", input.name, model.name,
                 NamesOf(inputs));
    }
    if (sent != nullptr && model.task->num_texts > 0 && std::cmp_not_equal(sent->texts.size(), model.task->num_texts)) {
      return Err(ErrorCode::kInvalidArgument, "input \"{}\" has {} texts, {} takes {}", input.name, sent->texts.size(),
                 model.name, model.task->num_texts);
    }
  }
  return Ok();
}

// All outputs of the model where the request names none.
Status CheckOutputs(const TensorModel& model, InferRequest& request) {
  const std::vector<TensorOutput> outputs = model.outputs();
  for (const WantedOutput& wanted : request.outputs) {
    const auto same = [&](const TensorOutput& output) { return output.name == wanted.name; };
    if (std::ranges::any_of(outputs, same)) continue;
    return Err(ErrorCode::kInvalidArgument, "{} has no output \"{}\"; it has: {}", model.name,
               EscapeForTerminal(wanted.name, 80), NamesOf(outputs));
  }
  if (!request.outputs.empty()) return Ok();
  for (const TensorOutput& output : outputs) request.outputs.push_back({std::string(output.name), request.binary});
  return Ok();
}

void Format(const TensorModel& model, const InferRequest& request, std::span<const Tensor> tensors, HttpReply& reply) {
  std::string bytes;
  std::string& body = reply.body;
  body = fmt::format(R"({{"model_name":{},"model_version":{}{}{},"outputs":[)", QuoteJson(model.name),
                     QuoteJson(kTensorVersion), request.id.empty() ? "" : R"(,"id":)",
                     request.id.empty() ? "" : QuoteJson(request.id));
  bool any_binary = false;
  for (size_t i = 0; i < request.outputs.size(); ++i) {
    const WantedOutput& wanted = request.outputs[i];
    const auto tensor = std::ranges::find(tensors, wanted.name, &Tensor::name);
    BANTAM_CHECK(tensor != tensors.end(), "{} gave no {}", model.name, wanted.name);
    body += fmt::format(R"({}{{"name":{},"datatype":"{}","shape":[{}])", i > 0 ? "," : "", QuoteJson(wanted.name),
                        tensor->datatype(), fmt::join(tensor->shape, ","));
    if (wanted.binary) {
      const size_t before = bytes.size();
      AppendTensorBytes(*tensor, bytes);
      body += fmt::format(R"(,"parameters":{{"binary_data_size":{}}}}})", bytes.size() - before);
      any_binary = true;
    } else {
      body += R"(,"data":)";
      AppendTensorJson(*tensor, body);
      body += '}';
    }
  }
  body += "]}";
  if (!any_binary) return;
  reply.content_type = "application/octet-stream";
  reply.headers.emplace_back("Inference-Header-Content-Length", std::to_string(body.size()));
  body += bytes;
}

void Answer(ApiContext& context, const HttpRequest& http, const TensorModel& model, const InferRequest& request,
            Responder& responder) {
  InferCall call{.context = context, .http = http, .request = request, .model = model.model, .router = model.router};
  const auto tensors = model.task->run(call);
  if (!tensors) {
    const int retry_after =
        model.model != nullptr && model.model->generator != nullptr ? model.model->generator->engine().RetryAfter() : 1;
    return responder.Send(ErrorReply(kFamily, tensors.error(), {}, retry_after));
  }
  Format(model, request, *tensors, call.reply);
  responder.Send(std::move(call.reply));
}

struct Asked {
  TensorModel model;
  InferRequest request;
};

Result<Asked> Parse(const ApiContext& context, const HttpRequest& http) {
  Asked asked;
  BANTAM_TRY(asked.request, ReadInferRequest(http.body, http.Header(kInferHeaderLength)));
  BANTAM_TRY(asked.model, FindTensorModel(context, http));
  BANTAM_RETURN_IF_ERROR(CheckInputs(asked.model, asked.request));
  BANTAM_RETURN_IF_ERROR(CheckOutputs(asked.model, asked.request));
  return asked;
}

}  // namespace

std::span<const std::string> InferCall::Texts(std::string_view input) const {
  const TextTensor* sent = request.Find(input);
  return sent == nullptr ? std::span<const std::string>() : sent->texts;
}

Result<MonotonicTime> InferCall::Deadline(const JsonObject& parameters, std::chrono::milliseconds limit) const {
  std::string at;
  BANTAM_TRY(const MonotonicTime deadline, DeadlineOf(http, limit, at));
  BANTAM_TRY(const int64_t timeout, parameters.IntOr("timeout", 0, 0, INT64_MAX));  // 0: no other limit
  const std::chrono::microseconds longest = limit;
  if (timeout == 0 || timeout >= longest.count()) return deadline;
  return std::min(deadline, http.received + std::chrono::microseconds(timeout));
}

void HandleInfer(ApiContext& context, const HttpRequest& http, Responder& responder) {
  auto parsed = Parse(context, http);
  if (!parsed) return responder.Send(ErrorReply(kFamily, parsed.error()));
  const ServedModelPtr model = parsed->model.model;
  if (model == nullptr || model->generator == nullptr) {
    return Answer(context, http, parsed->model, parsed->request, responder);
  }
  const auto asked = std::make_shared<const Asked>(*std::move(parsed));
  RunOnTextThread(
      context, http, responder, kFamily, model->generator->engine().RetryAfter(),
      [&context, &http, asked](Responder& own) { Answer(context, http, asked->model, asked->request, own); });
}

}  // namespace bantam
