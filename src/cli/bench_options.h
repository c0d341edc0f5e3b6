// The options of `bantam bench`, and its parts: one function for each thing that can be measured.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/bench_measure.h"
#include "cli/dtype_option.h"
#include "cli/kv_type_option.h"
#include "cli/speculation_option.h"

namespace bantam::cli {

struct BenchOptions {
  std::string what;
  std::string model = "all-MiniLM-L6-v2";
  DtypeOption dtype = DtypeOption::Automatic();
  KvTypeOption kv_type;  // of generate
  std::string data;      // a file of lines
  int batch = 1, tokens = 16, threads = 0;
  int prompt = 512, generate = 128;
  std::string text;                      // a file that prompts are taken from
  SpeculationOption speculation{"off"};  // of generate
  MeasureOptions measure;
  bool json = false;
};

Status RunBenchEmbed(const BenchOptions& options);
Status RunBenchGenerate(const BenchOptions& options);
Status RunBenchTokenize(const BenchOptions& options);

// The lines of options.data, which must not be empty.
Result<std::vector<std::string>> ReadBenchData(const BenchOptions& options);

}  // namespace bantam::cli
