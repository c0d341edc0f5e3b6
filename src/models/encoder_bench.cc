// Times the encoder alone: token ids in, hidden vectors and pooled embeddings out.
//
//   encoder_bench MODEL [--dtype int8|f32] [--tokens 16] [--batch 1] [--threads 1] [--seconds 2]
//   encoder_bench MODEL --batch 32 --ragged 256            lengths of 1 to 256 tokens, short ones more often
//   encoder_bench MODEL --tokens 128 --profile 1           where the time goes, with one thread
//   encoder_bench MODEL --dtype int8 --reference FILE      how far from a file of make_bert_golden.py
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <map>
#include <random>
#include <string>

#include "base/clock.h"
#include "base/text_util.h"
#include "kernels/isa.h"
#include "layers/pooling.h"
#include "models/encoder.h"
#include "models/golden_data.h"

namespace bantam {
namespace {

double Seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// Processor time of all threads: on a machine that others use too it says more than the clock on the wall.
double CpuSeconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// What the kernels of one pass take, by clocks around each call (30 ns a call). One thread only.
struct Stage {
  double seconds = 0, operations = 0;
};
std::map<std::string, Stage> stages;
KernelTable plain;

template <typename Args>
void Clocked(void (*kernel)(const Args*), const Args* args, const std::string& name, double operations) {
  const double begin = Seconds();
  kernel(args);
  stages[name].seconds += Seconds() - begin;
  stages[name].operations += operations;
}

template <typename Args>
std::string ProductName(const Args* args) {
  return fmt::format("product {} x {}{}", args->in_features, args->out_features,
                     args->activation == kActivationNone ? "" : " + activation");
}

template <typename Args>
double ProductOperations(const Args* args) {
  const double columns =
      std::min(args->panel_end * kPanelColumns, args->out_features) - args->panel_begin * kPanelColumns;
  return 2.0 * args->num_rows * args->in_features * columns;
}

// The kernels are chosen once for the process and read through this table by every model.
Status PutClocksAroundKernels() {
  BANTAM_TRY(const Kernels* kernels, SelectKernels());
  plain = kernels->table;
  KernelTable& table = const_cast<Kernels*>(kernels)->table;
  table.gemm_int8 = [](const GemmInt8Args* args) {
    Clocked(plain.gemm_int8, args, ProductName(args), ProductOperations(args));
  };
  table.gemm_f32 = [](const GemmF32Args* args) {
    Clocked(plain.gemm_f32, args, ProductName(args), ProductOperations(args));
  };
  table.attention = [](const AttentionArgs* args) {
    Clocked(plain.attention, args, "attention", 4.0 * args->num_queries * args->num_keys * args->head_dim);
  };
  table.attention_approximate = [](const AttentionArgs* args) {
    Clocked(plain.attention_approximate, args, "attention", 4.0 * args->num_queries * args->num_keys * args->head_dim);
  };
  table.quantize = [](const QuantizeArgs* args) {
    Clocked(plain.quantize, args, fmt::format("quantize {}", args->columns), 0);
  };
  table.layer_norm = [](const LayerNormArgs* args) { Clocked(plain.layer_norm, args, "LayerNorm", 0); };
  table.embedding = [](const EmbeddingArgs* args) { Clocked(plain.embedding, args, "embedding", 0); };
  return Ok();
}

void PrintStages(double total_seconds) {
  for (const auto& [name, stage] : stages) {
    std::printf("%5.1f %%  %s", 100 * stage.seconds / total_seconds, name.c_str());
    if (stage.operations > 0) std::printf(", %.0f GOPS", stage.operations * 1e-9 / stage.seconds);
    std::printf("\n");
  }
}

Status Compare(const Encoder& encoder, const Path& path, int threads) {
  BANTAM_TRY(const testing::GoldenReference reference, testing::ReadGoldenReference(path));
  ThreadPool pool(threads);
  const EncoderBatch batch = reference.batch();
  const auto width = static_cast<size_t>(encoder.hidden_size());
  std::vector<float> hidden(batch.token_ids.size() * width), pooled(width);
  const auto workspace = encoder.NewWorkspace();
  const double start = Seconds();
  encoder.Forward(batch, *workspace, pool, hidden);
  const double seconds = Seconds() - start;
  double largest = 0, worst = 1, sum = 0;
  for (int s = 0; s < batch.num_sequences(); ++s) {
    const size_t begin = batch.cu_seqlens[s] * width, end = batch.cu_seqlens[s + 1] * width;
    Pool(std::span(hidden).subspan(begin, end - begin), encoder.hidden_size(), PoolingMode::kMean, true, pooled);
    const auto expected = std::span(reference.embeddings).subspan(s * width, width);
    const double cosine = testing::Cosine(pooled, expected);
    largest = std::max(largest, testing::MaxAbsDifference(pooled, expected));
    worst = std::min(worst, cosine);
    sum += cosine;
  }
  std::printf("%d texts, %d tokens in %.3f s: max abs difference %.2e, cosine min %.7f mean %.7f\n",
              batch.num_sequences(), batch.num_tokens(), seconds, largest, worst, sum / batch.num_sequences());
  return Ok();
}

Status Main(int argc, char** argv) {
  std::string name = argc > 1 ? argv[1] : "all-MiniLM-L6-v2", dtype = "int8", reference;
  int tokens = 16, batch_size = 1, threads = 1, ragged = 0;
  double seconds = 2;
  bool packed = true, profile = false;
  for (int i = 2; i + 1 < argc; i += 2) {
    const std::string flag = argv[i], value = argv[i + 1];
    if (flag == "--dtype") dtype = value;
    if (flag == "--reference") reference = value;
    if (flag == "--profile") profile = value != "0";
    if (flag == "--packed") packed = value != "0";
    if (flag == "--tokens") tokens = std::atoi(value.c_str());
    if (flag == "--ragged") ragged = std::atoi(value.c_str());
    if (flag == "--batch") batch_size = std::atoi(value.c_str());
    if (flag == "--threads") threads = std::atoi(value.c_str());
    if (flag == "--seconds") seconds = std::atof(value.c_str());
  }
  if (profile) BANTAM_RETURN_IF_ERROR(PutClocksAroundKernels());
  const double start = Seconds();
  BANTAM_TRY(ModelFolder model, OpenModel(name));
  BANTAM_TRY(const WeightType type, ParseWeightType(dtype));
  const double opened = Seconds();
  BANTAM_TRY(const auto encoder, LoadEncoder(model, {.weight_type = type, .use_packed_files = packed}));
  model.weights.reset();
  const double loaded = Seconds();
  if (!reference.empty()) return Compare(*encoder, reference, threads);

  std::vector<int32_t> ids, cu_seqlens{0};
  std::mt19937 random(1);
  for (int s = 0; s < batch_size; ++s) {
    const double share = static_cast<double>(random()) / 4294967296.0;
    const int length = ragged > 0 ? static_cast<int>(std::pow(ragged, share) + 0.5) : tokens;
    for (int i = 0; i < length; ++i) ids.push_back(1000 + (s * 7919 + i * 104729) % (encoder->vocab_size() - 1000));
    cu_seqlens.push_back(static_cast<int32_t>(ids.size()));
  }
  const int hidden_size = encoder->hidden_size();
  std::vector<float> hidden(ids.size() * hidden_size), pooled(hidden_size);
  ThreadPool pool(threads);
  const auto workspace = encoder->NewWorkspace();
  const EncoderBatch batch{ids, cu_seqlens, {}};
  const auto once = [&] {
    encoder->Forward(batch, *workspace, pool, hidden);
    for (int s = 0; s < batch_size; ++s) {
      const size_t begin = static_cast<size_t>(cu_seqlens[s]) * hidden_size,
                   end = static_cast<size_t>(cu_seqlens[s + 1]) * hidden_size;
      Pool(std::span(hidden).subspan(begin, end - begin), hidden_size, PoolingMode::kMean, true, pooled);
    }
  };
  once();
  stages.clear();
  const double first = Seconds();
  std::vector<double> times, cpu_times;
  while (Seconds() < first + seconds || times.size() < 5) {
    const double begin = Seconds(), cpu_begin = CpuSeconds();
    once();
    cpu_times.push_back((CpuSeconds() - cpu_begin) * 1e3);
    times.push_back((Seconds() - begin) * 1e3);
  }
  if (profile) PrintStages(Seconds() - first);
  std::sort(times.begin(), times.end());
  std::sort(cpu_times.begin(), cpu_times.end());
  const double median = times[times.size() / 2];
  // 2 operations for each weight and token; attention is not counted.
  const double operations = 2e-9 * 10'616'832 * static_cast<double>(ids.size());
  std::printf(
      "%s %s %dx%d (%zu tokens) threads %d: median %.3f ms, min %.3f, p99 %.3f, %.0f sequences/s; cpu median %.3f, min "
      "%.3f; %.0f "
      "(best %.0f) GOPS in products "
      "of MiniLM; open %.1f load %.1f first %.1f ms\n",
      dtype.c_str(), std::string(encoder->isa()).c_str(), batch_size, ragged > 0 ? ragged : tokens, ids.size(), threads,
      median, times[0], times[times.size() * 99 / 100], batch_size / median * 1e3, cpu_times[cpu_times.size() / 2],
      cpu_times[0], operations / median * 1e3, operations / times[0] * 1e3, (opened - start) * 1e3,
      (loaded - opened) * 1e3, (first - loaded) * 1e3);
  return Ok();
}

}  // namespace
}  // namespace bantam

int main(int argc, char** argv) {
  const bantam::Status status = bantam::Main(argc, argv);
  if (!status) std::fprintf(stderr, "%s\n", status.error().ToString().c_str());
  return status ? 0 : 1;
}
