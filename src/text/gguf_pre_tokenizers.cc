// The names of "tokenizer.ggml.pre". Each stands for a list of patterns, of which many models share one; a new name is
// a word in a row, or a row. A text is cut by the first pattern, what that leaves by the second, and so on. Patterns
// with look-ahead are known to scanners.cc by their exact text; the others run in RE2.
#include <fmt/format.h>

#include <algorithm>

#include "base/text_util.h"
#include "text/gguf_tokenizer.h"

namespace bantam::text {
namespace {

using Pattern = std::string_view;

// clang-format off
constexpr Pattern kGpt2Words = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr Pattern kCl100kWords = R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr Pattern kDigit = R"(\p{N})", kThreeNumbers = R"(\p{N}{1,3})", kNumbers = R"(\p{N}+)", kThreeDigits = R"([0-9][0-9][0-9])";
constexpr Pattern kBloomWords = R"( ?[^(\s|.,!?…。，、।۔،)]+)";
constexpr Pattern kDeepSeekLines = R"([\r\n])", kDeepSeekIdeographs = R"([一-龥ࠀ-一가-퟿]+)";

constexpr Pattern kGpt2[] = {kGpt2Words};
constexpr Pattern kDigitsGpt2[] = {kDigit, kGpt2Words};
constexpr Pattern kLlama3[] = {kCl100kWords};
constexpr Pattern kMiniCpm5[] = {kThreeNumbers, kCl100kWords};
constexpr Pattern kQwen2[] = {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"};
constexpr Pattern kQwen35[] = {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"};
constexpr Pattern kO200k[] = {R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)"};
constexpr Pattern kTekken[] = {R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)"};
constexpr Pattern kFalcon[] = {kGpt2Words, kThreeDigits};
constexpr Pattern kDeepSeekLlm[] = {
    kDeepSeekLines,
    R"(\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+)",
    R"(\s?[!-/:-~！-／：-～‘-‟　-。]+)", R"(\s+$)", kDeepSeekIdeographs, kNumbers};
constexpr Pattern kDeepSeekCoder[] = {kDeepSeekLines, R"(\s?\p{L}+)", R"(\s?\p{P}+)", kDeepSeekIdeographs, kDigit};
constexpr Pattern kDeepSeekV3[] = {kThreeNumbers, R"([一-龥぀-ゟ゠-ヿ]+)", R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"};
constexpr Pattern kBloom[] = {kBloomWords};
constexpr Pattern kViking[] = {kBloomWords, kDigit};
// Of files without a name, from before there were names.
constexpr Pattern kDefault[] = {R"([\p{P}$+<=>^~|]+)", kGpt2Words, kNumbers, kThreeDigits};

struct Row {
  std::string_view names;  // with a space around each
  GgufPreTokenizer made;
};
constexpr Row kRows[] = {
    {" default ", {.patterns = kDefault}},
    {" gpt-2 phi-2 jais trillion granite-docling exaone4 gigachat mellum a.x-4.0 roberta-bpe jina-es jina-de "
     "jina-v1-en jina-v2-es jina-v2-de jina-v2-code ", {.patterns = kGpt2}},
    {" mpt olmo modern-bert ", {.patterns = kGpt2, .composes = true}},
    {" starcoder refact command-r smollm codeshell exaone minerva-7b mellum2 ", {.patterns = kDigitsGpt2}},
    {" llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano ", {.patterns = kLlama3, .ignore_merges = true, .add_bos = true}},
    {" dbrx smaug-bpe glm4 chatglm-bpe ", {.patterns = kLlama3}},
    {" minicpm5 ", {.patterns = kMiniCpm5, .ignore_merges = true}},
    {" qwen2 deepseek-r1-qwen megrez ", {.patterns = kQwen2, .composes = true}},
    {" stablelm2 kormo f2llmv2 hunyuan solar-open grok-2 ", {.patterns = kQwen2}},
    {" qwen35 ", {.patterns = kQwen35, .composes = true}},
    {" gpt-4o llama4 kanana2 talkie minimax-m2 ", {.patterns = kO200k}},
    {" tekken ", {.patterns = kTekken, .ignore_merges = true, .add_bos = true}},
    {" falcon ", {.patterns = kFalcon, .punctuation_first = true}},
    {" deepseek-llm ", {.patterns = kDeepSeekLlm}},
    {" deepseek-coder ", {.patterns = kDeepSeekCoder}},
    {" deepseek-v3 hunyuan-dense joyai-llm hy_v4 ", {.patterns = kDeepSeekV3}},
    {" bloom poro-chat gpt3-finnish ", {.patterns = kBloom}},
    {" viking ", {.patterns = kViking}},
};
// clang-format on

}  // namespace

Result<GgufPreTokenizer> FindGgufPreTokenizer(std::string_view name, std::string_view place) {
  if (name.find(' ') == std::string_view::npos) {
    const std::string word = fmt::format(" {} ", name);
    for (const Row& row : kRows) {
      if (row.names.find(word) != std::string_view::npos) return row.made;
    }
  }
  std::string known;
  for (const Row& row : kRows) known += row.names.substr(1);
  known.pop_back();
  return Err(ErrorCode::kUnsupported, "{}.pre' is \"{}\", which this version cannot do; it knows: {}", place,
             EscapeForTerminal(name), known);
}

std::string_view GgufPreTokenizerName(std::span<const std::string> patterns, bool ignore_merges, bool composes) {
  for (const Row& row : kRows) {
    if (row.made.punctuation_first || row.made.ignore_merges != ignore_merges || row.made.composes != composes)
      continue;
    if (!std::ranges::equal(row.made.patterns, patterns)) continue;
    const std::string_view names = row.names.substr(1);
    return names.substr(0, names.find(' '));
  }
  return "";
}

}  // namespace bantam::text
