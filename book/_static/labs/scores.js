// Scores and a threshold: what follows from them, as in utils.metrics; and scores that are made up.
"use strict";

const Scores = {
  // How many positives (label 1) and negatives (label 0) raise an alarm, a score at or above the threshold, or none
  count(labels, scores, threshold) {
    const counts = { tp: 0, fp: 0, fn: 0, tn: 0 };
    labels.forEach((label, i) => counts[scores[i] >= threshold ? (label ? "tp" : "fp") : label ? "fn" : "tn"]++);
    return counts;
  },

  // Each measure as a fraction of two counts
  fractions({ tp, fp, fn, tn }) {
    return {
      precision: [tp, tp + fp],
      recall: [tp, tp + fn],
      falseRate: [fp, fp + tn],
      accuracy: [tp + tn, tp + fp + fn + tn],
      f1: [2 * tp, 2 * tp + fp + fn],
    };
  },

  // The fractions as numbers; 0/0 is 0
  measures(counts) {
    const numbers = Object.entries(Scores.fractions(counts)).map(([name, [part, whole]]) => [name, whole ? part / whole : 0]);
    return Object.fromEntries(numbers);
  },

  // One point for each different score, from the strictest threshold to the most lenient; equal scores pass together
  curves(labels, scores) {
    const order = scores.map((_, i) => i).sort((a, b) => scores[b] - scores[a]);
    const positives = labels.reduce((sum, label) => sum + label, 0), negatives = labels.length - positives;
    const points = { precision: [], recall: [], falseRate: [], thresholds: [] };
    let hits = 0;
    order.forEach((place, rank) => {
      hits += labels[place];
      if (rank + 1 < order.length && scores[order[rank + 1]] === scores[place]) return;
      points.precision.push(hits / (rank + 1));
      points.recall.push(hits / positives);
      points.falseRate.push((rank + 1 - hits) / negatives);
      points.thresholds.push(scores[place]);
    });
    return points;
  },

  // The strips under the precision-recall curve, each as high as the precision at its end
  averagePrecision({ precision, recall }) {
    return precision.reduce((area, height, i) => area + height * (recall[i] - (recall[i - 1] ?? 0)), 0);
  },

  // The strips under the ROC curve, which goes straight from point to point
  areaUnderRoc({ recall, falseRate }) {
    return recall.reduce(
      (area, height, i) => area + ((falseRate[i] - (falseRate[i - 1] ?? 0)) * (height + (recall[i - 1] ?? 0))) / 2, 0);
  },

  // The scores of a trained network for one class: the others are the negatives
  ofClass(facts, shape) {
    const all = new Uint16Array(Lab.bytes(facts.scores).buffer), size = facts.labels.length;
    const scores = Array.from(all.subarray(shape * size, (shape + 1) * size), (score) => score / facts.steps);
    return { labels: facts.labels.map((label) => Number(label === shape)), scores };
  },

  // `size` cases: normally distributed numbers, those of the positives `distance` higher, brought into 0 … 1 and rounded
  madeUp(size, { distance, share, seed }) {
    const positives = Math.round(size * share), noise = Scores.normals(seed, 2 * size);
    const labels = Array.from({ length: size }, (_, i) => Number(i < positives));
    const scores = labels.map((label, i) => {
      const z = noise[label ? i : size + i] + (label ? 0.5 : -0.5) * distance;
      return Math.round(1000 / (1 + Math.exp(-z))) / 1000;
    });
    return { labels, scores };
  },

  // Numbers of a normal distribution, always the same ones for a seed: Lehmer's generator, then Box and Muller
  normals(seed, length) {
    let state = 1 + seed * 7919;
    const uniform = () => (state = (state * 48271) % 2147483647) / 2147483647;
    for (let i = 0; i < 20; i++) uniform();
    return Array.from({ length }, () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()));
  },
};
