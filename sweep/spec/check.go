package spec

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"tritonsweep/tritonconfig"
)

// mapCheck holds the entries of a map against more than their type, by the type
// of the values.
var mapCheck = map[reflect.Type]func(key string, value reflect.Value) error{
	reflect.TypeFor[Values](): checkSet,
	reflect.TypeFor[string](): checkShape,
}

// checkSet makes sure that a path leads to a field of a model config that takes
// the values, and spells them alike.
func checkSet(path string, value reflect.Value) error {
	list := value.Interface().(Values)
	for i, text := range list {
		_, canonical, err := tritonconfig.NewOther(path, text)
		if err != nil {
			return err
		}
		list[i] = canonical
	}
	return nil
}

func checkShape(input string, value reflect.Value) error {
	for d := range strings.SplitSeq(value.String(), "x") {
		if n, err := strconv.ParseInt(d, 10, 32); err != nil || n < 1 {
			return fmt.Errorf("%s: %q is not a shape (hint: 3x48x320)", input, value.String())
		}
	}
	return nil
}

// check refuses what no single value shows.
func (s *Spec) check(name string) error {
	seen := map[string]bool{}
	for _, m := range s.Models {
		if seen[m.Name] {
			return &Error{File: name, Reason: fmt.Sprintf("model %q is there twice", m.Name)}
		}
		seen[m.Name] = true
		if err := tritonconfig.CheckModelName(m.Name); err != nil {
			return &Error{File: name, Reason: fmt.Sprintf("models: %v", err)}
		}
	}
	return nil
}
