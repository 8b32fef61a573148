// Package local tells this machine's own addresses from others. What is not meant
// for strangers, secrets in plain text or a page that asks nobody who they are,
// stays on loopback unless a user says otherwise.
package local

import "net"

// Host reports whether a host, a name or an address without its port, is loopback.
func Host(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
