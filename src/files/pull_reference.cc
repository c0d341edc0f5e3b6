#include "files/pull_reference.h"

#include <algorithm>
#include <array>

#include "base/text_util.h"

namespace bantam {
namespace {

constexpr size_t kMaxText = 1024, kMaxPart = 96, kMaxVariant = 255;
constexpr std::array<std::string_view, 3> kHubPrefixes = {"hf.co/", "huggingface.co/", "hf:"};
constexpr std::array<std::string_view, 3> kRegistryPrefixes = {"ollama.com/", "registry.ollama.ai/", "ollama:"};

bool Strip(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

template <size_t N>
bool StripAny(std::string_view& text, const std::array<std::string_view, N>& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(), [&](std::string_view prefix) { return Strip(text, prefix); });
}

bool IsNameChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

bool IsName(std::string_view part) {
  return !part.empty() && part.size() <= kMaxPart && part.find("..") == std::string_view::npos && part.front() != '.' &&
         part.front() != '-' && std::all_of(part.begin(), part.end(), IsNameChar);
}

// Of a revision or a file's name: names between slashes.
bool IsPathOfNames(std::string_view text, bool spaces) {
  if (text.empty() || text.size() > kMaxVariant) return false;
  while (true) {
    const size_t slash = text.find('/');
    const std::string_view part = text.substr(0, slash);
    const auto fits = [&](char c) {
      return IsNameChar(c) || (spaces && (c == ' ' || c == '+' || c == '(' || c == ')'));
    };
    if (part.empty() || part.front() == '.' || part.find("..") != std::string_view::npos ||
        !std::all_of(part.begin(), part.end(), fits)) {
      return false;
    }
    if (slash == std::string_view::npos) return true;
    text.remove_prefix(slash + 1);
  }
}

Error Wrong(std::string_view text, std::string_view why) {
  return Err(ErrorCode::kInvalidArgument,
             "\"{}\" {}: write hf.co/OWNER/REPO[:QUANT][@REVISION] for a model of the hub, ollama.com/NAME[:TAG] for "
             "one of Ollama's registry",
             EscapeForTerminal(text), why);
}

// The pages of a repository's files: .../tree/REVISION, .../blob/REVISION/FILE.
void ReadPage(std::string_view page, std::string& revision, std::string& file) {
  for (const std::string_view kind : {"tree/", "blob/", "resolve/"}) {
    if (!Strip(page, kind)) continue;
    const size_t slash = page.find('/');
    revision = page.substr(0, slash);
    if (slash != std::string_view::npos && kind != "tree/") file = page.substr(slash + 1);
  }
}

}  // namespace

std::string PullReference::Text() const {
  if (source == Source::kRegistry) return "ollama.com/" + repository + ":" + variant;
  std::string text = "hf.co/" + repository;
  if (!variant.empty()) text += ":" + variant;
  if (revision != "main") text += "@" + revision;
  return text;
}

bool LooksLikePullReference(std::string_view text) {
  if (!Strip(text, "https://")) Strip(text, "http://");
  return StripAny(text, kHubPrefixes) || StripAny(text, kRegistryPrefixes);
}

Result<PullReference> ParsePullReference(std::string_view whole, std::string_view from) {
  if (whole.empty() || whole.size() > kMaxText) return Wrong(whole.substr(0, 100), "is no model");
  std::string_view text = whole;
  const bool url = Strip(text, "https://") || Strip(text, "http://");
  if (url) text = text.substr(0, text.find_first_of("?#"));
  const bool hub = StripAny(text, kHubPrefixes), registry = !hub && StripAny(text, kRegistryPrefixes);
  if (url && !hub && !registry) {
    return Wrong(whole,
                 "is an address of another server (HF_ENDPOINT and BANTAM_OLLAMA_REGISTRY name other servers of "
                 "the same kind)");
  }
  if ((hub && from == "ollama") || (registry && from == "hub")) return Wrong(whole, "contradicts --from");
  if (text.ends_with('/')) text.remove_suffix(1);

  const size_t tail = std::min(text.find_first_of(":@"), text.size());
  std::string_view name = text.substr(0, tail);
  const size_t slash = name.find('/');
  PullReference reference;
  reference.source = hub                               ? PullReference::Source::kHub
                     : registry || from == "ollama"    ? PullReference::Source::kRegistry
                     : from == "hub"                   ? PullReference::Source::kHub
                     : slash == std::string_view::npos ? PullReference::Source::kRegistry
                                                       : PullReference::Source::kHub;
  const bool of_hub = reference.source == PullReference::Source::kHub;
  std::string page_file;
  if (slash != std::string_view::npos) {
    const size_t second = name.find('/', slash + 1);
    if (second != std::string_view::npos && of_hub) {
      ReadPage(name.substr(second + 1), reference.revision, page_file);
      if (reference.revision.empty()) return Wrong(whole, "has too many parts");
      name = name.substr(0, second);
    }
    if (!hub && !registry && from.empty() && name.substr(0, slash).find('.') != std::string_view::npos) {
      return Wrong(whole, "begins with what could be a server's name");
    }
    if (!IsName(name.substr(0, slash)) || !IsName(name.substr(slash + 1))) return Wrong(whole, "is no model");
    reference.repository = name;
  } else {
    if (!IsName(name)) return Wrong(whole, "is no model");
    reference.repository = of_hub ? std::string(name) : "library/" + std::string(name);
  }

  for (std::string_view rest = text.substr(tail); !rest.empty();) {
    const bool is_revision = rest.front() == '@';
    const size_t end = std::min(rest.find_first_of(":@", 1), rest.size());
    const std::string_view value = rest.substr(1, end - 1);
    std::string& field = is_revision ? reference.revision : reference.variant;
    if (!field.empty()) return Wrong(whole, "names two of the same");
    if (is_revision && !of_hub) return Wrong(whole, "names a revision, which the registry has not");
    if (is_revision ? !IsPathOfNames(value, false) : of_hub ? !IsPathOfNames(value, true) : !IsName(value)) {
      return Wrong(whole, is_revision ? "has no proper revision after '@'" : "has no proper name after ':'");
    }
    field = value;
    rest.remove_prefix(end);
  }
  if (!page_file.empty()) {
    if (!reference.variant.empty() || !IsPathOfNames(page_file, true)) return Wrong(whole, "names no proper file");
    reference.variant = page_file;
  }
  if (of_hub && reference.revision.empty()) reference.revision = "main";
  if (of_hub && !IsPathOfNames(reference.revision, false)) return Wrong(whole, "has no proper revision");
  if (!of_hub && reference.variant.empty()) reference.variant = "latest";
  return reference;
}

}  // namespace bantam
