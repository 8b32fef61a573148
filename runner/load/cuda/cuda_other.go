//go:build !(linux && cuda)

package cuda

import "tritonsweep/runner/load/region"

// Open finds no GPU.
func Open(int) (region.Device, error) { return nil, ErrUnsupported }
