package docker

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func (c *fakeContainer) summary() map[string]any {
	ports := []map[string]any{}
	for name, bindings := range c.Ports {
		private, kind, _ := strings.Cut(name, "/")
		if len(bindings) == 0 {
			ports = append(ports, map[string]any{"PrivatePort": atoi(private), "Type": kind})
		}
		for _, b := range bindings {
			ports = append(ports, map[string]any{"IP": b["HostIp"], "PrivatePort": atoi(private),
				"PublicPort": atoi(b["HostPort"]), "Type": kind})
		}
	}
	return map[string]any{
		"Id": c.ID, "Names": []string{"/other/alias", "/" + c.Name}, "Image": c.Image,
		"Command": strings.Join(append(slices.Clone(c.Entrypoint), c.Cmd...), " "),
		"State":   c.State["Status"], "Ports": ports, "Labels": c.Labels,
		"HostConfig":      map[string]any{"NetworkMode": c.Network},
		"NetworkSettings": map[string]any{"Networks": c.networks()},
	}
}

func (c *fakeContainer) networks() map[string]any {
	return map[string]any{"bridge": map[string]any{"IPAddress": c.IP}}
}

func (c *fakeContainer) inspection() map[string]any {
	config := map[string]any{"Image": c.Image, "Entrypoint": c.Entrypoint, "Cmd": c.Cmd, "Tty": c.TTY,
		"WorkingDir": c.WorkingDir, "Env": []string{"TOKEN=" + canary}}
	if c.StopTimeout > 0 {
		config["StopTimeout"] = c.StopTimeout
	}
	config["Labels"] = c.Labels
	host := map[string]any{"NetworkMode": c.Network, "Memory": 4 << 30, "RestartPolicy": map[string]any{"Name": "no"}}
	maps.Copy(host, c.HostConfig)
	return map[string]any{
		"Id": c.ID, "Name": "/" + c.Name, "Image": "sha256:0123", "State": c.State,
		"RestartCount": c.RestartCount, "Config": config, "Mounts": c.Mounts,
		"HostConfig":      host,
		"NetworkSettings": map[string]any{"Ports": c.Ports, "Networks": c.networks()},
	}
}

func atoi(text string) int {
	var n int
	fmt.Sscan(text, &n)
	return n
}
