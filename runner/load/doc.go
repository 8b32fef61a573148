// Package load offers requests to one model and measures the answers: one point
// of a sweep.
//
// The load is a closed loop or an open one. In a closed loop N callers each send
// their next request when the last one was answered. Arrivals then wait for the
// server, so a closed loop can never show an overload; its tables say so. In an
// open loop requests arrive by a schedule (Poisson, constant, recorded), whatever
// the server does, and latency counts from the instant at which a request was
// due (Schroeder, Wierman and Harchol-Balter, "Open versus closed: a cautionary
// tale", 2006). How late the client itself sent is measured, and voids a point
// where it shows.
//
// Requests travel by one of three transports (Connect): unary gRPC by package
// wire, a gRPC stream for each caller, or HTTP with the binary tensor extension;
// all of them with TLS, headers and compressed requests where asked for. Their
// tests share one contract.
//
// Memory does not grow with time or rate. Every distinct input is encoded once
// and shared by all callers; answers are counted and dropped, and only the first
// and every thousandth is decoded and checked; latencies go to fixed histograms.
// What can be in flight is computed before the first request and refused above
// a cap.
//
// A point runs in this order:
//
//	probe      single requests until one is answered; its answer is checked
//	           against the model's metadata
//	warm-up    callers start at random instants; until throughput and latency
//	           no longer show the beginning (stats.MSER5)
//	measure    Boundary(Start); looks at instants that grow by 1.3; until the
//	           intervals of throughput and of the chosen quantile are narrow
//	           enough at two looks in a row, or the time is up; Boundary(End)
//	drain      callers finish or are cancelled; nothing is left behind
//
// A window that began before the warm-up was over, as it turns out, begins anew
// while there is time. Callers are shifted against each other between segments, because closed loops lock phase
// with a batching server, and one orbit measured for long is still one orbit.
//
// Errors are counted by gRPC status and never enter a latency.
package load
