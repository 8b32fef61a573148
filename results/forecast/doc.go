// Package forecast turns measured records into predictions of settings and
// loads that nobody has measured, and shows them.
//
// [Runs] takes from the records of a run what sweep/calibration learns from;
// sweep/prediction simulates a space with what was learned; a [Forecast] holds
// both, and has three views: text, JSON and CSV. Each of them says that nothing
// in it was measured.
package forecast
