// The calls of the protocol, each a question to the server's REST.
#pragma once

#include <grpcpp/server_context.h>

#include <functional>
#include <memory>

#include "api/worker_pool.h"
#include "gateway/open_inference.grpc.pb.h"
#include "gateway/rest_call.h"

namespace bantam {

// Outlives the gRPC server that it is registered with. Calls beyond those at work and those that may wait are
// RESOURCE_EXHAUSTED.
class InferenceService final : public inference::GRPCInferenceService::CallbackService {
 public:
  InferenceService(RestServer& server, int max_workers, size_t max_queued)
      : server_(server), workers_(max_workers, max_queued) {}

 private:
  using Context = grpc::CallbackServerContext;
  using Reactor = grpc::ServerUnaryReactor;
  using Work = std::function<grpc::Status(RestCall& call)>;

  Reactor* Start(Context* context, Work work);

  Reactor* ServerLive(Context*, const inference::ServerLiveRequest*, inference::ServerLiveResponse*) override;
  Reactor* ServerReady(Context*, const inference::ServerReadyRequest*, inference::ServerReadyResponse*) override;
  Reactor* ModelReady(Context*, const inference::ModelReadyRequest*, inference::ModelReadyResponse*) override;
  Reactor* ServerMetadata(Context*, const inference::ServerMetadataRequest*,
                          inference::ServerMetadataResponse*) override;
  Reactor* ModelMetadata(Context*, const inference::ModelMetadataRequest*, inference::ModelMetadataResponse*) override;
  Reactor* ModelInfer(Context*, const inference::ModelInferRequest*, inference::ModelInferResponse*) override;
  Reactor* RepositoryIndex(Context*, const inference::RepositoryIndexRequest*,
                           inference::RepositoryIndexResponse*) override;
  Reactor* RepositoryModelLoad(Context*, const inference::RepositoryModelLoadRequest*,
                               inference::RepositoryModelLoadResponse*) override;
  Reactor* RepositoryModelUnload(Context*, const inference::RepositoryModelUnloadRequest*,
                                 inference::RepositoryModelUnloadResponse*) override;

  RestServer& server_;
  WorkerPool workers_;
};

}  // namespace bantam
