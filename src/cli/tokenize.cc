// bantam tokenize: lines of text to token ids and offsets, as the reference tokenizer's `encode` gives them, and back.
#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <charconv>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/text_util.h"
#include "cli/commands.h"
#include "files/model_store.h"
#include "text/tokenizer.h"

namespace bantam::cli {
namespace {

constexpr size_t kReadBytes = size_t{1} << 20;
constexpr size_t kMaxLineBytes = size_t{256} << 20;

struct Options {
  std::string model;
  std::vector<std::string> files;
  bool offsets = true;
  bool decode = false;
};

// A model in the store, or by path a model's folder or a tokenizer's file itself.
Result<Path> FindTokenizer(const std::string& reference) {
  std::error_code ignored;
  if (reference.find('/') != std::string::npos || reference == "." ||
      std::filesystem::is_regular_file(reference, ignored)) {
    return Path(reference);
  }
  return FindModel(reference);
}

void AppendNumber(uint32_t number, std::string& out) {
  char digits[10];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.append(digits, end);
}

void AppendEncoding(const Encoding& encoding, bool offsets, std::string& out) {
  out += "{\"ids\": [";
  for (size_t i = 0; i < encoding.ids.size(); ++i) {
    if (i > 0) out += ", ";
    AppendNumber(static_cast<uint32_t>(encoding.ids[i]), out);
  }
  if (offsets) {
    out += "], \"offsets\": [";
    for (size_t i = 0; i < encoding.offsets.size(); ++i) {
      out += i > 0 ? ", [" : "[";
      AppendNumber(encoding.offsets[i].begin, out);
      out += ", ";
      AppendNumber(encoding.offsets[i].end, out);
      out += ']';
    }
  }
  out += "]}\n";
}

// One line of ids, as this command writes them or alone: {"ids": [101, 102], ...} or [101, 102]. Appends their text as
// a JSON string.
Status AppendDecoded(const Tokenizer& tokenizer, std::string_view line, const std::string& place, std::string& out) {
  BANTAM_TRY(const json::value document, ParseJson(line, place));
  const json::value* list = &document;
  if (const json::object* object = document.if_object()) list = object->if_contains("ids");
  const json::array* ids = list == nullptr ? nullptr : list->if_array();
  if (ids == nullptr) return Err(ErrorCode::kCorrupt, "{}: expected [ids] or {{\"ids\": [ids]}}", place);
  std::vector<int32_t> numbers;
  numbers.reserve(ids->size());
  for (const json::value& id : *ids) {
    if (!id.is_int64() || id.get_int64() < 0 || id.get_int64() >= tokenizer.vocab_size()) {
      return Err(ErrorCode::kCorrupt, "{}: {} is no id: expected an integer from 0 to {}", place,
                 EscapeForTerminal(ToJson(id)), tokenizer.vocab_size() - 1);
    }
    numbers.push_back(static_cast<int32_t>(id.get_int64()));
  }
  out += QuoteJson(tokenizer.Decode(numbers, {.skip_special_tokens = false}));
  out += '\n';
  return Ok();
}

// Appends what is printed for one line.
Status AppendAnswer(const Tokenizer& tokenizer, const Options& options, std::string_view line, const std::string& name,
                    size_t number, std::string& out) {
  if (options.decode) {
    return AppendDecoded(tokenizer, line, fmt::format("{}:{}", EscapeForTerminal(name, 400), number), out);
  }
  const EncodeOptions encode{.recognize_special_tokens = true, .offsets = options.offsets};
  AppendEncoding(tokenizer.Encode(line, encode), options.offsets, out);
  return Ok();
}

// Reads lines from `fd`, writes one line for each to stdout. What has been read is answered before more is read, so
// that a program at the other end of two pipes is not kept waiting.
Status TokenizeLines(const Tokenizer& tokenizer, const Options& options, int fd, const std::string& name) {
  std::string in, out;
  size_t line = 0;    // where the first unanswered line begins in `in`
  size_t number = 0;  // of the last answered line
  bool more = true;
  while (more) {
    in.erase(0, line);
    line = 0;
    if (in.size() > kMaxLineBytes) {
      return Err(ErrorCode::kTooLarge, "{}: a line of more than {}", EscapeForTerminal(name, 400),
                 HumanBytes(kMaxLineBytes));
    }
    const size_t had = in.size();
    in.resize(had + std::max(kReadBytes, had));
    const ssize_t got = ::read(fd, in.data() + had, in.size() - had);
    if (got < 0 && errno != EINTR) return ErrnoError("read", name, errno);
    in.resize(had + static_cast<size_t>(std::max<ssize_t>(got, 0)));
    more = got != 0;
    size_t searched = had;
    for (size_t end; (end = in.find('\n', searched)) != std::string::npos; searched = line = end + 1) {
      const std::string_view text = std::string_view(in).substr(line, end - line);
      BANTAM_RETURN_IF_ERROR(AppendAnswer(tokenizer, options, text, name, ++number, out));
      if (out.size() < kReadBytes) continue;
      BANTAM_RETURN_IF_ERROR(WriteAll(STDOUT_FILENO, out, "standard output"));
      out.clear();
    }
    if (!more && line < in.size()) {  // the last line may lack its end
      const std::string_view text = std::string_view(in).substr(line);
      BANTAM_RETURN_IF_ERROR(AppendAnswer(tokenizer, options, text, name, ++number, out));
    }
    BANTAM_RETURN_IF_ERROR(WriteAll(STDOUT_FILENO, out, "standard output"));
    out.clear();
  }
  return Ok();
}

Status RunTokenize(const Options& options) {
  BANTAM_TRY(const Path path, FindTokenizer(options.model));
  BANTAM_TRY(const std::unique_ptr<Tokenizer> tokenizer, Tokenizer::Load(path));
  if (options.files.empty()) return TokenizeLines(*tokenizer, options, STDIN_FILENO, "standard input");
  for (const std::string& file : options.files) {
    UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.valid()) return ErrnoError("open", file, errno);
    BANTAM_RETURN_IF_ERROR(TokenizeLines(*tokenizer, options, fd.get(), file));
  }
  return Ok();
}

}  // namespace

Run SetUpTokenize(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("--model,-m", options->model,
                 "A model in the store, or by path a model's folder or a tokenizer's file")
      ->type_name("MODEL|DIR|FILE")
      ->required();
  app.add_option("FILE", options->files, "Files of lines; standard input without any");
  app.add_flag("--offsets,!--no-offsets", options->offsets,
               "Print each token's begin and end in code points (default)");
  app.add_flag("--decode", options->decode, "The way back: lines of ids, as this command prints them, to text");
  app.footer(
      "One line out for each line in: {\"ids\": [...], \"offsets\": [[begin, end], ...]}, special tokens added, and\n"
      "recognised where they stand in the text; not truncated. With --decode a JSON string for each line of ids.\n\n"
      "Reads tokenizer.json, vocab.txt, vocab.json with merges.txt, SentencePiece's *.model, tiktoken's *.tiktoken "
      "and\n"
      "the vocabularies inside *.gguf.\n\n"
      "Examples:\n"
      "  echo 'Where is my refund?' | bantam tokenize --model all-MiniLM-L6-v2\n"
      "  echo 'Where is my refund?' | bantam tokenize --model ./spiece.model | bantam tokenize --decode --model "
      "./spiece.model");
  return [options] { return RunTokenize(*options); };
}

}  // namespace bantam::cli
