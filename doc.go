// Package tritonsweep holds no code, only the tests that the repository runs on
// itself: which package may import which, and that each explains itself.
package tritonsweep
