// --host, --port, --unix-socket, --tls-cert, --tls-key, --allow-host: where the server listens, and for whom.
#pragma once

#include <string>

#include "api/http_server.h"

namespace CLI {
class App;
}

namespace bantam::cli {

void AddListenOptions(CLI::App& app, ServerOptions& server);

// "http://127.0.0.1:8080", "https://[::1]:8443", "/run/bantam.sock". `port`: the one that the system chose, perhaps.
std::string ListensAt(const ServerOptions& server, int port);

}  // namespace bantam::cli
