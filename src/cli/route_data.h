// What `bantam route train` and `bantam route eval` share: examples from files or a route file, their vectors, a head
// and the report that lies beside it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "learn/head.h"

namespace CLI {
class App;
}

namespace bantam::cli {

// --data and what selects its lines.
struct DataOptions {
  std::vector<std::string> files;
  std::vector<std::string> splits;
  std::string default_label;
};
void AddDataOptions(CLI::App& app, DataOptions& options, const char* what);
Result<std::vector<LabelledText>> ReadData(const DataOptions& options);

struct EmbeddedExamples : HeadVectors {
  double seconds = 0;
};
Result<EmbeddedExamples> EmbedExamples(Embedder& embedder, std::span<const LabelledText> examples,
                                       ProgressBar& progress, std::span<const int> layers = {});

Result<std::unique_ptr<Embedder>> LoadEmbedder(const std::string& model, const std::string& weight_type, int threads);

// HEAD.report.json, beside HEAD: what training said. The head itself holds no times, so that it is the same bytes every
// time.
Path ReportPath(const Path& head);
// The time that training took, when the report is there and is this head's.
std::optional<double> ReportedTrainSeconds(const Path& head_path, const Head& head);

}  // namespace bantam::cli
