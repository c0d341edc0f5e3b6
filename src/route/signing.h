// Requests to services of a file's author carry a signature where the file names a secret.
#pragma once

#include <string>
#include <string_view>

#include "net/http_client.h"
#include "route/yaml_reader.h"

namespace bantam {

struct SigningSecret {
  std::string value;           // never logged. Empty: nothing is signed
  std::string unset_variable;  // that is to hold it and does not: nothing is sent then
};

// `secret: os.environ/NAME`. Without the variable everything else works, as with the key of a model; an unsigned
// request would be refused by whoever checks signatures, and taken by whoever forgot to. consequence: for the warning,
// "form
// \"order\" is not handed in".
SigningSecret ReadSecret(YamlMap& map, std::string_view consequence);

// "t=SECONDS,v1=HEX": HMAC-SHA256 with the secret over "SECONDS.BODY", so that a service knows who sends, what, and
// when.
std::string Signature(std::string_view secret, int64_t unix_seconds, std::string_view body);

// Adds the header X-Bantam-Signature. kBadConfig for a secret that is not there.
Status Sign(const SigningSecret& secret, OutgoingRequest& request);

}  // namespace bantam
