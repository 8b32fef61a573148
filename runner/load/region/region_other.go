//go:build !linux

package region

// Region is mapped shared memory.
type Region struct {
	Name string
	Data []byte
}

// Free is not known.
func Free(string) int64 { return 0 }

// Create needs Linux.
func Create(string, int64) (*Region, error) { return nil, ErrUnsupported }

// Write needs Linux.
func (*Region) Write(int64, []byte) error { return ErrUnsupported }

// View needs Linux.
func (*Region) View(int64, int64) ([]byte, error) { return nil, ErrUnsupported }

// Fill needs Linux.
func (*Region) Fill(int64, int64, byte) error { return ErrUnsupported }

// Close does nothing.
func (*Region) Close() error { return nil }

// Reap finds nothing.
func Reap(string) ([]string, error) { return nil, nil }

// Exists finds nothing.
func Exists(string, string) bool { return false }
