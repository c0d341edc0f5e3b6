#include "api/endpoints/ollama_copy.h"

#include "base/text_util.h"
#include "store/copy_model.h"

namespace bantam {

Status CopyServedModel(ApiContext& context, const std::string& source, const std::string& destination) {
  if (context.FindModel(destination) != nullptr || context.IsRouter(destination)) {
    return Err(ErrorCode::kConflict, "\"{}\" is served already, as what it is", EscapeForTerminal(destination));
  }
  const ServedModelPtr served = context.FindModel(source);
  const auto copied = CopyModel(served == nullptr ? source : served->name, destination);
  if (!copied && (served == nullptr || copied.error().code != ErrorCode::kNotFound)) return copied.error();
  // On demand a copy in the store is a model of its own.
  if (served == nullptr || (copied && context.models->on_demand())) return Ok();
  return context.aliases.Add(destination, served->name);
}

}  // namespace bantam
