// What a model, or the assistant, takes and gives as tensors: one task for each kind of model, told by its metadata and
// done by /v2/models/NAME/infer. Inputs are texts of the shape [N] or [N, 1].
//
//   BANTAM_TRY(const TensorModel model, FindTensorModel(context, http));
//   model.task->run(call)
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/context.h"
#include "api/http_types.h"
#include "api/tensor.h"

namespace bantam {

struct InferCall {
  ApiContext& context;
  const HttpRequest& http;
  const InferRequest& request;
  ServedModelPtr model = nullptr;            // null: the assistant
  std::shared_ptr<Router> router = nullptr;  // the assistant's
  HttpReply reply = {};                      // gets headers

  // Of an input that the task has; empty where an optional one was not sent.
  std::span<const std::string> Texts(std::string_view input) const;
  Result<JsonObject> Parameters() const { return JsonObject::From(request.parameters, "parameters"); }
  // At most `limit` from when the request came: the header, or Triton's parameter "timeout" in microseconds.
  Result<MonotonicTime> Deadline(const JsonObject& parameters, std::chrono::milliseconds limit) const;
};

struct TensorInput {
  std::string_view name;
  bool optional = false;
};

struct TensorOutput {
  std::string_view name;
  std::string_view datatype;
  std::vector<int64_t> shape;                        // -1: as many as there are
  const std::vector<std::string>* labels = nullptr;  // what the columns are
};

struct TensorTask {
  std::span<const TensorInput> inputs;
  int64_t num_texts;  // -1: any number
  std::vector<TensorOutput> (*outputs)(const ServedModel* model);
  // The outputs in their order.
  Result<std::vector<Tensor>> (*run)(InferCall& call);
};

// By a model that writes text: on a thread that may wait for it. By the assistant: TensorModel::router's.
extern const TensorTask kGenerateTask, kAssistantTask;
const TensorTask& TensorTaskOf(const ServedModel& model);

struct TensorModel {
  std::string name;
  const TensorTask* task = nullptr;
  ServedModelPtr model = nullptr;            // null: the assistant
  std::shared_ptr<Router> router = nullptr;  // the assistant's
  std::vector<TensorOutput> outputs() const { return task->outputs(model.get()); }
};
inline constexpr std::string_view kTensorVersion = "1";  // the only one that a model here has

// Of the path of a request, loaded where models come on demand. kNotFound for other names and versions.
Result<TensorModel> FindTensorModel(const ApiContext& context, const HttpRequest& http);
// The name in the path alone. kNotFound for another version.
Result<std::string> ReadTensorName(const HttpRequest& http);

}  // namespace bantam
