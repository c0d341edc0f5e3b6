// bantam tokenize: lines of text to token ids and offsets, as the reference tokenizer's `encode` gives them.
#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <charconv>
#include <string>
#include <vector>

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
};

// A model in the store, or by path a model's folder or a tokenizer.json itself.
Result<Path> FindTokenizer(const std::string& reference) {
  std::error_code ignored;
  if (reference.find('/') != std::string::npos || reference == "." ||
      std::filesystem::is_regular_file(reference, ignored)) {
    const Path path = reference;
    return std::filesystem::is_directory(path, ignored) ? path / "tokenizer.json" : path;
  }
  BANTAM_TRY(const Path folder, FindModel(reference));
  return folder / "tokenizer.json";
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

// Reads lines from `fd`, writes one line for each to stdout. What has been read is answered before more is read, so
// that a program at the other end of two pipes is not kept waiting.
Status TokenizeLines(const Tokenizer& tokenizer, const Options& options, int fd, const std::string& name) {
  const EncodeOptions encode{.recognize_special_tokens = true, .offsets = options.offsets};
  std::string in, out;
  size_t line = 0;  // where the first unanswered line begins in `in`
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
      AppendEncoding(tokenizer.Encode(std::string_view(in).substr(line, end - line), encode), options.offsets, out);
      if (out.size() < kReadBytes) continue;
      BANTAM_RETURN_IF_ERROR(WriteAll(STDOUT_FILENO, out, "standard output"));
      out.clear();
    }
    if (!more && line < in.size()) {  // the last line may lack its end
      AppendEncoding(tokenizer.Encode(std::string_view(in).substr(line), encode), options.offsets, out);
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
  app.add_option("--model,-m", options->model, "A model in the store, a model's folder, or a tokenizer.json")
      ->required();
  app.add_option("FILE", options->files, "Files of lines; standard input without any");
  app.add_flag("--offsets,!--no-offsets", options->offsets,
               "Print each token's begin and end in code points (default)");
  app.footer(
      "One line out for each line in: {\"ids\": [...], \"offsets\": [[begin, end], ...]}, special tokens added, and\n"
      "recognised where they stand in the text; not truncated.\n\n"
      "Examples:\n"
      "  echo 'Where is my refund?' | bantam tokenize --model all-MiniLM-L6-v2");
  return [options] { return RunTokenize(*options); };
}

}  // namespace bantam::cli
