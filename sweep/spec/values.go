package spec

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"tritonsweep/sweep"
)

// numbers reads a number, a list, or a text with ranges.
func numbers(node ast.Node, least int) (Numbers, error) {
	return ordered(node, func(n ast.Node) ([]int, error) { return oneText(n, least) })
}

// rates reads a number, a list, or a text with ranges.
func rates(node ast.Node) (Rates, error) {
	return ordered(node, func(n ast.Node) ([]float64, error) {
		switch n.(type) {
		case *ast.IntegerNode, *ast.FloatNode, *ast.StringNode:
			return sweep.ParseRates(scalar(n))
		}
		return nil, fmt.Errorf("%q is not a rate (hint: [50, 100], or 100..500/100)", scalar(n))
	})
}

// ordered reads a node, or each of a list, and returns all values once, ascending.
func ordered[T cmp.Ordered](node ast.Node, one func(ast.Node) ([]T, error)) ([]T, error) {
	nodes := []ast.Node{node}
	if list, isList := node.(*ast.SequenceNode); isList {
		nodes = list.Values
	}
	var all []T
	for _, n := range nodes {
		got, err := one(n)
		if err != nil {
			return nil, err
		}
		all = append(all, got...)
	}
	switch {
	case len(all) == 0:
		return nil, fmt.Errorf("an empty list")
	case len(all) > sweep.MaxValues:
		return nil, fmt.Errorf("more than %d values", sweep.MaxValues)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

func oneText(node ast.Node, least int) ([]int, error) {
	switch node.(type) {
	case *ast.IntegerNode, *ast.StringNode:
		return sweep.ParseValues(scalar(node), least)
	}
	return nil, fmt.Errorf("%q is not a whole number (hint: [1000, 5000], or 1000..10000/1000)", scalar(node))
}

// sets reads sets of sizes.
func sets(node ast.Node) (Sets, error) {
	list, ok := node.(*ast.SequenceNode)
	if !ok {
		if _, text := node.(*ast.StringNode); !text {
			return nil, fmt.Errorf("want a list of sets (hint: [none, [4, 8], [8, 16, 32]])")
		}
		return sweep.ParseSets(scalar(node))
	}
	var out Sets
	for _, n := range list.Values {
		switch inner := n.(type) {
		case *ast.SequenceNode:
			set, err := numbers(inner, 1)
			if err != nil {
				return nil, err
			}
			out = append(out, set)
		case *ast.StringNode:
			more, err := sweep.ParseSets(inner.Value)
			if err != nil {
				return nil, err
			}
			out = append(out, more...)
		default:
			return nil, fmt.Errorf("%q is not a set of sizes (hint: [none, [4, 8], [8, 16, 32]])", scalar(n))
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("an empty list")
	}
	return out, nil
}

// values reads one value or a list of them, as a config would spell them. A list
// in a list is the value of a repeated field.
func values(node ast.Node) (Values, error) {
	list, ok := node.(*ast.SequenceNode)
	if !ok {
		text, err := literal(node)
		return Values{text}, err
	}
	var out Values
	for _, n := range list.Values {
		inner, isList := n.(*ast.SequenceNode)
		if !isList {
			text, err := literal(n)
			if err != nil {
				return nil, err
			}
			out = append(out, text)
			continue
		}
		parts, err := values(inner)
		if err != nil {
			return nil, err
		}
		out = append(out, "["+strings.Join(parts, ", ")+"]")
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("an empty list")
	}
	return out, nil
}

func literal(node ast.Node) (string, error) {
	switch node.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return scalar(node), nil
	}
	return "", fmt.Errorf("%q is not a value", scalar(node))
}
