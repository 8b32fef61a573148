package main

import (
	"regexp"
	"slices"
	"strings"
)

// hidden stands for what was left out of an address.
const hidden = "***@"

// userinfo is a name, and perhaps a password, in an address: https://user:password@host
var userinfo = regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*://)[^/\s@]+@`)

// recordable is a word of a command line without what nobody may read later.
func recordable(word string) string { return userinfo.ReplaceAllString(word, "${1}"+hidden) }

// repeatable leaves out of a recorded command line what was not recorded whole:
// the environment, or what is found without it, takes its place.
func repeatable(line []string) []string {
	return slices.DeleteFunc(slices.Clone(line), func(word string) bool { return strings.Contains(word, "://"+hidden) })
}

// withoutUser is an address, with a scheme or without, for messages.
func withoutUser(address string) string {
	if at := strings.LastIndexByte(address, '@'); at >= 0 {
		return "***" + address[at:]
	}
	return address
}
