// Fuzz target of the tokenizer. The first byte of the input says what the rest is: 'J' a tokenizer.json, 'S' a
// SentencePiece model, 'T' ranks of tiktoken, 'V' a vocab.json, a zero byte and merges.txt, 'B' a vocab.txt, each of
// which must load or be refused; 'R' a pattern of the reference, which must become one of RE2's or be refused; any
// other a text, encoded with one of the small golden tokenizers. With clang and -DBANTAM_FUZZ=ON, from the repository's
// root:
//
//   build/fuzz/src/text/tokenizer_fuzz -timeout=2 -max_len=65536 src/text/fuzz/corpus
//
// Without, fuzz_replay_test.cc runs it over the corpus and over seeded mutations of it.
#include "text/fuzz/tokenizer_fuzz.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "base/text_util.h"
#include "text/loaders.h"
#include "text/pattern.h"
#include "text/unicode.h"

namespace bantam::text {
namespace {

constexpr std::array kTokenizers = {"uncased",
                                    "cased",
                                    "lowered_with_accents",
                                    "stripped_unclean",
                                    "only_the_model",
                                    "short_words",
                                    "added_tokens",
                                    "parts/gpt2",
                                    "parts/llama3",
                                    "parts/o200k",
                                    "parts/deepseek_v3",
                                    "parts/deepseek_coder",
                                    "parts/clip",
                                    "parts/llama",
                                    "parts/t5",
                                    "parts/xlmr",
                                    "parts/words",
                                    "parts/bloom",
                                    "parts/words_re2",
                                    "parts/bpe_with_prefix"};

const Tokenizer& Golden(size_t index) {
  static const auto all = [] {
    std::array<std::unique_ptr<Tokenizer>, kTokenizers.size()> loaded;
    for (size_t i = 0; i < loaded.size(); ++i) {
      auto tokenizer = Tokenizer::Load(Path("src/text/golden") / fmt::format("{}.tokenizer.json", kTokenizers[i]));
      BANTAM_CHECK(tokenizer.has_value(), "{}", tokenizer.error().message);
      loaded[i] = *std::move(tokenizer);
    }
    return loaded;
  }();
  return *all[index % all.size()];
}

void CheckEncoding(const Tokenizer& tokenizer, std::string_view text, bool recognize) {
  const EncodeOptions options{.recognize_special_tokens = recognize, .offsets = true};
  const Encoding whole = tokenizer.Encode(text, options);
  const size_t length = CountCodePoints(ReplaceInvalidUtf8(text));
  BANTAM_CHECK(whole.offsets.size() == whole.ids.size() && !whole.truncated());
  for (size_t i = 0; i < whole.ids.size(); ++i) {
    BANTAM_CHECK(whole.ids[i] >= 0 && whole.ids[i] < tokenizer.vocab_size());
    BANTAM_CHECK(whole.offsets[i].begin <= whole.offsets[i].end && whole.offsets[i].end <= length);
  }
  EncodeOptions cut = options;
  cut.max_tokens = 5;
  cut.offsets = false;
  cut.add_special_tokens = false;
  const Encoding few = tokenizer.Encode(text, cut);
  BANTAM_CHECK(few.ids.size() == std::min<size_t>(5, few.num_tokens_before_truncation));
  BANTAM_CHECK(!FirstInvalidUtf8(tokenizer.Decode(whole.ids, {.skip_special_tokens = false})));
}

void CheckLoaded(const Result<std::unique_ptr<Tokenizer>>& tokenizer) {
  if (!tokenizer) {
    BANTAM_CHECK(tokenizer.error().message.starts_with("fuzz."), "{}", tokenizer.error().message);
    return;
  }
  for (const char* text : {"", "the [CLS] Ångström 東京 e\u0301\u0323 refund's aaaaab", "\xFF\xC0"}) {
    CheckEncoding(**tokenizer, text, true);
    CheckEncoding(**tokenizer, text, false);
  }
}

Result<std::unique_ptr<Tokenizer>> LoadFile(char kind, std::string_view input) {
  switch (kind) {
    case 'S':
      return LoadSentencePiece(input, "fuzz.model");
    case 'T':
      return LoadTiktoken(input, "fuzz.tiktoken", "cl100k_base");
    case 'B':
      return LoadVocabTxt(input, "fuzz.txt", {});
    case 'V': {
      const size_t end = std::min(input.find('\0'), input.size());
      return LoadVocabAndMerges(input.substr(0, end), input.substr(std::min(end + 1, input.size())), "fuzz.json",
                                "fuzz.merges");
    }
    default:
      return Tokenizer::FromJson(input, "fuzz.json");
  }
}

}  // namespace

void FuzzTokenizer(std::string_view input) {
  if (input.empty()) return;
  const char kind = input[0];
  input.remove_prefix(1);
  if (std::string_view("JSTBV").find(kind) != std::string_view::npos) return CheckLoaded(LoadFile(kind, input));
  if (kind == 'R') {
    if (!FirstInvalidUtf8(input)) static_cast<void>(TranslateToRe2(input));
    return;
  }
  const Tokenizer& tokenizer = Golden(static_cast<unsigned char>(kind) - '0');
  CheckEncoding(tokenizer, input, true);
  CheckEncoding(tokenizer, input, false);
}

}  // namespace bantam::text

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bantam::text::FuzzTokenizer({reinterpret_cast<const char*>(data), size});
  return 0;
}
