// Package prediction simulates a whole space of settings and loads from a
// calibration, in virtual time, and says how sure it is. Nothing in it is
// measured.
//
// Most settings of a space make no difference: a preferred size that no batch
// reaches, a delay that never expires. So every point is simulated once,
// shortly, with the same random numbers; points whose batches were executed at
// the same times and with the same sizes are one point, and only one of them
// is simulated at length: with several seeds under the best calibration, and once
// under each of some draws of the calibration's ensemble; four times as often
// where these disagree. All of them together give the value and its range. (A note of 900 settings and loads of one
// model found 98 that differ.)
//
// Some points deserve a measurement whatever the range says; [Forecast]
// MustMeasure gives the reasons.
package prediction
