// Messages of inference as the bodies that the server's REST has for them: JSON, and behind it the tensors in bytes,
// which neither side then prints or parses.
#pragma once

#include <string>

#include "base/result.h"
#include "gateway/open_inference.pb.h"
#include "net/http_client.h"

namespace bantam {

struct InferBody {
  std::string bytes;
  size_t json_size = 0;  // of them
};

// kInvalidArgument where the message contradicts itself; what a model does not take is the server's to say.
Result<InferBody> WriteInferBody(const inference::ModelInferRequest& request);

// kCorrupt: that is no answer of the protocol.
Status ReadInferReply(const IncomingResponse& response, inference::ModelInferResponse& message);

}  // namespace bantam
