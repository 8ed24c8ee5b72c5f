// The lab on metrics: scores, a threshold that one drags, and every number that follows from it; scores.js computes.
"use strict";
{
  const STEPS = 100; // the threshold goes in hundredths from 0 to 1.01, where nothing raises an alarm any more
  const SHARES = [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5];
  const MADE_UP = 1000; // how many cases are made up
  const FIRST = { source: "trained", shape: 5, distance: 2, share: 1, seed: 1, step: 20 };
  const LEFT = 34, RIGHT = 330, TOP = 8; // of the plots, in units of their view boxes

  // ---- what is drawn -------------------------------------------------------------------------------------------
  function svg(tag, properties = {}, ...children) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(properties)) {
      if (name === "text") element.textContent = value;
      else element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }
  const chart = (height) => svg("svg", { viewBox: `0 0 340 ${height}`, class: "metrics-chart", role: "img" });
  const across = (share) => LEFT + share * (RIGHT - LEFT);
  const path = (points, name, y) =>
    svg("path", { class: name, d: `M${points.map((p) => `${across(p[0]).toFixed(1)} ${y(p[1]).toFixed(1)}`).join("L")}` });

  // Ticks at shares of both axes, and the name of the lower one
  function axes(bottom, y, text, heights) {
    const parts = [svg("path", { class: "metrics-axis", d: `M${LEFT} ${TOP}V${bottom}H${RIGHT}` })];
    for (const share of [0, 0.25, 0.5, 0.75, 1])
      parts.push(svg("text", { x: across(share), y: bottom + 14, "text-anchor": "middle", text: String(share) }));
    for (const [value, shown = value] of heights)
      parts.push(svg("text", { x: LEFT - 5, y: y(value) + 4, "text-anchor": "end", text: String(shown) }));
    return [...parts, svg("text", { x: across(0.5), y: bottom + 29, "text-anchor": "middle", text })];
  }

  // Positives upwards, negatives downwards; heights grow with the logarithm, so that one case can still be seen
  function drawHistogram(root, labels, scores, threshold, words) {
    const bins = { up: Array(STEPS + 1).fill(0), down: Array(STEPS + 1).fill(0) };
    scores.forEach((score, i) => bins[labels[i] ? "up" : "down"][Math.floor(score * STEPS + 1e-9)]++);
    const highest = Math.log1p(Math.max(...bins.up, ...bins.down)), middle = 100;
    const height = (n) => (88 * Math.log1p(n)) / highest, bar = (RIGHT - LEFT) / (STEPS + 1);
    const place = (step) => LEFT + bar * step, parts = [];
    for (const [side, counts] of Object.entries(bins))
      counts.forEach((n, step) => {
        if (!n) return;
        const name = `metrics-${side === "up" ? "positive" : "negative"}${step / STEPS >= threshold ? "" : " metrics-quiet"}`;
        const y = side === "up" ? middle - height(n) : middle;
        parts.push(svg("rect", { class: name, x: place(step), y, width: bar - 0.4, height: height(n) }));
      });
    const ticks = [1, 10, 100].filter((n) => Math.log1p(n) <= highest);
    for (const n of ticks)
      for (const sign of [-1, 1])
        parts.push(svg("text", { x: LEFT - 5, y: middle + sign * height(n) + 4, "text-anchor": "end", text: String(n) }));
    for (const share of [0, 0.25, 0.5, 0.75, 1])
      parts.push(svg("text", { x: place(share * STEPS), y: 206, "text-anchor": "middle", text: String(share) }));
    const x = place(threshold * STEPS), text = { x: RIGHT, "text-anchor": "end" };
    parts.push(
      svg("path", { class: "metrics-axis", d: `M${LEFT} ${middle}H${RIGHT}` }),
      svg("text", { ...text, y: 18, text: words.positives }),
      svg("text", { ...text, y: 188, text: words.negatives }),
      svg("path", { class: "metrics-line", d: `M${x} 12V190` }),
      svg("circle", { class: "metrics-grip", cx: x, cy: middle, r: 11 }),
      svg("path", { class: "metrics-arrows", d: `M${x - 3} ${middle - 4}l-4 4l4 4M${x + 3} ${middle - 4}l4 4l-4 4` }),
    );
    root.replaceChildren(...parts);
  }

  // Precision, recall, accuracy and F1 over the threshold
  function drawMeasures(root, every, threshold, words) {
    const y = (value) => 100 - 90 * value, wide = STEPS + 1;
    const lines = ["accuracy", "f1", "recall", "precision"].map((name) =>
      path(every.map((values, step) => [step / wide, values[name]]), `metrics-curve metrics-${name}`, y));
    const x = across((threshold * STEPS) / wide);
    root.replaceChildren(...axes(100, y, words.threshold, [[0], [1]]), ...lines, svg("path", { class: "metrics-line", d: `M${x} 8V100` }));
  }

  // A curve in the unit square with the point of the threshold, and the line of a blind order
  function drawCurve(root, points, here, blind, text) {
    const y = (value) => 190 - 180 * value;
    root.replaceChildren(
      ...axes(190, y, text, [[0], [0.5], [1]]),
      path(blind, "metrics-blind", y),
      path(points, "metrics-curve metrics-precision", y),
      ...(here ? [svg("circle", { class: "metrics-here", cx: across(here[0]), cy: y(here[1]), r: 6 })] : []),
    );
  }

  // ---- the lab -------------------------------------------------------------------------------------------------
  courseLabs.metrics = async (stage, words) => {
    const facts = courseData.metrics, names = words.classes.split(", "), images = Lab.bytes(facts.images);
    const state = { ...FIRST };
    let cases, curve, every, counts;
    const number = (value) => Lab.number(value, 3), threshold = () => state.step / STEPS;

    const histogram = chart(212), measures = chart(132), precisionRecall = chart(222), roc = chart(222);
    const status = Lab.status(), areas = [0, 1].map(() => Lab.make("p", { class: "lab-note" }));
    const cells = Object.fromEntries(["tp", "fn", "fp", "tn"].map((name) => [name, Lab.make("td", { class: `metrics-${name}` })]));
    const lines = Object.fromEntries(["precision", "recall", "falseRate", "accuracy", "f1"].map((name) => [name, [Lab.make("span"), Lab.make("td")]]));

    const slider = Lab.slider(words.threshold, { min: 0, max: STEPS + 1, step: 1, value: state.step, format: (step) => (step / STEPS).toFixed(2) }, moveTo);
    const distance = Lab.slider(words.distance, { min: 0, max: 4, step: 0.25, value: state.distance, format: (d) => d.toFixed(2) }, (d) => change({ distance: d }));
    const share = Lab.slider(words.share, { min: 0, max: SHARES.length - 1, step: 1, value: state.share, format: (i) => Lab.percent(SHARES[i]) }, (i) => change({ share: i }));
    const source = Lab.choices(words.source, { trained: words.trained, made: words.made }, state.source, (value) => change({ source: value }));
    const shapes = Lab.choices(words.shape, { ...names }, state.shape, (value) => change({ shape: Number(value) }));
    const again = Lab.make("div", { class: "lab-buttons" }, Lab.button(words.again, () => change({ seed: state.seed + 1 })));
    const invention = Lab.make("div", { class: "lab-panel" }, Lab.make("div", { class: "lab-row" }, distance, share), again);
    const worst = [0, 1].map(() => ({ canvas: Lab.canvas(32, 32, ""), text: Lab.make("p", { class: "lab-note" }) }));
    const pictures = Lab.make("div", { class: "metrics-pictures" }, ...worst.map(({ canvas, text }) => Lab.make("div", {}, canvas, text)));

    stage.append(
      source, shapes, invention,
      Lab.make("div", { class: "lab-row" },
        panel(words.histogram, histogram, measures, slider,
          Lab.make("div", { class: "lab-buttons" },
            Lab.button(words.bestAccuracy, () => moveTo(best("accuracy"))),
            Lab.button(words.bestF1, () => moveTo(best("f1"))),
            Lab.button(words.reset, () => change(FIRST)))),
        panel(words.matrix, matrix(cells, words), table(lines, words))),
      status,
      Lab.make("div", { class: "lab-row" },
        panel(words.precisionRecall, precisionRecall, areas[0]),
        panel(words.roc, roc, areas[1])),
      pictures,
    );
    drag(histogram, moveTo);
    change({});

    // Other scores: everything is counted anew
    function change(news) {
      Object.assign(state, news);
      cases = state.source === "trained" ? Scores.ofClass(facts, state.shape) : Scores.madeUp(MADE_UP, { ...state, share: SHARES[state.share] });
      curve = Scores.curves(cases.labels, cases.scores);
      every = Array.from({ length: STEPS + 2 }, (_, step) => Scores.measures(Scores.count(cases.labels, cases.scores, step / STEPS)));
      for (const [control, value] of [[distance, state.distance], [share, state.share]]) control.set(value);
      source.querySelector(`[value=${state.source}]`).checked = true;
      shapes.querySelector(`[value="${state.shape}"]`).checked = true;
      shapes.hidden = pictures.hidden = state.source !== "trained";
      invention.hidden = state.source === "trained";
      moveTo(state.step);
    }

    // Another threshold
    function moveTo(step) {
      state.step = Math.min(Math.max(Math.round(step), 0), STEPS + 1);
      slider.set(state.step);
      counts = Scores.count(cases.labels, cases.scores, threshold());
      showCounts();
      showCurves();
      if (state.source === "trained") showPictures();
    }

    // The lowest of the thresholds at which a measure is highest
    function best(name) {
      return every.reduce((found, values, step) => (values[name] > every[found][name] ? step : found), 0);
    }

    function showCounts() {
      const values = Scores.measures(counts), parts = Scores.fractions(counts);
      for (const [name, cell] of Object.entries(cells)) cell.querySelector("b").textContent = counts[name];
      for (const [name, [fraction, value]] of Object.entries(lines)) {
        fraction.textContent = `= ${parts[name][0]} / ${parts[name][1]}`;
        value.textContent = number(values[name]);
      }
      const positives = counts.tp + counts.fn, alarms = counts.tp + counts.fp, all = cases.labels.length;
      const never = number(1 - positives / all);
      status.textContent = Lab.fill(`${alarms ? words.says : words.saysNone} ${words.never}`, {
        ...counts, positives, alarms, all, never, threshold: threshold().toFixed(2), accuracy: number(values.accuracy),
      });
    }

    function showCurves() {
      const here = every[state.step], base = (counts.tp + counts.fn) / cases.labels.length;
      drawHistogram(histogram, cases.labels, cases.scores, threshold(), words);
      drawMeasures(measures, every, threshold(), words);
      const stairs = curve.precision.flatMap((p, i) => [[i ? curve.recall[i - 1] : 0, p], [curve.recall[i], p]]);
      const alarm = counts.tp + counts.fp > 0;
      drawCurve(precisionRecall, stairs, alarm && [here.recall, here.precision], [[0, base], [1, base]], words.precisionAxis);
      drawCurve(roc, [[0, 0], ...curve.recall.map((r, i) => [curve.falseRate[i], r])], [here.falseRate, here.recall], [[0, 0], [1, 1]], words.rocAxis);
      areas[0].textContent = Lab.fill(words.averagePrecision, { area: number(Scores.averagePrecision(curve)), base: number(base) });
      areas[1].textContent = Lab.fill(words.rocArea, { area: number(Scores.areaUnderRoc(curve)) });
      histogram.setAttribute("aria-label", Lab.fill(words.histogramLabel, { threshold: threshold().toFixed(2), ...counts }));
      measures.setAttribute("aria-label", Lab.fill(words.measuresLabel, { threshold: threshold().toFixed(2) }));
      precisionRecall.setAttribute("aria-label", Lab.fill(words.curveLabel, { x: number(here.recall), y: number(here.precision), curve: words.precisionRecall }));
      roc.setAttribute("aria-label", Lab.fill(words.curveLabel, { x: number(here.falseRate), y: number(here.recall), curve: words.roc }));
    }

    // The two pictures of the class that the network ranks worst, and what becomes of them at this threshold
    function showPictures() {
      worst.forEach(({ canvas, text }, i) => {
        const scene = facts.worst[state.shape][i], score = cases.scores[scene], first = 3072 * (2 * state.shape + i);
        const alarm = score >= threshold(), outcome = i ? (alarm ? words.tp : words.fn) : alarm ? words.fp : words.tn;
        Lab.paint(canvas, images.subarray(first, first + 3072));
        const known = { shape: names[facts.labels[scene]], asked: names[state.shape], score: number(score), outcome };
        text.textContent = Lab.fill(i ? words.lowestOwn : words.highestOther, known);
        canvas.setAttribute("aria-label", known.shape);
      });
    }

    return {
      get labels() { return cases.labels; },
      get scores() { return cases.scores; },
      get threshold() { return threshold(); },
      get counts() { return counts; },
      get measures() { return Scores.measures(counts); },
      get curves() { return curve; },
      get averagePrecision() { return Scores.averagePrecision(curve); },
      get areaUnderRoc() { return Scores.areaUnderRoc(curve); },
    };
  };

  const panel = (title, ...children) => Lab.make("div", { class: "lab-panel" }, Lab.make("p", { class: "lab-title", text: title }), ...children);

  // Two by two counts: rows the truth, columns the answer
  function matrix(cells, words) {
    const cell = (name) => (cells[name].append(Lab.make("b"), Lab.make("span", { text: `${name.toUpperCase()}, ${words[name]}` })), cells[name]);
    const head = (text, scope) => Lab.make("th", { scope, text });
    return Lab.make("table", { class: "metrics-matrix" },
      Lab.make("thead", {}, Lab.make("tr", {}, Lab.make("td"), head(words.alarm, "col"), head(words.noAlarm, "col"))),
      Lab.make("tbody", {},
        Lab.make("tr", {}, head(words.positive, "row"), cell("tp"), cell("fn")),
        Lab.make("tr", {}, head(words.negative, "row"), cell("fp"), cell("tn"))));
  }

  // One measure a row: how its line looks, its name, its formula in letters and in numbers, its value
  function table(lines, words) {
    const rows = {
      precision: [words.precision, "TP / (TP + FP)"],
      recall: [words.recall, "TP / (TP + FN)"],
      falseRate: [words.falseRate, "FP / (FP + TN)"],
      accuracy: [words.accuracy, "(TP + TN) / (TP + FP + FN + TN)"],
      f1: [words.f1, "2 TP / (2 TP + FP + FN)"],
    };
    const sample = (name) => svg("svg", { viewBox: "0 0 26 8", class: "metrics-sample", "aria-hidden": "true" }, svg("path", { class: `metrics-curve metrics-${name}`, d: "M1 4H25" }));
    return Lab.make("table", { class: "metrics-table" }, Lab.make("tbody", {}, ...Object.entries(rows).map(([name, [title, formula]]) =>
      Lab.make("tr", {},
        Lab.make("th", { scope: "row" }, title, ...(name === "falseRate" ? [] : [sample(name)])),
        Lab.make("td", {}, Lab.make("span", { text: formula }), lines[name][0]), lines[name][1]))));
  }

  // Drag anywhere on the histogram with the mouse or a finger
  function drag(root, moveTo) {
    const move = (event) => {
      const box = root.getBoundingClientRect(), x = (340 * (event.clientX - box.left)) / box.width;
      moveTo(((x - LEFT) / (RIGHT - LEFT)) * (STEPS + 1));
    };
    root.addEventListener("pointerdown", (event) => {
      root.setPointerCapture(event.pointerId);
      move(event);
    });
    root.addEventListener("pointermove", (event) => root.hasPointerCapture(event.pointerId) && move(event));
  }
}
