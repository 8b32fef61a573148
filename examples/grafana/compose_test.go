package main

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// composed reads a file as docker compose does: variables, schema, merge rules,
// consistency.
func composed(t *testing.T, file string, environment ...string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{file}, cli.WithEnv(environment), cli.WithInterpolation(true), cli.WithResolvedPaths(true), cli.WithName("test"))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

// Both files are whole: every path that they mount is there, nothing listens but
// on loopback, and no service is without a memory limit.
func TestComposeFiles(t *testing.T) {
	models := t.TempDir()
	for file, project := range map[string]*types.Project{
		"grafana":  composed(t, "compose.yaml"),
		"pipeline": composed(t, "../pipeline/compose.yaml", "TRITON_IMAGE=triton:1", "GATEWAY_IMAGE=gateway:1", "MODELS="+models),
	} {
		if len(project.Services) != 2 {
			t.Errorf("%s: %d services", file, len(project.Services))
		}
		for name, service := range project.Services {
			if service.Image == "" {
				t.Errorf("%s: %s has no image", file, name)
			}
			if service.Deploy == nil || service.Deploy.Resources.Limits == nil || service.Deploy.Resources.Limits.MemoryBytes == 0 {
				t.Errorf("%s: %s has no memory limit", file, name)
			}
			for _, port := range service.Ports {
				if address, err := netip.ParseAddr(port.HostIP); err != nil || !address.IsLoopback() {
					t.Errorf("%s: %s listens on %q", file, name, port.HostIP)
				}
			}
			for _, v := range service.Volumes {
				if _, err := os.Stat(v.Source); v.Type == types.VolumeTypeBind && err != nil {
					t.Errorf("%s: %s mounts what is not there: %v", file, name, err)
				}
			}
		}
	}
}

// The settings of Grafana point to where the files are mounted.
func TestGrafanaFindsItsFiles(t *testing.T) {
	grafana := composed(t, "compose.yaml").Services["grafana"]
	inside := map[string]string{}
	for _, v := range grafana.Volumes {
		inside[v.Target] = v.Source
	}
	home := *grafana.Environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
	if _, err := os.Stat(filepath.Join(inside[filepath.Dir(home)], filepath.Base(home))); err != nil {
		t.Errorf("the home dashboard: %v", err)
	}
	provider, err := os.ReadFile("provisioning/dashboards/files.yaml")
	if err != nil || !strings.Contains(string(provider), filepath.Dir(home)) {
		t.Errorf("%v: the provider does not read %s", err, filepath.Dir(home))
	}
}
