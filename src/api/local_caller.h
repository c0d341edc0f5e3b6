// Whether a request comes from a program on this machine: what management calls ask for.
#pragma once

#include "api/http_types.h"

namespace bantam {

// From a loopback address or a Unix socket, to a loopback host, and with no sign of a proxy, behind which anybody may
// stand: a proxy on this machine is a loopback caller too.
bool IsLocalCaller(const HttpRequest& request);

}  // namespace bantam
