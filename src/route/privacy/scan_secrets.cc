// Keys, tokens and passwords: by the prefixes that their issuers give them, by the shape of a JWT or a PEM block, and
// by the words before them ("Bearer ...", "password: ...").
#include <algorithm>
#include <array>

#include "route/privacy/scan.h"

namespace bantam {
namespace {

constexpr size_t kLongestKey = 4096;

struct Prefix {
  std::string_view text;
  size_t least;  // characters after it
};
constexpr std::array kPrefixes = {
    Prefix{"sk-", 16},      Prefix{"sk_live_", 16}, Prefix{"sk_test_", 16}, Prefix{"rk_live_", 16},
    Prefix{"rk_test_", 16}, Prefix{"whsec_", 16},   Prefix{"ghp_", 30},     Prefix{"gho_", 30},
    Prefix{"ghu_", 30},     Prefix{"ghs_", 30},     Prefix{"ghr_", 30},     Prefix{"github_pat_", 22},
    Prefix{"glpat-", 16},   Prefix{"AKIA", 16},     Prefix{"ASIA", 16},     Prefix{"AIza", 30},
    Prefix{"ya29.", 20},    Prefix{"xoxb-", 16},    Prefix{"xoxp-", 16},    Prefix{"xoxa-", 16},
    Prefix{"xoxs-", 16},    Prefix{"xapp-", 16},    Prefix{"hf_", 24},      Prefix{"npm_", 30},
    Prefix{"pypi-", 32},    Prefix{"SG.", 32},      Prefix{"gsk_", 24},     Prefix{"xai-", 24},
    Prefix{"pk_live_", 16}, Prefix{"dop_v1_", 32},  Prefix{"shpat_", 24},   Prefix{"bntm_", 16},
};

bool IsKeyChar(char c) { return IsAlnum(c) || c == '_' || c == '-'; }
bool IsTokenChar(char c) { return IsKeyChar(c) || std::string_view(".~+/=").find(c) != std::string_view::npos; }

template <typename Predicate>
size_t EndOf(std::string_view text, size_t at, Predicate is_in) {
  const size_t stop = std::min(text.size(), at + kLongestKey);
  while (at < stop && is_in(text[at])) ++at;
  return at;
}

// Keys are random: letters and digits both. "sk-learn-compatible-estimators" is not one.
bool LooksRandom(std::string_view key) {
  return std::any_of(key.begin(), key.end(), IsDigit) && std::any_of(key.begin(), key.end(), IsLetter);
}

// Header, claims and signature, each base64url; the first two begin as an encoded {" does.
size_t JwtEnd(std::string_view text, size_t begin) {
  const size_t header = EndOf(text, begin, IsKeyChar);
  if (header - begin < 10 || !text.substr(header).starts_with(".eyJ")) return 0;
  const size_t claims = EndOf(text, header + 1, IsKeyChar);
  if (claims >= text.size() || text[claims] != '.') return 0;
  const size_t end = EndOf(text, claims + 1, IsKeyChar);
  return end - claims > 10 ? end : 0;
}

size_t KeyEnd(std::string_view text, size_t begin) {
  if (text.substr(begin).starts_with("eyJ")) return JwtEnd(text, begin);
  for (const Prefix& prefix : kPrefixes) {
    if (!text.substr(begin).starts_with(prefix.text)) continue;
    const bool dotted = prefix.text.ends_with('.');
    size_t end = EndOf(text, begin + prefix.text.size(), [&](char c) { return IsKeyChar(c) || (dotted && c == '.'); });
    while (!IsAlnum(text[end - 1])) --end;
    if (end < begin + prefix.text.size() + prefix.least) return 0;
    return LooksRandom(text.substr(begin + prefix.text.size(), end - begin - prefix.text.size())) ? end : 0;
  }
  return 0;
}

bool StartsWithWord(std::string_view text, size_t at, std::string_view word) {
  if (text.size() - at < word.size()) return false;
  return std::equal(word.begin(), word.end(), text.begin() + static_cast<ptrdiff_t>(at),
                    [](char a, char b) { return a == Lower(b); });
}

// "Bearer abc..." and "Basic abc...": the token after the word. These return the span's end, 0 for none.
size_t TakeAuthorization(std::string_view text, size_t at, std::vector<PiiSpan>& spans) {
  for (const std::string_view scheme : {std::string_view("bearer "), std::string_view("basic ")}) {
    if (!StartsWithWord(text, at, scheme)) continue;
    const size_t begin = at + scheme.size();
    size_t end = EndOf(text, begin, IsTokenChar);
    while (end > begin && text[end - 1] == '.') --end;
    const std::string_view token = text.substr(begin, end - begin);
    if (token.size() < 16 || !LooksRandom(token)) return 0;
    spans.push_back({begin, end, PiiType::kSecret});
    return end;
  }
  return 0;
}

// "password: hunter22", "API_KEY=...", "\"secret\": \"...\"": the value after the sign.
constexpr std::array<std::string_view, 14> kNames = {
    "password", "passwd", "pwd",        "passphrase", "passwort",      "secret",        "token",
    "api_key",  "apikey", "access_key", "secret_key", "client_secret", "private_token", "contraseña"};

size_t TakeAssignment(std::string_view text, size_t at, std::vector<PiiSpan>& spans) {
  const auto known = [&](std::string_view name) { return StartsWithWord(text, at, name); };
  const auto name = std::find_if(kNames.begin(), kNames.end(), known);
  if (name == kNames.end()) return 0;
  size_t sign = at + name->size();
  const auto skip = [&](std::string_view chars, size_t most) {
    for (size_t i = 0; i < most && sign < text.size() && chars.find(text[sign]) != std::string_view::npos; ++i) ++sign;
  };
  skip("\"'` ", 2);
  if (StartsWithWord(text, sign, "is:")) sign += 2;
  if (sign >= text.size() || (text[sign] != '=' && text[sign] != ':')) return 0;
  ++sign;
  skip(" \"'`", 3);
  const size_t end = EndOf(text, sign, [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && std::string_view("\"'`,;<>()").find(c) == std::string_view::npos;
  });
  size_t trimmed = end;
  while (trimmed > sign && std::string_view(".!?").find(text[trimmed - 1]) != std::string_view::npos) --trimmed;
  const std::string_view value = text.substr(sign, trimmed - sign);
  // Words after "password:" are about passwords; a value that is one has a digit or a sign in it.
  const bool plain =
      std::all_of(value.begin(), value.end(), [](char c) { return IsLetter(c) || c == '-' || c == '_'; });
  if (value.size() < 6 || plain || value.starts_with("//")) return 0;
  spans.push_back({sign, trimmed, PiiType::kSecret});
  return trimmed;
}

// "https://user:password@host": what stands before the @.
void TakeUserInfo(std::string_view text, size_t at, std::vector<PiiSpan>& spans) {
  const size_t begin = at + 3;
  const size_t end = EndOf(text, begin, [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && std::string_view("/?#@\"'<>").find(c) == std::string_view::npos;
  });
  if (end < text.size() && text[end] == '@' && text.substr(begin, end - begin).find(':') != std::string_view::npos) {
    spans.push_back({begin, end, PiiType::kSecret});
  }
}

// "-----BEGIN RSA PRIVATE KEY-----" to its END line; an unfinished one to the text's end. Returns where; 0: none.
size_t TakePem(std::string_view text, size_t at, std::vector<PiiSpan>& spans) {
  constexpr std::string_view kMark = "PRIVATE KEY-----";
  const size_t mark = text.substr(at, 64).find(kMark);
  if (mark == std::string_view::npos) return 0;
  const size_t close = text.find(kMark, at + mark + kMark.size());
  const size_t end = close == std::string_view::npos ? text.size() : close + kMark.size();
  spans.push_back({at, end, PiiType::kSecret});
  return end;
}

}  // namespace

void ScanSecrets(std::string_view text, std::vector<PiiSpan>& spans) {
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    const std::string_view here = text.substr(at, 11);
    if (here == "-----BEGIN ") {
      if (const size_t end = TakePem(text, at, spans); end != 0) at = end - 1;
    } else if (here.starts_with("://")) {
      TakeUserInfo(text, at, spans);
    } else if (IsLetter(c) && (at == 0 || !IsAlnum(text[at - 1]))) {
      // A key begins a word: within "a-b-c" there is none, so that nothing is read twice.
      size_t end = at > 0 && IsKeyChar(text[at - 1]) ? 0 : KeyEnd(text, at);
      if (end != 0) spans.push_back({at, end, PiiType::kSecret});
      if (end == 0) end = TakeAuthorization(text, at, spans);
      if (end == 0) end = TakeAssignment(text, at, spans);
      if (end != 0) at = end - 1;
    }
  }
}

}  // namespace bantam
