// Replace: every match of a pattern becomes a string. And Sequence: one normalizer after the other.
#include "text/part_makers.h"
#include "text/pattern.h"
#include "text/text_writer.h"

namespace bantam::text {
namespace {

class Replace final : public Normalizer {
 public:
  Replace(std::unique_ptr<Pattern> pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}
  void Apply(const TextView& in, bool with_source, NormalizedText& out, uint64_t& steps) const override {
    const Sources sources(in, with_source);
    TextWriter writer(out, with_source, in.bytes.size());
    size_t done = 0;
    while (done < in.bytes.size()) {
      const Found match = pattern_->Next(in.bytes, done);
      writer.Copy(in.bytes.substr(done, match.begin - done), sources, done);
      // What is new belongs to the last character of what it replaces.
      if (match.end > match.begin) writer.Put(content_, sources[match.end - 1]);
      done = match.end;
    }
    writer.Finish();
    steps += in.bytes.size();
  }

 private:
  std::unique_ptr<Pattern> pattern_;
  std::string content_;
};

class NormalizerSequence final : public Normalizer {
 public:
  explicit NormalizerSequence(std::vector<std::unique_ptr<Normalizer>> parts) : parts_(std::move(parts)) {}
  void Apply(const TextView& in, bool with_source, NormalizedText& out, uint64_t& steps) const override {
    TextView view = in;
    NormalizedText between[2];
    if (parts_.empty()) {
      const Sources sources(in, with_source);
      TextWriter writer(out, with_source, in.bytes.size());
      writer.Copy(in.bytes, sources, 0);
      return writer.Finish();
    }
    for (size_t i = 0; i < parts_.size(); ++i) {
      NormalizedText& target = i + 1 == parts_.size() ? out : between[i % 2];
      parts_[i]->Apply(view, with_source, target, steps);
      view = ViewOf(target);
    }
  }

 private:
  std::vector<std::unique_ptr<Normalizer>> parts_;
};

}  // namespace

Result<std::unique_ptr<Normalizer>> MakeReplace(const JsonPart& config) {
  BANTAM_RETURN_IF_ERROR(config.CheckMembers({"type", "pattern", "content"}));
  BANTAM_TRY(std::unique_ptr<Pattern> pattern, MakePattern(config.Member("pattern")));
  BANTAM_TRY(std::string content, config.String("content"));
  if (content.size() > kMostInsertedBytes) {
    return config.Wrong(ErrorCode::kTooLarge, "/content", fmt::format("has more than {} bytes", kMostInsertedBytes));
  }
  return std::make_unique<Replace>(std::move(pattern), std::move(content));
}

Result<std::unique_ptr<Normalizer>> MakeNormalizerSequence(const JsonPart& config) {
  BANTAM_RETURN_IF_ERROR(config.CheckMembers({"type", "normalizers"}));
  BANTAM_TRY(const std::vector<JsonPart> elements, config.Elements("normalizers", kMostParts));
  std::vector<std::unique_ptr<Normalizer>> parts;
  for (const JsonPart& element : elements) {
    BANTAM_TRY(std::unique_ptr<Normalizer> part, MakeNormalizer(element));
    if (part == nullptr) return element.Wrong(ErrorCode::kCorrupt, "", "is null");
    parts.push_back(std::move(part));
  }
  return std::make_unique<NormalizerSequence>(std::move(parts));
}

}  // namespace bantam::text
