// What the labs have in common: elements, pictures, heat maps, choices, and a cursor for mouse, finger and keyboard.
"use strict";

var courseLabs = globalThis.courseLabs ?? {}; // name -> async (stage, words) => result
var courseData = globalThis.courseData ?? {}; // name -> what scripts/build_labs.py computed

const Lab = {
  // An element with properties ("class", "text", attributes, and functions as listeners) and children
  make(tag, properties = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
      if (typeof value === "function") element.addEventListener(name, value);
      else if (name === "text") element.textContent = value;
      else if (value === true) element.setAttribute(name, "");
      else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  },

  // "{count} of {all}" with its placeholders filled
  fill(sentence, values) {
    return sentence.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  },

  percent(share, digits = 0) {
    return `${(100 * share).toFixed(digits)}\u00a0%`;
  },

  // A number in at most `digits` decimals, with a real minus sign
  number(value, digits = 2) {
    return value.toFixed(digits).replace(/^-(?=0*\.?0*$)/, "").replace("-", "−");
  },

  // Base64 text as bytes
  bytes(text) {
    const letters = atob(text), bytes = new Uint8Array(letters.length);
    for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
    return bytes;
  },

  // A canvas of few pixels that the style sheet enlarges without smoothing; `label` is read aloud
  canvas(width, height, label) {
    return Lab.make("canvas", { class: "lab-pixels", width, height, role: "img", "aria-label": label });
  },

  // Paint bytes, row by row, `channels` of them a pixel (1 grey, 3 RGB)
  paint(canvas, bytes, channels = 3) {
    const image = new ImageData(canvas.width, canvas.height);
    for (let i = 0; i < canvas.width * canvas.height; i++)
      for (let c = 0; c < 4; c++) image.data[4 * i + c] = c === 3 ? 255 : bytes[channels * i + (channels === 1 ? 0 : c)];
    canvas.getContext("2d").putImageData(image, 0, 0);
  },

  // Paint one number a pixel as a colour; from `low` to `high`, where both are given in place of the smallest and largest
  heat(canvas, values, { low = Math.min(...values), high = Math.max(...values), palette = "sequential" } = {}) {
    const image = new ImageData(canvas.width, canvas.height), span = high - low || 1;
    const table = (Lab.tables[palette] ??= [...Array(256).keys()].map((level) => Lab.colour(level / 255, palette)));
    values.forEach((value, i) => {
      const [red, green, blue] = table[Math.round(255 * Math.min(Math.max((value - low) / span, 0), 1))];
      image.data[4 * i] = red;
      image.data[4 * i + 1] = green;
      image.data[4 * i + 2] = blue;
      image.data[4 * i + 3] = 255;
    });
    canvas.getContext("2d").putImageData(image, 0, 0);
  },
  tables: {}, // 256 colours of each palette, once it is used

  // The colour [red, green, blue] of a share in [0, 1]; the middle of "diverging" is white
  colour(share, palette = "sequential") {
    const stops = Lab.palettes[palette], place = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
    const below = Math.min(Math.floor(place), stops.length - 2), part = place - below;
    return stops[below].map((value, c) => Math.round(value + part * (stops[below + 1][c] - value)));
  },
  palettes: {
    sequential: [[13, 8, 60], [72, 40, 120], [160, 60, 110], [235, 120, 60], [252, 225, 130]],
    diverging: [[33, 80, 160], [140, 180, 220], [250, 250, 250], [240, 170, 130], [175, 50, 30]],
    grey: [[0, 0, 0], [255, 255, 255]],
  },

  // A row of choices of which one holds: { value: text }; calls `change(value)`
  choices(legend, options, chosen, change) {
    const group = Lab.make("fieldset", { class: "lab-choices" }, Lab.make("legend", { text: legend }));
    const name = `lab-choice-${Lab.serial()}`;
    for (const [value, text] of Object.entries(options)) {
      const input = Lab.make("input", { type: "radio", name, value, change: () => change(value) });
      input.checked = value === String(chosen);
      group.append(Lab.make("label", {}, input, Lab.make("span", { text })));
    }
    return group;
  },

  // A labelled slider that shows its value; calls `change(number)`; the label's output is `format(number)`
  slider(text, { min, max, step, value, format = String }, change) {
    const output = Lab.make("output", { text: format(value) });
    const input = Lab.make("input", { type: "range", min, max, step, value, "aria-valuetext": format(value) });
    const set = (number) => {
      input.value = number;
      output.textContent = format(number);
      input.setAttribute("aria-valuetext", format(number));
    };
    input.addEventListener("input", () => {
      set(Number(input.value));
      change(Number(input.value));
    });
    const label = Lab.make("label", { class: "lab-slider" }, Lab.make("span", { text }), input, output);
    return Object.assign(label, { set, input });
  },

  button(text, click) {
    return Lab.make("button", { type: "button", class: "lab-button", text, click });
  },

  // A line that screen readers read when it changes
  status() {
    return Lab.make("p", { class: "lab-status", role: "status" });
  },

  // Point at one of rows × columns cells of a canvas: `move(row, column)` for the pointer and the arrow keys, `pick` for
  // a click, a touch, Enter or Space, `leave` when the pointer goes. `label` tells what the keys do, `place` where they
  // begin. Rows and columns may change later, in the object that was given.
  cursor(canvas, grid) {
    const { label, move, pick = move, leave = () => {} } = grid;
    let place = grid.place ?? [0, 0];
    canvas.setAttribute("tabindex", "0");
    canvas.setAttribute("role", "application");
    canvas.setAttribute("aria-label", label);
    canvas.classList.add("lab-cursor");
    const at = (event) => {
      const box = canvas.getBoundingClientRect();
      const cell = (share, count) => Math.min(Math.max(Math.floor(share * count), 0), count - 1);
      place = [cell((event.clientY - box.top) / box.height, grid.rows), cell((event.clientX - box.left) / box.width, grid.columns)];
      return place;
    };
    canvas.addEventListener("pointermove", (event) => event.pointerType === "mouse" && move(...at(event)));
    canvas.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && leave());
    canvas.addEventListener("click", (event) => pick(...at(event)));
    canvas.addEventListener("focus", () => canvas.matches(":focus-visible") && move(...place));
    canvas.addEventListener("keydown", (event) => {
      const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
      if (step) {
        const within = (value, count) => Math.min(Math.max(value, 0), count - 1);
        place = [within(place[0] + step[0], grid.rows), within(place[1] + step[1], grid.columns)];
        move(...place);
      } else if (event.key === "Enter" || event.key === " ") pick(...place);
      else return;
      event.preventDefault();
    });
  },

  serial: ((count) => () => ++count)(0),
};
