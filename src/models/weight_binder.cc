#include "models/weight_binder.h"

#include "base/log.h"
#include "kernels/packing.h"
#include "models/packed_file.h"
#include "tensor/block_packing.h"

namespace bantam {

void WeightBinder::Layer(Linear& linear, std::vector<std::string> names, int in, int out, Bias bias) {
  std::vector<LinearPart> parts;
  for (std::string& name : names) parts.push_back({std::move(name), out / static_cast<int>(names.size())});
  Layer(linear, parts, in, bias);
}

void WeightBinder::Layer(Linear& linear, const std::vector<LinearPart>& parts, int in, Bias bias) {
  int out = 0;
  for (const LinearPart& part : parts) {
    if (recorded_ != nullptr) recorded_->push_back({prefix_ + part.name, &linear, out, part.rows, in});
    out += part.rows;
  }
  if (const auto formats = plan_.BlocksOf(prefix_, parts, in); !formats.empty()) {
    std::vector<BlockMatrix> matrices;
    for (size_t i = 0; i < parts.size(); ++i) {
      matrices.push_back(Blocks(parts[i].name, formats[i], in, parts[i].rows));
    }
    const float* biases = bias == Bias::kYes ? layout_.Take<float>(static_cast<size_t>(PaddedColumns(out))) : nullptr;
    linear = BlockLinear(matrices, biases);
    if (reading() && bias == Bias::kYes) status_ = reader_->ReadBiases(parts, biases);
    return;
  }
  linear = layout_.TakeLinear(plan_.LinearType(prefix_ + parts.front().name), in, out);
  if (reading()) status_ = reader_->ReadLinear(parts, linear, bias);
}

BlockMatrix WeightBinder::Blocks(const std::string& name, BlockFormat format, int in, int out) {
  if (const auto found = blocks_.find(name); found != blocks_.end()) return found->second;
  const BlockMatrix matrix = layout_.TakeBlocks(format, in, out);
  if (reading()) status_ = reader_->ReadBlocks(name, matrix);
  return blocks_.emplace(name, matrix).first->second;
}

void WeightBinder::Norm(LayerNorm& norm, const std::string& name, const LayerNorm& like, Bias bias) {
  norm = layout_.TakeNorm(like.size, like.epsilon);
  norm.kind = like.kind;
  if (reading()) status_ = reader_->ReadNorm(name, norm, bias);
}

void WeightBinder::Words(Embedding& embedding, const std::string& name, int vocab_size) {
  const std::vector<LinearPart> table = {{name, vocab_size}};
  if (recorded_ != nullptr) recorded_->push_back({prefix_ + name, nullptr, 0, embedding.hidden_size, vocab_size});
  if (const auto formats = plan_.BlocksOf(prefix_, table, embedding.hidden_size); !formats.empty()) {
    embedding.words_blocks = Blocks(name, formats.front(), embedding.hidden_size, vocab_size);
    return;
  }
  layout_.TakeWords(plan_.TableType(prefix_ + name), vocab_size, embedding);
  if (reading()) status_ = reader_->ReadWords(name, vocab_size, embedding);
}

void WeightBinder::Table(const float*& table, const std::string& name, const Shape& shape) {
  const auto count = static_cast<size_t>(NumElements(shape));
  table = layout_.Take<float>(count);
  if (reading()) status_ = reader_->Into(name, shape, Fill(table, count));
}

void WeightBinder::Computed(const float*& table, size_t count,
                            const std::function<Status(WeightReader& reader, std::span<float> out)>& fill) {
  table = layout_.Take<float>(count);
  if (reading()) status_ = fill(*reader_, Fill(table, count));
}

std::string PrefixOf(const WeightSource& source, std::initializer_list<std::string_view> prefixes,
                     std::string_view probe) {
  for (const std::string_view prefix : prefixes) {
    if (source.Has(std::string(prefix) + std::string(probe))) return std::string(prefix);
  }
  return "";
}

namespace {

// Whether packing makes other numbers of most of the file's. Its own in another order, f32 or blocks, are not worth a
// second copy on disk: they are packed at 7 GB/s a thread, and memory of our own lies in huge pages, in which a decoder
// of 100 MB wrote 290 to 350 tokens/s where it wrote 230 to 270 from a mapped file.
bool IsWorthKeeping(const WeightSource& source, const WeightPlan& plan) {
  if (plan.AnyQuantized()) return true;
  size_t converted = 0, all = 0;
  for (const auto& [name, format] : plan.blocks) {
    const TensorView* view = source.Describe(name + ".weight");
    if (view == nullptr) view = source.Describe(name);
    if (view == nullptr) continue;
    all += view->bytes.size();
    if (view->dtype != DTypeOf(format)) converted += view->bytes.size();
  }
  return 2 * converted > all;
}

}  // namespace

Result<PackedWeights> LoadPackedWeights(ModelFolder& model, const EncoderOptions& options, const WeightPlan& plan,
                                        const std::string& fingerprint, const WeightNames& names,
                                        const std::function<void(WeightBinder&)>& bind) {
  WeightBinder sizes(plan, names.prefix, nullptr);
  bind(sizes);
  const bool packed = options.use_packed_files && !model.packed_folder.empty() && IsWorthKeeping(*model.weights, plan);
  // What is kept is named after the weights; what is not need not wait for their hash.
  std::string weights_sha256;
  if (packed) {
    BANTAM_TRY(weights_sha256, model.identity.Sha256());
  }
  const PackedFile file{.folder = model.packed_folder,
                        .weights_sha256 = std::move(weights_sha256),
                        .contents = fingerprint + " " + plan.Fingerprint(),
                        .size_bytes = sizes.total_bytes()};
  if (packed) {
    if (auto opened = OpenPackedFile(file)) return PackedWeights{std::move(opened->memory), opened->num_parameters};
  }
  BANTAM_TRY(WeightMemory memory, WeightMemory::Allocate(sizes.total_bytes()));
  WeightReader reader(*model.weights, plan, names.prefix, options.units);
  WeightBinder read(plan, names.prefix, memory.bytes().data(), reader);
  bind(read);
  BANTAM_RETURN_IF_ERROR(read.status());
  BANTAM_RETURN_IF_ERROR(reader.Finish(names.what, names.ignored));
  if (!plan.blocks.empty()) {
    ThreadPool pool(ThreadPool::DefaultThreads());
    reader.PackBlockMatrices(pool);
  }
  if (packed) {
    // Disposable: without it the next start is slower, nothing else.
    if (Status written = WritePackedFile(file, memory.bytes(), reader.num_parameters()); !written) {
      Log(LogLevel::kWarning, "packed weights are not kept: {}", written.error().message);
    }
  }
  return PackedWeights{std::move(memory), reader.num_parameters()};
}

}  // namespace bantam
