// What a hub or a registry answers when it is asked for a model: which files, how large, with which digests. The same
// for both, so that the rest does not care where a model comes from.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "files/model_store.h"
#include "files/pull_reference.h"
#include "store/remote_file.h"

namespace bantam {

struct RemoteModel {
  PullReference reference;
  std::string name;      // for the store, unless somebody chooses another
  std::string revision;  // commit, or digest of the manifest
  std::string license;
  uint64_t parameters = 0;  // 0: not told
  std::vector<RemoteFile> files;
};

// Where to ask and with what right. The defaults are the environment's.
struct RemoteSettings {
  std::string hub = "https://huggingface.co";
  std::string hub_token;  // empty: none
  std::string registry = "https://registry.ollama.ai";
  std::string ca_file;  // certificates in place of the system's; empty: the system's
  int max_retries = 5;  // as DownloadOptions
  std::chrono::milliseconds first_pause{500};

  // HF_ENDPOINT, HF_TOKEN (or the file that the hub's own client keeps it in), BANTAM_OLLAMA_REGISTRY, SSL_CERT_FILE.
  static Result<RemoteSettings> FromEnvironment();
};

// How whoever asks waits.
struct AskOptions {
  std::function<void(const Error& why, std::chrono::milliseconds pause)> on_retry = {};  // before each pause
  std::stop_token stop = {};
};

Result<RemoteModel> AskHub(HttpClient& client, const RemoteSettings& settings, const PullReference& reference,
                           const AskOptions& options);
Result<RemoteModel> AskRegistry(HttpClient& client, const RemoteSettings& settings, const PullReference& reference,
                                const AskOptions& options);

// The answers themselves, whatever bytes a server sent: kCorrupt and kUnsupported name the place in them. A registry's
// says nothing of its revision, which is its digest.
Result<RemoteModel> ReadHubAnswer(std::string_view body, const RemoteSettings& settings, const PullReference& reference,
                                  const std::string& url);
Result<RemoteModel> ReadRegistryAnswer(std::string_view body, const RemoteSettings& settings,
                                       const PullReference& reference, const std::string& url);

// An answer of at most `max_bytes`, asked for again when the server is busy or the connection breaks. Any status that
// is none of those is a success.
Result<IncomingResponse> AskServer(HttpClient& client, const RemoteSettings& settings, const std::string& url,
                                   const HttpHeaders& headers, const std::string& authorization, size_t max_bytes,
                                   const AskOptions& options);

// A name for the store out of parts of others: what it may not hold becomes '-'.
std::string StoreNameOf(std::string_view text);

}  // namespace bantam
