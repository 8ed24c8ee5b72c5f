// The lab on positional encoding: sines along a row, positions of the patches of a picture, and turned queries and keys.
"use strict";
{
  const SIDE = 8; // patches in a row of a picture, and rows
  const PLACES = 16; // places for a query and a key

  // A vector of `width` numbers for each of `count` positions: sines and cosines of ever longer waves
  const sines = (count, width, base) =>
    Array.from({ length: count }, (_, n) =>
      Array.from({ length: width }, (_, d) => {
        const angle = n / base ** ((d - (d % 2)) / width);
        return d % 2 ? Math.cos(angle) : Math.sin(angle);
      }));

  // The positions of the patches, one half of the numbers for the row, the other for the column
  const sinesOfPatches = (width, base) => {
    const half = sines(SIDE, width / 2, base);
    return Array.from({ length: SIDE * SIDE }, (_, n) => [...half[Math.floor(n / SIDE)], ...half[n % SIDE]]);
  };

  const dot = (one, other) => one.reduce((sum, number, d) => sum + number * other[d], 0);
  const cosine = (one, other) => dot(one, other) / Math.sqrt(dot(one, one) * dot(other, other));

  // The angle of each pair of numbers at a place of a picture with one row: the first half turns with the row, which is 0
  const rotaryAngles = (column, width, base) => {
    const quarter = width / 4;
    return Array.from({ length: 2 * quarter }, (_, k) => (k < quarter ? 0 : column * base ** (-(k - quarter) / quarter)));
  };

  // Turn the pairs of numbers of a vector
  const rotate = (vector, angles) =>
    angles.flatMap((angle, k) => {
      const [even, odd] = vector.slice(2 * k, 2 * k + 2);
      return [even * Math.cos(angle) - odd * Math.sin(angle), even * Math.sin(angle) + odd * Math.cos(angle)];
    });

  // The score of the query at each place with the key at each place, row by row of the query
  const scores = (queries, keys) => queries.flatMap((query) => keys.map((key) => dot(query, key)));

  // The scores of all pairs of places with the same distance
  const atDistance = (table, distance) =>
    table.filter((_, k) => (k % PLACES) - Math.floor(k / PLACES) === distance);

  const floats = (text) => Array.from(new Float32Array(Lab.bytes(text).buffer));
  const panel = (...children) => Lab.make("div", { class: "lab-panel" }, ...children);
  const title = (text = "") => Lab.make("div", { class: "lab-title", text });
  const cover = (element, row, column, rows, columns, wide = 1) => {
    const [top, left, width, height] = [row / rows, column / columns, wide / columns, 1 / rows].map((share) => `${100 * share}%`);
    Object.assign(element.style, { top, left, width, height });
  };

  // A canvas of rows × columns cells with a frame around the one that was chosen
  const sheet = ({ rows, columns, label, place, move, wide }) => {
    const canvas = Lab.canvas(columns, rows, ""), frame = Lab.make("div", { class: "lab-frame" });
    const holder = Lab.make("div", { class: "lab-sheet positions-sheet" }, canvas, frame);
    Lab.cursor(canvas, { rows, columns, label, place, move });
    const show = (values, peak, [row, column]) => {
      Lab.heat(canvas, values, { low: -peak, high: peak, palette: "diverging" });
      cover(frame, row, column, rows, columns, wide);
    };
    return { holder, show };
  };

  // A curve of numbers between `low` and `high`, with a line at one of them
  const drawCurve = (holder, values, { low, high, mark, label }) => {
    const x = (k) => 34 + (260 * k) / (values.length - 1), y = (value) => 100 - (90 * (value - low)) / (high - low);
    const points = values.map((value, k) => `${x(k).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
    const lines = (low < 0 ? [low, 0, high] : [low, high]).map((value) =>
      `<path class="positions-axis" d="M34 ${y(value)}H294"/><text x="30" y="${y(value) + 4}" text-anchor="end">${Lab.number(value, 0)}</text>`);
    const here = mark === undefined ? "" : `<path class="positions-mark" d="M${x(mark)} 10V100"/>`;
    holder.innerHTML = `<svg viewBox="0 0 300 120" role="img">${lines.join("")}${here}<polyline points="${points}"/>` +
      `<text x="34" y="116">0</text><text x="294" y="116" text-anchor="end">${values.length - 1}</text></svg>`;
    holder.firstChild.setAttribute("aria-label", label);
  };

  courseLabs.positions = (stage, words) => {
    const { learned, query, key, rotaryBase } = courseData.positions;
    const cosinesOf = { cifar10: floats(learned.cifar10), scenes: floats(learned.scenes) };
    const start = () => ({ view: "row", count: 64, width: 32, base: 10000, measure: "dot", position: 20, patch: [3, 3], pair: [3, 7] });
    let state = start(), table, rowSheet;
    const status = Lab.status(), sections = {};
    const change = (part) => {
      Object.assign(state, part);
      draw();
    };

    // One row of positions
    const rowHolder = Lab.make("div"), rowTitle = title(), vectorTitle = title(), alikeTitle = title();
    const vectorCurve = Lab.make("div", { class: "positions-curve" }), alikeCurve = Lab.make("div", { class: "positions-curve" });
    const lengthNote = Lab.make("p", { class: "lab-note" }), waveNote = Lab.make("p", { class: "lab-note" });
    const similarities = () => table.map((vector) => (state.measure === "dot" ? dot : cosine)(table[state.position], vector));
    const rebuildRow = () => {
      const { count, width, base } = state;
      state.position = Math.min(state.position, count - 1);
      table = sines(count, width, base);
      rowSheet = sheet({ rows: count, columns: width, label: words.row_label, place: [state.position, 0], move: (position) => change({ position }), wide: width });
      rowHolder.replaceChildren(rowSheet.holder);
      rowTitle.textContent = Lab.fill(words.row_title, { count, width });
      lengthNote.textContent = Lab.fill(words.length_note, { width, half: width / 2, length: Lab.number(Math.sqrt(width / 2)) });
      waveNote.textContent = Lab.fill(words.wave_note, { long: Lab.number(2 * Math.PI * base ** ((width - 2) / width), 0) });
    };
    const drawRow = () => {
      const n = state.position, alike = similarities(), largest = state.measure === "dot" ? state.width / 2 : 1;
      rowSheet.show(table.flat(), 1, [n, 0]);
      const step = n + 5 < state.count ? 5 : -5, least = alike.indexOf(Math.min(...alike)), near = n + 1 < state.count ? 1 : -1;
      vectorTitle.textContent = Lab.fill(words.vector_title, { n });
      alikeTitle.textContent = Lab.fill(words.alike_title, { n });
      const said = { n, one: Lab.number(alike[n + near]), five: Lab.number(alike[n + step]), least, lowest: Lab.number(alike[least]), self: Lab.number(alike[n]) };
      status.textContent = Lab.fill(words.row_seen, said);
      drawCurve(vectorCurve, table[n], { low: -1, high: 1, label: vectorTitle.textContent });
      drawCurve(alikeCurve, alike, { low: Math.min(0, Math.floor(Math.min(...alike))), high: largest, mark: n, label: `${alikeTitle.textContent}. ${status.textContent}` });
    };

    // The patches of a picture
    const gridTitles = { counted: words.counted, both: words.both, cifar10: words.cifar10, scenes: words.scenes };
    const grids = Object.fromEntries(Object.entries(gridTitles).map(([name, text]) => {
      const label = Lab.fill(words.grid_label, { kind: text }), move = (...patch) => change({ patch });
      return [name, { text, note: Lab.make("p", { class: "lab-note" }), ...sheet({ rows: SIDE, columns: SIDE, label, place: state.patch, move }) }];
    }));
    const gridValues = () => {
      const here = state.patch[0] * SIDE + state.patch[1], { width, base } = state;
      const ofSines = (vectors) => vectors.map((vector) => cosine(vectors[here], vector));
      const ofModel = (cosines) => cosines.slice(here * SIDE * SIDE, (here + 1) * SIDE * SIDE);
      return { counted: ofSines(sines(SIDE * SIDE, width, base)), both: ofSines(sinesOfPatches(width, base)), cifar10: ofModel(cosinesOf.cifar10), scenes: ofModel(cosinesOf.scenes) };
    };
    const drawPatches = () => {
      const [row, column] = state.patch, here = row * SIDE + column, values = gridValues();
      for (const [name, { show, note }] of Object.entries(grids)) {
        show(values[name], 1, state.patch);
        const others = values[name].map((value, k) => (k === here ? -Infinity : value)), best = others.indexOf(Math.max(...others));
        const mean = (values[name].reduce((sum, value) => sum + value, 0) - 1) / (SIDE * SIDE - 1);
        note.textContent = Lab.fill(words.nearest, { row: Math.floor(best / SIDE), column: best % SIDE, value: Lab.number(others[best]), mean: Lab.number(mean) });
      }
      status.textContent = Lab.fill(words.patches_seen, { row, column });
    };

    // A query and a key that are turned, or that get sines added
    const places = Array.from({ length: PLACES }, (_, n) => n), marks = sines(PLACES, query.length, 10000);
    const turnedAt = (vector) => places.map((n) => rotate(vector, rotaryAngles(n, vector.length, rotaryBase)));
    const addedAt = (vector) => marks.map((mark) => mark.map((number, d) => number + vector[d]));
    const tables = { turned: scores(turnedAt(query), turnedAt(key)), added: scores(addedAt(query), addedAt(key)) };
    const kinds = { turned: words.turned, added: words.added };
    const pairs = Object.fromEntries(Object.entries(kinds).map(([name, text]) => [name, sheet({
      rows: PLACES, columns: PLACES, label: Lab.fill(words.pair_label, { kind: text }), place: state.pair, move: (...pair) => change({ pair }),
    })]));
    const cells = Object.fromEntries(Object.keys(kinds).map((name) => [name, [1, 2, 3].map(() => Lab.make("td"))]));
    const pairTable = Lab.make("table", { class: "positions-scores" },
      Lab.make("tr", {}, ...["", words.this_pair, words.smallest, words.largest].map((text) => Lab.make(text ? "th" : "td", { scope: text ? "col" : null, text }))),
      ...Object.entries(cells).map(([name, row]) => Lab.make("tr", {}, Lab.make("th", { scope: "row", text: kinds[name] }), ...row)));
    const stepOn = () => {
      const [n, m] = state.pair, back = Math.max(n, m) === PLACES - 1 ? -Math.min(n, m) : 1;
      change({ pair: [n + back, m + back] });
    };
    const drawPair = () => {
      const [n, m] = state.pair;
      for (const [name, values] of Object.entries(tables)) {
        const same = atDistance(values, m - n);
        pairs[name].show(values, Math.max(...values.map(Math.abs)), state.pair);
        [values[n * PLACES + m], Math.min(...same), Math.max(...same)].forEach((value, k) => (cells[name][k].textContent = Lab.number(value, 3)));
      }
      status.textContent = Lab.fill(words.pair_seen, { n, m, distance: Lab.number(m - n, 0), count: PLACES - Math.abs(m - n) });
    };

    const draw = () => {
      for (const [name, section] of Object.entries(sections)) section.hidden = name !== state.view;
      sineControls.hidden = state.view === "rotary";
      ({ row: drawRow, patches: drawPatches, rotary: drawPair })[state.view]();
    };
    const rebuild = (part) => {
      Object.assign(state, part);
      rebuildRow();
      draw();
    };

    const controls = Lab.make("div"), sineControls = Lab.make("div"), rowControls = Lab.make("div");
    const reset = () => {
      state = start();
      controls.replaceChildren(Lab.choices(words.view, { row: words.view_row, patches: words.view_patches, rotary: words.view_rotary }, state.view, (view) => change({ view })));
      sineControls.replaceChildren(Lab.make("div", { class: "lab-row" },
        Lab.slider(words.width, { min: 8, max: 64, step: 4, value: state.width }, (width) => rebuild({ width })),
        Lab.choices(words.base, { 10: "10", 100: "100", 1000: "1000", 10000: "10000" }, state.base, (base) => rebuild({ base: Number(base) }))));
      rowControls.replaceChildren(Lab.make("div", { class: "lab-row" },
        Lab.slider(words.count, { min: 16, max: 128, step: 16, value: state.count }, (count) => rebuild({ count })),
        Lab.choices(words.measure, { dot: words.dot, cosine: words.cosine }, state.measure, (measure) => change({ measure }))));
      rebuild({});
    };
    const scale = () => Lab.make("div", { class: "lab-scale" }, Lab.make("div"), Lab.make("span", { text: "−1" }), Lab.make("span", { text: "0" }), Lab.make("span", { text: "1" }));
    sections.row = Lab.make("section", {}, panel(rowControls, Lab.make("div", { class: "positions-two" },
      panel(rowTitle, rowHolder, scale()), panel(vectorTitle, vectorCurve, alikeTitle, alikeCurve)), lengthNote, waveNote));
    sections.patches = Lab.make("section", {}, panel(Lab.make("div", { class: "positions-grids" },
      ...Object.values(grids).map(({ text, holder, note }) => panel(title(text), holder, note))), scale()));
    sections.rotary = Lab.make("section", {}, panel(Lab.make("p", { class: "lab-note", text: words.pair_note }), Lab.make("div", { class: "positions-two" },
      ...Object.entries(pairs).map(([name, { holder }]) => panel(title(kinds[name]), holder))), pairTable, Lab.make("div", { class: "lab-buttons" }, Lab.button(words.step, stepOn))));
    stage.append(controls, sineControls, ...Object.values(sections), status, Lab.make("div", { class: "lab-buttons" }, Lab.button(words.reset, reset)));
    reset();

    return {
      get settings() { return { ...state }; },
      get table() { return table; },
      get similarities() { return similarities(); },
      get grids() { return gridValues(); },
      get scores() { return tables; },
      get turned() { return { query: turnedAt(query), key: turnedAt(key) }; },
    };
  };
}
