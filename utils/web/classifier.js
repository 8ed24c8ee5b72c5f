// What every page with a classifier needs: a picture made small exactly as Python does it, and ONNX Runtime from a script.
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

function fromBase64(text) {
  const letters = atob(text), bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
  return bytes;
}

// The runtime's two files lie in a script as text, because a page opened from a folder may load no others
let runtime;
async function startRuntime() {
  const packed = new Blob([fromBase64(ortFiles.wasm)]).stream().pipeThrough(new DecompressionStream("gzip"));
  ort.env.wasm.wasmBinary = await new Response(packed).arrayBuffer();
  ort.env.wasm.numThreads = 1;
  const program = new Blob([fromBase64(ortFiles.mjs)], { type: "text/javascript" });
  ort.env.wasm.wasmPaths = { mjs: URL.createObjectURL(program) };
}

// A session for a model in base64
async function openModel(onnx) {
  await (runtime ??= startRuntime());
  return ort.InferenceSession.create(fromBase64(onnx), { executionProviders: ["wasm"] });
}

function softmax(logits) {
  const top = Math.max(...logits), powers = logits.map((logit) => Math.exp(logit - top));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}
