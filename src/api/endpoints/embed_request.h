// What the families of embedding endpoints have in common: prompts, dimensions, types of vectors, truncation. Each
// client library has names of its own for the same few things; what they mean is decided here.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/context.h"
#include "api/work_done.h"
#include "base/json.h"
#include "tasks/vector_types.h"

namespace bantam {

// How a vector is written.
struct VectorForm {
  VectorType type = VectorType::kFloat32;
  bool base64 = false;  // its bytes, in place of an array
  bool named = false;   // asked for as a type of the name "base64": floats
  std::string_view name() const {
    return named ? "base64" : type == VectorType::kFloat32 ? "float" : VectorTypeName(type);
  }
};

struct EmbedRequest {
  explicit EmbedRequest(const HttpRequest& request) : work(std::make_shared<WorkDone>(request)) {}
  std::shared_ptr<WorkDone> work;  // for this request
  ServedModelPtr model;
  std::vector<std::string> texts;
  std::optional<TextPrompt> prompt;                     // none: the model's default
  PromptChoice::Role role = PromptChoice::Role::kNone;  // what the texts are, for models that treat them differently
  std::vector<VectorForm> forms = {VectorForm()};
  size_t dimensions = 0;
  ValueRanges ranges;  // of int8 and uint8, when one of `forms` is
  bool truncate = true;
  bool unit_length = false;  // TEI's "normalize": also where the model leaves vectors at other lengths
  MonotonicTime deadline;

  // Refers to `prompt`.
  EmbedCall call() const {
    EmbedCall call(deadline);
    call.prompt = prompt ? &*prompt : nullptr;
    call.truncate = truncate;
    call.times = &work->engine;
    return call;
  }
};

// Of `request.model`, which is there. Each notes in `at` the field it reads.
// "prompt_name"; "prompt"; "input_type" or "task": query or document under all their names.
Status ReadPrompt(const JsonObject& body, EmbedRequest& request, std::string& at);
// "dimensions" or "output_dimension", at most what the model gives.
Status ReadDimensions(const JsonObject& body, EmbedRequest& request, std::string& at);
// "encoding_format"; "embedding_types", "embedding_type" or "output_dtype": one or several. After ReadDimensions.
Status ReadTypes(const JsonObject& body, EmbedRequest& request, std::string& at);

// "model", or without it the first encoder that is served: some clients know of one model only.
Status FindEmbedModel(const ApiContext& context, const JsonObject& body, EmbedRequest& request, std::string& at);

// The vector as the request wants it: cut to its dimensions, of length 1. Where that changes it, `changed` holds it.
std::span<const float> FittedVector(std::span<const float> vector, const EmbedRequest& request,
                                    std::vector<float>& changed);

// One vector as JSON: cut to the request's dimensions, an array or base64 of one type.
void AppendVectorJson(std::span<const float> vector, const EmbedRequest& request, const VectorForm& form,
                      std::string& out);

// The vectors of a text's tokens, as an array of them.
void AppendTokenVectors(const TokenVectors& vectors, size_t text, const EmbedRequest& request, const VectorForm& form,
                        std::string& out);

// Whether all of the texts were in the cache, in a header, where there is a cache.
void TellEmbeddingCache(const EmbedRequest& request);
// Tells what was done, and which texts were cut: in headers of the reply, and for its "bantam" object; null when none
// was. Silent truncation is the classic complaint about embedding servers.
json::value TellOfTexts(const EmbedRequest& request, const EmbeddedTexts& embedded, HttpReply& reply);
json::value TellOfTexts(const EmbedRequest& request, const TokenVectors& vectors, HttpReply& reply);

}  // namespace bantam
