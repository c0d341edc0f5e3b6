#include "cli/kv_type_option.h"

#include <CLI/CLI.hpp>

namespace bantam::cli {

void KvTypeOption::AddTo(CLI::App& app) {
  app.add_option("--kv-type", value_,
                 "How the cache holds keys and values: auto, f32, f16, bf16 or q8, which takes a good quarter of f32's "
                 "memory; auto: bf16, but f32 with f32 weights")
      ->check(CLI::IsMember({"auto", "f32", "f16", "bf16", "q8"}))
      ->capture_default_str();
}

}  // namespace bantam::cli
