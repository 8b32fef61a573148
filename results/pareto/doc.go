// Package pareto chooses between settings that trade throughput against
// latency.
//
// A point lies on the frontier when no other point is at least as good in both
// and better in one. Frontier finds those points, Hypervolume says how much
// ground a set of points covers, Knee where a curve stops paying, and
// Recommend turns measured candidates, the untouched config among them, into
// one piece of advice: change to these settings, or keep what you have.
//
// Throughput is better when larger, latency when smaller, everywhere in this
// package. Any unit will do, as long as one call uses one.
//
// Measured figures are noisy, so the advice is cautious in four ways. A limit
// must be met by the upper end of a latency's interval. A difference counts
// only if its interval, widened for the number of candidates that were tried,
// excludes zero, and if it is larger than the noise between two equal runs.
// Of candidates that the measurement cannot tell apart, the one with fewer
// instances is taken. And a point with errors, or one that failed a check, is
// never taken.
package pareto
