// Reads a picture, makes it small exactly as Python did, and lets the model say what it is. No request leaves the page.
"use strict";

async function prepare(file) {
  const { rgb, size } = await middleSquare(file);
  return shrink(rgb, size, classifierModel.image_size);
}

// The runtime and the model lie in scripts as text
async function start() {
  if (typeof ort === "undefined" || typeof classifierModel === "undefined")
    throw new Error("runtime.js or model.js is missing: keep all files of the folder together");
  return openModel(classifierModel.onnx);
}

async function logitsOf(bytes) {
  const side = classifierModel.image_size;
  const images = new ort.Tensor("uint8", bytes, [1, side, side, 3]);
  return Array.from((await (await session).run({ images })).logits.data);
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
