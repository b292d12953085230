"use strict";
// Forecasts at the origin that the reader chooses, beside what happened.

function unpacked(series) {
  let sum = 0;
  const times = series.t.map((step) => (sum += step));
  return { ...series, times };
}

function stamp(series, clock, place) {
  const text = new Date(series.times[place] * series.u).toISOString();
  if (clock === "month") return text.slice(0, 7);
  return clock === "day" ? text.slice(0, 10) : text.slice(0, 10) + " " + text.slice(11, series.u < 60000 ? 19 : 16);
}

function shortened(value) {
  if (value === null || value === undefined) return "–";
  const text = Math.abs(value) >= 1e6 || (value && Math.abs(value) < 1e-4) ? value.toExponential(3) : Number(value.toPrecision(5)).toLocaleString("en");
  return text.replace("-", "−");
}

function meanError(said, actual) {
  const errors = said.map((value, i) => (value === null || actual[i] === null ? null : Math.abs(value - actual[i]))).filter((e) => e !== null);
  return errors.length ? errors.reduce((a, b) => a + b, 0) / errors.length : null;
}

// A hole in the record that is much longer than the usual step is a gap in the line.
function withGaps(times, values, numbers) {
  const steps = numbers.slice(1).map((each, i) => each - numbers[i]).sort((a, b) => a - b);
  const usual = steps[Math.floor(steps.length / 2)] || 1;
  const x = [], y = [];
  times.forEach((time, i) => {
    if (i && numbers[i] - numbers[i - 1] > 5 * usual) { x.push(times[i - 1]); y.push(null); }
    x.push(time); y.push(values[i]);
  });
  return [x, y];
}

function explorer(figure) {
  const data = read(figure), series = data.series.map(unpacked);
  const place = figure.querySelector(".plot"), box = figure.querySelector(".legend"), slider = figure.querySelector("input[type=range]");
  const pick = (kind) => { const found = figure.querySelector(`[data-choice=${kind}]`); return found ? Number(found.value) : 0; };
  const hidden = new Set(data.models.filter((model) => model.hidden).map((model) => model.key));
  const many = data.steps.length;

  function moment() {
    const one = series[pick("series")], target = pick("target"), nth = Math.min(Number(slider.value), one.o.length - 1);
    const origin = one.o[nth], ahead = data.steps.map((step) => origin + step).filter((row) => row < one.times.length);
    const said = {};
    for (const model of data.models) {
      if (!one.f[model.key]) continue;
      const part = (flat) => flat.slice(nth * many, nth * many + ahead.length);
      const bands = ((one.q[model.key] || [])[target] || []).map(([name, low, high]) => ({ name, low: part(low), high: part(high) }));
      said[model.key] = { point: part(one.f[model.key][target]), bands };
    }
    const actual = ahead.map((row) => one.y[target][row]);
    const names = data.categories[data.targets[target]];  // of a target whose values are codes of categories
    return { one, target, origin, ahead, said, actual, names, when: stamp(one, data.clock, origin) };
  }

  function tracesOf(now) {
    const { one, target, origin, ahead, said, actual } = now;
    const at = (row) => stamp(one, data.clock, row), x = ahead.map(at), first = Math.max(0, origin - data.before + 1);
    const past = [...Array(origin - first + 1).keys()].map((i) => first + i);
    const [px, py] = withGaps(past.map(at), past.map((row) => one.y[target][row]), past.map((row) => one.times[row]));
    const last = one.y[target][origin];
    const ink = { type: "scatter", mode: past.length > 60 ? "lines" : "lines+markers", line: { color: "@ink", width: 1.6 }, marker: { size: 4, color: "@ink" } };
    const traces = [{ ...ink, x: px, y: py, name: "before" }];
    if (actual.some((value) => value !== null)) {
      const width = { color: "@ink", width: 2.4 };
      traces.push({ ...ink, mode: "lines+markers", line: width, marker: { size: 7, color: "@ink", symbol: "circle-open", line: { width: 2 } }, x: [at(origin), ...x], y: [last, ...actual], name: "happened" });
    }
    const seen = data.models.filter((model) => said[model.key] && !hidden.has(model.key));
    const sure = seen.find((model) => said[model.key].bands.length);  // bands of several would hide each other
    if (sure) for (const [rank, band] of said[sure.key].bands.entries()) {
      const model = sure;
      const edge = { type: "scatter", mode: "lines", x, line: { width: 0, color: `@${model.colour}` }, hoverinfo: "skip", name: label(`${model.key} ${band.name}`) };
      traces.push({ ...edge, y: band.low }, { ...edge, y: band.high, fill: "tonexty", fillcolor: `@${model.colour}/${rank ? 0.22 : 0.13}` });
    }
    for (const model of seen)
      traces.push({ type: "scatter", mode: "lines+markers", x, y: said[model.key].point, name: label(model.key), line: { color: `@${model.colour}`, dash: model.dash, width: 2.2 }, marker: { color: `@${model.colour}`, symbol: model.symbol, size: 7, maxdisplayed: 24 } });
    return now.names ? traces.map((trace) => ({ ...trace, mode: "markers" })) : traces;
  }

  function layoutAt(now) {
    const line = { type: "line", x0: now.when, x1: now.when, y0: 0, y1: 1, yref: "paper", line: { color: "@soft", width: 1.2, dash: "dot" } };
    const y = { title: { text: label(data.targets[now.target]) } }, names = now.names;
    if (names) Object.assign(y, { tickvals: names.map((_, i) => i), ticktext: names.map(label) });
    const form = { month: "%b %Y", day: "%a %d %b %Y", minute: "%a %d %b %Y %H:%M" }[data.clock];
    return { xaxis: { type: "date", hoverformat: form }, yaxis: y, shapes: [line] };
  }

  function sentence(now) {
    const name = series.length > 1 ? `${now.one.name}: ` : "", begun = (words) => name ? name + words : words[0].toUpperCase() + words.slice(1);
    const errors = Object.entries(now.said).filter(([model]) => !hidden.has(model)).map(([model, said]) => [model, meanError(said.point, now.actual)]);
    const known = errors.filter((each) => each[1] !== null).sort((a, b) => a[1] - b[1]);
    const best = data.models.find((model) => now.said[model.key] && !hidden.has(model.key));
    const sure = data.models.find((model) => now.said[model.key] && !hidden.has(model.key) && now.said[model.key].bands.length);
    if (!known.length && !best) return begun("no contestant is shown. Press a name below to show one.");
    if (!known.length) {
      const point = now.said[best.key].point, inside = now.said[best.key].bands[0];
      const held = inside ? ` (${inside.name} interval ${shortened(inside.low[0])} to ${shortened(inside.high[0])})` : "";
      if (now.names) return begun(`after ${now.when} ${best.key} expects ${point.map((value) => now.names[value]).join(", ")}.`);
      return begun(`after ${now.when} ${best.key} expects ${shortened(point[0])}${held} at the first step and ${shortened(point[point.length - 1])} at the last.`);
    }
    if (now.names) return begun(`forecast made at ${now.when}: ${hits(now)}.`);
    const whom = errors.length < Object.keys(now.said).length ? " of those drawn" : "";
    const rest = known.slice(1, 4).map(([model, error]) => `${model} ${shortened(error)}`).join(", ");
    const held = sure ? ` ${inInterval(sure.key, now)}` : "";
    return begun(`forecast made at ${now.when}: ${known[0][0]} came nearest${whom}, off by ${shortened(known[0][1])} on average${rest ? ` (${rest})` : ""}.${held}`);
  }

  function hits(now) {
    const judged = now.actual.filter((value) => value !== null).length;
    const right = (said) => said.point.filter((value, i) => value !== null && value === now.actual[i]).length;
    const shown = Object.entries(now.said).filter(([model]) => !hidden.has(model));
    return shown.map(([model, said]) => `${model} was right at ${right(said)} of ${judged} steps`).join(", ");
  }

  function inInterval(key, now) {
    const band = now.said[key].bands[0], judged = now.actual.map((value, i) => value === null ? null : value >= band.low[i] && value <= band.high[i]).filter((each) => each !== null);
    return judged.length ? `The ${band.name} interval of ${key} (shaded) held ${judged.filter(Boolean).length} of ${judged.length} values.` : "";
  }

  function table(now) {
    const word = (value) => now.names && value !== null && value !== undefined ? now.names[value] : shortened(value);
    const cell = (kind, text) => { const made = document.createElement(kind); made.textContent = text; return made; };
    figure.querySelector("caption").textContent = [now.one.name, data.targets[now.target], `forecast made at ${now.when}`].filter(Boolean).join(", ");
    figure.querySelector("tbody").replaceChildren(...now.ahead.map((row, i) => {
      const line = document.createElement("tr"), head = cell("th", stamp(now.one, data.clock, row));
      head.scope = "row";
      const said = data.models.map((model) => cell("td", word((now.said[model.key] || { point: [] }).point[i])));
      line.append(head, cell("td", word(now.actual[i])), ...said);
      return line;
    }));
  }

  function redraw() {
    const now = moment();
    return draw(place, tracesOf(now), layoutAt(now));
  }

  function show() {
    const one = series[pick("series")];
    slider.max = Math.max(one.o.length - 1, 0);
    const now = moment();
    figure.querySelector("output").textContent = now.when;
    slider.setAttribute("aria-valuetext", now.when);
    figure.querySelector(".reading").textContent = sentence(now);
    table(now);
    return draw(place, tracesOf(now), layoutAt(now));
  }

  const entries = data.models.map((model) => ({ meta: model.key, line: { color: `@${model.colour}`, dash: model.dash }, marker: { symbol: model.symbol } }));
  legend(box, entries, hidden, show);
  slider.addEventListener("input", show);
  figure.querySelectorAll("[data-choice]").forEach((choice) => choice.addEventListener("change", show));
  redraws.push(redraw);
  return show();
}
