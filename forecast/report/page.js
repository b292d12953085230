"use strict";
// What all charts share: colours of the theme, the legend of contestants, drawing.
const ROOT = document.documentElement;
const DARK = matchMedia("(prefers-color-scheme: dark)");
const COARSE = matchMedia("(pointer: coarse)");
const NARROW = 520;
const DASH = { solid: "", dash: "7 4", dot: "2 3", dashdot: "7 3 2 3" };
const redraws = [];
let printing = false;

function isDark() {
  if (printing) return false;
  return ROOT.dataset.theme ? ROOT.dataset.theme === "dark" : DARK.matches;
}

// "@p0" and "@p0/0.2" are colours of the theme, wherever a colour stands.
function colour(name) {
  if (typeof name !== "string" || name[0] !== "@") return name;
  const [variable, share] = name.slice(1).split("/");
  const hex = getComputedStyle(ROOT).getPropertyValue("--" + variable).trim();
  if (!share) return hex;
  const part = (place) => parseInt(hex.slice(place, place + 2), 16);
  return `rgba(${part(1)},${part(3)},${part(5)},${share})`;
}

function painted(value, key = "") {
  if (Array.isArray(value)) return value.map((each) => painted(each, key));
  if (value && typeof value === "object")
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, painted(each, name)]));
  return /color(scale)?$/i.test(key) ? colour(value) : value;
}

// Plotly reads a little HTML in its texts: undone, so that names are shown letter by letter.
function label(text) {
  return String(text).replace(/\s+/g, " ").replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

// Titles of axes on several lines, where there is no room for one.
function wrapped(text, room) {
  const lines = [""];
  for (const word of text.split(" ")) {
    if (lines.at(-1).length + word.length > room && lines.at(-1)) lines.push("");
    lines.push((lines.pop() + " " + word).trim());
  }
  return lines.join("<br>");
}

function axis(own, narrow, room) {
  const said = own || {};
  const grid = { ticklabeloverflow: "allow", gridcolor: "@grid", zerolinecolor: "@grid", linecolor: "@edge", tickcolor: "@edge" };
  const title = said.title ? { text: wrapped(said.title.text, room), standoff: 10 } : undefined;
  return { automargin: true, ...grid, ...(narrow ? { nticks: 6 } : {}), ...said, title };
}

function layoutOf(own, width) {
  const narrow = width < NARROW;
  const base = {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", hovermode: "x unified",
    font: { family: "system-ui,-apple-system,Segoe UI,Roboto,sans-serif", size: narrow ? 12 : 13, color: "@ink" },
    margin: { l: 10, r: 18, t: 26, b: 10 }, showlegend: false,
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
    hoverlabel: { bgcolor: "@raised", bordercolor: "@edge", font: { color: "@ink" } },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: "@soft", activecolor: "@ink" },
    dragmode: COARSE.matches ? false : "zoom",
  };
  return painted({ ...base, ...own, xaxis: axis(own.xaxis, narrow, narrow ? 32 : 90), yaxis: axis(own.yaxis, narrow, 34) });
}

const CONFIG = {
  displaylogo: false, responsive: true,
  modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]],
};

function draw(place, traces, layout) {
  const bar = COARSE.matches || place.clientWidth < NARROW ? false : "hover";
  return Plotly.react(place, painted(traces), layoutOf(layout, place.clientWidth), { ...CONFIG, displayModeBar: bar });
}

function swatch(trace) {
  const line = trace.line || {}, mark = trace.marker || {};
  const shapes = {
    circle: '<circle cx="16" cy="6" r="4"/>', square: '<rect x="12" y="2" width="8" height="8"/>',
    "triangle-up": '<path d="M16 1l5 9h-10z"/>', diamond: '<path d="M16 1l5 5-5 5-5-5z"/>',
    "triangle-down": '<path d="M16 11l5-9h-10z"/>', cross: '<path d="M14 1h4v3h3v4h-3v3h-4v-3h-3v-4h3z"/>',
    x: '<path d="M12 4l2-2 2 2 2-2 2 2-2 2 2 2-2 2-2-2-2 2-2-2 2-2z"/>',
    star: '<path d="M16 0l2 4 4 .5-3 3 1 4.5-4-2-4 2 1-4.5-3-3 4-.5z"/>',
  };
  const hue = `var(--${String(line.color || mark.color || "@ink").slice(1).split("/")[0]})`;
  const drawn = `<line x1="0" x2="32" y1="6" y2="6" stroke="${hue}" stroke-width="2" stroke-dasharray="${DASH[line.dash] || ""}"/>`;
  return `<svg width="32" height="12" aria-hidden="true" fill="${hue}">${drawn}${shapes[mark.symbol] || ""}</svg>`;
}

// A button for each contestant; `hidden` is a set that lives as long as the chart.
function legend(box, entries, hidden, redraw) {
  if (entries.length < 2) return;
  box.replaceChildren(...entries.map((trace) => {
    const button = document.createElement("button");
    button.type = "button";
    button.innerHTML = swatch(trace);  // holds nothing but names of colours and shapes
    const name = document.createElement("span");
    name.textContent = button.title = trace.meta;
    button.append(name);
    button.setAttribute("aria-pressed", String(!hidden.has(trace.meta)));
    button.addEventListener("click", () => {
      hidden.has(trace.meta) ? hidden.delete(trace.meta) : hidden.add(trace.meta);
      button.setAttribute("aria-pressed", String(!hidden.has(trace.meta)));
      redraw();
    });
    return button;
  }));
}

function contestants(traces) {
  const found = new Map();
  for (const trace of traces) if (trace.meta && trace.mode !== "lines") found.set(trace.meta, found.get(trace.meta) || trace);
  return [...found.values()];
}

function read(figure) {
  return JSON.parse(document.getElementById(figure.id + "-data").textContent);
}

function chart(figure) {
  const { views, legend: named } = read(figure);
  const place = figure.querySelector(".plot"), box = figure.querySelector(".legend"), choice = figure.querySelector("select");
  const hidden = new Set(views[0].hidden);
  const view = () => views[choice ? Number(choice.value) : 0];
  const redraw = () => {
    const traces = view().traces.map((trace) => ({ ...trace, visible: !hidden.has(trace.meta) }));
    return draw(place, traces, view().layout);
  };
  const show = () => {
    figure.querySelector(".reading").textContent = view().reading;
    if (named) legend(box, contestants(view().traces), hidden, redraw);
    return redraw();
  };
  if (choice) choice.addEventListener("change", show);
  redraws.push(redraw);
  return show();
}

function redrawAll() {
  return Promise.all(redraws.map((redraw) => redraw()));
}

function themeButton() {
  const button = document.getElementById("theme");
  const name = () => { button.textContent = isDark() ? "Light colours" : "Dark colours"; };
  button.hidden = false;
  button.addEventListener("click", () => {
    ROOT.dataset.theme = isDark() ? "light" : "dark";
    name();
    redrawAll();
  });
  DARK.addEventListener("change", () => { name(); redrawAll(); });
  name();
}

addEventListener("beforeprint", () => { printing = true; redrawAll(); });
addEventListener("afterprint", () => { printing = false; redrawAll(); });

document.addEventListener("DOMContentLoaded", () => {
  themeButton();
  document.querySelectorAll("[data-chart]").forEach((figure) => later(figure, chart));
  document.querySelectorAll("[data-explorer]").forEach((figure) => later(figure, explorer));
});

// A chart is drawn when it comes near the window: a page of twenty charts opens at once.
function later(figure, make) {
  const begin = () => { watch.disconnect(); if (!figure.dataset.drawn) { figure.dataset.drawn = "1"; make(figure); } };
  const watch = new IntersectionObserver((seen) => { if (seen.some((each) => each.isIntersecting)) begin(); }, { rootMargin: "600px" });
  watch.observe(figure);
  addEventListener("beforeprint", begin);
}
