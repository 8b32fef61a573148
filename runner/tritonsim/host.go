package tritonsim

import (
	"fmt"
	"os"
	"strings"
	"sync"
)

// host reads what the metrics page says of the machine. Where there is no /proc
// it has nothing to say.
type host struct {
	mu          sync.Mutex
	busy, total uint64 // CPU time at the last reading
}

// figures returns the share of CPU time in use since the last call, and the
// memory in bytes; ok is false where they cannot be known.
func (h *host) figures() (cpu, memoryTotal, memoryUsed float64, ok bool) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0, 0, false
	}
	var user, nice, system, idle, wait, irq, soft, steal uint64
	if _, err := fmt.Sscanf(string(stat), "cpu %d %d %d %d %d %d %d %d", &user, &nice, &system, &idle, &wait, &irq, &soft, &steal); err != nil {
		return 0, 0, 0, false
	}
	busy := user + nice + system + irq + soft + steal
	total := busy + idle + wait
	h.mu.Lock()
	defer h.mu.Unlock()
	if total > h.total {
		cpu = float64(busy-h.busy) / float64(total-h.total)
	}
	h.busy, h.total = busy, total

	info, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, 0, 0, false
	}
	var available float64
	for line := range strings.Lines(string(info)) {
		fmt.Sscanf(line, "MemTotal: %f kB", &memoryTotal)
		fmt.Sscanf(line, "MemAvailable: %f kB", &available)
	}
	return cpu, memoryTotal * 1024, (memoryTotal - available) * 1024, true
}
