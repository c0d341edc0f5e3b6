#include "text/loaders.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text_util.h"
#include "files/gguf_model.h"
#include "files/sentence_config.h"
#include "text/general_pipeline.h"
#include "text/gguf_tokenizer.h"

namespace bantam::text {
namespace {

bool IsFile(const Path& path) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(path, ignored);
}

// What is looked for in a folder, in this order.
constexpr const char* kNames[] = {"tokenizer.json", "tokenizer.model", "sentencepiece.bpe.model",
                                  "spiece.model",   "spm.model",       "vocab.json",
                                  "vocab.txt"};

Result<Path> FindInFolder(const Path& folder) {
  for (const char* name : kNames) {
    if (IsFile(folder / name)) return folder / name;
  }
  std::error_code ignored;
  std::vector<Path> ranks;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    if (entry.path().extension() == ".tiktoken") ranks.push_back(entry.path());
  }
  if (ranks.size() == 1) return ranks.front();
  BANTAM_TRY(const std::optional<Path> gguf, FindGgufIn(folder));
  if (gguf) return *gguf;
  return Err(ErrorCode::kNotFound,
             "{}: no tokenizer: expected tokenizer.json, tokenizer.model, vocab.json with merges.txt, vocab.txt, "
             "one *.tiktoken or a GGUF file",
             EscapeForTerminal(folder.string(), 400));
}

// Whether a folder holds a T5, whose .model says neither what its tokenizer puts around a text nor the sentinels.
bool IsOfT5(const Path& folder) {
  const Path path = folder / "config.json";
  if (!IsFile(path)) return false;
  const auto document = ReadJsonFile(path);
  if (!document) return false;  // whoever reads the config will say what is wrong with it
  const json::object* config = document->if_object();
  const json::value* type = config == nullptr ? nullptr : config->if_contains("model_type");
  return type != nullptr && (*type == "t5" || *type == "mt5");
}

// How many sentinels stand behind the pieces of a T5.
Result<int64_t> NumSentinels(const Path& folder) {
  constexpr int64_t kUsual = 100, kMost = 10'000;
  const Path path = folder / "tokenizer_config.json";
  if (!IsFile(path)) return kUsual;
  BANTAM_TRY(const json::value document, ReadJsonFile(path));
  BANTAM_TRY(const JsonObject config, JsonObject::From(document, EscapeForTerminal(path.string(), 400)));
  return config.IntOr("extra_ids", kUsual, 0, kMost);
}

Result<std::unique_ptr<Tokenizer>> LoadT5Pieces(std::string_view bytes, std::string_view name, const Path& folder) {
  BANTAM_TRY(const int64_t count, NumSentinels(folder));
  std::vector<std::string> sentinels;  // the last one comes first
  for (int64_t i = count; i-- > 0;) sentinels.push_back(fmt::format("<extra_id_{}>", i));
  BANTAM_TRY(SentencePieceModel model, ReadSentencePieceModel(bytes, name, sentinels));
  SentencePieceFrame frame{.before = {}, .after = {model.vocabulary.IdOf("</s>")}, .finds_tokens = true};
  if (frame.after.front() < 0) {
    return Err(ErrorCode::kCorrupt, "{}: has no piece \"</s>\", which ends the texts of a T5", name);
  }
  return MakeSentencePieceTokenizer(std::move(model), std::move(frame));
}

// merges.txt beside vocab.json; "x-merges.txt" or "x.merges.txt" beside "x-vocab.json", "x.vocab".
Path MergesBeside(const Path& vocab) {
  std::string name = vocab.filename().string();
  const size_t at = name.rfind("vocab");
  if (at == std::string::npos) return vocab.parent_path() / "merges.txt";
  name = name.substr(0, at) + "merges.txt";
  return vocab.parent_path() / name;
}

// Lines of base64, a space and a number.
bool LooksLikeRanks(std::string_view text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  const size_t space = line.find(' ');
  return space != std::string_view::npos && space > 0 && space < 1'000 && line.size() > space + 1 &&
         line.find_first_not_of("0123456789\r", space + 1) == std::string_view::npos &&
         line.find_first_of("\"{}[]") == std::string_view::npos;
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> LoadTokenizer(const Path& given) {
  Path path = given;
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    BANTAM_TRY(path, FindInFolder(path));
  }
  // Not read into memory: its tensors lie in the same file.
  if (path.extension() == ".gguf" || LooksLikeGguf(path)) return LoadGgufTokenizer(path);
  const std::string name = EscapeForTerminal(path.string(), 400);
  BANTAM_TRY(const std::string content, ReadFile(path, kMaxTokenizerFileBytes));
  const std::string file_name = path.filename().string();
  const std::string extension = path.extension().string();
  if (extension == ".tiktoken") return LoadTiktoken(content, name, path.stem().string());
  if (extension == ".model") {
    // Llama 3 calls its ranks tokenizer.model too.
    if (LooksLikeRanks(content)) return LoadTiktoken(content, name, path.stem().string());
    const Path folder = path.parent_path();
    return IsOfT5(folder) ? LoadT5Pieces(content, name, folder) : LoadSentencePiece(content, name);
  }
  if (extension == ".txt") return LoadVocabTxt(content, name, path.parent_path());
  if (const Path merges = MergesBeside(path); file_name.find("vocab") != std::string::npos) {
    if (!IsFile(merges)) {
      return Err(ErrorCode::kNotFound, "{}: its merges are not beside it: expected {}", name,
                 EscapeForTerminal(merges.string(), 400));
    }
    BANTAM_TRY(const std::string merges_text, ReadFile(merges, kMaxTokenizerFileBytes));
    return LoadVocabAndMerges(content, merges_text, name, EscapeForTerminal(merges.string(), 400));
  }
  return Tokenizer::FromJson(content, name);
}

}  // namespace bantam::text
