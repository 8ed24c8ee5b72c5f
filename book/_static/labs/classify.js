// The lab that classifies: one picture, a CNN and a Vision Transformer side by side, and what each computes on the way.
"use strict";

const Classify = {
  TOP: 5,

  // How much of each patch is in the mean of all tokens at last, if only attention moved anything: N numbers that sum to 1.
  // weights: (L, A, N, N); half of each token passes by the attention
  rollout(weights, layers, heads, tokens) {
    let row = new Float64Array(tokens).fill(1 / tokens); // the mean over tokens, carried from the last layer to the first
    for (let layer = layers - 1; layer >= 0; layer--) {
      const next = row.map((share) => share / 2);
      for (let head = 0; head < heads; head++)
        for (let i = 0; i < tokens; i++) {
          const start = ((layer * heads + head) * tokens + i) * tokens, part = row[i] / (2 * heads);
          for (let j = 0; j < tokens; j++) next[j] += part * weights[start + j];
        }
      row = next;
    }
    return Array.from(row);
  },

  // Where patch `query` looks in one layer and head; the mean over heads for head -1, over all patches for query -1
  looks(weights, [layers, heads, tokens], layer, head, query) {
    const out = new Array(tokens).fill(0), chosen = head < 0 ? [...Array(heads).keys()] : [head];
    const queries = query < 0 ? [...Array(tokens).keys()] : [query];
    for (const h of chosen)
      for (const i of queries)
        for (let j = 0; j < tokens; j++)
          out[j] += weights[((layer * heads + h) * tokens + i) * tokens + j] / chosen.length / queries.length;
    return out;
  },

  // The pixels with the patches in another order: patch k comes from order[k]
  rearranged(pixels, side, patch, order) {
    const out = new Uint8Array(pixels.length), across = side / patch;
    order.forEach((from, to) => {
      const [fy, fx, ty, tx] = [Math.floor(from / across), from % across, Math.floor(to / across), to % across];
      for (let y = 0; y < patch; y++) {
        const start = 3 * ((fy * patch + y) * side + fx * patch);
        out.set(pixels.subarray(start, start + 3 * patch), 3 * ((ty * patch + y) * side + tx * patch));
      }
    });
    return out;
  },

  // The pixels with one patch in one colour
  covered(pixels, side, patch, place, fill) {
    const out = pixels.slice(), across = side / patch, top = Math.floor(place / across) * patch, left = (place % across) * patch;
    for (let y = top; y < top + patch; y++) for (let x = left; x < left + patch; x++) out.set(fill, 3 * (y * side + x));
    return out;
  },

  shuffled(count) {
    const order = [...Array(count).keys()];
    for (let i = count - 1; i > 0; i--) {
      const j = Math.floor(Math.random() * (i + 1));
      [order[i], order[j]] = [order[j], order[i]];
    }
    return order;
  },
};

// The models of one family: what they answer, and how long that took
class Pair {
  static async open(family) {
    await loadOnce("script", `data-classify-${family}.js`);
    const pair = Object.assign(new Pair(), { family, facts: courseData[`classify_${family}`] });
    pair.sessions = {};
    for (const kind of ["cnn", "vit"]) pair.sessions[kind] = await openModel(pair.facts.models[kind]);
    await pair.answer(new Uint8Array(3 * pair.facts.side ** 2)); // the first run is slow: not the reader's
    return pair;
  }

  // Outputs of both models for one picture, or for several after each other in `pixels`
  async answer(pixels) {
    const { side } = this.facts, count = pixels.length / (3 * side * side), answers = {};
    for (const kind of ["cnn", "vit"]) {
      const started = performance.now();
      const out = await this.sessions[kind].run({ images: new ort.Tensor("uint8", pixels, [count, side, side, 3]) });
      answers[kind] = { milliseconds: (performance.now() - started) / count };
      for (const name of this.facts.outputs[kind]) answers[kind][name] = { dims: out[name].dims, data: out[name].data };
    }
    return answers;
  }
}

courseLabs.classify = async (stage, words) => {
  const pairs = {}; // family -> Promise of a Pair, so that each is opened once
  const open = (family) => (pairs[family] ??= Pair.open(family));
  const state = { tool: "look", layer: 0, view: "evidence", block: 0, head: -1, patch: -1, label: -1, colour: "#d03a2f" };
  const asked = { number: 0 };
  const className = (y) => words[`class_${state.pair.facts.classes[y]}`];

  // ---- the page of the lab
  const picture = Lab.canvas(32, 32, "");
  const samples = Lab.make("div", { class: "lab-samples" });
  const status = Lab.status(), note = Lab.make("p", { class: "lab-note" });
  const panels = { cnn: modelPanel(words.cnn), vit: modelPanel(words.vit) };
  const file = Lab.make("input", { type: "file", accept: "image/*", class: "visually-hidden", change: () => file.files[0] && upload(file.files[0]) });
  const colour = Lab.make("input", { type: "color", value: state.colour, "aria-label": words.colour, input: () => (state.colour = colour.value) });
  const tools = Lab.choices(words.tool, { look: words.tool_look, cover: words.tool_cover, paint: words.tool_paint }, state.tool, (tool) => {
    state.tool = tool;
    setCursor();
  });
  tools.append(colour);
  const families = Lab.choices(words.family, { scenes: words.family_scenes, cifar10: words.family_cifar10 }, "scenes", chooseFamily);
  const maps = Lab.canvas(1, 1, ""), mapsNote = Lab.make("p", { class: "lab-note" });
  const layers = Lab.make("div"), blocks = Lab.make("div"), heads = Lab.make("div");
  panels.cnn.more.append(layers, maps, mapsNote);
  panels.vit.more.append(blocks, heads);
  const views = Lab.choices(words.view, { evidence: words.view_evidence, covering: words.view_covering }, "evidence", (view) => {
    state.view = view;
    show();
  });
  const buttons = Lab.make("div", { class: "lab-buttons" },
    Lab.button(words.shuffle, () => edit(Classify.rearranged(state.pixels, side(), state.pair.facts.patch, Classify.shuffled(tokens())))),
    Lab.button(words.empty, () => start(new Uint8Array(3 * side() ** 2).fill(235), words.your_drawing)),
    Lab.button(words.reset, () => edit(state.original)));
  const pick = Lab.make("label", { class: "lab-button lab-file" }, Lab.make("span", { text: words.upload }), file);
  stage.append(
    families, samples, Lab.make("div", { class: "lab-buttons" }, pick), status, views,
    Lab.make("div", { class: "lab-row lab-three" },
      Lab.make("div", { class: "lab-panel" }, Lab.make("p", { class: "lab-title", text: words.picture }), picture, tools, buttons, note),
      panels.cnn.element, panels.vit.element));

  function modelPanel(title) {
    const bars = Lab.make("ol", { class: "lab-bars" }), time = Lab.make("p", { class: "lab-note" });
    const look = Lab.make("canvas", { width: 256, height: 256, class: "lab-look" }), caption = Lab.make("p", { class: "lab-note" });
    const more = Lab.make("div", { class: "lab-panel" });
    const element = Lab.make("div", { class: "lab-panel" }, Lab.make("p", { class: "lab-title", text: title }), bars, time, look, caption, more);
    return { element, bars, time, look, caption, more };
  }

  const side = () => state.pair.facts.side;
  const across = () => side() / state.pair.facts.patch;
  const tokens = () => across() ** 2;

  // ---- what the reader does
  async function chooseFamily(family) {
    const number = ++asked.number;
    status.textContent = words.loading;
    try {
      const pair = await open(family);
      if (number !== asked.number) return;
      state.pair = pair;
    } catch (error) {
      delete pairs[family];
      status.textContent = `${words.failed} (${error.message})`;
      return;
    }
    Object.assign(state, { layer: 0, block: 0, head: -1, patch: -1, label: -1 });
    setChoices();
    samples.replaceChildren(...state.pair.facts.samples.map(sampleButton));
    note.textContent = family === "cifar10" ? words.knows_cifar10 : words.knows_scenes;
    await start(Lab.bytes(state.pair.facts.samples[0].pixels), words[`sample_${state.pair.facts.samples[0].name}`]);
  }

  function sampleButton(sample) {
    const canvas = Lab.make("canvas", { width: side(), height: side(), class: "lab-pixels", "aria-hidden": "true" });
    const name = words[`sample_${sample.name}`];
    Lab.paint(canvas, Lab.bytes(sample.pixels));
    return Lab.make("button", { type: "button", class: "lab-sample", "aria-label": name, title: name, click: () => start(Lab.bytes(sample.pixels), name) }, canvas);
  }

  async function upload(chosen) {
    const number = ++asked.number;
    try {
      const { rgb, size } = await middleSquare(chosen);
      if (number === asked.number) await start(shrink(rgb, size, side()), words.your_picture);
    } catch (error) {
      status.textContent = Lab.fill(words.unreadable, { reason: error.message });
    }
    file.value = "";
  }

  function start(pixels, name) {
    state.original = pixels;
    state.name = name;
    state.patch = -1;
    state.label = -1;
    return edit(pixels);
  }

  // Look at other pixels: ask both models
  async function edit(pixels) {
    const number = ++asked.number, answers = await state.pair.answer(pixels);
    if (number !== asked.number) return;
    Object.assign(state, { pixels, answers, covering: null });
    picture.width = picture.height = side();
    Lab.paint(picture, pixels);
    await show();
  }

  function pickPatch(row, column) {
    const place = row * across() + column;
    if (state.tool === "look") {
      state.patch = state.patch === place ? -1 : place;
      return show();
    }
    const { patch, fill } = state.pair.facts;
    return edit(Classify.covered(state.pixels, side(), patch, place, fill));
  }

  function paintPixel(row, column) {
    const rgb = [1, 3, 5].map((i) => parseInt(state.colour.slice(i, i + 2), 16)), pixels = state.pixels.slice();
    for (const [y, x] of [[row, column], [row + 1, column], [row, column + 1], [row + 1, column + 1]])
      if (y < side() && x < side()) pixels.set(rgb, 3 * (y * side() + x));
    state.pixels = pixels;
    Lab.paint(picture, pixels);
    return edit(pixels);
  }

  // ---- what is shown
  async function show() {
    if (state.view === "covering" && !state.covering) await coverEach();
    for (const kind of ["cnn", "vit"]) showAnswer(kind);
    const top = best("cnn"), label = state.label < 0 ? top : state.label;
    showLook("cnn", label);
    showLook("vit", label);
    showMaps();
    const said = (kind) => `${className(best(kind))}, ${Lab.percent(probabilities(kind)[best(kind)])}`;
    const values = { picture: state.name, cnn: said("cnn"), vit: said("vit") };
    status.textContent = Lab.fill(best("cnn") === best("vit") ? words.agree : words.disagree, values);
    picture.setAttribute("aria-label", Lab.fill(words.picture_keys, { picture: state.name }));
  }

  const probabilities = (kind) => softmax(Array.from(state.answers[kind].logits.data));
  const best = (kind) => probabilities(kind).reduce((at, p, y, all) => (p > all[at] ? y : at), 0);

  function showAnswer(kind) {
    const shares = probabilities(kind), order = shares.map((_, y) => y).sort((a, b) => shares[b] - shares[a]);
    const bar = (y) => {
      const fill = Lab.make("span", { class: "lab-fill", "aria-hidden": "true" });
      fill.style.width = `${100 * shares[y]}%`;
      return Lab.make("li", {}, Lab.make("button", {
        type: "button", class: "lab-bar", "aria-pressed": String(state.label === y),
        click: () => {
          state.label = state.label === y ? -1 : y;
          show();
        },
      }, fill, Lab.make("span", { text: className(y) }), Lab.make("span", { text: Lab.percent(shares[y]) })));
    };
    panels[kind].bars.replaceChildren(...order.slice(0, Classify.TOP).map(bar));
    panels[kind].time.textContent = Lab.fill(words.time, { milliseconds: state.answers[kind].milliseconds.toFixed(1) });
  }

  // The picture with a map over it, and what the map says
  function showLook(kind, label) {
    const { look, caption } = panels[kind], { values, columns, text } = lookOf(kind, label);
    const context = look.getContext("2d"), cell = look.width / columns, largest = Math.max(...values.map(Math.abs)) || 1;
    context.imageSmoothingEnabled = false;
    context.globalAlpha = 1;
    context.drawImage(picture, 0, 0, look.width, look.height);
    values.forEach((value, i) => {
      const share = Math.abs(value) / largest;
      for (const [colour, alpha] of [["#000", 0.7 * (1 - share)], [value < 0 ? "#2f7bff" : "#ff9a1f", 0.45 * share]]) {
        context.globalAlpha = alpha;
        context.fillStyle = colour;
        context.fillRect(Math.floor((i % columns) * cell), Math.floor(Math.floor(i / columns) * cell), Math.ceil(cell), Math.ceil(cell));
      }
    });
    context.globalAlpha = 1;
    if (kind === "vit" && state.patch >= 0 && state.view === "evidence" && state.block !== "rollout") outline(context, state.patch, look.width / across());
    caption.textContent = text;
    look.setAttribute("role", "img");
    look.setAttribute("aria-label", text);
  }

  function outline(context, place, cell) {
    context.lineWidth = 3;
    context.strokeStyle = "#fff";
    context.strokeRect((place % across()) * cell + 1.5, Math.floor(place / across()) * cell + 1.5, cell - 3, cell - 3);
  }

  function lookOf(kind, label) {
    if (state.view === "covering")
      return { values: state.covering[kind][label], columns: across(), text: coveringText(kind, label) };
    if (kind === "cnn") {
      const { dims, data } = state.answers.cnn.evidence, size = dims[2] * dims[3];
      return { values: Array.from(data.slice(label * size, (label + 1) * size)), columns: dims[3], text: Lab.fill(words.evidence, { class: className(label), side: dims[3] }) };
    }
    const { dims, data } = state.answers.vit.attention, [, count, heads, n] = dims;
    if (state.block === "rollout") return { values: Classify.rollout(data, count, heads, n), columns: across(), text: words.rollout_text };
    const values = Classify.looks(data, [count, heads, n], state.block, state.head, state.patch);
    const strongest = values.indexOf(Math.max(...values)), at = (place) => `(${Math.floor(place / across()) + 1}, ${(place % across()) + 1})`;
    const facts = { block: state.block + 1, from: at(state.patch), to: at(strongest), share: Lab.percent(values[strongest], 1) };
    return { values, columns: across(), text: Lab.fill(state.patch < 0 ? words.looks_mean : words.looks_patch, facts) };
  }

  // How much of each class's probability goes when a patch is covered: kind -> class -> patch
  async function coverEach() {
    const { patch, fill } = state.pair.facts, all = new Uint8Array(tokens() * state.pixels.length);
    for (let place = 0; place < tokens(); place++) all.set(Classify.covered(state.pixels, side(), patch, place, fill), place * state.pixels.length);
    const pixels = state.pixels, answers = await state.pair.answer(all);
    if (pixels !== state.pixels) return;
    state.covering = {};
    for (const kind of ["cnn", "vit"]) {
      const whole = probabilities(kind), count = whole.length;
      const each = [...Array(tokens()).keys()].map((place) => softmax(Array.from(answers[kind].logits.data.slice(place * count, (place + 1) * count))));
      state.covering[kind] = whole.map((p, y) => each.map((shares) => p - shares[y]));
    }
  }

  function coveringText(kind, label) {
    const drops = state.covering[kind][label], most = drops.indexOf(Math.max(...drops));
    return Lab.fill(words.covering_text, {
      class: className(label), points: (100 * drops[most]).toFixed(0), row: Math.floor(most / across()) + 1, column: (most % across()) + 1,
    });
  }

  // All maps of one layer in one grid, each from its smallest to its largest value
  function showMaps() {
    const { dims, data } = state.answers.cnn[`maps_${state.layer + 1}`], [, count, height, width] = dims;
    const columns = Math.ceil(Math.sqrt(count * 2)), rows = Math.ceil(count / columns);
    maps.width = columns * (width + 1) - 1;
    maps.height = rows * (height + 1) - 1;
    const values = new Array(maps.width * maps.height).fill(0);
    for (let k = 0; k < count; k++) {
      const map = data.slice(k * height * width, (k + 1) * height * width), largest = Math.max(...map) || 1;
      const top = Math.floor(k / columns) * (height + 1), left = (k % columns) * (width + 1);
      map.forEach((value, i) => (values[(top + Math.floor(i / width)) * maps.width + left + (i % width)] = value / largest));
    }
    Lab.heat(maps, values, { low: 0, high: 1 });
    const silent = [...Array(count).keys()].filter((k) => !data.slice(k * height * width, (k + 1) * height * width).some(Boolean)).length;
    mapsNote.textContent = Lab.fill(words.maps_text, { layer: state.layer + 1, count, side: width, silent });
    maps.setAttribute("aria-label", mapsNote.textContent);
  }

  function setChoices() {
    const layerCount = state.pair.facts.outputs.cnn.filter((name) => name.startsWith("maps_")).length;
    const numbers = (count) => Object.fromEntries([...Array(count).keys()].map((i) => [i, String(i + 1)]));
    layers.replaceChildren(Lab.choices(words.layer, numbers(layerCount), 0, (layer) => {
      state.layer = Number(layer);
      showMaps();
    }));
    const [count, headCount] = state.pair.facts.attention;
    blocks.replaceChildren(Lab.choices(words.block, { ...numbers(count), rollout: words.rollout }, 0, (block) => {
      state.block = block === "rollout" ? block : Number(block);
      show();
    }));
    heads.replaceChildren(Lab.choices(words.head, { "-1": words.mean, ...numbers(headCount) }, -1, (head) => {
      state.head = Number(head);
      show();
    }));
  }

  // Patches to look at or cover, pixels to paint: the cursor's grid depends on the tool
  function setCursor() {
    grid.rows = grid.columns = state.tool === "paint" ? side() : across();
  }
  const grid = {
    rows: 8, columns: 8, label: words.picture_keys,
    move: (row, column) => drawCursor(row, column),
    pick: (row, column) => (state.tool === "paint" ? paintPixel(row, column) : pickPatch(row, column)),
    leave: () => Lab.paint(picture, state.pixels),
  };
  function drawCursor(row, column) {
    if (state.tool === "paint" && state.pressed) return paintPixel(row, column);
    Lab.paint(picture, state.pixels);
    const context = picture.getContext("2d"), size = picture.width / grid.rows;
    context.fillStyle = "rgba(255, 255, 255, 0.55)";
    context.fillRect(column * size, row * size, size, size);
  }
  Lab.cursor(picture, grid);
  picture.addEventListener("pointerdown", () => (state.pressed = true));
  addEventListener("pointerup", () => (state.pressed = false));
  stage.addEventListener("dragover", (event) => event.preventDefault());
  stage.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files[0]) upload(event.dataTransfer.files[0]);
  });

  await chooseFamily("scenes");
  if (!state.pair) throw new Error(status.textContent);
  return {
    state,
    chooseFamily,
    start: (pixels) => start(Uint8Array.from(pixels), words.your_picture),
    get logits() {
      return { cnn: Array.from(state.answers.cnn.logits.data), vit: Array.from(state.answers.vit.logits.data) };
    },
    get answers() {
      return state.answers;
    },
  };
};
