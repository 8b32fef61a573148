package tritonconfig

import "fmt"

// Settings returns the tuned values that the file sets; what it leaves to
// Triton's defaults is nil. The instance count is that of the only group: of
// several, Groups tells.
func (f *File) Settings() Settings {
	var s Settings
	if len(f.find(maxBatchPath)) > 0 {
		s.MaxBatchSize = Ptr(int(f.config.MaxBatchSize))
	}
	if len(f.find(delayPath)) > 0 {
		s.MaxQueueDelay = Ptr(f.config.GetDynamicBatching().GetMaxQueueDelayMicroseconds())
	}
	if len(f.find(preferredPath)) > 0 {
		s.PreferredBatchSizes = ints(f.config.GetDynamicBatching().GetPreferredBatchSize())
	}
	if len(f.config.InstanceGroup) == 1 && len(f.find(countPath(0))) > 0 {
		s.InstanceCount = Ptr(int(f.config.InstanceGroup[0].Count))
	}
	return s
}

// find returns the occurrences of the field at a path.
func (f *File) find(path []step) []*field {
	at, err := f.locate(path)
	if err != nil || len(at.rest) > 0 {
		return nil
	}
	return at.fields
}

// Group is one instance group of a file.
type Group struct {
	Name  string // empty if the file gives none; Triton then invents one
	Index int    // from 0, in file order
	Kind  string // "KIND_GPU"; "KIND_AUTO" if the file gives none
	Count int    // 0 if the file gives none
	Line  int    // of its opening brace
}

// String returns "#0 "name" KIND_GPU x2 (line 12)".
func (g Group) String() string {
	text := fmt.Sprintf("#%d", g.Index)
	if g.Name != "" {
		text += fmt.Sprintf(" %q", g.Name)
	}
	text += " " + g.Kind
	if g.Count != 0 {
		text += fmt.Sprintf(" x%d", g.Count)
	}
	return fmt.Sprintf("%s (line %d)", text, g.Line)
}

// Groups returns the instance groups of the file.
func (f *File) Groups() []Group {
	var out []Group
	for i, v := range elements(f.root.named(f.src, "instance_group")) {
		g := f.config.InstanceGroup[i]
		line, _ := position(f.src, v.from)
		out = append(out, Group{Name: g.Name, Index: i, Kind: g.Kind.String(), Count: int(g.Count), Line: line})
	}
	return out
}
