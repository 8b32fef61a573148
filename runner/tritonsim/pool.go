package tritonsim

import (
	"math/bits"
	"sync"
)

// pool lends buffers for what arrives. gRPC's own pools clear every buffer that
// they lend, which for inputs of megabytes costs as much as reading them. Here
// nothing is looked at but what was read.
type pool struct{ sizes [maxPooled + 1]sync.Pool }

const (
	minPooled = 8  // 2^8 bytes
	maxPooled = 22 // larger buffers are not kept
)

func (p *pool) Get(length int) *[]byte {
	class := max(minPooled, bits.Len(uint(max(length-1, 0))))
	if class > maxPooled {
		buffer := make([]byte, length)
		return &buffer
	}
	if buffer, ok := p.sizes[class].Get().(*[]byte); ok {
		*buffer = (*buffer)[:length]
		return buffer
	}
	buffer := make([]byte, length, 1<<class)
	return &buffer
}

// Put takes only what Get made: a buffer whose capacity is that of a class.
func (p *pool) Put(buffer *[]byte) {
	size := cap(*buffer)
	if class := bits.Len(uint(size)) - 1; class >= minPooled && class <= maxPooled && size == 1<<class {
		p.sizes[class].Put(buffer)
	}
}
