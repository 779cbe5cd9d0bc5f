// Package manifests checks files against the parsers of their readers:
// deploy/kubernetes against the types of the Kubernetes API, the dashboard's
// queries against Prometheus's parser. It is a separate module to keep those out of
// go.mod.
package manifests

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

const dir = "../../deploy/kubernetes"

// read decodes a manifest, which must not contain fields that its type lacks.
func read[T any](t *testing.T, file string) (object T) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	if err := decode(text, &object); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return object
}

// decode rejects unknown and repeated fields, and those with different case, as
// Kubernetes does.
func decode(text []byte, object any) error {
	raw, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return err
	}
	unknown, err := json.UnmarshalStrict(raw, object)
	return errors.Join(append(unknown, err)...)
}

func want[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestKinds(t *testing.T) {
	listed := read[struct {
		meta.TypeMeta `json:",inline"`
		Resources     []string `json:"resources"`
	}](t, "kustomization.yaml").Resources
	kinds := map[string]meta.TypeMeta{
		"deployment.yaml":          read[apps.Deployment](t, "deployment.yaml").TypeMeta,
		"service.yaml":             read[core.Service](t, "service.yaml").TypeMeta,
		"poddisruptionbudget.yaml": read[policy.PodDisruptionBudget](t, "poddisruptionbudget.yaml").TypeMeta,
		"serviceaccount.yaml":      read[core.ServiceAccount](t, "serviceaccount.yaml").TypeMeta,
	}
	for file, is := range map[string]meta.TypeMeta{
		"deployment.yaml":          {APIVersion: apps.SchemeGroupVersion.String(), Kind: "Deployment"},
		"service.yaml":             {APIVersion: core.SchemeGroupVersion.String(), Kind: "Service"},
		"poddisruptionbudget.yaml": {APIVersion: policy.SchemeGroupVersion.String(), Kind: "PodDisruptionBudget"},
		"serviceaccount.yaml":      {APIVersion: core.SchemeGroupVersion.String(), Kind: "ServiceAccount"},
	} {
		want(t, file, kinds[file], is)
		want(t, file+" is listed", slices.Contains(listed, file), true)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "files beside the list", len(files)-1, len(listed))
	want(t, "files that are checked", len(listed), len(kinds))
}

// Everything that selects pods selects those of the Deployment.
func TestSelectors(t *testing.T) {
	d, s := read[apps.Deployment](t, "deployment.yaml"), read[core.Service](t, "service.yaml")
	pod := labels.Set(d.Spec.Template.Labels)
	want(t, "the Service", labels.SelectorFromSet(s.Spec.Selector).Matches(pod), true)
	selectors := map[string]*meta.LabelSelector{
		"the Deployment": d.Spec.Selector,
		"the budget":     read[policy.PodDisruptionBudget](t, "poddisruptionbudget.yaml").Spec.Selector,
	}
	for _, spread := range d.Spec.Template.Spec.TopologySpreadConstraints {
		selectors[spread.TopologyKey] = spread.LabelSelector
	}
	want(t, "selectors", len(selectors), 4)
	for name, selector := range selectors {
		compiled, err := meta.LabelSelectorAsSelector(selector)
		if err != nil {
			t.Fatal(err)
		}
		want(t, name, compiled.Matches(pod), true)
	}
	want(t, "the account", d.Spec.Template.Spec.ServiceAccountName, read[core.ServiceAccount](t, "serviceaccount.yaml").Name)
	want(t, "the Service's port", s.Spec.Ports[0].TargetPort, intstr.FromString(d.Spec.Template.Spec.Containers[0].Ports[0].Name))
}

// The pods are accepted in a namespace that enforces the "restricted" Pod Security
// Standard, and are not all evicted together.
func TestPods(t *testing.T) {
	d := read[apps.Deployment](t, "deployment.yaml")
	pod := d.Spec.Template.Spec
	c := pod.Containers[0]
	want(t, "replicas", *d.Spec.Replicas, 2)
	want(t, "pods that an update takes away", d.Spec.Strategy.RollingUpdate.MaxUnavailable.IntVal, 0)
	want(t, "not root", *pod.SecurityContext.RunAsNonRoot, true)
	want(t, "seccomp", pod.SecurityContext.SeccompProfile.Type, core.SeccompProfileTypeRuntimeDefault)
	want(t, "escalation", *c.SecurityContext.AllowPrivilegeEscalation, false)
	want(t, "read-only root", *c.SecurityContext.ReadOnlyRootFilesystem, true)
	want(t, "capabilities", slices.Equal(c.SecurityContext.Capabilities.Drop, []core.Capability{"ALL"}), true)
	want(t, "a token of Kubernetes", *pod.AutomountServiceAccountToken, false)
	want(t, "mount", c.VolumeMounts[0].Name, pod.Volumes[0].Name)
	want(t, "secrets' mode", *pod.Volumes[0].Secret.DefaultMode, 0o440)
	limit, requested := c.Resources.Limits.Memory(), c.Resources.Requests.Memory()
	if requested.IsZero() || limit.Cmp(*requested) < 0 || c.Resources.Requests.Cpu().IsZero() {
		t.Errorf("resources: %v", c.Resources)
	}
	for name, probe := range map[string]*core.Probe{"startup": c.StartupProbe, "liveness": c.LivenessProbe, "readiness": c.ReadinessProbe} {
		want(t, name+" probe's port", probe.HTTPGet.Port, intstr.FromString(c.Ports[0].Name))
	}
}

// The other tests rely on this.
func TestTypoIsRefused(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(dir, "deployment.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	wrong := bytes.Replace(text, []byte("readOnlyRootFilesystem"), []byte("readOnlyRootFileSystem"), 1)
	if decode(wrong, new(apps.Deployment)) == nil {
		t.Error("a field that does not exist is accepted")
	}
}
