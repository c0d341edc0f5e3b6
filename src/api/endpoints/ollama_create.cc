// POST /api/create, and /api/blobs for the files that it makes a model of: those of Ollama's clients that are no copy
// of another. What the model says is in its files; how it is made smaller is `bantam quantize`'s business.
#include <charconv>
#include <map>

#include "api/endpoints/endpoint.h"
#include "api/endpoints/ollama_copy.h"
#include "api/endpoints/ollama_request.h"
#include "api/endpoints/parse.h"
#include "api/error_map.h"
#include "base/text_util.h"
#include "store/upload.h"

namespace bantam {
namespace {

constexpr size_t kMostFiles = 1000;

bool Gives(const JsonObject& body, std::string_view key) {
  const json::value* value = body.Find(key);
  return value != nullptr && !value->is_null();
}

std::string BlobName(const HttpRequest& http) { return std::string(PathValues(http).front()); }

class BlobSink : public BodySink {
 public:
  BlobSink(FileDigest digest, std::optional<uint64_t> size) : upload_(std::move(digest), size) {}
  Status Write(std::string_view piece) override { return upload_.Write(piece); }
  Status Finish() override { return upload_.Finish(); }

 private:
  BlobUpload upload_;
};

Result<std::map<std::string, FileDigest>> ReadFiles(const JsonObject& body) {
  BANTAM_TRY(const JsonObject files, body.Object("files"));
  std::map<std::string, FileDigest> digests;
  if (files.raw().size() > kMostFiles)
    return Err(ErrorCode::kInvalidArgument, "\"files\" has {} entries, the limit is {}", files.raw().size(),
               kMostFiles);
  for (const auto& [path, value] : files.raw()) {
    BANTAM_TRY(const std::string digest, files.String(path));
    BANTAM_TRY(digests[std::string(path)], ParseBlobName(digest));
  }
  if (digests.empty()) return Err(ErrorCode::kInvalidArgument, "\"files\" has none");
  return digests;
}

Status CreateFromFiles(ApiContext& context, const HttpRequest& http, const std::string& name,
                       const std::map<std::string, FileDigest>& files) {
  const auto approve = [&](const std::string& own_name, const Path& folder) {
    return context.models->Rehearse(own_name, folder);
  };
  const auto created = CreateModel(name, files, {.store = {}, .approve = approve, .stop = http.stop});
  if (!created) {
    // What was sent is the sender's.
    const Error& error = created.error();
    const bool theirs = error.code == ErrorCode::kCorrupt;
    return Error{theirs ? ErrorCode::kInvalidArgument : error.code, error.message, error.where};
  }
  BANTAM_TRY(const bool refreshed, context.models->Refresh(*created));
  (void)refreshed;
  return Ok();
}

// -> whether the answer is wanted as lines
Result<bool> CreateAsAsked(ApiContext& context, const HttpRequest& http, std::string& at) {
  json::value document;
  BANTAM_TRY(const JsonObject body, ParseBody(http, document));
  BANTAM_TRY(const std::string name, ReadOllamaName(body, at));
  for (const char* key : {"adapters", "template", "system", "parameters", "messages", "quantize", "license",
                          "modelfile", "renderer", "parser"}) {
    if (!Gives(body, key)) continue;
    at = key;
    return Err(ErrorCode::kUnsupported,
               "\"{}\" is not supported: a model is made of its \"files\" or a copy of \"from\"; smaller ones make "
               "'bantam quantize', and adapters are served with --lora",
               key);
  }
  at = "stream";
  BANTAM_TRY(const bool stream, body.BoolOr("stream", true));
  if (!Gives(body, "files")) {
    at = "from";
    BANTAM_TRY(const std::string from, body.String("from"));
    at = "model";
    BANTAM_RETURN_IF_ERROR(CopyServedModel(context, from, name));
    return stream;
  }
  if (Gives(body, "from")) {
    at = "from";
    return Err(ErrorCode::kInvalidArgument, "\"from\" and \"files\" are two ways to make a model: send one of them");
  }
  at = "files";
  BANTAM_TRY(const auto files, ReadFiles(body));
  BANTAM_RETURN_IF_ERROR(CreateFromFiles(context, http, name, files));
  return stream;
}

}  // namespace

void HandleOllamaCreate(ApiContext& context, const HttpRequest& http, Responder& responder) {
  std::string at;
  const Result<bool> created = CreateAsAsked(context, http, at);
  if (!created) return responder.Send(ErrorReply(ApiFamily::kOllama, created.error(), at));
  responder.Send({.status = 200,
                  .content_type = *created ? "application/x-ndjson" : "application/json",
                  .body = ToJson(json::object{{"status", "success"}}) + (*created ? "\n" : ""),
                  .headers = {}});
}

Result<std::shared_ptr<BodySink>> OpenOllamaBlob(ApiContext&, const HttpRequest& http) {
  BANTAM_TRY(FileDigest digest, ParseBlobName(BlobName(http)));
  std::optional<uint64_t> size;
  const std::string_view length = http.Header("content-length");
  uint64_t number = 0;
  if (std::from_chars(length.data(), length.data() + length.size(), number).ec == std::errc()) size = number;
  return std::make_shared<BlobSink>(std::move(digest), size);
}

void HandleOllamaBlob(ApiContext&, const HttpRequest& http, Responder& responder) {
  if (http.upload != nullptr) {
    const Status kept = http.upload->Finish();
    if (!kept) return responder.Send(ErrorReply(ApiFamily::kOllama, kept.error()));
    return responder.Send({.status = 201, .content_type = "application/json", .body = {}, .headers = {}});
  }
  const std::string name = BlobName(http);
  const auto digest = ParseBlobName(name);
  if (!digest) return responder.Send(ErrorReply(ApiFamily::kOllama, digest.error()));
  if (HasBlob(*digest))
    return responder.Send({.status = 200, .content_type = "application/json", .body = {}, .headers = {}});
  responder.Send(ErrorReply(ApiFamily::kOllama, 404, fmt::format("no blob {} is here", name)));
}

}  // namespace bantam
