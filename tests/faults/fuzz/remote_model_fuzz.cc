// What a hub and a registry answer when they are asked for a model: both readers over the same bytes. Whatever is
// accepted stays inside the model's folder, is fetched from that server only, and has a digest to be checked by.
#include <cstddef>
#include <cstdint>
#include <set>

#include "base/check.h"
#include "base/paths.h"
#include "store/remote_model.h"
#include "store/remote_path.h"

namespace {

using namespace bantam;

void Check(const Result<RemoteModel>& model, const std::string& server) {
  if (!model) {
    BANTAM_CHECK(!model.error().message.empty());
    return;
  }
  BANTAM_CHECK(!model->files.empty());
  BANTAM_CHECK(model->name.empty() || CheckPlainName("model", model->name));
  std::set<std::string> paths;
  for (const RemoteFile& file : model->files) {
    BANTAM_CHECK(CheckRemotePath(file.path, "fuzz"), "{}", file.path);
    BANTAM_CHECK(paths.insert(file.path).second, "{} comes twice", file.path);
    BANTAM_CHECK(file.url.starts_with(server), "{}", file.url);
    BANTAM_CHECK(MakeDigest(file.digest.kind, file.digest.hex) == file.digest, "{}", file.digest.hex);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  RemoteSettings settings;
  settings.hub = "http://hub.example";
  settings.registry = "http://registry.example";
  for (const char* variant : {"", "Q4_K_M", "safetensors", "model.gguf"}) {
    const PullReference reference{PullReference::Source::kHub, "owner/tiny", variant, "main"};
    Check(ReadHubAnswer(body, settings, reference, "http://hub.example/api/models/owner/tiny/revision/main"),
          settings.hub + "/owner/tiny/resolve/");
  }
  const PullReference reference{PullReference::Source::kRegistry, "library/tiny", "latest", ""};
  Check(ReadRegistryAnswer(body, settings, reference, "http://registry.example/v2/library/tiny/manifests/latest"),
        settings.registry + "/v2/library/tiny/blobs/sha256:");
  return 0;
}
