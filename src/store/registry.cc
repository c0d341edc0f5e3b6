// Ollama's registry: the distribution protocol of container images, with layers that are a model and what belongs to
// it. https://github.com/opencontainers/distribution-spec/blob/main/spec.md
#include <algorithm>
#include <array>
#include <set>

#include "base/json.h"
#include "base/text_util.h"
#include "store/remote_model.h"
#include "store/remote_path.h"

namespace bantam {
namespace {

constexpr size_t kMaxManifestBytes = size_t{1} << 20;
constexpr size_t kMaxLayers = 256;
constexpr std::string_view kManifestType = "application/vnd.docker.distribution.manifest.v2+json";
constexpr std::string_view kLayerPrefix = "application/vnd.ollama.image.";

// How a layer is called in the model's folder. What is not listed would not be looked at: it stays there.
struct LayerName {
  std::string_view type, file;
};
constexpr std::array kLayerNames = {
    LayerName{"model", "model.gguf"},       LayerName{"template", "ollama/template"},
    LayerName{"system", "ollama/system"},   LayerName{"params", "ollama/params.json"},
    LayerName{"license", "ollama/license"}, LayerName{"messages", "ollama/messages.json"},
};

std::optional<FileDigest> ParseDigest(std::string_view text) {
  constexpr std::string_view kPrefix = "sha256:";
  if (!text.starts_with(kPrefix)) return std::nullopt;
  return MakeDigest(FileDigest::Kind::kSha256, text.substr(kPrefix.size()));
}

Error Refusal(const PullReference& reference, int status, std::string_view url) {
  if (status == 404) {
    return Err(ErrorCode::kNotFound, "the registry has no {} ({} answers 404): check name and tag", reference.Text(),
               ShownUrl(url));
  }
  if (status == 401 || status == 403) {
    return Err(status == 401 ? ErrorCode::kUnauthenticated : ErrorCode::kForbidden,
               "{} is not open to everybody ({} answers {}), and bantam has no account there: fetch it from the hub "
               "instead, or put its GGUF file into the store",
               reference.Text(), ShownUrl(url), status);
  }
  return Err(ErrorCode::kUnavailable, "{} answers with status {}", ShownUrl(url), status);
}

struct Layer {
  std::string type, digest_text;
  FileDigest digest;
  uint64_t size = 0;
};

Result<Layer> ReadLayer(const JsonObject& object) {
  Layer layer;
  BANTAM_TRY(layer.type, object.String("mediaType"));
  BANTAM_TRY(layer.digest_text, object.String("digest"));
  const auto digest = ParseDigest(layer.digest_text);
  if (!digest) {
    return Err(ErrorCode::kCorrupt, "{} is \"{}\", expected sha256: and 64 lower-case hex digits",
               object.Where("digest"), EscapeForTerminal(layer.digest_text));
  }
  layer.digest = *digest;
  BANTAM_TRY(const int64_t size, object.Int("size", 0, INT64_MAX));
  layer.size = static_cast<uint64_t>(size);
  return layer;
}

// "model.gguf"; a second licence is "ollama/license-2". Empty for layers that are left out.
Result<std::string> FileOf(const Layer& layer, std::set<std::string>& taken, const std::string& place) {
  std::string_view type = layer.type;
  if (!type.starts_with(kLayerPrefix)) return std::string();
  type.remove_prefix(kLayerPrefix.size());
  if (type == "tensor" || type == "adapter") {
    return Err(ErrorCode::kUnsupported, "{}: a layer is of type \"{}\": such models cannot be read here", place,
               EscapeForTerminal(layer.type));
  }
  const auto found = std::ranges::find(kLayerNames, type, &LayerName::type);
  if (found == kLayerNames.end()) return std::string();
  std::string file(found->file);
  if (taken.insert(file).second) return file;
  if (type != "license") {
    return Err(ErrorCode::kUnsupported, "{}: two layers of type \"{}\", expected one", place,
               EscapeForTerminal(layer.type));
  }
  for (int i = 2;; ++i) {
    file = fmt::format("ollama/license-{}", i);
    if (taken.insert(file).second) return file;
  }
}

Result<RemoteModel> ReadManifestOf(const json::value& document, const RemoteSettings& settings,
                                   const PullReference& reference, const std::string& place) {
  BANTAM_TRY(const JsonObject manifest, JsonObject::From(document, place));
  BANTAM_TRY(const int64_t version, manifest.IntOr("schemaVersion", 2, 0, 1000));
  if (version != 2) {
    return Err(ErrorCode::kUnsupported, "{} is {}, expected 2", manifest.Where("schemaVersion"), version);
  }
  BANTAM_TRY(const json::array* layers, manifest.Array("layers"));
  if (layers->size() > kMaxLayers) {
    return Err(ErrorCode::kCorrupt, "{} has {} entries, the limit is {}", manifest.Where("layers"), layers->size(),
               kMaxLayers);
  }
  const std::string base = reference.repository.substr(reference.repository.rfind('/') + 1);
  RemoteModel model{.reference = reference,
                    .name = StoreNameOf(reference.variant == "latest" ? base : base + "-" + reference.variant),
                    .revision = {},
                    .license = {},
                    .files = {}};
  std::set<std::string> taken;
  for (const json::value& value : *layers) {
    BANTAM_TRY(const JsonObject object, JsonObject::From(value, manifest.Where("layers")));
    BANTAM_TRY(const Layer layer, ReadLayer(object));
    BANTAM_TRY(std::string path, FileOf(layer, taken, place));
    if (path.empty()) continue;
    RemoteFile file;
    file.path = std::move(path);
    file.url = fmt::format("{}/v2/{}/blobs/{}", settings.registry, reference.repository, layer.digest_text);
    file.ca_file = settings.ca_file;
    file.size = layer.size;
    file.digest = layer.digest;
    file.refusal = [reference](const IncomingResponse& response, std::string_view at) {
      return Refusal(reference, response.status, at);
    };
    model.files.push_back(std::move(file));
  }
  if (!taken.contains("model.gguf")) {
    return Err(ErrorCode::kUnsupported, "{}: none of its layers is a GGUF model: it runs at its maker's only", place);
  }
  return model;
}

}  // namespace

Result<RemoteModel> ReadRegistryAnswer(std::string_view body, const RemoteSettings& settings,
                                       const PullReference& reference, const std::string& url) {
  const std::string place = ShownUrl(url);
  auto document = ParseJson(body, place);
  auto model = document ? ReadManifestOf(*document, settings, reference, place) : Result<RemoteModel>(document.error());
  if (!model) {
    const Error& error = model.error();
    return Error{error.code == ErrorCode::kInvalidArgument ? ErrorCode::kCorrupt : error.code, error.message,
                 error.where};
  }
  return model;
}

Result<RemoteModel> AskRegistry(HttpClient& client, const RemoteSettings& settings, const PullReference& reference,
                                const AskOptions& options) {
  const std::string url =
      fmt::format("{}/v2/{}/manifests/{}", settings.registry, reference.repository, reference.variant);
  BANTAM_TRY(const IncomingResponse answer, AskServer(client, settings, url, {{"Accept", std::string(kManifestType)}},
                                                      "", kMaxManifestBytes, options));
  if (answer.status != 200) return Refusal(reference, answer.status, url);
  // A registry that says what it sends must send it.
  const std::string_view told = answer.Header("docker-content-digest");
  const std::string digest = Sha256Hex(answer.body);
  if (const auto expected = ParseDigest(told); expected && expected->hex != digest) {
    return Err(ErrorCode::kCorrupt, "{}: the manifest has sha256 {}, its server says {}", ShownUrl(url), digest,
               expected->hex);
  }
  BANTAM_TRY(RemoteModel model, ReadRegistryAnswer(answer.body, settings, reference, url));
  model.revision = "sha256:" + digest;
  return model;
}

}  // namespace bantam
