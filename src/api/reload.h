// What SIGHUP and POST /v1/reload do: everything that is served from files is brought to what the files say now,
// without a request lost. Each part is replaced whole, once the new one has been tried out, or stays as it was.
#pragma once

#include <string>
#include <vector>

#include "api/context.h"

namespace bantam {

struct ReloadedPart {
  std::string kind;  // "keys", "model", "assistant"
  std::string name;  // of the model, of the assistant; "" of the keys
  bool changed = false;
  std::string what = {};            // for a person: "111 tests passed"
  std::optional<Error> error = {};  // it stays as it was
};

struct ReloadReport {
  std::vector<ReloadedPart> parts;
  double milliseconds = 0;
  const Error* first_error() const;
};

// Logs and counts what became of it, too. Takes as long as loading models and training a head do; one call at a time.
ReloadReport Reload(ApiContext& context);

}  // namespace bantam
