// Package scaling says where throughput stops growing: over rising load, and
// over a rising number of instances.
//
// Over load, the curve of throughput has a saturation point (from there on more
// load brings nothing) and a knee (from there on it brings little: Kneedle).
// Batching makes the curve superlinear at first, so that no scaling law is
// fitted to it. Over instances at saturation, Gunther's Universal Scalability
// Law is: it tells contention from what instances cost each other.
//
// All figures come with intervals by joint draws: every point of the curve is
// drawn anew from its own interval, a few hundred times, and what the curve
// shows each time is collected. The draws are seeded, so that equal figures give
// equal intervals.
package scaling
