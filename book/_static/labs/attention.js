// The lab on attention: which patch looks where, in every block and head of two trained Vision Transformers.
"use strict";

// A table holds N × N weights, row by row: how much patch i (its row) takes from patch j (its column).
const attentionTables = {
  // [block][head] tables, from levels of 0 … 255 and the largest weight of each row
  unpack({ levels, largest }, [blocks, heads, count]) {
    const bytes = Lab.bytes(levels), tops = new Float32Array(Lab.bytes(largest).buffer);
    const table = (rows) => Float64Array.from({ length: count * count }, (_, k) =>
      (bytes[rows * count + k] / 255) * tops[rows + Math.floor(k / count)]);
    return Array.from({ length: blocks }, (_, block) =>
      Array.from({ length: heads }, (_, head) => table((block * heads + head) * count)));
  },

  mean(tables) {
    return tables[0].map((_, k) => tables.reduce((sum, table) => sum + table[k], 0) / tables.length);
  },

  // Half comes through attention, half past it, in each block; the blocks one after the other are a product
  rollout(blocks, count) {
    return blocks
      .map((heads) => attentionTables.mean(heads).map((weight, k) => (weight + (k % (count + 1) ? 0 : 1)) / 2))
      .reduce((flow, step) => attentionTables.product(step, flow, count));
  },

  product(left, right, count) {
    const result = new Float64Array(count * count);
    for (let i = 0; i < count; i++)
      for (let k = 0; k < count; k++)
        for (let j = 0; j < count; j++) result[i * count + j] += left[i * count + k] * right[k * count + j];
    return result;
  },

  // What patch i gives to each, and what each gives to patch i
  row: (table, i, count) => table.slice(i * count, (i + 1) * count),
  column: (table, i, count) => Float64Array.from({ length: count }, (_, k) => table[k * count + i]),

  // In nats; e to this power is the number of patches that an even look of the same entropy takes in
  entropy: (shares) => -shares.reduce((sum, share) => sum + (share > 0 ? share * Math.log(share) : 0), 0),

  // Which are the largest, the largest first
  strongest: (values, count) => [...values.keys()].sort((a, b) => values[b] - values[a]).slice(0, count),
};

courseLabs.attention = async (stage, words) => {
  const SIDE = 8, COUNT = SIDE * SIDE, CELL = 64, PATCH = 4, SHOWN = 5;
  const samples = courseData.attention, names = words.samples.split("|");
  const classes = { shapes: words.shapes.split("|"), things: words.things.split("|") };
  const start = { sample: 4, view: 11, patch: 44, direction: "given" };
  const now = { ...start, pointed: null, views: [] };

  // What a picture offers to look at: each head of each block, their mean, and the rollout over all blocks
  const viewsOf = (blocks) => [
    ...blocks.flatMap((heads, block) =>
      [...heads, attentionTables.mean(heads)].map((table, head) => ({ block, head: head < heads.length ? head : "mean", table }))),
    { block: "all", head: "rollout", table: attentionTables.rollout(blocks, COUNT) },
  ];
  const headName = (head) => (head === "mean" ? words.mean : Lab.fill(words.head, { number: head + 1 }));
  const viewName = ({ block, head }) =>
    block === "all" ? words.rollout : `${Lab.fill(words.block, { number: block + 1 })}, ${head === "mean" ? words.mean_of_heads : headName(head)}`;
  const patchName = (i) => Lab.fill(words.patch, { row: Math.floor(i / SIDE) + 1, column: (i % SIDE) + 1 });

  const patch = () => now.pointed ?? now.patch;
  const mapOf = ({ table }) => attentionTables[now.direction === "given" ? "row" : "column"](table, patch(), COUNT);
  const map = () => mapOf(now.views[now.view]);
  const total = (values) => values.reduce((sum, value) => sum + value, 0);
  const extent = (values) => (now.direction === "given" ? Math.exp(attentionTables.entropy(values)) : total(values));

  // ---- Elements
  const picture = Lab.make("canvas", { class: "lab-pixels", width: SIDE * CELL, height: SIDE * CELL });
  const status = Lab.status(), arithmetic = Lab.make("p", { class: "lab-note" }), answer = Lab.make("p", { class: "lab-status" });
  const maps = Lab.make("fieldset", { class: "lab-faces lab-maps" }), mapsNote = Lab.make("p", { class: "lab-note" });
  const caption = Lab.make("caption"), rows = Lab.make("tbody");
  const heading = (text) => Lab.make("th", { scope: "col", text });
  const table = Lab.make("table", {}, caption,
    Lab.make("thead", {}, Lab.make("tr", {}, ...[words.rank, words.place, words.weight, words.distance].map(heading))), rows);
  const face = (name, value, checked, label, canvas, text, change) => {
    const input = Lab.make("input", { type: "radio", name, value, change, "aria-label": label });
    input.checked = checked;
    return Lab.make("label", { title: label }, input, canvas, Lab.make("span", { text }));
  };
  const thumbnail = ({ image }) => {
    const canvas = Lab.make("canvas", { class: "lab-pixels", width: 32, height: 32, "aria-hidden": "true" });
    Lab.paint(canvas, Lab.bytes(image));
    return canvas;
  };
  const mark = (k) => (pictures.querySelectorAll("input")[k].checked = true);
  const missing = () => {
    mark(now.sample);
    status.textContent = words.missing;
  };
  const pictures = Lab.make("fieldset", { class: "lab-faces lab-thumbnails" }, Lab.make("legend", { text: words.pictures }),
    ...samples.map((sample, k) => face("lab-attention-sample", sample.name, k === start.sample, names[k], thumbnail(sample), names[k], () => choose(k).catch(missing))));
  const directions = Lab.choices(words.direction, { given: words.given, received: words.received }, now.direction, (value) => {
    now.direction = value;
    show();
  });

  // ---- Drawing
  // The picture half grey, so that yellow is attention
  const paintPicture = (values, best) => {
    const context = picture.getContext("2d"), bytes = Lab.bytes(samples[now.sample].image), top = Math.max(...values);
    const pixel = CELL / PATCH, side = SIDE * PATCH;
    for (let k = 0; k < side * side; k++) {
      const colour = [...bytes.slice(3 * k, 3 * k + 3)], grey = 0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2];
      context.fillStyle = `rgb(${colour.map((value) => 0.45 * (value + grey))})`;
      context.fillRect((k % side) * pixel, Math.floor(k / side) * pixel, pixel, pixel);
    }
    const corner = (i) => [(i % SIDE) * CELL, Math.floor(i / SIDE) * CELL];
    values.forEach((value, i) => {
      context.fillStyle = `rgba(255, 214, 40, ${(0.85 * value) / top})`;
      context.fillRect(...corner(i), CELL, CELL);
      context.strokeStyle = "rgba(255, 255, 255, 0.18)";
      context.strokeRect(...corner(i), CELL, CELL);
    });
    context.font = `600 ${CELL / 3}px sans-serif`;
    context.lineWidth = 5;
    best.forEach((i, rank) => {
      const [x, y] = corner(i);
      context.strokeStyle = "#000";
      context.strokeText(rank + 1, x + 6, y + CELL - 8);
      context.fillStyle = "#fff";
      context.fillText(rank + 1, x + 6, y + CELL - 8);
    });
    for (const [width, colour] of [[9, "#fff"], [5, "#0a56c2"]]) {
      const [x, y] = corner(patch());
      context.lineWidth = width;
      context.strokeStyle = colour;
      context.strokeRect(x + 2, y + 2, CELL - 4, CELL - 4);
    }
    context.lineWidth = 1;
  };

  // A canvas for each view, under its block and its head; what it shows is painted later
  const buildMaps = () => {
    const heads = samples[now.sample].shape[1];
    const cells = now.views.map((view, k) =>
      face("lab-attention-view", k, k === now.view, viewName(view),
        Lab.make("canvas", { class: "lab-pixels", width: SIDE, height: SIDE, "aria-hidden": "true" }), "", () => {
          now.view = k;
          show();
        }));
    const head = [...Array(heads).keys(), "mean"].map((which) => Lab.make("span", { class: "lab-axis", text: headName(which) }));
    const block = (number) => Lab.make("span", { class: "lab-axis", text: Lab.fill(words.block, { number }) });
    const blocks = [...Array(samples[now.sample].shape[0]).keys()].flatMap((b) =>
      [block(b + 1), ...cells.slice(b * (heads + 1), (b + 1) * (heads + 1))]);
    maps.replaceChildren(Lab.make("legend", { text: words.maps }), Lab.make("span"), ...head, ...blocks,
      Lab.make("span", { class: "lab-axis", text: words.rollout }), cells.at(-1));
  };
  const paintMaps = () =>
    maps.querySelectorAll("label").forEach((label, k) => {
      const values = mapOf(now.views[k]), size = Lab.number(extent(values), 1);
      Lab.heat(label.querySelector("canvas"), [...values], { low: 0 });
      label.querySelector("span").textContent = size;
      const name = Lab.fill(now.direction === "given" ? words.map_given : words.map_received, { view: viewName(now.views[k]), size });
      label.querySelector("input").setAttribute("aria-label", name);
      label.title = name;
    });

  const fillTable = (values, best) => {
    const apart = (i) => Math.hypot(Math.floor(i / SIDE) - Math.floor(patch() / SIDE), (i % SIDE) - (patch() % SIDE));
    const cell = (text) => Lab.make("td", { text });
    caption.textContent = Lab.fill(now.direction === "given" ? words.table_given : words.table_received, { patch: patchName(patch()) });
    rows.replaceChildren(...best.map((i, rank) =>
      Lab.make("tr", {}, cell(rank + 1), cell(patchName(i)), cell(Lab.percent(values[i], 1)), cell(Lab.number(apart(i), 1)))));
  };

  const show = () => {
    const view = now.views[now.view], values = map(), best = attentionTables.strongest(values, SHOWN);
    const { probabilities, kind } = samples[now.sample], given = now.direction === "given";
    const facts = {
      view: viewName(view), patch: patchName(patch()), best: patchName(best[0]), share: Lab.percent(values[best[0]], 1),
      entropy: Lab.number(attentionTables.entropy(values)), size: Lab.number(extent(values), 1), count: COUNT,
      total: Lab.number(total(values)),
    };
    const rolled = view.block === "all";
    const sentence = given ? (rolled ? words.rollout_given : words.status_given) : rolled ? words.rollout_received : words.status_received;
    status.textContent = Lab.fill(sentence, facts);
    arithmetic.textContent = Lab.fill(given ? words.entropy : words.total, facts);
    mapsNote.textContent = given ? words.note_given : words.note_received;
    const [first, second, third] = attentionTables.strongest(probabilities, 3).map((k) => `${classes[kind][k]} (${Lab.percent(probabilities[k])})`);
    answer.textContent = Lab.fill(words.answer, { first, second, third });
    paintPicture(values, best);
    paintMaps();
    fillTable(values, best);
  };

  // ---- Choosing
  const choose = async (k) => {
    const { name, shape } = samples[k];
    now.wanted = k;
    await loadOnce("script", `data-attention-${name}.js`);
    if (now.wanted !== k) return; // another one was chosen meanwhile
    const rollout = now.view === now.views.length - 1;
    now.sample = k;
    now.views = viewsOf(attentionTables.unpack(courseData[`attention-${name}`], shape));
    now.view = rollout ? now.views.length - 1 : Math.min(now.view, now.views.length - 2);
    buildMaps();
    show();
  };
  const keep = (row, column) => {
    [now.patch, now.pointed] = [row * SIDE + column, null];
    show();
  };
  Lab.cursor(picture, {
    rows: SIDE, columns: SIDE, label: words.keys, pick: keep,
    place: [Math.floor(start.patch / SIDE), start.patch % SIDE],
    move(row, column) {
      now.pointed = row * SIDE + column;
      show();
    },
    leave() {
      now.pointed = null;
      show();
    },
  });
  picture.addEventListener("blur", () => (now.patch = patch())); // whoever moves on with Tab keeps the patch
  const reset = async () => {
    Object.assign(now, start, { pointed: null });
    mark(start.sample);
    directions.querySelector("input").checked = true;
    await choose(start.sample);
  };

  stage.append(
    pictures,
    Lab.make("div", { class: "lab-row" },
      Lab.make("div", { class: "lab-panel" }, picture, directions, status, arithmetic, answer,
        Lab.make("div", { class: "lab-buttons" }, Lab.button(words.reset, reset))),
      Lab.make("div", { class: "lab-panel" }, maps, mapsNote, table)));
  await choose(start.sample);
  return {
    get sample() { return samples[now.sample].name; },
    get view() { return { block: now.views[now.view].block, head: now.views[now.view].head }; },
    get patch() { return patch(); },
    get map() { return [...map()]; },
    get extent() { return extent(map()); },
    get strongest() { return attentionTables.strongest(map(), SHOWN); },
    get probabilities() { return samples[now.sample].probabilities; },
  };
};
