// Package tritonsim is a simulated Triton Inference Server: real ports and
// protocols, a real model repository, Triton's scheduling rules, and no model.
//
// What is real: the gRPC and HTTP protocols with their status codes and texts,
// config.pbtxt with what Triton completes and refuses in it, the dynamic batcher
// (package batcher, driven by the real clock), queues, time-outs and priorities,
// the counters of the statistics call and of the metrics page, model control
// with overrides that stick, restarts that take a changed file up.
//
// What is not: the models. An execution takes the time that the model's
// profile.json gives for its batch size, and executions that name the same
// device take turns. Answers have the right names, types and shapes; each item
// begins with the first number of the request's item, the rest is zero. A model
// without a profile gets made-up times, and the log says so.
//
// What differs from Triton 2.51, on purpose: model files need not exist unless
// Options.ModelFiles demands them; every usual backend counts as installed;
// sequence batching, ensembles, decoupled models, the rate limiter and tracing
// are refused or answered UNIMPLEMENTED, and so is shared memory over HTTP; a
// server starts as fast as its models' load_ms allow.
//
// A [Server] restarts like a container does: the processes that follow each
// other are values of an inner type, the addresses stay.
package tritonsim
