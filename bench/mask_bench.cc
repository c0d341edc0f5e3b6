// What it costs to hold text to a schema: masks over a tokenizer's vocabulary, walked at random.
//
//   tools/build.sh release bantam_mask_bench
//   build/release/bantam_mask_bench TOKENIZER bench/person.json [WALKS]   times of a mask with the step after it, first
//   texts and later ones
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <random>

#include "base/file_io.h"
#include "text/grammar/constraint.h"
#include "text/grammar/schema.h"

namespace bantam {
namespace {

// Of this thread on a CPU: what else the machine does meanwhile is not counted.
double NowUs() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

struct Times {
  std::vector<double> masks;
  double total = 0;
};

// One text, as a model that knows nothing would write it: any allowed token, but a closing one every fourth time.
void Walk(const std::shared_ptr<const grammar::Constraint>& constraint, std::mt19937_64& random,
          std::vector<uint32_t>& allowed, Times& times) {
  grammar::ConstraintState state(constraint);
  const grammar::TokenTable& tokens = constraint->tokens();
  std::vector<int32_t> ids, closing;
  for (int step = 0; step < 200 && !state.IsDone(); ++step) {
    const double start = NowUs();
    const bool any = state.Mask(allowed);
    double spent = NowUs() - start;
    if (!any) break;
    ids.clear();
    closing.clear();
    for (size_t i = 0; i < allowed.size(); ++i) {
      for (uint32_t word = allowed[i]; word != 0; word &= word - 1) {
        const auto id = static_cast<int32_t>(i * 32) + __builtin_ctz(word);
        ids.push_back(id);
        if (tokens.BytesOf(id).find_first_of("\"]}") != std::string_view::npos) closing.push_back(id);
      }
    }
    const auto& from = !closing.empty() && random() % 4 == 0 ? closing : ids;
    const int32_t id = from[random() % from.size()];
    const double then = NowUs();
    if (!state.Accept(id)) std::abort();
    spent += NowUs() - then;
    times.masks.push_back(spent);
  }
}

void Report(const char* name, Times& times) {
  std::ranges::sort(times.masks);
  for (const double each : times.masks) times.total += each;
  const auto at = [&](double share) {
    return times
        .masks[std::min(times.masks.size() - 1, static_cast<size_t>(share * static_cast<double>(times.masks.size())))];
  };
  std::printf("  %-12s %6zu tokens   mean %8.2f us   median %6.2f   p99 %8.2f   most %8.2f\n", name, times.masks.size(),
              times.total / static_cast<double>(times.masks.size()), at(0.5), at(0.99), times.masks.back());
}

int Run(int argc, char** argv) {
  if (argc < 3) return std::fputs("usage: bantam_mask_bench TOKENIZER SCHEMA [WALKS]\n", stderr), 64;
  auto tokenizer = Tokenizer::Load(argv[1]);
  auto text = ReadFile(argv[2]);
  if (!tokenizer || !text)
    return std::fprintf(stderr, "%s\n", (!tokenizer ? tokenizer.error() : text.error()).message.c_str()), 65;
  auto schema = ParseJson(*text, argv[2]);
  if (!schema) return std::fprintf(stderr, "%s\n", schema.error().message.c_str()), 65;
  double start = NowUs();
  auto table = grammar::TokenTable::From(**tokenizer);
  if (!table) return std::fprintf(stderr, "%s\n", table.error().message.c_str()), 65;
  std::printf("%d tokens, table in %.1f ms\n", (*table)->size(), (NowUs() - start) / 1e3);
  start = NowUs();
  auto compiled = grammar::FromSchema(*schema, argv[2], {});
  if (!compiled) return std::fprintf(stderr, "%s\n", compiled.error().message.c_str()), 65;
  std::printf("%s: %zu states in %.2f ms\n", argv[2], (*compiled)->num_states(), (NowUs() - start) / 1e3);
  const int walks = argc > 3 ? std::atoi(argv[3]) : 100;
  std::mt19937_64 random(1);
  std::vector<uint32_t> allowed((static_cast<size_t>((*table)->size()) + 31) / 32);
  Times first, later;
  auto constraint = grammar::Constraint::Create(*compiled, *table);
  for (int i = 0; i < walks; ++i) Walk(grammar::Constraint::Create(*compiled, *table), random, allowed, first);
  for (int i = 0; i < walks; ++i) Walk(constraint, random, allowed, later);
  Report("each alone", first);
  Report("one after", later);
  return 0;
}

}  // namespace
}  // namespace bantam

int main(int argc, char** argv) { return bantam::Run(argc, argv); }
