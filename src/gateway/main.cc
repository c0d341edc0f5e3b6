// The `bantam-grpc` program: gRPC in front of a running `bantam serve`.
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <pthread.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>

#include "base/log.h"
#include "gateway/service.h"

namespace bantam {
namespace {

struct Options {
  std::string listen = "127.0.0.1:8001";
  std::string server = "http://127.0.0.1:8080";
  int workers = 64, drain_s = 30;
  size_t max_queued = 1024;
  int max_message_bytes = 64 << 20;
};

// Before any thread starts, so that none of them takes a signal that the main thread waits for.
sigset_t BlockSignals() {
  std::signal(SIGPIPE, SIG_IGN);  // a connection that the server closed is an error value, not a death
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

Status Serve(const Options& options) {
  const sigset_t signals = BlockSignals();
  if (const auto origin = OriginOf(options.server); !origin)
    return Err(ErrorCode::kInvalidArgument, "--server: {}", origin.error().message);
  RestServer server{.url = options.server, .max_reply_bytes = static_cast<size_t>(options.max_message_bytes)};
  while (server.url.ends_with('/')) server.url.pop_back();
  InferenceService service(server, options.workers, options.max_queued);

  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(options.listen, grpc::InsecureServerCredentials(), &port);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);  // a second one on the same port would take half the calls
  builder.SetMaxReceiveMessageSize(options.max_message_bytes);
  builder.SetMaxSendMessageSize(options.max_message_bytes);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> grpc = builder.BuildAndStart();
  if (grpc == nullptr) {
    return Err(ErrorCode::kUnavailable,
               "cannot listen on {}: is it taken, or no address of this machine? --listen names another",
               options.listen);
  }
  std::printf("bantam-grpc serves %s on %s (port %d)\n", server.url.c_str(), options.listen.c_str(), port);
  std::fflush(stdout);
  int signal = 0;
  sigwait(&signals, &signal);
  grpc->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(options.drain_s));
  return Ok();
}

int Main(int argc, char** argv) {
  SetStderrLogSink(LogLevel::kInfo);
  CLI::App app("The Open Inference Protocol over gRPC, in front of a running 'bantam serve'.", "bantam-grpc");
  app.set_version_flag("--version", BANTAM_VERSION);
  Options options;
  app.add_option("--listen", options.listen, "Address and port of gRPC, or unix:PATH; port 0 lets the system choose")
      ->type_name("HOST:PORT")
      ->capture_default_str();
  app.add_option("--server", options.server, "Where 'bantam serve' answers")->type_name("URL")->capture_default_str();
  app.add_option("--workers", options.workers, "Calls that wait for the server at once")
      ->capture_default_str()
      ->check(CLI::Range(1, 4096));
  app.add_option("--max-queue", options.max_queued, "Calls that may wait for one of these; more are RESOURCE_EXHAUSTED")
      ->capture_default_str();
  app.add_option("--max-message", options.max_message_bytes,
                 "Largest message, in and out; what the server takes (--max-body) is its own matter")
      ->type_name("SIZE")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(1024, 1 << 30))
      ->default_str("64M");
  app.add_option("--drain", options.drain_s, "Seconds that calls get to finish after SIGTERM")
      ->capture_default_str()
      ->check(CLI::Range(0, 3600));
  app.footer(
      "Keys go along: what a client sends as the metadata 'authorization' or 'x-api-key' is what the server asks "
      "for.\n\n"
      "Examples:\n"
      "  bantam serve --model all-MiniLM-L6-v2 &\n"
      "  bantam-grpc --listen 127.0.0.1:8001 --server http://127.0.0.1:8080");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& e) {
    return app.exit(e);
  } catch (const CLI::ParseError& e) {
    app.exit(e);
    return 64;
  }
  const Status status = Serve(options);
  if (status) return 0;
  std::fprintf(stderr, "bantam-grpc: %s\n", status.error().message.c_str());
  return status.error().code == ErrorCode::kInvalidArgument ? 64 : 69;
}

}  // namespace
}  // namespace bantam

int main(int argc, char** argv) { return bantam::Main(argc, argv); }
