package runner

import (
	"io/fs"
	"regexp"
	"slices"
	"strings"
)

// Devices returns the models of the NVIDIA GPUs and the version of their driver,
// as the driver tells under proc, the root of that file system. Nothing is what
// a host without them, or one that is only reached over the network, has.
func Devices(proc fs.FS) (models []string, driver string) {
	files, err := fs.Glob(proc, "driver/nvidia/gpus/*/information")
	if err != nil {
		return nil, ""
	}
	for _, name := range files {
		if data, err := fs.ReadFile(proc, name); err == nil {
			for line := range strings.Lines(string(data)) {
				if model, ok := strings.CutPrefix(line, "Model:"); ok {
					models = append(models, strings.TrimSpace(model))
				}
			}
		}
	}
	slices.Sort(models)
	if data, err := fs.ReadFile(proc, "driver/nvidia/version"); err == nil {
		driver = driverVersion.FindString(string(data))
	}
	return models, driver
}

var driverVersion = regexp.MustCompile(`\b\d{3,4}\.\d+(\.\d+)?\b`)
