//go:build !linux

package load

// prefault needs Linux.
func prefault() {}
