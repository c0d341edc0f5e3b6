#include "learn/decoder_quantizer.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "base/clock.h"
#include "base/text_util.h"
#include "files/gguf.h"
#include "files/gguf_export.h"
#include "files/gguf_names.h"
#include "files/gguf_writer.h"
#include "learn/decoder_speed.h"
#include "learn/format_choice.h"
#include "learn/input_energy.h"
#include "learn/quant_data.h"
#include "tensor/block_quantizer.h"
#include "text/gguf_vocab_writer.h"
#include "text/tokenizer.h"

namespace bantam {
namespace {

constexpr DType kTypes[] = {DType::kQ4_0, DType::kQ4_1, DType::kQ4_K, DType::kQ5_0,
                            DType::kQ5_1, DType::kQ5_K, DType::kQ6_K, DType::kQ8_0};
constexpr int kContext = 256;
constexpr double kTooFar = 1.5;
constexpr size_t kCalibrationTokens = 4096, kScoredTokens = 4096;

// llama.cpp's numbers for what most of a file's tensors are.
uint32_t FileType(DType type) {
  switch (type) {
    case DType::kQ4_0:
      return 2;
    case DType::kQ4_1:
      return 3;
    case DType::kQ8_0:
      return 7;
    case DType::kQ5_0:
      return 8;
    case DType::kQ5_1:
      return 9;
    case DType::kQ4_K:
      return 15;
    case DType::kQ5_K:
      return 17;
    case DType::kQ6_K:
      return 18;
    default:
      return 0;
  }
}

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return lower;
}

// Half of the text to choose by, the other to measure on.
struct Texts {
  std::vector<int32_t> calibration, scored;
};

Result<Texts> ReadTexts(const Tokenizer& tokenizer, const DecoderQuantOptions& options, int context) {
  std::string text = options.text;
  if (text.empty()) {
    for (const std::string& sentence : SampleSentences().texts) text += sentence + "\n";
  }
  const std::vector<int32_t> ids = tokenizer.Encode(text, {.add_special_tokens = false}).ids;
  const auto window = static_cast<size_t>(context);
  if (ids.size() < 2 * window) {
    return Err(ErrorCode::kInvalidArgument, "{}: {} tokens of text; needs {}, half to choose by and half to measure on",
               options.text_name.empty() ? "--data" : options.text_name, ids.size(), 2 * window);
  }
  const size_t half = ids.size() / 2;
  Texts texts;
  texts.calibration.assign(ids.begin(), ids.begin() + static_cast<ptrdiff_t>(std::min(half, kCalibrationTokens)));
  texts.scored.assign(ids.begin() + static_cast<ptrdiff_t>(half),
                      ids.begin() + static_cast<ptrdiff_t>(std::min(ids.size(), half + kScoredTokens)));
  return texts;
}

constexpr std::string_view kScratch = ".scratch";

Path ScratchPath(const Path& out) { return Path(fmt::format("{}.{}{}", out.string(), ::getpid(), kScratch)); }

// What a killed process left beside `out` goes; that of one which still runs stays.
void RemoveLeftScratch(const Path& out) {
  const std::string begin = out.filename().string() + ".";
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(out.has_parent_path() ? out.parent_path() : ".", none)) {
    const std::string name = entry.path().filename().string();
    const size_t at = name.find(kScratch, begin.size());
    pid_t process = 0;
    if (!name.starts_with(begin) || at == std::string::npos) continue;
    const char* const end = name.data() + at;
    if (std::from_chars(name.data() + begin.size(), end, process).ptr != end || process <= 0) continue;
    if (::kill(process, 0) != 0 && errno == ESRCH) std::filesystem::remove(entry.path(), none);
  }
}

// A file that goes when this does.
class ScratchFile {
 public:
  explicit ScratchFile(Path path) : path_(std::move(path)) {}
  ~ScratchFile() { ::unlink(path_.c_str()); }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;
  const Path& path() const { return path_; }

 private:
  Path path_;
};

class Quantizer {
 public:
  Quantizer(ModelFolder& model, const DecoderQuantOptions& options)
      : model_(model), options_(options), pool_(options.num_threads) {}

  Result<DecoderQuantReport> Run(const Path& out) {
    const MonotonicTime start = MonotonicNow();
    BANTAM_TRY(const auto tokenizer, Tokenizer::Load(model_.tokenizer_json));
    std::unique_ptr<Decoder> original;
    BANTAM_TRY(original, LoadDecoder(model_, {.weight_type = TypeOfOriginal(*model_.weights)}));
    const int context = std::min(kContext, original->max_positions());
    BANTAM_TRY(const Texts texts, ReadTexts(*tokenizer, options_, context));
    BANTAM_RETURN_IF_ERROR(ReadOriginal());
    BANTAM_RETURN_IF_ERROR(MeasureLadders(texts, context));
    RemoveLeftScratch(out);
    const ScratchFile scratch(ScratchPath(out));
    std::unique_ptr<Decoder> smaller;
    ModelFolder copy;
    // More and more for better formats, until the perplexity rises by no more than it may.
    for (double extra = options_.extra;; extra = std::max(2 * extra, 0.1)) {
      const bool all = Assign(extra);
      BANTAM_RETURN_IF_ERROR(WriteMatrices(scratch.path()));
      BANTAM_TRY(copy, OpenModelFolder(scratch.path()));
      BANTAM_RETURN_IF_ERROR(CheckTokenizer(*tokenizer, scratch.path(), texts));
      BANTAM_TRY(smaller, LoadDecoder(copy, {.weight_type = WeightType::kBlocks}));
      PerplexityOptions measure{.context = context};
      measure.progress = [&](double fraction) { Tell("measuring", fraction); };
      BANTAM_TRY(report_.divergence, MeasureDivergence(*original, *smaller, pool_, texts.scored, measure));
      ++report_.trials;
      if (!options_.max_rise || report_.rise() <= *options_.max_rise) break;
      if (all) {
        return Err(
            ErrorCode::kUnsupported,
            "{}: with every matrix in the best format there is the perplexity still rises by {:.2f} %, more than "
            "{:g} %: nothing was written",
            EscapeForTerminal(model_.name), report_.rise(), *options_.max_rise);
      }
    }
    report_.max_rise = options_.max_rise;
    BANTAM_TRY(const auto speeds, MeasureSpeeds({original.get(), smaller.get()}, pool_,
                                                [&](double fraction) { Tell("timing", fraction); }));
    report_.speed_before = speeds[0];
    report_.speed_after = speeds[1];
    report_.isa = smaller->isa();
    report_.threads = options_.num_threads;
    // No rounding to four bits or more does that: then names, order or positions were mistaken on the way.
    if (model_.gguf == nullptr && report_.divergence.kl_mean > kTooFar) {
      return Err(
          ErrorCode::kUnsupported,
          "{}: as a GGUF file it predicts something else ({:.2f} nats a token apart): nothing was written; convert "
          "the folder with llama.cpp's script first",
          EscapeForTerminal(model_.name), report_.divergence.kl_mean);
    }
    report_.model = model_.name;
    BANTAM_TRY(report_.weights_sha256, model_.identity.Sha256());
    report_.type = options_.type;
    report_.text = options_.text_name;
    report_.num_parameters = original->num_parameters();
    report_.seconds = MillisecondsSince(start) / 1e3;
    BANTAM_RETURN_IF_ERROR(WriteWithReport(*copy.gguf, out));
    return std::move(report_);
  }

 private:
  // A tensor of the original as a GGUF file has it, and what becomes of it.
  struct Tensor {
    std::string name;
    std::string original;  // in the model that was opened
    TensorView view;
    std::shared_ptr<const std::vector<std::byte>> owned = {};
    DType dtype = DType::kF32;
    std::span<const float> importance = {};
  };

  // Keys and tensors, of a GGUF file or of a folder.
  Status ReadOriginal() {
    if (model_.gguf == nullptr) {
      BANTAM_TRY(std::vector<ExportedTensor> exported, ExportToGguf(model_, keys_));
      const json::value* words = model_.config.get_object().if_contains("vocab_size");
      BANTAM_RETURN_IF_ERROR(text::PutGgufVocab(model_.path, words->to_number<int64_t>(), keys_));
      for (ExportedTensor& tensor : exported) {
        tensors_.push_back({tensor.name, tensor.original, tensor.view, std::move(tensor.owned)});
      }
    } else {
      keys_.CopyKeys(model_.gguf->metadata());
      BANTAM_TRY(const std::string_view name, model_.gguf->metadata().String("general.architecture"));
      const GgufArchitecture* architecture = FindGgufArchitecture(name, false);
      for (const GgufTensor& tensor : model_.gguf->tensors()) {
        tensors_.push_back({tensor.name, OriginalName(*architecture, tensor.name).value_or(""), tensor.view});
      }
    }
    keys_.U32("general.file_type", FileType(options_.type));
    keys_.U32("general.quantization_version", 2);
    for (Tensor& tensor : tensors_) {
      tensor.dtype = tensor.view.dtype;
      report_.bytes_before += tensor.view.bytes.size();
    }
    return Ok();
  }

  void Tell(std::string_view stage, double fraction) const {
    if (options_.progress) options_.progress(stage, fraction);
  }

  Status MeasureLadders(const Texts& texts, int context) {
    BANTAM_TRY(energy_, InputEnergy::Record(model_, texts.calibration, context, pool_,
                                            [&](double fraction) { Tell("reading the text", fraction); }));
    const bool tied = std::ranges::none_of(tensors_, [](const Tensor& t) { return t.name == "output.weight"; });
    for (size_t i = 0; i < tensors_.size(); ++i) {
      Tensor& tensor = tensors_[i];
      Tell("choosing formats", static_cast<double>(i) / static_cast<double>(tensors_.size()));
      constexpr std::string_view kEnd = ".weight";
      if (tensor.view.shape.size() != 2 || !IsReal(tensor.view.dtype) || !tensor.original.ends_with(kEnd)) continue;
      const std::string unit = tensor.original.substr(0, tensor.original.size() - kEnd.size());
      if (!energy_.Has(unit)) continue;
      tensor.importance = energy_.Of(unit);
      // Every token's probability hangs on the head: six bits at least.
      const bool head = tensor.name == (tied ? "token_embd.weight" : "output.weight");
      DType least = options_.type;
      if (head && BlockOf(least).bytes * 256 / BlockOf(least).elements < BlockOf(DType::kQ6_K).bytes) {
        least = DType::kQ6_K;
      }
      const std::vector<DType> formats = FormatsFrom(least, static_cast<size_t>(tensor.view.shape[1]));
      if (formats.empty()) continue;  // an odd width, kept as it is
      ladders_.push_back(MeasureFormats(tensor.name, tensor.view, tensor.importance, formats));
      of_ladder_.push_back(i);
    }
    return Ok();
  }

  // Formats for so much more than --type takes. True: there are no better ones.
  bool Assign(double extra) {
    uint64_t bytes = 0;
    for (FormatLadder& ladder : ladders_) {
      ladder.chosen = 0;
      bytes += ladder.steps.front().bytes;
    }
    ChooseFormats(ladders_, static_cast<uint64_t>(extra * static_cast<double>(bytes)));
    report_.matrices.clear();
    bool all = true;
    for (size_t i = 0; i < ladders_.size(); ++i) {
      const FormatLadder& ladder = ladders_[i];
      Tensor& tensor = tensors_[of_ladder_[i]];
      const FormatCandidate& chosen = ladder.steps[ladder.chosen];
      tensor.dtype = chosen.dtype;
      report_.matrices.push_back({tensor.name, tensor.view.dtype, chosen.dtype,
                                  static_cast<uint64_t>(NumElements(tensor.view.shape)), chosen.loss});
      report_.rounded_before |= BlockOf(tensor.view.dtype).elements > 1;
      // A step that loses more is none that could still be taken.
      for (size_t step = ladder.chosen + 1; step < ladder.steps.size(); ++step) {
        all &= ladder.steps[step].loss >= chosen.loss;
      }
    }
    return all;
  }

  Status WriteMatrices(const Path& path) {
    GgufWriter gguf = keys_;
    for (const Tensor& tensor : tensors_) gguf.Tensor(tensor.name, tensor.dtype, tensor.view.shape);
    report_.bytes_after = gguf.tensor_bytes();
    uint64_t done = 0;
    return gguf.Write(path, [&](size_t index, std::span<std::byte> out) -> Status {
      const Tensor& tensor = tensors_[index];
      if (tensor.dtype == tensor.view.dtype) {
        std::memcpy(out.data(), tensor.view.bytes.data(), out.size());
      } else {
        Quantize(tensor, out);
      }
      done += tensor.view.bytes.size();
      Tell("quantizing", static_cast<double>(done) / static_cast<double>(report_.bytes_before));
      return Ok();
    });
  }

  void Quantize(const Tensor& tensor, std::span<std::byte> out) {
    const TensorView& from = tensor.view;
    const auto rows = static_cast<size_t>(from.shape[0]), columns = static_cast<size_t>(from.shape[1]);
    const size_t from_bytes = RowBytes(from.dtype, columns), to_bytes = RowBytes(tensor.dtype, columns);
    constexpr size_t kRows = 16;
    pool_.Run(static_cast<int>((rows + kRows - 1) / kRows), [&](int task, int) {
      const size_t first = static_cast<size_t>(task) * kRows, count = std::min(kRows, rows - first);
      std::vector<float> values(count * columns);
      CopyToF32({from.dtype,
                 {static_cast<int64_t>(count), static_cast<int64_t>(columns)},
                 from.bytes.subspan(first * from_bytes, count * from_bytes)},
                values);
      QuantizeToBlocks(tensor.dtype, values, tensor.importance, out.subspan(first * to_bytes, count * to_bytes));
    });
  }

  // What a folder's tokenizer gives, the file's must too.
  Status CheckTokenizer(const Tokenizer& original, const Path& path, const Texts& texts) const {
    if (model_.gguf != nullptr) return Ok();
    BANTAM_TRY(const auto copy, Tokenizer::Load(path));
    std::vector<std::string> samples = SampleSentences().texts;
    samples.push_back(original.Decode(texts.calibration, {}));
    for (const std::string& text : samples) {
      if (original.Encode(text, {}).ids == copy->Encode(text, {}).ids) continue;
      return Err(ErrorCode::kUnsupported,
                 "{}: its tokenizer cannot be said in a GGUF file (\"{}\" comes out differently): nothing was written; "
                 "convert the folder with llama.cpp's script first",
                 EscapeForTerminal(model_.name), EscapeForTerminal(text.substr(0, 60)));
    }
    return Ok();
  }

  Status WriteWithReport(const GgufFile& copy, const Path& out) {
    GgufWriter gguf;
    gguf.CopyKeys(copy.metadata());
    gguf.String("bantam.quantization", ToJson(ToJsonObject(report_)));
    for (const GgufTensor& tensor : copy.tensors()) gguf.Tensor(tensor.name, tensor.view.dtype, tensor.view.shape);
    return gguf.Write(out, [&](size_t index, std::span<std::byte> bytes) -> Status {
      std::memcpy(bytes.data(), copy.tensors()[index].view.bytes.data(), bytes.size());
      return Ok();
    });
  }

  ModelFolder& model_;
  const DecoderQuantOptions& options_;
  ThreadPool pool_;
  GgufWriter keys_;
  InputEnergy energy_;
  std::vector<FormatLadder> ladders_;
  std::vector<size_t> of_ladder_;  // indices of tensors_
  std::vector<Tensor> tensors_;
  DecoderQuantReport report_;
};

}  // namespace

Result<DType> ParseBlockType(std::string_view name) {
  std::string known;
  for (const DType type : kTypes) {
    if (LowerCase(name) == LowerCase(DTypeName(type))) return type;
    known += (known.empty() ? "" : ", ") + LowerCase(DTypeName(type));
  }
  return Err(ErrorCode::kInvalidArgument, "unknown block type \"{}\"; known: {}", EscapeForTerminal(name), known);
}

Result<DecoderQuantReport> QuantizeDecoder(ModelFolder& model, const Path& out, const DecoderQuantOptions& options) {
  if (model.tokenizer_json.empty()) {
    return Err(ErrorCode::kUnsupported, "{}: has no tokenizer, without which nothing can be measured",
               EscapeForTerminal(model.path.string(), 400));
  }
  if (model.architecture == "t5" || model.architecture == "mt5") {
    return Err(ErrorCode::kUnsupported, "{}: models with an encoder are not made smaller here",
               EscapeForTerminal(model.path.string(), 400));
  }
  return Quantizer(model, options).Run(out);
}

}  // namespace bantam
