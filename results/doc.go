// Package results keeps what came out of a sweep: a Record for every measured
// point, and the Store, a SQLite file in which each record is durable before
// the next point starts.
package results
