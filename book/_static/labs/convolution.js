// The lab on convolution: a kernel of 3 × 3 over a small grey picture, and each sum of products written out.
"use strict";
{
  const K = 3; // rows and columns of the kernel

  const outputSize = (size, stride, padding) => Math.floor((size + 2 * padding - K) / stride) + 1;

  // A square picture with `padding` zeros on each side
  const padded = ({ size, values }, padding) => {
    const wide = size + 2 * padding, around = new Float64Array(wide * wide);
    for (let i = 0; i < size; i++)
      for (let j = 0; j < size; j++) around[(i + padding) * wide + j + padding] = values[i * size + j];
    return { size: wide, values: around };
  };

  // The nine pixels under the kernel when it makes the pixel (row, column) of the map
  const windowAt = ({ size, values }, row, column, stride) => {
    const pixels = [];
    for (let u = 0; u < K; u++)
      for (let v = 0; v < K; v++) pixels.push(values[(row * stride + u) * size + column * stride + v]);
    return pixels;
  };

  const sumOf = (numbers) => numbers.reduce((sum, number) => sum + number, 0);
  const productsOf = (pixels, kernel) => pixels.map((pixel, k) => pixel * kernel[k]);

  // The feature map of a picture: what the kernel answers at each place
  const convolve = (picture, kernel, stride, padding, relu) => {
    const around = padded(picture, padding), size = outputSize(picture.size, stride, padding), values = [];
    for (let row = 0; row < size; row++)
      for (let column = 0; column < size; column++) {
        const sum = sumOf(productsOf(windowAt(around, row, column, stride), kernel));
        values.push(relu ? Math.max(0, sum) : sum);
      }
    return { size, values };
  };

  // Where the kernel answers most strongly: [row, column]
  const strongest = ({ size, values }) => {
    const place = values.reduce((best, value, k) => (Math.abs(value) > Math.abs(values[best]) ? k : best), 0);
    return [Math.floor(place / size), place % size];
  };

  const unpack = ({ size, pixels }) => ({ size, values: Array.from(Lab.bytes(pixels), (byte) => byte / 255) });
  const randomKernel = () => Array.from({ length: K * K }, () => Math.round(20 * Math.random() - 10) / 10);
  const plain = (number) => Lab.number(number, 2);
  const factor = (number) => (number < 0 ? `(${Lab.number(number, 4)})` : Lab.number(number, 4)).replace(/\.?0+(?=\)?$)/, "");

  courseLabs.convolution = (stage, words) => {
    const pictures = Object.fromEntries(Object.entries(courseData.convolution.pictures).map(([name, of]) => [name, unpack(of)]));
    const kernels = Object.fromEntries(Object.entries(courseData.convolution.kernels).map(([name, rows]) => [name, rows.flat()]));
    const start = () => ({ name: "ring", kernel: [...kernels.upright], stride: 1, padding: 0, relu: false, place: null });
    let state = start(), around, map;

    // The picture with its padding, and the square that the kernel covers
    const input = Lab.canvas(1, 1, ""), frame = Lab.make("div", { class: "convolution-rim" }), square = Lab.make("div", { class: "lab-frame" });
    const inputTitle = Lab.make("div", { class: "lab-title" });
    const drawInput = () => {
      Object.assign(input, { width: around.size, height: around.size });
      Lab.paint(input, Array.from(around.values, (value) => Math.round(255 * value)), 1);
      input.setAttribute("aria-label", Lab.fill(words.input_label, { picture: names[state.name], size: around.size }));
      inputTitle.textContent = Lab.fill(words.input, { size: pictures[state.name].size });
      frame.style.inset = `${(100 * state.padding) / around.size}%`;
      frame.hidden = state.padding === 0;
    };

    // The map; a new canvas, as the number of its pixels changes
    const mapHolder = Lab.make("div", { class: "lab-sheet" }), mapSquare = Lab.make("div", { class: "lab-frame" });
    const mapTitle = Lab.make("div", { class: "lab-title" }), ends = [Lab.make("span"), Lab.make("span", { text: "0" }), Lab.make("span")];
    const drawMap = () => {
      const canvas = Lab.canvas(map.size, map.size, ""), peak = Math.max(...map.values.map(Math.abs), 1e-9);
      Lab.heat(canvas, map.values, { low: -peak, high: peak, palette: "diverging" });
      const [row, column] = state.place;
      Lab.cursor(canvas, { rows: map.size, columns: map.size, label: words.map_label, place: [row, column], move: pointAt });
      mapHolder.replaceChildren(canvas, mapSquare);
      mapTitle.textContent = Lab.fill(words.map, { size: map.size });
      ends[0].textContent = plain(-peak);
      ends[2].textContent = plain(peak);
    };

    const coverWith = (element, row, column, cells, size) => {
      const percent = (number) => `${(100 * number) / size}%`;
      Object.assign(element.style, { top: percent(row), left: percent(column), width: percent(cells), height: percent(cells) });
    };

    // The arithmetic of one pixel of the map
    const cells = Array.from({ length: K * K }, () => ({ product: Lab.make("span"), result: Lab.make("b") }));
    const table = Lab.make("table", { class: "convolution-products", "aria-label": words.products });
    for (let u = 0; u < K; u++)
      table.append(Lab.make("tr", {}, ...cells.slice(K * u, K * u + K).map((cell) => Lab.make("td", {}, cell.product, cell.result))));
    const total = Lab.make("p", { class: "lab-note convolution-total" }), status = Lab.status(), pixelTitle = Lab.make("div", { class: "lab-title" });
    const pixelAt = (row, column) => windowAt(around, row, column, state.stride);
    const pointAt = (row, column) => {
      state.place = [row, column];
      const pixels = pixelAt(row, column), products = productsOf(pixels, state.kernel), sum = sumOf(products);
      coverWith(square, row * state.stride, column * state.stride, K, around.size);
      coverWith(mapSquare, row, column, 1, map.size);
      cells.forEach(({ product, result }, k) => {
        product.textContent = `${plain(pixels[k])} · ${factor(state.kernel[k])}`;
        result.textContent = `= ${plain(products[k])}`;
      });
      pixelTitle.textContent = Lab.fill(words.pixel, { row, column });
      const terms = products.map((product, k) => (k && product >= 0 ? "+ " : "") + plain(product)).join(" ").replace(/ −/g, " − ");
      total.textContent = `${terms} = ${plain(sum)}${state.relu ? `;  max(0, ${plain(sum)}) = ${plain(Math.max(0, sum))}` : ""}`;
      const said = { row, column, value: plain(map.values[row * map.size + column]), top: row * state.stride - state.padding, left: column * state.stride - state.padding };
      status.textContent = Lab.fill(words.seen, said);
    };

    // What the settings mean, in numbers
    const sizeNote = Lab.make("p", { class: "convolution-size" }), restNote = Lab.make("p", { class: "lab-note" }), sumNote = Lab.make("p", { class: "lab-note" });
    const drawNotes = () => {
      const { stride, padding } = state, { size } = pictures[state.name], rest = (size + 2 * padding - K) % stride;
      sizeNote.textContent = `H′ = ⌊(H + 2Z − K) / S⌋ + 1 = ⌊(${size} + 2 · ${padding} − ${K}) / ${stride}⌋ + 1 = ${map.size}`;
      restNote.textContent = Lab.fill(rest ? words.left_over : words.none_left_over, { rest });
      const sum = sumOf(state.kernel), kind = Math.abs(sum) < 1e-9 ? words.sum_zero : Math.abs(sum - 1) < 1e-9 ? words.sum_one : words.sum_other;
      sumNote.textContent = Lab.fill(kind, { sum: plain(sum) });
    };

    const draw = () => {
      const picture = pictures[state.name];
      around = padded(picture, state.padding);
      map = convolve(picture, state.kernel, state.stride, state.padding, state.relu);
      state.place = state.place ? state.place.map((index) => Math.min(index, map.size - 1)) : strongest(map);
      drawInput();
      drawMap();
      drawNotes();
      fields.forEach((field, k) => document.activeElement !== field && (field.value = state.kernel[k]));
      presets.forEach(([button, kernel]) => button.setAttribute("aria-pressed", String(kernel.every((number, k) => number === state.kernel[k]))));
      pointAt(...state.place);
    };
    const change = (part) => {
      Object.assign(state, part);
      draw();
    };

    const names = { ring: words.ring, hexagon: words.hexagon, crescent: words.crescent, digit: words.digit, edge: words.edge, dot: words.dot };
    const titles = { identity: words.identity, blur: words.blur, sharpen: words.sharpen, upright: words.upright, level: words.level, laplacian: words.laplacian };
    const fields = Array.from({ length: K * K }, (_, k) => {
      const label = Lab.fill(words.entry, { row: Math.floor(k / K), column: k % K });
      const edit = () => change({ kernel: state.kernel.map((number, other) => (other === k ? fields[k].valueAsNumber || 0 : number)) });
      return Lab.make("input", { type: "number", step: "any", "aria-label": label, input: edit, change: draw, blur: draw });
    });
    const presets = Object.entries(titles).map(([name, title]) => [Lab.button(title, () => change({ kernel: [...kernels[name]] })), kernels[name]]);
    const buttons = Lab.make("div", { class: "lab-buttons" }, ...presets.map(([button]) => button), Lab.button(words.random, () => change({ kernel: randomKernel() })));

    // The choices are made anew by Reset, so that they show what holds
    const choices = Lab.make("div", { class: "lab-panel" });
    const settings = Lab.make("div", { class: "convolution-settings" });
    const reset = () => {
      state = start();
      choices.replaceChildren(Lab.choices(words.picture, names, state.name, (name) => change({ name, place: null })));
      settings.replaceChildren(
        Lab.choices(words.stride, { 1: "1", 2: "2", 3: "3" }, state.stride, (value) => change({ stride: Number(value), place: null })),
        Lab.choices(words.padding, { 0: "0", 1: "1", 2: "2" }, state.padding, (value) => change({ padding: Number(value), place: null })),
        Lab.choices(words.relu, { off: words.off, on: words.on }, "off", (value) => change({ relu: value === "on" })),
      );
      draw();
    };

    const panel = (...children) => Lab.make("div", { class: "lab-panel" }, ...children);
    const scale = Lab.make("div", { class: "lab-scale" }, Lab.make("div"), ...ends);
    stage.append(
      choices,
      panel(Lab.make("div", { class: "lab-title", text: words.kernel }), buttons),
      settings,
      Lab.make("div", { class: "convolution-maps" },
        panel(inputTitle, Lab.make("div", { class: "lab-sheet" }, input, frame, square)),
        panel(Lab.make("div", { class: "lab-title", text: words.numbers }), Lab.make("div", { class: "convolution-kernel" }, ...fields), sumNote),
        panel(mapTitle, mapHolder, scale)),
      panel(sizeNote, restNote),
      panel(pixelTitle, table, total, status),
      Lab.make("div", { class: "lab-buttons" }, Lab.button(words.reset, reset)),
    );
    reset();

    return {
      get picture() { return { size: pictures[state.name].size, values: pictures[state.name].values }; },
      get kernel() { return state.kernel; },
      get settings() { return { name: state.name, stride: state.stride, padding: state.padding, relu: state.relu }; },
      get map() { return map; },
      get place() { return state.place; },
      get products() { return productsOf(pixelAt(...state.place), state.kernel); },
    };
  };
}
