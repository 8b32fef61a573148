// Package fidelity measures how close the simulation comes to the real Triton
// (make fidelity): five calibration runs of a model, then settings and loads
// that were in none of them, predicted and measured.
package fidelity
