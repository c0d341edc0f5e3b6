#include <algorithm>

#include "base/text_util.h"
#include "text/byte_alphabet.h"
#include "text/metaspace.h"
#include "text/part_makers.h"
#include "text/unicode.h"

namespace bantam::text {
namespace {

std::string ReplaceAll(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  size_t done = 0;
  while (!from.empty()) {
    const size_t at = text.find(from, done);
    if (at == std::string_view::npos) break;
    out += text.substr(done, at - done);
    out += to;
    done = at + from.size();
  }
  out += text.substr(done);
  return out;
}

// What English word pieces need: no space before punctuation and contractions.
std::string CleanUp(std::string text) {
  static constexpr std::pair<std::string_view, std::string_view> kRules[] = {
      {" .", "."},   {" ?", "?"},           {" !", "!"},   {" ,", ","},     {" ' ", "'"},    {" n't", "n't"},
      {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
  };
  for (const auto& [from, to] : kRules) {
    if (text.find(from) != std::string::npos) text = ReplaceAll(text, from, to);
  }
  return text;
}

class WordPieceDecoder final : public Decoder {
 public:
  WordPieceDecoder(std::string prefix, bool cleanup) : prefix_(std::move(prefix)), cleanup_(cleanup) {}
  void Apply(std::vector<std::string>& tokens) const override {
    for (size_t i = 0; i < tokens.size(); ++i) {
      if (i > 0) tokens[i] = tokens[i].starts_with(prefix_) ? tokens[i].substr(prefix_.size()) : " " + tokens[i];
      if (cleanup_) tokens[i] = CleanUp(std::move(tokens[i]));
    }
  }

 private:
  std::string prefix_;
  bool cleanup_;
};

class ByteLevelDecoder final : public Decoder {
 public:
  void Apply(std::vector<std::string>& tokens) const override {
    std::string bytes, of_token;
    for (const std::string& token : tokens) {
      of_token.clear();
      bool spelled = true;  // in the alphabet; an added token may not be, and is text as it stands
      for (size_t at = 0; at < token.size() && spelled;) {
        const Decoded c = DecodeUtf8(token.data() + at);
        const std::optional<char> byte = ByteAlphabet::ByteOf(c.code_point);
        spelled = byte.has_value();
        if (spelled) of_token += *byte;
        at += c.length;
      }
      bytes += spelled ? of_token : token;
    }
    tokens = {ReplaceInvalidUtf8(bytes)};
  }
};

class ByteFallbackDecoder final : public Decoder {
 public:
  void Apply(std::vector<std::string>& tokens) const override {
    std::vector<std::string> out;
    std::string bytes;
    const auto flush = [&] {
      if (bytes.empty()) return;
      if (FirstInvalidUtf8(bytes)) {
        out.insert(out.end(), bytes.size(), "\uFFFD");
      } else {
        out.push_back(bytes);
      }
      bytes.clear();
    };
    for (std::string& token : tokens) {
      if (const std::optional<char> byte = ByteOf(token)) {
        bytes += *byte;
      } else {
        flush();
        out.push_back(std::move(token));
      }
    }
    flush();
    tokens = std::move(out);
  }

 private:
  // "<0x0A>"
  static std::optional<char> ByteOf(std::string_view token) {
    if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return std::nullopt;
    int value = 0;
    for (const char c : token.substr(3, 2)) {
      const char lower = static_cast<char>(c | 0x20);
      if (c >= '0' && c <= '9') {
        value = value * 16 + (c - '0');
      } else if (lower >= 'a' && lower <= 'f') {
        value = value * 16 + (lower - 'a' + 10);
      } else {
        return std::nullopt;
      }
    }
    return static_cast<char>(value);
  }
};

class FuseDecoder final : public Decoder {
 public:
  void Apply(std::vector<std::string>& tokens) const override {
    std::string all;
    for (const std::string& token : tokens) all += token;
    tokens = {std::move(all)};
  }
};

class StripDecoder final : public Decoder {
 public:
  StripDecoder(std::string content, size_t start, size_t stop)
      : content_(std::move(content)), start_(start), stop_(stop) {}
  void Apply(std::vector<std::string>& tokens) const override {
    for (std::string& token : tokens) {
      std::string_view rest = token;
      for (size_t i = 0; i < start_ && rest.starts_with(content_); ++i) rest.remove_prefix(content_.size());
      for (size_t i = 0; i < stop_ && rest.ends_with(content_); ++i) rest.remove_suffix(content_.size());
      token = std::string(rest);
    }
  }

 private:
  std::string content_;
  size_t start_, stop_;
};

class ReplaceDecoder final : public Decoder {
 public:
  ReplaceDecoder(std::unique_ptr<Pattern> pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}
  void Apply(std::vector<std::string>& tokens) const override {
    for (std::string& token : tokens) {
      std::string out;
      for (size_t done = 0; done < token.size();) {
        const Found match = pattern_->Next(token, done);
        out.append(token, done, match.begin - done);
        if (match.end > match.begin) out += content_;
        done = match.end;
      }
      token = std::move(out);
    }
  }

 private:
  std::unique_ptr<Pattern> pattern_;
  std::string content_;
};

class MetaspaceDecoder final : public Decoder {
 public:
  explicit MetaspaceDecoder(MetaspaceOptions options) : options_(std::move(options)) {}
  void Apply(std::vector<std::string>& tokens) const override {
    for (size_t i = 0; i < tokens.size(); ++i) {
      const bool drops = i == 0 && options_.prepend != MetaspaceOptions::Prepend::kNever;
      tokens[i] = ReplaceAll(tokens[i], options_.replacement, drops ? "" : " ");
    }
  }

 private:
  MetaspaceOptions options_;
};

class BpeDecoder final : public Decoder {
 public:
  explicit BpeDecoder(std::string suffix) : suffix_(std::move(suffix)) {}
  void Apply(std::vector<std::string>& tokens) const override {
    for (size_t i = 0; i < tokens.size(); ++i) {
      tokens[i] = ReplaceAll(tokens[i], suffix_, i + 1 == tokens.size() ? "" : " ");
    }
  }

 private:
  std::string suffix_;
};

class CtcDecoder final : public Decoder {
 public:
  CtcDecoder(std::string pad, std::string delimiter, bool cleanup)
      : pad_(std::move(pad)), delimiter_(std::move(delimiter)), cleanup_(cleanup) {}
  void Apply(std::vector<std::string>& tokens) const override {
    tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
    for (std::string& token : tokens) {
      token = ReplaceAll(token, pad_, "");
      if (cleanup_) token = ReplaceAll(CleanUp(std::move(token)), delimiter_, " ");
    }
    std::erase_if(tokens, [](const std::string& token) { return token.empty(); });
  }

 private:
  std::string pad_, delimiter_;
  bool cleanup_;
};

class DecoderSequence final : public Decoder {
 public:
  explicit DecoderSequence(std::vector<std::unique_ptr<Decoder>> parts) : parts_(std::move(parts)) {}
  void Apply(std::vector<std::string>& tokens) const override {
    for (const auto& part : parts_) part->Apply(tokens);
  }

 private:
  std::vector<std::unique_ptr<Decoder>> parts_;
};

}  // namespace

std::string DecodeTokens(const Decoder* decoder, std::vector<std::string> tokens) {
  if (decoder != nullptr) decoder->Apply(tokens);
  std::string out;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (decoder == nullptr && i > 0) out += ' ';
    out += tokens[i];
  }
  return out;
}

Result<std::unique_ptr<Decoder>> MakeWordPieceDecoder(const JsonPart& config) {
  BANTAM_RETURN_IF_ERROR(config.CheckMembers({"type", "prefix", "cleanup"}));
  BANTAM_TRY(std::string prefix, config.String("prefix"));
  BANTAM_TRY(const bool cleanup, config.Bool("cleanup"));
  return std::make_unique<WordPieceDecoder>(std::move(prefix), cleanup);
}

Result<std::unique_ptr<Decoder>> MakeByteLevelDecoder(const JsonPart& config) {
  BANTAM_RETURN_IF_ERROR(config.CheckMembers({"type", "add_prefix_space", "trim_offsets", "use_regex"}));
  return std::make_unique<ByteLevelDecoder>();
}

Result<std::unique_ptr<Decoder>> MakeByteFallbackDecoder(const JsonPart& config) {
  BANTAM_RETURN_IF_ERROR(config.CheckMembers({"type"}));
  return std::make_unique<ByteFallbackDecoder>();
}

Result<std::unique_ptr<Decoder>> MakeFuseDecoder(const JsonPart& config) {
  BANTAM_RETURN_IF_ERROR(config.CheckMembers({"type"}));
  return std::make_unique<FuseDecoder>();
}

Result<std::unique_ptr<Decoder>> MakeStripDecoder(const JsonPart& config) {
  BANTAM_RETURN_IF_ERROR(config.CheckMembers({"type", "content", "start", "stop"}));
  BANTAM_TRY(std::string content, config.String("content"));
  if (CountCodePoints(content) != 1) {
    return config.Wrong(ErrorCode::kCorrupt, "/content",
                        fmt::format("is {}, expected one character", QuoteForError(content)));
  }
  BANTAM_TRY(const int64_t start, config.Int("start", 0, INT32_MAX));
  BANTAM_TRY(const int64_t stop, config.Int("stop", 0, INT32_MAX));
  return std::make_unique<StripDecoder>(std::move(content), static_cast<size_t>(start), static_cast<size_t>(stop));
}

Result<std::unique_ptr<Decoder>> MakeReplaceDecoder(const JsonPart& config) {
  BANTAM_RETURN_IF_ERROR(config.CheckMembers({"type", "pattern", "content"}));
  BANTAM_TRY(std::unique_ptr<Pattern> pattern, MakePattern(config.Member("pattern")));
  BANTAM_TRY(std::string content, config.String("content"));
  if (content.size() > kMostInsertedBytes) {
    return config.Wrong(ErrorCode::kTooLarge, "/content", fmt::format("has more than {} bytes", kMostInsertedBytes));
  }
  return std::make_unique<ReplaceDecoder>(std::move(pattern), std::move(content));
}

Result<std::unique_ptr<Decoder>> MakeMetaspaceDecoder(const JsonPart& config) {
  BANTAM_TRY(MetaspaceOptions options, ReadMetaspace(config));
  return std::make_unique<MetaspaceDecoder>(std::move(options));
}

Result<std::unique_ptr<Decoder>> MakeBpeDecoder(const JsonPart& config) {
  BANTAM_RETURN_IF_ERROR(config.CheckMembers({"type", "suffix"}));
  BANTAM_TRY(std::string suffix, config.String("suffix"));
  return std::make_unique<BpeDecoder>(std::move(suffix));
}

Result<std::unique_ptr<Decoder>> MakeCtcDecoder(const JsonPart& config) {
  BANTAM_RETURN_IF_ERROR(config.CheckMembers({"type", "pad_token", "word_delimiter_token", "cleanup"}));
  BANTAM_TRY(std::string pad, config.String("pad_token"));
  BANTAM_TRY(std::string delimiter, config.String("word_delimiter_token"));
  BANTAM_TRY(const bool cleanup, config.Bool("cleanup"));
  return std::make_unique<CtcDecoder>(std::move(pad), std::move(delimiter), cleanup);
}

Result<std::unique_ptr<Decoder>> MakeDecoderSequence(const JsonPart& config) {
  BANTAM_RETURN_IF_ERROR(config.CheckMembers({"type", "decoders"}));
  BANTAM_TRY(const std::vector<JsonPart> elements, config.Elements("decoders", kMostParts));
  std::vector<std::unique_ptr<Decoder>> parts;
  for (const JsonPart& element : elements) {
    BANTAM_TRY(std::unique_ptr<Decoder> part, MakeDecoder(element));
    if (part == nullptr) return element.Wrong(ErrorCode::kCorrupt, "", "is null");
    parts.push_back(std::move(part));
  }
  return std::make_unique<DecoderSequence>(std::move(parts));
}

}  // namespace bantam::text
