// What the page can do beyond showing: tooltips, other axes, a legend that
// switches, sorting, copying. Every position and every text was computed before;
// texts from outside enter the page as text, never as markup.
"use strict";
document.documentElement.classList.add("on");

const all = (root, selector) => Array.from(root.querySelectorAll(selector));

function element(tag, text) {
  const e = document.createElement(tag);
  if (text !== undefined) e.textContent = text;
  return e;
}

function chart(figure) {
  const data = JSON.parse(figure.querySelector("script.data").textContent);
  const svg = figure.querySelector(".plot > svg");
  const plot = figure.querySelector(".plot");
  const tooltip = figure.querySelector(".tooltip");
  const section = figure.closest(".model");
  const points = all(svg, ".point");
  const row = id => all(section, "tr[data-point]").find(r => r.dataset.point === id);
  let [axis, scale] = data.first.split(" ");

  function grid(group, ticks, horizontal) {
    const pattern = group.firstElementChild;
    const items = ticks.map(t => {
      const item = pattern.cloneNode(true);
      item.setAttribute("transform", horizontal ? `translate(0 ${t.at})` : `translate(${t.at} 0)`);
      item.querySelector("text").textContent = t.t;
      return item;
    });
    group.replaceChildren(...items);
  }

  function draw() {
    const d = data.drawings[axis + " " + scale];
    grid(svg.querySelector(".ygrid"), d.y, true);
    grid(svg.querySelector(".xgrid"), d.x, false);
    svg.querySelector(".ylabel").textContent = d.yl;
    svg.querySelector("path.frontier").setAttribute("d", d.frontier);
    svg.querySelector(".arrow").setAttribute("d", d.arrow);
    const slo = svg.querySelector(".slo");
    slo.toggleAttribute("hidden", !d.limit);
    slo.firstElementChild.setAttribute("transform", `translate(0 ${d.limit})`);
    slo.lastElementChild.setAttribute("y", d.limit - 6);
    slo.lastElementChild.textContent = d.tag;
    all(svg, ".series").forEach((s, i) => s.querySelector(".line").setAttribute("d", d.lines[i]));
    for (const p of points) {
      const at = d.at[p.dataset.point];
      p.toggleAttribute("hidden", !at);
      if (!at) continue;
      p.querySelector(".bars").setAttribute("d", at.b);
      p.querySelector(".mark").setAttribute("transform", `translate(${at.x} ${at.y})`);
    }
    const absent = figure.querySelector(".absent");
    absent.toggleAttribute("hidden", !d.absent);
    absent.querySelector(".n").textContent = d.absent;
    for (const b of all(figure, "[data-axis]")) b.setAttribute("aria-pressed", b.dataset.axis === axis);
    for (const b of all(figure, "[data-scale]")) b.setAttribute("aria-pressed", b.dataset.scale === scale);
    arrowVisibility();
    hide();
  }

  // The arrow joins two series; without both it would point at nothing.
  function arrowVisibility() {
    const needed = [svg.querySelector(".series.kc"), svg.querySelector(".series.chosen")];
    const off = needed.some(s => !s || s.classList.contains("off"));
    svg.querySelector(".arrow").toggleAttribute("hidden", off);
  }

  function show(point) {
    hide();
    const t = data.tips[point.dataset.point];
    const list = element("dl");
    for (const [name, value] of t.rows) list.append(element("dt", name), element("dd", value));
    tooltip.replaceChildren(element("b", t.title), element("i", t.sub), list);
    tooltip.hidden = false;
    point.classList.add("hot");
    const r = row(point.dataset.point);
    if (r) r.classList.add("hot");
    const box = plot.getBoundingClientRect();
    const mark = point.querySelector(".hit").getBoundingClientRect();
    const x = mark.left + mark.width / 2 - box.left, y = mark.top + mark.height / 2 - box.top;
    const w = tooltip.offsetWidth, h = tooltip.offsetHeight;
    const left = x + 18 + w <= box.width ? x + 18 : Math.max(0, x - 18 - w);
    tooltip.style.left = Math.min(left, Math.max(0, box.width - w)) + "px";
    tooltip.style.top = Math.min(Math.max(0, y - h / 2), Math.max(0, box.height - h)) + "px";
  }

  function hide() {
    tooltip.hidden = true;
    for (const e of all(section, ".hot")) e.classList.remove("hot");
  }

  for (const p of points) {
    const hit = p.querySelector(".hit");
    hit.addEventListener("pointerenter", () => show(p));
    hit.addEventListener("pointerleave", hide);
    hit.addEventListener("click", () => show(p));
    hit.addEventListener("focus", () => show(p));
    hit.addEventListener("blur", hide);
    const r = row(p.dataset.point);
    if (r) {
      r.addEventListener("pointerenter", () => p.classList.add("hot"));
      r.addEventListener("pointerleave", () => p.classList.remove("hot"));
    }
  }

  // One tab stop for the chart; arrow keys go from point to point.
  const visible = () => points.filter(p => !p.hasAttribute("hidden") && !p.parentNode.classList.contains("off"));
  const start = svg.querySelector(".point.best") || points[0];
  if (start) start.querySelector(".hit").tabIndex = 0;
  svg.addEventListener("keydown", event => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") hide();
    if (!step) return;
    event.preventDefault();
    const list = visible();
    const at = list.indexOf(event.target.closest(".point"));
    const next = list[(at + step + list.length) % list.length];
    if (!next) return;
    event.target.tabIndex = -1;
    const hit = next.querySelector(".hit");
    hit.tabIndex = 0;
    hit.focus();
  });

  for (const b of all(figure, "[data-axis]")) b.addEventListener("click", () => { axis = b.dataset.axis; draw(); });
  for (const b of all(figure, "[data-scale]")) b.addEventListener("click", () => { scale = b.dataset.scale; draw(); });
  for (const b of all(figure, ".legend button")) {
    b.addEventListener("click", () => {
      const on = b.getAttribute("aria-pressed") !== "true";
      b.setAttribute("aria-pressed", on);
      svg.querySelector(`.series[data-series="${b.dataset.series}"]`).classList.toggle("off", !on);
      arrowVisibility();
      hide();
    });
  }
}

function sortable(table) {
  const body = table.tBodies[0];
  const loads = new Set(Array.from(body.rows, r => r.cells[0].dataset.sort));
  const grouped = loads.size < body.rows.length;
  const separate = on => {
    let load = null;
    for (const r of body.rows) {
      const now = r.cells[0].dataset.sort;
      r.classList.toggle("first", on && grouped && load !== null && now !== load);
      load = now;
    }
  };
  separate(true);
  all(table, "thead th").forEach((head, column) => {
    const button = element("button", head.textContent);
    button.type = "button";
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const h of all(table, "thead th")) h.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = r => r.cells[column].dataset.sort;
      const value = r => key(r) === "" ? null : Number(key(r));
      const rows = Array.from(body.rows).sort((a, b) => {
        const x = value(a), y = value(b);
        if (x === null && y === null) {
          return a.cells[column].textContent.localeCompare(b.cells[column].textContent) * (down ? -1 : 1);
        }
        if (x === null || y === null) return x === null ? 1 : -1; // what is missing stays last
        return (x - y) * (down ? -1 : 1);
      });
      body.replaceChildren(...rows);
      separate(column === 0);
    });
  });
}

for (const f of all(document, "figure.chart")) chart(f);
for (const t of all(document, "table.sortable")) sortable(t);
for (const b of all(document, ".copy")) {
  b.addEventListener("click", () => {
    const done = () => { b.textContent = "Copied"; setTimeout(() => { b.textContent = "Copy"; }, 1500); };
    if (navigator.clipboard) navigator.clipboard.writeText(b.dataset.copy).then(done, () => {});
  });
}
addEventListener("beforeprint", () => { for (const d of all(document, "details")) d.open = true; });
