// The models of this machine: one folder per model in $BANTAM_HOME/models, each with a manifest bantam.json that the
// set-up or `bantam pull` wrote when it fetched the files; or a file NAME.gguf, which somebody put there.
//
//   {"name": "all-MiniLM-L6-v2", "source": "...", "license": "...", "parameters": 22713216,
//    "files": {"model.safetensors": {"size": 90868376, "sha256": "53aa..."}, ...}}
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/file_io.h"

namespace bantam {

struct ManifestFile {
  uint64_t size = 0;
  std::string sha256;  // 64 lower-case digits
};

struct ModelManifest {
  std::string name, source, license;
  std::string reference, revision;            // of a pulled model: what was asked for, and which state of it came
  uint64_t parameters = 0;                    // 0 = not told
  std::map<std::string, ManifestFile> files;  // by path inside the folder, '/' between parts
};

// kNotFound when the folder has none.
Result<ModelManifest> ReadManifest(const Path& model_folder);
// As the set-up writes it. Atomic, and synced to disk.
Status WriteManifest(const Path& model_folder, const ModelManifest& manifest);

struct StoredModel {
  std::string name;
  Path path;
  std::optional<ModelManifest> manifest;
  std::string problem;  // why the manifest could not be read, else empty
};

// By name. An absent store is an empty one. `store`: another folder than $BANTAM_HOME/models.
Result<std::vector<StoredModel>> ListModels(const std::optional<Path>& store = {});

// The folder of a store model, or its file where it is a GGUF file by itself. `reference` may end in ":latest", be what
// the model was pulled by with its server in front (LooksLikePullReference), or have a colon where the name has a '-'
// ("smollm2:135m").
// kNotFound lists what there is and how to get the default.
Result<Path> FindModel(std::string_view reference, const std::optional<Path>& store = {});

// What a model is called in the store that somebody wants to find as `wanted`, which may have a colon or end in
// ":latest" as well. kInvalidArgument for what is no plain name.
Result<std::string> NewModelName(std::string_view wanted);

// One sentence per file that is missing, has another size or another sha256 than the manifest says; reads every byte.
// Empty: all is as it was fetched.
Result<std::vector<std::string>> VerifyModel(const StoredModel& model);

}  // namespace bantam
