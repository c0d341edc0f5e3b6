#include "cli/listen_option.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "base/text_util.h"

namespace bantam::cli {

namespace {

// An empty name, of a variable that was never set, must not make a server without TLS.
std::string NotEmpty(const std::string& value) { return value.empty() ? "it takes the name of a file" : ""; }

}  // namespace

void AddListenOptions(CLI::App& app, ServerOptions& server) {
  app.add_option("--host", server.host, "Address to listen on; the default is reachable from this machine only")
      ->capture_default_str();
  app.add_option("--port", server.port, "Port; 0 lets the system choose")
      ->capture_default_str()
      ->check(CLI::Range(0, 65535));
  CLI::Option* const socket =
      app.add_option("--unix-socket", server.unix_socket,
                     "Unix socket to listen on in place of host and port, for a sidecar: who may write to it may ask")
          ->type_name("PATH");
  CLI::Option* const certificate =
      app.add_option("--tls-cert", server.tls_certificate,
                     "Certificate of the server, PEM, followed by those that signed it: the port speaks HTTPS alone. "
                     "SIGHUP reads it again")
          ->type_name("FILE")
          ->check(NotEmpty)
          ->excludes(socket);
  CLI::Option* const key =
      app.add_option("--tls-key", server.tls_key, "Private key of the certificate, PEM, not encrypted")
          ->type_name("FILE")
          ->check(NotEmpty)
          ->needs(certificate);
  certificate->needs(key);
  app.add_option("--allow-host", server.allowed_hosts,
                 "Host name that requests may carry beside localhost; may be repeated")
      ->type_name("NAME");
}

std::string ListensAt(const ServerOptions& server, int port) {
  if (!server.unix_socket.empty()) return EscapeForTerminal(server.unix_socket.string(), 400);
  const bool v6 = server.host.find(':') != std::string::npos;
  return fmt::format("{}://{}{}{}:{}", server.tls_certificate.empty() ? "http" : "https", v6 ? "[" : "", server.host,
                     v6 ? "]" : "", port);
}

}  // namespace bantam::cli
