// Fuzz target of the tokenizer. The first byte of the input says what the rest is: 'J' a tokenizer.json, which must
// load or be refused; a digit a text, encoded with one of the small golden tokenizers. With clang and -DBANTAM_FUZZ=ON,
// from the repository's root:
//
//   build/fuzz/src/text/tokenizer_fuzz -timeout=2 -max_len=65536 src/text/fuzz/corpus
//
// Without, fuzz_replay_test.cc runs it over the corpus and over seeded mutations of it.
#include "text/fuzz/tokenizer_fuzz.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "base/text_util.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

namespace bantam::text {
namespace {

constexpr std::array kTokenizers = {"uncased",        "cased",       "lowered_with_accents", "stripped_unclean",
                                    "only_the_model", "short_words", "added_tokens"};

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
}

}  // namespace

void FuzzTokenizer(std::string_view input) {
  if (input.empty()) return;
  const char kind = input[0];
  input.remove_prefix(1);
  if (kind == 'J') {
    const auto tokenizer = Tokenizer::FromJson(input, "fuzz.json");
    if (!tokenizer) {
      BANTAM_CHECK(tokenizer.error().message.starts_with("fuzz.json"), "{}", tokenizer.error().message);
      return;
    }
    for (const char* text : {"", "the [CLS] Ångström 東京 e\u0301\u0323 refund's aaaaab", "\xFF\xC0"}) {
      CheckEncoding(**tokenizer, text, true);
      CheckEncoding(**tokenizer, text, false);
    }
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
