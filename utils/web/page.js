// Reads a picture, makes it small exactly as Python did, and lets the model say what it is. No request leaves the page.
"use strict";

// Pillow's resampling with a triangle ("bilinear") filter, in the same whole-number arithmetic, so that equal pixels
// in give equal pixels out; tests/browser/test_classifier_page.py compares the two.
const PRECISION = 22;

function filterWeights(size, target) {
  const scale = size / target, filterScale = Math.max(scale, 1), weights = [];
  for (let i = 0; i < target; i++) {
    const centre = (i + 0.5) * scale;
    const first = Math.max(Math.trunc(centre - filterScale + 0.5), 0);
    const last = Math.min(Math.trunc(centre + filterScale + 0.5), size);
    const raw = [];
    let sum = 0;
    for (let x = first; x < last; x++) {
      const value = Math.max(1 - Math.abs((x - centre + 0.5) * (1 / filterScale)), 0);
      raw.push(value);
      sum += value;
    }
    const whole = raw.map((value) => Math.trunc(0.5 + (sum ? value / sum : value) * 2 ** PRECISION));
    weights.push({ first, whole });
  }
  return weights;
}

const toByte = (sum) => Math.min(Math.max(sum >> PRECISION, 0), 255);

// RGB bytes, size × size, to RGB bytes, target × target: first along the rows, then along the columns
function shrink(bytes, size, target) {
  if (size === target) return bytes;
  const weights = filterWeights(size, target);
  const half = new Uint8Array(size * target * 3), out = new Uint8Array(target * target * 3);
  for (let y = 0; y < size; y++)
    for (let i = 0; i < target; i++)
      for (let c = 0; c < 3; c++) {
        let sum = 1 << (PRECISION - 1);
        const { first, whole } = weights[i];
        for (let k = 0; k < whole.length; k++) sum += whole[k] * bytes[(y * size + first + k) * 3 + c];
        half[(y * target + i) * 3 + c] = toByte(sum);
      }
  for (let i = 0; i < target; i++)
    for (let x = 0; x < target; x++)
      for (let c = 0; c < 3; c++) {
        let sum = 1 << (PRECISION - 1);
        const { first, whole } = weights[i];
        for (let k = 0; k < whole.length; k++) sum += whole[k] * half[((first + k) * target + x) * 3 + c];
        out[(i * target + x) * 3 + c] = toByte(sum);
      }
  return out;
}

// The square in the middle of a picture, upright, on white where it is transparent: RGB bytes
async function middleSquare(file) {
  const picture = await createImageBitmap(file, { imageOrientation: "from-image", colorSpaceConversion: "none" });
  const size = Math.min(picture.width, picture.height);
  const left = Math.floor((picture.width - size) / 2), top = Math.floor((picture.height - size) / 2);
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "white";
  context.fillRect(0, 0, size, size);
  context.drawImage(picture, left, top, size, size, 0, 0, size, size);
  picture.close();
  const rgba = context.getImageData(0, 0, size, size).data, rgb = new Uint8Array(size * size * 3);
  for (let i = 0, j = 0; i < rgba.length; i += 4) {
    rgb[j++] = rgba[i];
    rgb[j++] = rgba[i + 1];
    rgb[j++] = rgba[i + 2];
  }
  return { rgb, size };
}

async function prepare(file) {
  const { rgb, size } = await middleSquare(file);
  return shrink(rgb, size, classifierModel.image_size);
}

const fromBase64 = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

// The runtime's two files and the model lie in scripts as text, because a page opened from a folder may load no others
async function start() {
  if (typeof ort === "undefined" || typeof classifierModel === "undefined")
    throw new Error("runtime.js or model.js is missing: keep all files of the folder together");
  const packed = new Blob([fromBase64(ortFiles.wasm)]).stream().pipeThrough(new DecompressionStream("gzip"));
  ort.env.wasm.wasmBinary = await new Response(packed).arrayBuffer();
  ort.env.wasm.numThreads = 1;
  const program = new Blob([fromBase64(ortFiles.mjs)], { type: "text/javascript" });
  ort.env.wasm.wasmPaths = { mjs: URL.createObjectURL(program) };
  return ort.InferenceSession.create(fromBase64(classifierModel.onnx), { executionProviders: ["wasm"] });
}

async function logitsOf(bytes) {
  const side = classifierModel.image_size;
  const images = new ort.Tensor("uint8", bytes, [1, side, side, 3]);
  return Array.from((await (await session).run({ images })).logits.data);
}

function softmax(logits) {
  const top = Math.max(...logits), powers = logits.map((logit) => Math.exp(logit - top));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}

const element = (id) => document.getElementById(id);
const percent = (share) => `${(100 * share).toFixed(0)} %`;

function show(bytes, probabilities) {
  const side = classifierModel.image_size, canvas = element("seen");
  canvas.width = canvas.height = side;
  const image = new ImageData(side, side);
  for (let i = 0; i < side * side; i++) image.data.set([bytes[3 * i], bytes[3 * i + 1], bytes[3 * i + 2], 255], 4 * i);
  canvas.getContext("2d").putImageData(image, 0, 0);
  const order = probabilities.map((_, y) => y).sort((a, b) => probabilities[b] - probabilities[a]);
  element("bars").replaceChildren(...order.slice(0, 5).map((y) => bar(classifierModel.class_names[y], probabilities[y])));
  element("result").hidden = false;
  const best = order[0], name = classifierModel.class_names[best], sure = probabilities[best];
  const isSure = sure >= classifierModel.threshold;
  element("answer").textContent = isSure
    ? `${name}, ${percent(sure)}` : `Not sure. If it is one of the classes, then most likely ${name}, ${percent(sure)}`;
  return isSure;
}

function bar(name, probability) {
  const item = document.createElement("li"), row = document.createElement("div"), track = document.createElement("div");
  row.className = "row";
  for (const text of [name, percent(probability)]) row.append(Object.assign(document.createElement("span"), { textContent: text }));
  track.className = "track";
  const fill = Object.assign(document.createElement("div"), { className: "fill" });
  fill.style.width = `${100 * probability}%`;
  track.append(fill);
  track.setAttribute("aria-hidden", "true"); // the row above says the same
  item.append(row, track);
  return item;
}

let asked = 0;
async function recognise(file) {
  const number = ++asked; // of two pictures in a row only the later one is shown
  element("answer").textContent = "Looking …";
  try {
    const bytes = await prepare(file), logits = await logitsOf(bytes);
    if (number !== asked) return;
    const probabilities = softmax(logits);
    globalThis.lastAnswer = { name: file.name, bytes: Array.from(bytes), logits, isSure: show(bytes, probabilities) };
  } catch (error) {
    if (number !== asked) return;
    element("result").hidden = true;
    element("answer").textContent = `This file cannot be read as a picture (${error.message}). Try a JPEG or PNG.`;
    globalThis.lastAnswer = { name: file.name, error: error.message };
  }
}

const session = start();
session.then(
  () => { if (!asked) element("answer").textContent = "Ready."; },
  (error) => { element("answer").textContent = `The model did not start: ${error.message}.`; },
);
element("file").addEventListener("change", (event) => event.target.files[0] && recognise(event.target.files[0]));
const stop = (event) => event.preventDefault(); // else the browser leaves the page for a picture dropped beside the box
for (const kind of ["dragover", "drop"]) document.addEventListener(kind, stop);
element("drop").addEventListener("dragover", () => element("drop").classList.add("over"));
element("drop").addEventListener("dragleave", () => element("drop").classList.remove("over"));
element("drop").addEventListener("drop", (event) => {
  element("drop").classList.remove("over");
  const file = event.dataTransfer.files[0];
  if (file) recognise(file);
});
