#include "gateway/service.h"

#include "base/json_writer.h"
#include "gateway/infer_body.h"
#include "net/url_encode.h"

namespace bantam {
namespace {

// One call until gRPC is done with it.
class PendingCall final : public grpc::ServerUnaryReactor {
 public:
  std::stop_token stop() const { return stop_.get_token(); }

 private:
  void OnCancel() override { stop_.request_stop(); }  // the client has left, or its deadline has passed
  void OnDone() override { delete this; }
  std::stop_source stop_;
};

std::string ModelPath(const std::string& name, const std::string& version) {
  return "/v2/models/" + UrlEncode(name) + (version.empty() ? "" : "/versions/" + UrlEncode(version));
}

// Whether a probe is answered with 200. One that nobody answers, or with a no, is no error but the answer.
grpc::Status Probe(RestCall& call, const std::string& path, bool& yes) {
  const auto response = call.Ask("GET", path);
  yes = response && response->status == 200;
  if (yes) return grpc::Status::OK;
  const grpc::Status status = response ? StatusOf(*response) : StatusOf(response.error());
  const bool is_no =
      status.error_code() == grpc::StatusCode::UNAVAILABLE || status.error_code() == grpc::StatusCode::NOT_FOUND;
  return is_no ? grpc::Status::OK : status;
}

grpc::Status BadReply(const Error& error) { return {grpc::StatusCode::INTERNAL, error.message}; }

Status ReadTensor(const json::value& item, inference::ModelMetadataResponse::TensorMetadata& tensor) {
  BANTAM_TRY(const JsonObject object, JsonObject::From(item, "a tensor of the server's reply"));
  BANTAM_TRY(*tensor.mutable_name(), object.String("name"));
  BANTAM_TRY(*tensor.mutable_datatype(), object.String("datatype"));
  BANTAM_TRY(const json::array* shape, object.Array("shape"));
  for (const json::value& dimension : *shape) tensor.add_shape(dimension.is_int64() ? dimension.get_int64() : 0);
  return Ok();
}

Result<std::vector<std::string>> ReadTexts(const JsonObject& object, std::string_view key) {
  BANTAM_TRY(const json::array* items, object.Array(key));
  std::vector<std::string> texts;
  for (const json::value& item : *items) {
    if (item.is_string()) texts.emplace_back(item.get_string());
  }
  return texts;
}

Status ReadServer(const json::value& reply, inference::ServerMetadataResponse& message) {
  BANTAM_TRY(const JsonObject object, JsonObject::From(reply, "the server's reply"));
  BANTAM_TRY(*message.mutable_name(), object.String("name"));
  BANTAM_TRY(*message.mutable_version(), object.String("version"));
  BANTAM_TRY(const std::vector<std::string> extensions, ReadTexts(object, "extensions"));
  for (const std::string& extension : extensions) {
    // Of how bodies travel over HTTP; here tensors are bytes anyway.
    if (extension != "binary_tensor_data") message.add_extensions(extension);
  }
  return Ok();
}

Status ReadModel(const json::value& reply, inference::ModelMetadataResponse& message) {
  BANTAM_TRY(const JsonObject object, JsonObject::From(reply, "the server's reply"));
  BANTAM_TRY(*message.mutable_name(), object.String("name"));
  BANTAM_TRY(*message.mutable_platform(), object.String("platform"));
  BANTAM_TRY(const std::vector<std::string> versions, ReadTexts(object, "versions"));
  for (const std::string& version : versions) message.add_versions(version);
  BANTAM_TRY(const json::array* inputs, object.Array("inputs"));
  for (const json::value& input : *inputs) BANTAM_RETURN_IF_ERROR(ReadTensor(input, *message.add_inputs()));
  BANTAM_TRY(const json::array* outputs, object.Array("outputs"));
  for (const json::value& output : *outputs) BANTAM_RETURN_IF_ERROR(ReadTensor(output, *message.add_outputs()));
  return Ok();
}

Status ReadIndex(const json::value& reply, inference::RepositoryIndexResponse& message) {
  if (!reply.is_array()) return Err(ErrorCode::kCorrupt, "the server's reply is no list of models");
  for (const json::value& item : reply.get_array()) {
    BANTAM_TRY(const JsonObject object, JsonObject::From(item, "a model of the server's reply"));
    inference::RepositoryIndexResponse::ModelIndex& model = *message.add_models();
    BANTAM_TRY(*model.mutable_name(), object.String("name"));
    BANTAM_TRY(*model.mutable_version(), object.String("version"));
    BANTAM_TRY(*model.mutable_state(), object.String("state"));
    BANTAM_TRY(*model.mutable_reason(), object.String("reason"));
  }
  return Ok();
}

// Their names alone: the server has no parameter of these that it would take, and says which one it refuses.
template <typename Request>
std::string RepositoryBody(const Request& request) {
  std::string body;
  JsonWriter out(body);
  out.BeginObject().Key("parameters").BeginObject();
  for (const auto& [name, value] : request.parameters()) out.Member(name, nullptr);
  out.EndObject().EndObject();
  return body;
}

grpc::Status Infer(RestCall& call, const inference::ModelInferRequest& request,
                   inference::ModelInferResponse& message) {
  auto body = WriteInferBody(request);
  if (!body) return StatusOf(body.error());
  const auto response =
      call.Ask("POST", ModelPath(request.model_name(), request.model_version()) + "/infer", std::move(body->bytes),
               {{"Content-Type", "application/octet-stream"},
                {"Inference-Header-Content-Length", std::to_string(body->json_size)}});
  if (!response) return StatusOf(response.error());
  if (const grpc::Status status = StatusOf(*response); !status.ok()) return status;
  const Status read = ReadInferReply(*response, message);
  return read ? grpc::Status::OK : BadReply(read.error());
}

// A reply in JSON, read into the message.
template <typename Message>
grpc::Status AskAndRead(RestCall& call, std::string_view method, const std::string& path, std::string body,
                        Status (*read)(const json::value&, Message&), Message& message) {
  json::value reply;
  if (const grpc::Status status = call.AskForJson(method, path, std::move(body), reply); !status.ok()) return status;
  const Status done = read(reply, message);
  return done ? grpc::Status::OK : BadReply(done.error());
}

}  // namespace

InferenceService::Reactor* InferenceService::Start(Context* context, Work work) {
  auto* pending = new PendingCall;  // gRPC's until OnDone
  const bool posted = workers_.TryPost([this, context, pending, work = std::move(work)] {
    RestCall call(server_, *context, pending->stop());
    grpc::Status status;
    try {
      status = work(call);
    } catch (const std::exception& e) {
      status = {grpc::StatusCode::INTERNAL, e.what()};
    }
    pending->Finish(status);
  });
  if (!posted)
    pending->Finish({grpc::StatusCode::RESOURCE_EXHAUSTED, "too many calls are waiting; try again in a second"});
  return pending;
}

InferenceService::Reactor* InferenceService::ServerLive(Context* context, const inference::ServerLiveRequest*,
                                                        inference::ServerLiveResponse* response) {
  return Start(context, [response](RestCall& call) {
    bool live = false;
    const grpc::Status status = Probe(call, "/v2/health/live", live);
    response->set_live(live);
    return status;
  });
}

InferenceService::Reactor* InferenceService::ServerReady(Context* context, const inference::ServerReadyRequest*,
                                                         inference::ServerReadyResponse* response) {
  return Start(context, [response](RestCall& call) {
    bool ready = false;
    const grpc::Status status = Probe(call, "/v2/health/ready", ready);
    response->set_ready(ready);
    return status;
  });
}

InferenceService::Reactor* InferenceService::ModelReady(Context* context, const inference::ModelReadyRequest* request,
                                                        inference::ModelReadyResponse* response) {
  return Start(context, [request, response](RestCall& call) {
    bool ready = false;
    const grpc::Status status = Probe(call, ModelPath(request->name(), request->version()) + "/ready", ready);
    response->set_ready(ready);
    return status;
  });
}

InferenceService::Reactor* InferenceService::ServerMetadata(Context* context, const inference::ServerMetadataRequest*,
                                                            inference::ServerMetadataResponse* response) {
  return Start(context,
               [response](RestCall& call) { return AskAndRead(call, "GET", "/v2", {}, ReadServer, *response); });
}

InferenceService::Reactor* InferenceService::ModelMetadata(Context* context,
                                                           const inference::ModelMetadataRequest* request,
                                                           inference::ModelMetadataResponse* response) {
  return Start(context, [request, response](RestCall& call) {
    return AskAndRead(call, "GET", ModelPath(request->name(), request->version()), {}, ReadModel, *response);
  });
}

InferenceService::Reactor* InferenceService::ModelInfer(Context* context, const inference::ModelInferRequest* request,
                                                        inference::ModelInferResponse* response) {
  return Start(context, [request, response](RestCall& call) { return Infer(call, *request, *response); });
}

InferenceService::Reactor* InferenceService::RepositoryIndex(Context* context,
                                                             const inference::RepositoryIndexRequest* request,
                                                             inference::RepositoryIndexResponse* response) {
  return Start(context, [request, response](RestCall& call) {
    const std::string body = request->ready() ? R"({"ready":true})" : "{}";
    return AskAndRead(call, "POST", "/v2/repository/index", body, ReadIndex, *response);
  });
}

InferenceService::Reactor* InferenceService::RepositoryModelLoad(Context* context,
                                                                 const inference::RepositoryModelLoadRequest* request,
                                                                 inference::RepositoryModelLoadResponse*) {
  return Start(context, [request](RestCall& call) {
    json::value reply;
    const std::string path = "/v2/repository/models/" + UrlEncode(request->model_name()) + "/load";
    return call.AskForJson("POST", path, RepositoryBody(*request), reply);
  });
}

InferenceService::Reactor* InferenceService::RepositoryModelUnload(
    Context* context, const inference::RepositoryModelUnloadRequest* request,
    inference::RepositoryModelUnloadResponse*) {
  return Start(context, [request](RestCall& call) {
    json::value reply;
    const std::string path = "/v2/repository/models/" + UrlEncode(request->model_name()) + "/unload";
    return call.AskForJson("POST", path, RepositoryBody(*request), reply);
  });
}

}  // namespace bantam
