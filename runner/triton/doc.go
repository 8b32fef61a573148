// Package triton asks a Triton Inference Server what it is, whether it is
// ready, which configuration is in force and what it has counted, and in
// explicit model control mode tells it to load and unload. It does not infer:
// the package runner/load does, over the same connection (Client.Conn).
//
// # Ready
//
// An open port proves nothing: Docker's port proxy accepts connections before
// Triton listens, a paused server accepts and never answers, and a config
// whose reload failed leaves the old one serving. WaitReady asks three
// questions over gRPC (live, ready, model ready), each with a deadline of its
// own. Which configuration runs is another question: read Config back and
// compare.
//
// # Counters
//
// Statistics (the gRPC statistics call) and the metrics page count the same
// things, but not alike. An in-place reload starts the statistics at zero and
// leaves the metrics counting; a restart starts both. A request refused because
// the queue was full is in neither as a failure: the client's own count of
// errors is the truth. A window is the difference of two readings, and Sub
// refuses (ErrReset) when any counter fell.
//
// In the statistics, compute times of a batch are credited to each of its
// requests. Service times therefore come from the per-batch figures
// (Counters.Batches), where each execution counts once.
//
// A figure that the server does not report is absent (a nil pointer or a false
// ok), never zero: a server without a GPU has no nv_gpu_ metrics at all.
//
// # The connection
//
// There is no keep-alive ping: Triton's gRPC library takes frequent pings for
// an attack and closes the connection. A server that hangs is found by the
// deadline that every call has. Retries by service config are off; what remains
// in grpc-go is its transparent retry of a request that never left the machine.
package triton
