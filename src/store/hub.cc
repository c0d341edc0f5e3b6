// Hugging Face's hub: one question for the list of a repository's files, with sizes and digests; then each file by its
// commit, so that a push in between changes nothing.
#include <algorithm>
#include <map>

#include "base/checked.h"
#include "base/json.h"
#include "base/text_util.h"
#include "store/hub_files.h"
#include "store/remote_model.h"
#include "store/remote_path.h"

namespace bantam {
namespace {

constexpr size_t kMaxAnswerBytes = size_t{32} << 20;
constexpr size_t kMaxFiles = 100'000;

bool IsCommit(std::string_view text) {
  return text.size() == 40 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// What a status other than success means; the hub says more in a header.
Error Refusal(const RemoteSettings& settings, const PullReference& reference, const IncomingResponse& response,
              std::string_view url) {
  const std::string page = ShownUrl(settings.hub + "/" + reference.repository);
  const std::string_view code = response.Header("x-error-code");
  const std::string_view tokens =
      settings.hub_token.empty() ? "set HF_TOKEN to your token" : "the token in HF_TOKEN is not enough for it";
  if (code == "GatedRepo" || (response.status == 403 && code.empty())) {
    return Err(settings.hub_token.empty() ? ErrorCode::kUnauthenticated : ErrorCode::kForbidden,
               "{} is open only to those who accepted its terms: do so at {}, then {}", reference.repository, page,
               settings.hub_token.empty() ? tokens : "see that HF_TOKEN is a token of the account that did");
  }
  if (code == "DisabledRepo") return Err(ErrorCode::kForbidden, "{} was taken down by the hub", page);
  if (code == "RevisionNotFound") {
    return Err(ErrorCode::kNotFound, "{} has no revision \"{}\": {} shows which it has", reference.repository,
               EscapeForTerminal(reference.revision), page + "/refs");
  }
  if (code == "EntryNotFound") return Err(ErrorCode::kNotFound, "{} is not there", ShownUrl(url));
  if (response.status == 401 || response.status == 403) {
    return Err(response.status == 401 ? ErrorCode::kUnauthenticated : ErrorCode::kForbidden,
               "{} does not exist or is private ({} answers {}): check how it is written, or {}", reference.repository,
               ShownUrl(url), response.status, tokens);
  }
  if (response.status == 404 || response.status == 410) {
    return Err(ErrorCode::kNotFound, "{} does not exist ({} answers {}): check how it is written{}",
               reference.repository, ShownUrl(url), response.status,
               settings.hub_token.empty() ? ", and set HF_TOKEN if it is private" : "");
  }
  return Err(ErrorCode::kUnavailable, "{} answers with status {}", ShownUrl(url), response.status);
}

struct Listed {
  uint64_t size = 0;
  FileDigest digest;
};

// {"rfilename": ..., "size": ..., "blobId": ..., "lfs": {"sha256": ..., "size": ...}}
Result<Listed> ReadFileEntry(const JsonObject& entry, const std::string& path) {
  const json::value* lfs = entry.Find("lfs");
  if (lfs != nullptr && lfs->is_object()) {
    BANTAM_TRY(const JsonObject large, entry.Object("lfs"));
    BANTAM_TRY(const int64_t size, large.Int("size", 0, INT64_MAX));
    BANTAM_TRY(const std::string hex, large.String("sha256"));
    const auto digest = MakeDigest(FileDigest::Kind::kSha256, hex);
    if (!digest) {
      return Err(ErrorCode::kCorrupt, "{} of {} is \"{}\", expected 64 lower-case hex digits", large.Where("sha256"),
                 EscapeForTerminal(path), EscapeForTerminal(hex));
    }
    return Listed{static_cast<uint64_t>(size), *digest};
  }
  BANTAM_TRY(const int64_t size, entry.Int("size", 0, INT64_MAX));
  BANTAM_TRY(const std::string hex, entry.String("blobId"));
  const auto digest = MakeDigest(FileDigest::Kind::kGitBlob, hex);
  if (!digest) {
    return Err(ErrorCode::kCorrupt, "{} of {} is \"{}\", expected 40 lower-case hex digits", entry.Where("blobId"),
               EscapeForTerminal(path), EscapeForTerminal(hex));
  }
  return Listed{static_cast<uint64_t>(size), *digest};
}

std::string LicenseOf(const JsonObject& info) {
  const json::value* card = info.Find("cardData");
  if (card == nullptr || !card->is_object()) return "";
  const json::value* license = card->get_object().if_contains("license");
  return license != nullptr && license->is_string() ? std::string(license->get_string()) : std::string();
}

uint64_t ParametersOf(const JsonObject& info, bool gguf) {
  const json::value* format = info.Find(gguf ? "gguf" : "safetensors");
  if (format == nullptr || !format->is_object()) return 0;
  const json::value* total = format->get_object().if_contains("total");
  if (total == nullptr || !total->is_number()) return 0;
  boost::system::error_code error;
  const auto number = total->to_number<uint64_t>(error);
  return error ? 0 : number;
}

// "SmolLM2-135M-Instruct" for "HuggingFaceTB/SmolLM2-135M-Instruct-GGUF".
std::string BaseName(std::string_view repository) {
  std::string_view name = repository.substr(repository.rfind('/') + 1);
  for (const std::string_view ending : {"-GGUF", "-gguf", "_GGUF", "_gguf", ".GGUF"}) {
    if (name.size() > ending.size() && name.ends_with(ending)) name.remove_suffix(ending.size());
  }
  return std::string(name);
}

std::string NameOf(const PullReference& reference, const FileChoice& choice) {
  const std::string base = BaseName(reference.repository);
  if (!choice.gguf) return StoreNameOf(base);
  // A label that is a file's name says the model's already.
  if (QuantOfName(choice.paths.front()) != choice.label) return StoreNameOf(choice.label);
  // The end of the name is what tells quantizations apart: it must survive the cut.
  const size_t room = 64 - std::min<size_t>(choice.label.size() + 1, 63);
  return StoreNameOf(base.substr(0, room) + "-" + choice.label);
}

// Errors of the answer's form are the server's fault, not the caller's.
Error Malformed(const Error& error) {
  return Error{error.code == ErrorCode::kInvalidArgument ? ErrorCode::kCorrupt : error.code, error.message,
               error.where};
}

Result<RemoteModel> ReadInfo(const json::value& document, const RemoteSettings& settings,
                             const PullReference& reference, const std::string& url) {
  BANTAM_TRY(const JsonObject info, JsonObject::From(document, ShownUrl(url)));
  RemoteModel model{.reference = reference, .name = {}, .revision = {}, .license = LicenseOf(info), .files = {}};
  BANTAM_TRY(model.revision, info.String("sha"));
  if (!IsCommit(model.revision)) {
    return Err(ErrorCode::kCorrupt, "{} is \"{}\", expected a commit of 40 hex digits", info.Where("sha"),
               EscapeForTerminal(model.revision));
  }
  BANTAM_TRY(const json::array* siblings, info.Array("siblings"));
  if (siblings->size() > kMaxFiles) {
    return Err(ErrorCode::kTooLarge, "{} lists {} files, the limit is {}", reference.repository, siblings->size(),
               kMaxFiles);
  }
  std::map<std::string, const json::value*> entries;
  std::vector<std::string> paths;
  for (const json::value& sibling : *siblings) {
    BANTAM_TRY(const JsonObject entry, JsonObject::From(sibling, info.Where("siblings")));
    BANTAM_TRY(std::string path, entry.String("rfilename"));
    if (!entries.emplace(path, &sibling).second) {
      return Err(ErrorCode::kCorrupt, "{} lists \"{}\" twice", info.Where("siblings"), EscapeForTerminal(path));
    }
    paths.push_back(std::move(path));
  }
  BANTAM_TRY(const FileChoice choice, ChooseFiles(paths, reference.variant, reference.repository));
  // Known from here on by what was picked, if that picks it again: "Q4_K_M" for "q4_k_m", and for nothing told.
  if (const auto again = ChooseFiles(paths, choice.label, reference.repository);
      choice.gguf && again && again->paths == choice.paths) {
    model.reference.variant = choice.label;
  }
  model.parameters = ParametersOf(info, choice.gguf);
  model.name = NameOf(reference, choice);
  for (const std::string& path : choice.paths) {
    BANTAM_RETURN_IF_ERROR(CheckRemotePath(path, reference.repository));
    BANTAM_TRY(const JsonObject entry, JsonObject::From(*entries.at(path), info.Where("siblings")));
    BANTAM_TRY(const Listed listed, ReadFileEntry(entry, path));
    RemoteFile file;
    // A GGUF model is its files, wherever the repository keeps them.
    file.path = choice.gguf ? path.substr(path.rfind('/') + 1) : path;
    file.url = fmt::format("{}/{}/resolve/{}/{}", settings.hub, reference.repository, model.revision,
                           PercentEncode(path, true));
    if (!settings.hub_token.empty()) file.authorization = "Bearer " + settings.hub_token;
    file.ca_file = settings.ca_file;
    file.size = listed.size;
    file.digest = listed.digest;
    file.refusal = [settings, reference](const IncomingResponse& response, std::string_view at) {
      return Refusal(settings, reference, response, at);
    };
    model.files.push_back(std::move(file));
  }
  return model;
}

}  // namespace

Result<RemoteModel> ReadHubAnswer(std::string_view body, const RemoteSettings& settings, const PullReference& reference,
                                  const std::string& url) {
  auto document = ParseJson(body, ShownUrl(url));
  if (!document) return Malformed(document.error());
  auto model = ReadInfo(*document, settings, reference, url);
  // What the caller chose wrongly stays the caller's.
  if (!model && model.error().message.starts_with(ShownUrl(url))) return Malformed(model.error());
  return model;
}

Result<RemoteModel> AskHub(HttpClient& client, const RemoteSettings& settings, const PullReference& reference,
                           const AskOptions& options) {
  const std::string url = fmt::format("{}/api/models/{}/revision/{}?blobs=true", settings.hub, reference.repository,
                                      PercentEncode(reference.revision, false));
  const std::string authorization = settings.hub_token.empty() ? "" : "Bearer " + settings.hub_token;
  BANTAM_TRY(const IncomingResponse answer, AskServer(client, settings, url, {{"Accept", "application/json"}},
                                                      authorization, kMaxAnswerBytes, options));
  if (answer.status != 200) return Refusal(settings, reference, answer, url);
  return ReadHubAnswer(answer.body, settings, reference, url);
}

}  // namespace bantam
