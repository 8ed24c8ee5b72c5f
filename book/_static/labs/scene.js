// The lab on difficult scenes: guess, then see what was recorded. Every bar is a recorded number; nothing is interpolated.
"use strict";
{
  const FIRST = { series: 0, trained: "there" };

  // ---- what is read from the records -----------------------------------------------------------------------------
  // The methods on one level, the best first: [name, { seeds, mean, std }]
  const ranking = (recorded) => Object.entries(recorded).sort((a, b) => b[1].mean - a[1].mean);

  // Whether each run of the one method beats each run of the other
  const apart = (better, worse) => Math.min(...better.seeds) > Math.max(...worse.seeds);

  // How many points each method has lost since the first level: [name, points], most first
  const losses = (first, here) =>
    Object.keys(here).map((name) => [name, 100 * (first[name].mean - here[name].mean)]).sort((a, b) => b[1] - a[1]);

  // How far guesses in percent are from what was recorded: [name, points], farthest first
  const misses = (guesses, here) =>
    Object.entries(here).map(([name, { mean }]) => [name, Math.abs(guesses[name] - 100 * mean)]).sort((a, b) => b[1] - a[1]);

  // ---- the lab ---------------------------------------------------------------------------------------------------
  courseLabs.scene = async (stage, words) => {
    const { chance, series } = courseData.scene;
    const titles = { rotation: words.rotation, shift: words.shift, clutter: words.clutter, lighting: words.lighting, together: words.together, course: words.course };
    const settings = { rotation: words.rotationAt, shift: words.shiftAt, clutter: words.clutterAt, lighting: words.lightingAt, together: words.togetherAt, course: words.courseAt };
    const methods = { knn: words.knn, hog_linear: words.hogLinear, hog_kernel: words.hogKernel, cnn: words.cnn, vit: words.vit };
    const state = { ...FIRST, level: 0, guesses: {}, shown: {} }; // guesses and shown: by series and training
    const chosen = () => series[state.series], last = () => chosen().levels.length - 1;
    const key = () => `${state.series} ${state.trained}`, recorded = (level = state.level) => chosen().levels[level][state.trained];
    const points = (value) => Lab.number(value, 1), percent = (value) => `${points(100 * value)} %`;

    const knobs = Lab.choices(words.knob, Object.fromEntries(series.map(({ name }, i) => [i, titles[name]])), state.series, (i) => choose({ series: Number(i), trained: "there" }));
    const training = Lab.choices(words.training, { there: words.there, calm: words.calm }, state.trained, (trained) => choose({ trained }));
    const picture = Lab.make("img", { class: "lab-pixels scene-picture", width: 192, height: 64, alt: "" });
    const heading = Lab.make("p", { class: "lab-title" }), rows = Lab.make("ul", { class: "scene-rows" });
    const status = Lab.status(), note = Lab.make("p", { class: "lab-note" }), knob = Lab.make("div");
    const reveal = Lab.button("", () => {
      state.shown[key()] = !state.shown[key()];
      state.level = last();
      show();
    });
    stage.append(
      knobs, training, picture, knob,
      Lab.make("div", { class: "lab-panel" }, heading, rows,
        Lab.make("div", { class: "lab-buttons" }, reveal, Lab.button(words.reset, () => { Object.assign(state, { guesses: {}, shown: {} }); choose(FIRST); })),
        status, note),
    );
    choose(FIRST);

    // Another knob or another training: a guess of its own
    function choose(news) {
      Object.assign(state, news);
      state.level = last();
      for (const [group, value] of [[knobs, state.series], [training, state.trained]]) group.querySelector(`[value="${value}"]`).checked = true;
      training.hidden = !("calm" in chosen().levels[0]);
      state.guesses[key()] ??= Object.fromEntries(Object.entries(recorded(0)).map(([name, { mean }]) => [name, last() ? Math.round(100 * mean) : 50]));
      show();
    }

    // The knob with its steps, the pictures, and guesses or bars
    function show() {
      const step = (level) => { state.level = level; if (state.shown[key()]) showBars(); showScenes(); };
      knob.replaceChildren(...(last() ? [Lab.slider(words.level, { min: 0, max: last(), step: 1, value: state.level, format: setting }, step)] : []));
      reveal.textContent = state.shown[key()] ? words.hide : words.reveal;
      if (state.shown[key()]) showBars();
      else askForGuesses();
      showScenes();
    }

    // A level of the chosen series in words
    function setting(level) {
      const { at } = chosen().levels[level], numbers = Object.fromEntries(Object.entries(at).map(([name, value]) => [name, Lab.number(value, name === "rotation" ? 0 : 2)]));
      return Lab.fill(settings[chosen().name], numbers);
    }

    function showScenes() {
      picture.src = `data:image/webp;base64,${chosen().levels[state.level].picture}`;
      picture.alt = Lab.fill(words.scenes, { setting: setting(state.level) });
      const facts = { train: chosen().train.toLocaleString(document.documentElement.lang), asked: chosen().asked.toLocaleString(document.documentElement.lang), seeds: Object.values(recorded())[0].seeds.length };
      note.textContent = Lab.fill(facts.seeds > 1 ? words.condition : words.oneRun, facts);
    }

    function askForGuesses() {
      const guesses = state.guesses[key()];
      heading.textContent = Lab.fill(words.guessFor, { setting: setting(last()) });
      rows.replaceChildren(...Object.keys(guesses).map((name) =>
        Lab.make("li", {}, Lab.slider(methods[name], { min: 0, max: 100, step: 1, value: guesses[name], format: (value) => `${value} %` }, (value) => (guesses[name] = value)))));
      const start = ranking(recorded(0)).map(([name, { mean }]) => `${methods[name]} ${percent(mean)}`).join("; ");
      status.textContent = last() ? Lab.fill(words.start, { setting: setting(0), start }) : words.blind;
    }

    function showBars() {
      const atLast = state.level === last(), guesses = state.guesses[key()];
      heading.textContent = setting(state.level);
      rows.replaceChildren(...Object.entries(recorded()).map(([name, found]) => bar(name, found, atLast ? guesses[name] : null)));
      status.textContent = sentences(atLast ? guesses : null).join(" ");
    }

    // One method: its name and number, its bar with the runs and the spread, and the guess
    function bar(name, { seeds, mean, std }, guess) {
      const at = (share) => `left:${100 * share}%`;
      const spread = std === null ? [] : [Lab.make("i", { class: "scene-spread", style: `${at(mean - std)};width:${200 * std}%` })];
      const track = Lab.make("div", { class: "scene-track", "aria-hidden": "true" },
        Lab.make("i", { class: "scene-bar", style: `width:${100 * mean}%` }), ...spread,
        ...seeds.map((accuracy) => Lab.make("i", { class: "scene-run", style: at(accuracy) })),
        Lab.make("i", { class: "scene-chance", style: at(chance) }),
        ...(guess === null ? [] : [Lab.make("i", { class: "scene-guess", style: at(guess / 100) })]));
      const number = std === null ? percent(mean) : `${points(100 * mean)} ± ${percent(std)}`;
      const guessed = guess === null ? "" : Lab.fill(words.guessed, { guess });
      return Lab.make("li", {}, Lab.make("p", { class: "scene-name" }, Lab.make("span", { text: `${methods[name]} ${guessed}` }), Lab.make("b", { text: number })), track);
    }

    // Who wins and by how much, whether that could be luck, who lost most, and how good the guesses were
    function sentences(guesses) {
      const [[winner, first], [second, next]] = ranking(recorded()), gap = points(100 * (first.mean - next.mean));
      const told = [Lab.fill(Number(gap) ? words.wins : words.draw, { winner: methods[winner], second: methods[second], gap })];
      told.push(first.seeds.length === 1 ? words.unknown : apart(first, next) ? words.sure : words.overlap);
      if (state.level) {
        const [[loser, lost]] = losses(recorded(0), recorded());
        told.push(Lab.fill(words.lost, { loser: methods[loser], lost: points(lost), setting: setting(0) }));
      }
      if (guesses) {
        const missed = misses(guesses, recorded()), mean = missed.reduce((sum, [, off]) => sum + off, 0) / missed.length;
        told.push(Lab.fill(words.missed, { mean: points(mean), worst: methods[missed[0][0]], off: points(missed[0][1]) }));
      }
      return told;
    }

    return {
      get series() { return chosen().name; },
      get at() { return chosen().levels[state.level].at; },
      get trained() { return state.trained; },
      get guesses() { return state.guesses[key()]; },
      get shown() { return state.shown[key()] ? recorded() : null; },
      get chance() { return chance; },
    };
  };
}
