// llama.cpp as a contestant: token ids in, unit vectors out, through its own C API. Built by bench/llama.sh, not by our
// CMake.
//
//   llama_peer MODEL.gguf THREADS time BATCH SECONDS RUNS < IDS    passes over all sequences; prints one JSON object
//   llama_peer MODEL.gguf THREADS embed < IDS                      prints {"embedding": [...]} for each sequence
//   llama_peer MODEL.gguf THREADS text < TEXT                      the same for lines of text, by its own tokenizer
//
// IDS: the token ids of one sequence a line. BATCH sequences are computed by one call, packed one after the other:
// llama.cpp does not pad. Its attention then spans the whole batch under a mask, so that more in a batch is not always
// faster.
#include <llama.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

namespace {

using Sequence = std::vector<llama_token>;

constexpr size_t kMaxTokens = 256;  // as every contestant cuts

[[noreturn]] void Fail(const std::string& message) {
  std::fprintf(stderr, "llama_peer: %s\n", message.c_str());
  std::exit(1);
}

double Seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

class Encoder {
 public:
  Encoder(const char* path, int threads) : threads_(threads) {
    llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
    llama_backend_init();
    model_ = llama_model_load_from_file(path, llama_model_default_params());
    if (model_ == nullptr) Fail(std::string("cannot load ") + path);
  }

  // Contexts are made for the largest batch to come: an encoder's has to hold a whole batch at once.
  void Prepare(size_t max_tokens, size_t max_sequences) {
    max_tokens = (max_tokens + max_sequences - 1) / max_sequences * max_sequences;  // it plans with equal shares
    llama_context_params params = llama_context_default_params();
    params.n_ctx = params.n_batch = params.n_ubatch = static_cast<uint32_t>(max_tokens);
    params.n_seq_max = static_cast<uint32_t>(max_sequences);
    params.n_threads = params.n_threads_batch = threads_;
    params.embeddings = true;
    params.kv_unified = true;  // else n_ctx is shared out among the sequences
    params.no_perf = true;
    context_ = llama_init_from_model(model_, params);
    if (context_ == nullptr) Fail("cannot make a context");
    batch_ = llama_batch_init(static_cast<int32_t>(max_tokens), 0, 1);
  }

  // out: [count, dimensions()]
  void Encode(const Sequence* sequences, size_t count, float* out) {
    batch_.n_tokens = 0;
    for (size_t s = 0; s < count; ++s) {
      for (size_t i = 0; i < sequences[s].size(); ++i) {
        const int at = batch_.n_tokens++;
        batch_.token[at] = sequences[s][i];
        batch_.pos[at] = static_cast<llama_pos>(i);
        batch_.n_seq_id[at] = 1;
        batch_.seq_id[at][0] = static_cast<llama_seq_id>(s);
        batch_.logits[at] = 1;
      }
    }
    if (const int status = llama_encode(context_, batch_); status != 0)
      Fail("llama_encode gives " + std::to_string(status));
    for (size_t s = 0; s < count; ++s) {
      const float* pooled = llama_get_embeddings_seq(context_, static_cast<llama_seq_id>(s));
      if (pooled == nullptr) Fail("no pooled embedding; the model file names no pooling");
      float squares = 0;
      for (int i = 0; i < dimensions(); ++i) squares += pooled[i] * pooled[i];
      for (int i = 0; i < dimensions(); ++i) *out++ = pooled[i] / std::sqrt(squares);
    }
  }

  Sequence Tokenize(const std::string& text) const {
    Sequence ids(text.size() + 8);
    const int count = llama_tokenize(llama_model_get_vocab(model_), text.data(), static_cast<int32_t>(text.size()),
                                     ids.data(), static_cast<int32_t>(ids.size()), true, false);
    if (count <= 0) Fail("cannot tokenize " + text);
    ids.resize(std::min<size_t>(static_cast<size_t>(count), kMaxTokens));
    return ids;
  }

  int dimensions() const { return llama_model_n_embd(model_); }

 private:
  int threads_;
  llama_model* model_ = nullptr;
  llama_context* context_ = nullptr;
  llama_batch batch_{};
};

std::vector<Sequence> ReadSequences(const Encoder* tokenizer) {
  std::vector<Sequence> sequences;
  for (std::string line; std::getline(std::cin, line);) {
    if (tokenizer != nullptr) {
      sequences.push_back(tokenizer->Tokenize(line));
      continue;
    }
    std::istringstream words(line);
    sequences.emplace_back();
    for (llama_token id; words >> id;) sequences.back().push_back(id);
  }
  if (sequences.empty()) Fail("nothing on standard input");
  return sequences;
}

size_t LargestBatch(const std::vector<Sequence>& sequences, size_t batch) {
  size_t largest = 0;
  for (size_t begin = 0; begin < sequences.size(); begin += batch) {
    size_t tokens = 0;
    for (size_t i = begin; i < std::min(begin + batch, sequences.size()); ++i) tokens += sequences[i].size();
    largest = std::max(largest, tokens);
  }
  return largest;
}

void PrintTimes(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  const auto at = [&](double p) {
    return times[std::min(times.size() - 1, static_cast<size_t>(p * static_cast<double>(times.size())))];
  };
  std::printf("{\"median_ms\": %.5f, \"min_ms\": %.5f, \"p99_ms\": %.5f, \"iterations\": %zu}\n", at(0.5), times[0],
              at(0.99), times.size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) Fail("usage: llama_peer MODEL.gguf THREADS time BATCH SECONDS RUNS | embed | text");
  const std::string mode = argv[3];
  Encoder encoder(argv[1], std::atoi(argv[2]));
  const bool timed = mode == "time" && argc == 7;
  const size_t batch = timed ? std::strtoull(argv[4], nullptr, 10) : 1;
  if (batch < 1) Fail("BATCH is at least 1");
  const std::vector<Sequence> sequences = ReadSequences(mode == "text" ? &encoder : nullptr);
  encoder.Prepare(LargestBatch(sequences, batch), batch);
  std::vector<float> out(batch * static_cast<size_t>(encoder.dimensions()));
  if (!timed) {
    for (const Sequence& sequence : sequences) {
      encoder.Encode(&sequence, 1, out.data());
      std::printf("{\"embedding\": [");
      for (size_t i = 0; i < out.size(); ++i) std::printf(i == 0 ? "%.9g" : ", %.9g", static_cast<double>(out[i]));
      std::printf("]}\n");
      std::fflush(stdout);
    }
    return 0;
  }
  const double seconds = std::atof(argv[5]);
  const size_t runs = std::strtoull(argv[6], nullptr, 10);
  const auto pass = [&] {
    for (size_t begin = 0; begin < sequences.size(); begin += batch) {
      encoder.Encode(&sequences[begin], std::min(batch, sequences.size() - begin), out.data());
    }
  };
  const double warm_up = Seconds();
  do pass();
  while (Seconds() - warm_up < seconds / 5);
  std::vector<double> times;
  for (const double begin = Seconds(); times.size() < runs || Seconds() - begin < seconds;) {
    const double started = Seconds();
    pass();
    times.push_back((Seconds() - started) * 1e3);
  }
  PrintTimes(std::move(times));
  return 0;
}
