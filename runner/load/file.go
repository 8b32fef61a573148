package load

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// read reads the items of Source File.
func (d Data) read(m Model) ([]item, error) {
	info, err := os.Stat(d.Path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() && !(len(m.Inputs) == 1 && !hasFile(d.Path, m.Inputs[0].Name)) {
		return d.readFolder(m)
	}
	if strings.EqualFold(filepath.Ext(d.Path), ".json") {
		return d.readJSON(m)
	}
	if len(m.Inputs) != 1 {
		return nil, fmt.Errorf("%s holds one raw tensor, model %s has %d inputs (hint: a folder with one file per input, or perf_analyzer's JSON; inputs: %s)",
			d.Path, m.Name, len(m.Inputs), m.inputNames())
	}
	values, err := d.readFeed(m, m.Inputs[0], Feed{File, d.Path, d.Range})
	if err != nil {
		return nil, err
	}
	items := make([]item, len(values))
	for i, v := range values {
		items[i] = item{m.Inputs[0].Name: v}
	}
	return items, nil
}

// hasFile reports whether a folder holds a file of a name, which a server gave.
func hasFile(folder, name string) bool {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return false
	}
	defer root.Close()
	info, err := root.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// readFolder reads one raw file per input. All must hold the same number of items.
func (d Data) readFolder(m Model) ([]item, error) {
	root, err := os.OpenRoot(d.Path) // the names of inputs come from the server
	if err != nil {
		return nil, err
	}
	defer root.Close()
	var items []item
	for _, t := range m.Inputs {
		if d.Inputs[t.Name] != nil {
			continue
		}
		if _, err := root.Stat(t.Name); err != nil {
			if t.Optional && os.IsNotExist(err) {
				continue
			}
			return nil, fmt.Errorf("input %q of model %s: %w", t.Name, m.Name, err)
		}
		values, err := d.readRaw(m, t, filepath.Join(d.Path, t.Name))
		if err != nil {
			return nil, err
		}
		if items == nil {
			items = make([]item, len(values))
			for i := range items {
				items[i] = item{}
			}
		}
		if len(values) != len(items) {
			return nil, fmt.Errorf("%s holds %d items for input %q, the inputs before it hold %d", d.Path, len(values), t.Name, len(items))
		}
		for i, v := range values {
			items[i][t.Name] = v
		}
	}
	return items, nil
}

// readRaw cuts a file into items of an input's size. A BYTES input of one
// element takes the whole file as that element, as it is: a picture or a text.
func (d Data) readRaw(m Model, t Tensor, path string) ([]value, error) {
	shape, err := d.shape(m, t)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	count, _ := elements(shape)
	size := t.bytes(shape)
	switch {
	case size < 0 && count == 1:
		return []value{{shape, appendBytes(nil, data)}}, nil
	case size < 0:
		return []value{{shape, data}}, nil // complete checks it
	case size == 0 || len(data) == 0 || int64(len(data))%size != 0:
		return nil, fmt.Errorf("%s holds %d bytes, which is not a whole number of items of %d bytes (%s %v)", path, len(data), size, t.Datatype, shape)
	}
	var values []value
	for ; len(data) > 0; data = data[size:] {
		values = append(values, value{shape, data[:size:size]})
	}
	return values, nil
}
