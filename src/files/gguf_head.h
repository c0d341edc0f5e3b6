// The head of a classifier or re-ranker in a GGUF file of an encoder, in the words of config.json.
//
// Converters write 'cls' (a dense layer; ModernBERT's norm after it is 'cls.norm'), 'cls.output' (a row for each label)
// and the labels' names as ARCHITECTURE.classifier.output_labels. 'pooling_type' may say "rank" and mostly says
// nothing, so the tensors decide. What the scores go through, and whether labels exclude each other, no key says.
#pragma once

#include "base/json.h"
#include "files/gguf.h"

namespace bantam {

struct GgufArchitecture;

bool HasGgufHead(const GgufFile& file, const GgufArchitecture& architecture);
// Adds "architectures", and "id2label" where the file names its labels. keys: those below the architecture's name.
Status ReadGgufHead(const GgufMetadata& keys, const GgufArchitecture& architecture, json::object& config);
// For whoever is to compute with it, after ReadGgufHead: whether both layers are there, with a name for each row or
// none at all. The error names the tensor or the key.
Status CheckGgufHead(const GgufFile& file);

}  // namespace bantam
