package report

import (
	"fmt"
	"strings"
	"testing"
)

// press sends a key to the focused element.
func (v *visit) press(t *testing.T, key string) {
	t.Helper()
	v.eval(t, fmt.Sprintf(`document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key: %q, bubbles: true}))`, key))
}

func TestPageTooltip(t *testing.T) {
	v := openPage(t, browser(t), "queue-delay")
	v.want(t, `document.querySelector(".tooltip").hidden`, "true")
	v.eval(t, `document.querySelector(".chart").scrollIntoView()`)
	v.eval(t, `document.querySelector(".point.best .hit").focus()`)
	v.want(t, `document.querySelector(".tooltip").hidden`, "false")
	text := v.eval(t, `document.querySelector(".tooltip").innerText`)
	for _, want := range []string{"queue delay 1 ms", "concurrency 32", "throughput", "p95", "vs now", "average batch", "recommended"} {
		if !strings.Contains(text, want) {
			t.Errorf("the tooltip lacks %q:\n%s", want, text)
		}
	}
	v.want(t, `document.querySelector("tr.hot").dataset.point`, v.eval(t, `document.querySelector(".point.best").dataset.point`))
	v.screenshot(t, "tooltip")

	before := v.eval(t, `document.activeElement.closest(".point").dataset.point`)
	v.press(t, "ArrowRight")
	if after := v.eval(t, `document.activeElement.closest(".point").dataset.point`); after == before {
		t.Error("the arrow key does not go to another point")
	}
	v.press(t, "Escape")
	v.want(t, `document.querySelector(".tooltip").hidden`, "true")
	v.clean(t)
}

func TestPageAxesAndLegend(t *testing.T) {
	v := openPage(t, browser(t), "limit")
	place := func() string {
		return v.eval(t, `document.querySelector(".point.best .mark").getAttribute("transform")`)
	}
	first := place()
	v.want(t, `document.querySelector(".ylabel").textContent`, "p99 latency, ms")
	v.want(t, `document.querySelector(".slo").hasAttribute("hidden")`, "false")
	v.want(t, `document.querySelectorAll(".point[hidden]").length`, "7") // too few requests for p99
	v.click(t, `[data-axis="p50"]`)
	v.want(t, `document.querySelector(".ylabel").textContent`, "p50 latency, ms")
	v.want(t, `document.querySelector(".slo").hasAttribute("hidden")`, "true")
	v.want(t, `document.querySelectorAll(".point[hidden]").length`, "0")
	v.want(t, `document.querySelector("[data-axis=p50]").getAttribute("aria-pressed")`, "true")
	linear := place()
	v.click(t, `[data-scale="log"]`)
	v.screenshot(t, "log")
	if log := place(); first == linear || linear == log {
		t.Errorf("the axes do not move the points: %s, %s, %s", first, linear, log)
	}
	v.click(t, `[data-axis="p99"]`)
	v.click(t, `[data-scale="linear"]`)
	if back := place(); back != first {
		t.Errorf("the script draws the first drawing differently: %s, the page had %s", back, first)
	}

	display := `getComputedStyle(document.querySelector('.series[data-series="1"]')).display`
	v.want(t, display, "inline")
	v.click(t, `.legend button[data-series="1"]`)
	v.want(t, display, "none")
	v.want(t, `document.querySelector('.legend button[data-series="1"]').getAttribute("aria-pressed")`, "false")
	v.click(t, `.legend button[data-series="1"]`)
	v.want(t, display, "inline")
	v.clean(t)
}

func TestPageSorting(t *testing.T) {
	v := openPage(t, browser(t), "queue-delay")
	column := func(i int) string {
		return v.eval(t, fmt.Sprintf(`Array.from(document.querySelectorAll("table.sortable tbody tr"), r => r.cells[%d].dataset.sort).join(" ")`, i))
	}
	v.click(t, `table.sortable thead th:nth-child(3) button`)
	v.want(t, `document.querySelector("th[aria-sort]").getAttribute("aria-sort")`, "ascending")
	ascending := column(2)
	wantSorted(t, ascending, 1)
	v.click(t, `table.sortable thead th:nth-child(3) button`)
	v.want(t, `document.querySelector("th[aria-sort]").getAttribute("aria-sort")`, "descending")
	wantSorted(t, column(2), -1)
	v.click(t, `.allcols input`)
	v.want(t, `getComputedStyle(document.querySelector("td.x")).display`, "table-cell")
	v.clean(t)
}

// wantSorted checks numbers separated by blanks; what is missing comes last.
func wantSorted(t *testing.T, column string, direction float64) {
	t.Helper()
	last, missing := 0.0, false
	for i, field := range strings.Split(column, " ") {
		var value float64
		if field == "" {
			missing = true
			continue
		}
		if _, err := fmt.Sscan(field, &value); err != nil {
			t.Fatal(err)
		}
		if missing || i > 0 && (value-last)*direction < 0 {
			t.Errorf("not sorted: %s", column)
			return
		}
		last = value
	}
}

// Names from outside must stay text, in the page as in the tooltip.
func TestPageHostileNames(t *testing.T) {
	ctx := browser(t)
	v := openPage(t, ctx, "hostile")
	v.eval(t, `document.querySelector(".point.best .hit").focus()`)
	v.press(t, "ArrowRight")
	v.eval(t, `document.querySelector("details").open = true`)
	v.settle(t)
	if title := v.eval(t, "document.title"); title == "owned" || !strings.Contains(title, "</script>") {
		t.Errorf("the title is %q", title)
	}
	v.want(t, `document.querySelectorAll("img, iframe, object, [onerror]").length`, "0")
	v.want(t, `document.scripts.length`, "2") // the data and ours
	if text := v.eval(t, `document.querySelector(".tooltip").innerText`); !strings.Contains(text, "</script><script>") {
		t.Errorf("the tooltip does not show the name as it is: %q", text)
	}
	v.clean(t)

	// The policy is the second wall: even an inline handler that got in is dead.
	v.eval(t, `document.body.insertAdjacentHTML("beforeend", "<img src=x onerror=\"document.title='owned'\">")`)
	v.settle(t)
	if title := v.eval(t, "document.title"); title == "owned" {
		t.Error("the policy let an inline handler run")
	}
}

// Every kind of report opens without an error.
func TestPagesOpen(t *testing.T) {
	ctx := browser(t)
	for _, name := range sampleNames() {
		v := openPage(t, ctx, name)
		v.screenshot(t, "page-"+name)
		v.clean(t)
	}
}
