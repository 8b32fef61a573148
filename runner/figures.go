package runner

import (
	"fmt"
	"math"
	"reflect"
	"strings"

	"tritonsweep/results"
)

// figures checks that no figure of a record is impossible: not a number,
// infinite, or negative. What nobody reported is absent, never 0; what was
// reported and cannot be is taken out, because it can neither be stored nor
// shown, and the point is void.
func figures(record *results.Record) results.Check {
	var bad []string
	for _, part := range []struct {
		name  string
		value any
	}{{"client", &record.Client}, {"server", &record.Server}, {"resources", &record.Resources}} {
		scrub(reflect.ValueOf(part.value), part.name, &bad)
	}
	if len(bad) > 0 {
		return results.Check{Name: "figures", Detail: "impossible: " + strings.Join(bad, ", ")}
	}
	return results.Check{Name: "figures", Passed: true, Detail: "every figure is a number, finite and not negative; what was not reported is absent"}
}

// scrub looks at the numbers within a value, notes the impossible ones with their
// place and clears them.
func scrub(v reflect.Value, place string, bad *[]string) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return
		}
		before := len(*bad)
		scrub(v.Elem(), place, bad)
		if len(*bad) > before && v.CanSet() {
			v.SetZero() // absent
		}
	case reflect.Struct:
		for i := range v.NumField() {
			scrub(v.Field(i), place+"."+fieldName(v.Type().Field(i)), bad)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return // encoded
		}
		for i := range v.Len() {
			scrub(v.Index(i), fmt.Sprintf("%s[%d]", place, i), bad)
		}
	case reflect.Float64:
		if f := v.Float(); math.IsNaN(f) || math.IsInf(f, 0) || f < 0 {
			*bad = append(*bad, fmt.Sprintf("%s is %g", place, f))
			v.SetZero()
		}
	case reflect.Int, reflect.Int64:
		if n := v.Int(); n < 0 {
			*bad = append(*bad, fmt.Sprintf("%s is %d", place, n))
			v.SetZero()
		}
	}
}

// fieldName is what the record calls a field.
func fieldName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}
